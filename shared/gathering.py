"""Rows of a rebuild, gathered over many batches: what changes again and again is written once."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from shared.checkpoints import Checkpoints
from shared.envelope import RecordedEvent
from shared.event_type import types_passed_over
from shared.feed import BATCH, Feed, arrived_of
from shared.parking import unreadable, unspoiled
from shared.projecting import RowReadModel
from shared.read_model import Flaw
from shared.read_store import ReadStore
from shared.row_changes import RowChanges
from shared.row_memory import Key, KnownRow

ROWS_IN_HAND = 50_000
"""What the memory of a rebuild is bounded by, however long the log is."""
_FOLDED_AT_ONCE = 1_000


class CannotBeGathered(Exception):
    """A flaw in the log: streams are parked only where every batch is written."""


class Gathering:
    """Folds a log partition by partition into tables that nobody reads yet, and stores how far it
    came. Of each row in hand the latest event is folded when the row is written."""

    def __init__(self, model: RowReadModel[Any], feed: Feed, reads: ReadStore, name: str) -> None:
        self._model = model
        self._feed = feed
        self._reads = reads
        self._checkpoints = Checkpoints(name, model.log, reads)
        self._passed_over = types_passed_over(model.reads)
        self._in_hand: dict[Key, tuple[KnownRow, RecordedEvent]] = {}
        self._has_written = False

    async def gather(self, ends: Sequence[int], progress: Callable[[int, int], None]) -> None:
        """All partitions, each up to the offset before which to stop. Raises CannotBeGathered."""
        places = await self._checkpoints.recalled(
            self._feed.store, range(len(ends)), from_beginning=True
        )
        for partition, end in enumerate(ends):
            offset = 0
            while offset < end:
                limit = min(BATCH, end - offset)
                events = await self._feed.read(self._model.log, partition, offset, limit)
                await self._fold(self._without_flaws(events, offset))
                offset += len(events)
                if len(self._in_hand) >= ROWS_IN_HAND:
                    await self._write(partition)
                progress(sum(ends[:partition]) + offset, sum(ends))
            await self._write(partition)
            place = places[partition]
            async with self._reads.transaction() as connection:
                moved = {partition: (place, place._replace(next_offset=end))}
                await self._checkpoints.advance(connection, moved)

    def _without_flaws(
        self, events: Sequence[RecordedEvent | Flaw], offset: int
    ) -> list[RecordedEvent]:
        if [arrived_of(each).offset for each in events] != list(
            range(offset, offset + max(1, len(events)))
        ):
            raise CannotBeGathered(f"a hole after {offset}")
        if unreadable(events, (), self._passed_over):
            raise CannotBeGathered(f"an event after {offset} cannot be read")
        return self._model.read_of(unspoiled(events, (), {}))

    async def _fold(self, events: Sequence[RecordedEvent]) -> None:
        change = RowChanges(0)
        by_key = self._model.by_key(events, change)
        _refuse(change)
        in_hand, evolve = self._in_hand, self._model.projection.evolve
        stored = await self._stored([key for key in by_key if key not in in_hand])
        for number, (key, of_key) in enumerate(by_key.items()):
            known, *waiting = in_hand.get(key) or (stored.get(key) or KnownRow(None, False, {}),)
            row = known.row
            try:
                for recorded in (*waiting, *of_key[:-1]):
                    row = evolve(row, recorded)
            except Exception as flaw:
                raise CannotBeGathered(f"{key}: {flaw}") from flaw
            in_hand[key] = (known._replace(row=row), of_key[-1])
            if number % _FOLDED_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _stored(self, keys: Sequence[Key]) -> dict[Key, KnownRow]:
        """Those that had to leave the hand before."""
        if not self._has_written or not keys:
            return {}
        async with self._reads.reading() as connection:
            return await self._model.load(connection, keys)

    async def _write(self, partition: int) -> None:
        change = RowChanges(partition)
        in_hand, self._in_hand = self._in_hand, {}
        for number, key in enumerate(sorted(in_hand)):
            known, recorded = in_hand[key]
            self._model.fold(key, known, [recorded], change)
            if number % _FOLDED_AT_ONCE == 0:
                await asyncio.sleep(0)
        _refuse(change)
        async with self._reads.transaction() as connection:
            await self._model.write(connection, change)
        self._has_written |= bool(in_hand)


def _refuse(change: RowChanges) -> None:
    if change.flaws:
        raise CannotBeGathered(change.flaws[0].reason)
