"""Read models that only ever grow: rows added by events, such as the entries of timelines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.bulk_writing import insert_missing
from shared.envelope import RecordedEvent
from shared.read_model import Content, Flaw
from shared.read_store import METADATA


@dataclass(frozen=True)
class JournalReadModel:
    """Rows added by events and never changed, such as the entries of timelines."""

    service: str
    log: str
    journal: str
    version: int
    table: Table
    entries: Callable[[RecordedEvent], Sequence[Mapping[str, Any]]]
    suffix: str = ""

    @property
    def name(self) -> str:
        return f"{self.service}.{self.journal}"

    @property
    def reads(self) -> tuple[type[Any], ...]:
        return (object,)

    @property
    def tables(self) -> Sequence[Table]:
        return (self.table,)

    @property
    def contents(self) -> Sequence[Content]:
        key = tuple(column.name for column in self.table.primary_key)
        return (Content(self.table.name, select(self.table), key),)

    def beside(self) -> "JournalReadModel":
        name = f"{self.table.name}_beside"
        table = METADATA.tables.get(name)
        if table is None:
            table = self.table.to_metadata(METADATA, name=name)
            table.indexes.clear()
        return JournalReadModel(
            self.service, self.log, self.journal, self.version, table, self.entries, "_beside"
        )

    async def apply(
        self, connection: AsyncConnection, events: Sequence[RecordedEvent]
    ) -> list[Flaw]:
        rows: list[Mapping[str, Any]] = []
        flaws: dict[str, Flaw] = {}
        for recorded in events:
            if recorded.stored.stream in flaws:
                continue
            try:
                rows.extend(self.entries(recorded))
            except Exception as flaw:
                found = Flaw(recorded, f"{type(flaw).__name__}: {flaw}")
                flaws[recorded.stored.stream] = found
        await insert_missing(connection, self.table, rows)
        return list(flaws.values())

    async def refold(
        self, connection: AsyncConnection, events: Sequence[RecordedEvent]
    ) -> list[Flaw]:
        """What is there already stays as it is."""
        return await self.apply(connection, events)

    async def mark_incomplete(
        self, connection: AsyncConnection, events: Sequence[RecordedEvent]
    ) -> None:
        """A journal has no row that could lack something: its parked streams tell."""
