"""What read models hold by one walk over their log: no batches, no database, no subscription."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from shared.codec import Codec
from shared.envelope import RecordedEvent, StoredEvent
from shared.errors import PoisonMessage
from shared.event_store import EventStore
from shared.event_type import types_passed_over
from shared.journal import JournalReadModel
from shared.projecting import RowReadModel
from shared.projection import Point

Key = tuple[Any, ...]
_AT_ONCE = 5_000


class LogBook:
    """The logs as they stand in the store, each event read once; None where it is poison."""

    def __init__(self, store: EventStore, codec: Codec) -> None:
        self._store = store
        self._codec = codec
        self.stored: dict[tuple[str, int], list[StoredEvent]] = defaultdict(list)
        self.read: dict[tuple[str, int], list[RecordedEvent | None]] = defaultdict(list)

    async def extend(self, log: str) -> None:
        for partition in range(self._store.partitions):
            known = self.stored[log, partition]
            while batch := await self._store.read_log(log, partition, len(known), _AT_ONCE):
                assert [each.offset for each in batch] == list(
                    range(len(known), len(known) + len(batch))
                ), f"{log}/{partition} has a hole after {len(known)}"
                known += batch
                self.read[log, partition] += map(self._decoded, batch)

    def _decoded(self, stored: StoredEvent) -> RecordedEvent | None:
        try:
            return self._codec.decode(stored)
        except PoisonMessage:
            return None

    def letters(
        self, log: str, partition: int, up_to: int, reads: tuple[type[Any], ...]
    ) -> list[int]:
        """Offsets of what is poison to a reader of these, or comes after poison in its stream."""
        passed_over = types_passed_over(reads)
        bad: set[str] = set()
        found = []
        for stored, read in zip(
            self.stored[log, partition][:up_to], self.read[log, partition], strict=False
        ):
            if read is None and stored.type not in passed_over:
                bad.add(stored.stream)
            if stored.stream in bad:
                found.append(stored.offset)
        return found


@dataclass
class _Walk:
    """Along one log; goes on where it stopped."""

    book: LogBook
    log: str
    passed_over: Collection[str]
    at: dict[int, int] = field(default_factory=dict)
    bad: set[str] = field(default_factory=set)

    def events(self, up_to: Mapping[int, int]) -> list[RecordedEvent]:
        found = []
        for partition, end in up_to.items():
            start = self.at.get(partition, 0)
            assert end >= start, f"a checkpoint of {self.log}/{partition} went back"
            self.at[partition] = end
            for number in range(start, end):
                read = self.book.read[self.log, partition][number]
                stored = self.book.stored[self.log, partition][number]
                if read is None:
                    if stored.type not in self.passed_over:
                        self.bad.add(stored.stream)
                elif stored.stream not in self.bad:
                    found.append(read)
        return found


class FoldedRows:
    """Of a RowReadModel: rows, and the figures that they make together."""

    def __init__(self, model: RowReadModel[Any], book: LogBook) -> None:
        self.model = model
        self._walk = _Walk(book, model.log, types_passed_over(model.reads))
        self._rows: dict[Key, Any] = {}
        self._encode = msgspec.json.Encoder(decimal_format="string").encode

    def advance(self, up_to: Mapping[int, int]) -> None:
        projection = self.model.projection
        for recorded in self._walk.events(up_to):
            if type(recorded.event) not in projection.reads:
                continue
            key = (recorded.tenant_id, projection.key(recorded.event))
            after = projection.evolve(self._rows.get(key), recorded)
            if after is None:
                self._rows.pop(key, None)
            else:
                self._rows[key] = after

    def rows(self) -> dict[Key, Mapping[str, Any]]:
        """By tenant and key: what the row can be searched by, and the row as it reads back."""
        names = [name for name, _type in self.model.columns]
        found: dict[Key, Mapping[str, Any]] = {}
        for key, row in self._rows.items():
            columns = self.model.projection.columns(row)
            body = self.model.decode(self._encode(row))
            found[key] = {name: columns[name] for name in names} | {
                "incomplete": False,
                "body": body,
            }
        return found

    def points(self) -> dict[tuple[str, Point], int]:
        sums: Counter[tuple[str, Point]] = Counter()
        for (tenant_id, _key), row in self._rows.items():
            for point, amount in self.model.projection.contributions(row).items():
                sums[tenant_id, point] += amount
        return {point: amount for point, amount in sums.items() if amount}


class FoldedJournal:
    """Of a JournalReadModel: each entry once, as it first came."""

    def __init__(self, model: JournalReadModel, book: LogBook) -> None:
        self.model = model
        self._walk = _Walk(book, model.log, types_passed_over(model.reads))
        self._entries: dict[Key, Mapping[str, Any]] = {}

    def advance(self, up_to: Mapping[int, int]) -> None:
        keys = [column.name for column in self.model.table.primary_key]
        for recorded in self._walk.events(up_to):
            for entry in self.model.entries(recorded):
                self._entries.setdefault(tuple(entry[name] for name in keys), entry)

    def entries(self) -> dict[Key, Mapping[str, Any]]:
        return dict(self._entries)
