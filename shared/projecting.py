"""The engine of read models: fold a batch in memory, write rows, figures and deadlines in bulk."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Generic, TypeVar

import msgspec
from sqlalchemy import (
    Delete,
    Table,
    delete,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.arming import AT_ONCE, NEVER, arm, by_tenant
from shared.bulk_writing import insert_missing_tuples, upsert_tuples
from shared.clock import EPOCH, milliseconds
from shared.envelope import RecordedEvent
from shared.journal import JournalReadModel
from shared.projection import Point, Projection
from shared.read_model import Content, Flaw, ReadModel, follows_a_flaw, keep_first
from shared.read_model_tables import (
    deadlines_table,
    figures_of,
    narrow_table,
    points_table,
    rows_of,
    rows_table,
    series_table,
)
from shared.row_changes import RowChanges
from shared.row_memory import Key, KnownRow, RowMemory

__all__ = [
    "AT_ONCE",
    "NEVER",
    "Content",
    "Flaw",
    "JournalReadModel",
    "ReadModel",
    "RowReadModel",
]

Row = TypeVar("Row")

_UNKNOWN = KnownRow(None, False, {})  # a row that is not there lacks nothing
_FOLDED_AT_ONCE = 1_000
"""Keys, before others in this process get a turn: a group is left when its heart stands still."""


_SORTED_AS = "\0".join
"""In the order of their tuples; one text each is compared four times as fast."""


def _at_once(_row: Any) -> datetime:
    return EPOCH


@dataclass(frozen=True)
class RowReadModel(Generic[Row]):
    """Rows folded by a Projection, one a key; with them its figures and its deadlines.

    `apart`: columns that are read of very many rows at once; they have a table of their own, where
    no bodies lie in between. With a `memory` rows are read from it as far as it knows them: for
    their only writer.
    """

    service: str
    log: str
    projection: Projection[Row]
    columns: tuple[tuple[str, Any], ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    apart: tuple[tuple[str, Any], ...] = ()
    suffix: str = ""
    memory: RowMemory | None = None

    @property
    def name(self) -> str:
        return f"{self.service}.{self.projection.name}"

    @property
    def reads(self) -> tuple[type[Any], ...]:
        return self.projection.reads

    @property
    def version(self) -> int:
        return self.projection.version

    @property
    def _prefix(self) -> str:
        return f"{self.service}_{self.projection.name}"

    def _named(self, what: str) -> str:
        return f"{self._prefix}{what}_v{self.projection.version}{self.suffix}"

    @cached_property
    def rows(self) -> Table:
        """`tenant_id`, `key`, the declared columns, the row itself in `body` (msgspec JSON)."""
        return rows_table(self._named(""), self.columns, self.indexes)

    @cached_property
    def narrow(self) -> Table:
        """`tenant_id`, `key` and the columns `apart`: a row for each of `rows`."""
        return narrow_table(self._named("_narrow"), self.apart)

    @cached_property
    def series(self) -> Table:
        """What a figure is of: `series_id` is derived from the other columns."""
        return series_table(self._named("_series"))

    @cached_property
    def points(self) -> Table:
        """Figures over many rows: sums of `amount` over `at` (milliseconds) by series."""
        return points_table(self._named("_points"))

    @cached_property
    def deadlines(self) -> Table:
        """One row a key: when the watch must look next (a lower bound), until when it has looked,
        and the signals it knows of (JSON); written by the watch, armed here."""
        return deadlines_table(self._named("_deadlines"))

    @property
    def tables(self) -> Sequence[Table]:
        watched = () if self.projection.next_due is None else (self.deadlines,)
        narrow = (self.narrow,) if self.apart else ()
        return (self.rows, *narrow, self.series, self.points, *watched)

    @property
    def contents(self) -> Sequence[Content]:
        figures, of_what = figures_of(self.series, self.points)
        by_key = ("tenant_id", "key")
        narrow = (Content(self.narrow.name, select(self.narrow), by_key),) if self.apart else ()
        return (
            Content(self.rows.name, select(self.rows), by_key, self.decode),
            *narrow,
            Content(self.points.name, figures, of_what),
        )

    def beside(self) -> "RowReadModel[Row]":
        projection = self.projection
        if projection.next_due is not None:
            # When a rebuild takes the place of another, everything is looked at anyway.
            projection = replace(projection, next_due=_at_once)
        return replace(self, projection=projection, suffix="_beside", memory=None)

    def remembering(self, memory: RowMemory) -> "RowReadModel[Row]":
        return replace(self, memory=memory)

    def decode(self, body: bytes) -> Row:
        return self._decode(body)

    @cached_property
    def _decode(self) -> Callable[[bytes], Row]:
        return msgspec.json.Decoder(self.projection.row_type).decode

    @cached_property
    def _encode(self) -> Callable[[Any], bytes]:
        return msgspec.json.Encoder(decimal_format="string").encode

    async def apply(
        self, connection: AsyncConnection, events: Sequence[RecordedEvent]
    ) -> list[Flaw]:
        wanted = self.read_of(events)
        flaws: dict[str, Flaw] = {}
        # Of several partitions the first: whoever applies a batch owns every one of it.
        partition = wanted[0].stored.partition if wanted else 0
        while True:
            change = RowChanges(partition)
            by_key = self.by_key(wanted, change)
            before = await self._before(connection, by_key)
            for number, key in enumerate(sorted(by_key, key=_SORTED_AS)):
                self.fold(key, before.get(key, _UNKNOWN), by_key[key], change)
                if number % _FOLDED_AT_ONCE == 0:
                    await asyncio.sleep(0)
            if not change.flaws:
                break
            # Fold again without them: other rows may have had later events of these streams, and
            # rows that are changed in place are spoilt.
            if self.memory is not None:
                self.memory.drop(by_key)
            keep_first(flaws, change.flaws)
            wanted = [each for each in wanted if not follows_a_flaw(each, flaws)]
        await self.write(connection, change)
        return list(flaws.values())

    async def refold(
        self, connection: AsyncConnection, events: Sequence[RecordedEvent]
    ) -> list[Flaw]:
        wanted = self.read_of(events)
        change = RowChanges(wanted[0].stored.partition if wanted else 0)
        by_key = self.by_key(wanted, change)
        before = await self.load(connection, list(by_key))
        for key in sorted(by_key):
            anew = _UNKNOWN._replace(contributions=before.get(key, _UNKNOWN).contributions)
            self.fold(key, anew, by_key[key], change)
        if not change.flaws:
            await self.write(connection, change)
        return change.flaws

    def read_of(self, events: Sequence[RecordedEvent]) -> list[RecordedEvent]:
        """Those that the projection reads; event classes have no subclasses."""
        reads = frozenset(self.projection.reads)
        return [each for each in events if type(each.event) in reads]

    def by_key(
        self, events: Sequence[RecordedEvent], change: RowChanges
    ) -> dict[Key, list[RecordedEvent]]:
        by_key: dict[Key, list[RecordedEvent]] = {}
        key_of = self.projection.key
        for recorded in events:
            try:
                key = (recorded.arrived.tenant_id, key_of(recorded.event))
            except Exception as flaw:
                change.flaws.append(Flaw(recorded, f"{type(flaw).__name__}: {flaw}"))
                continue
            of_key = by_key.get(key)
            if of_key is None:
                by_key[key] = [recorded]
            else:
                of_key.append(recorded)
        return by_key

    async def mark_incomplete(
        self, connection: AsyncConnection, events: Sequence[RecordedEvent]
    ) -> None:
        wanted = self.read_of(events)
        keys = sorted(self.by_key(wanted, RowChanges(0)))
        for tenant_id, part in by_tenant(keys):
            await connection.execute(
                self.rows.update()
                .where(self.rows.c.tenant_id == tenant_id, self.rows.c.key.in_(part))
                .values(incomplete=True)
            )

    @cached_property
    def _points_gone(self) -> Delete:
        # Written out, so that the partial index of exactly these rows is used.
        return delete(self.points).where(text("amount = 0"))

    async def _before(
        self, connection: AsyncConnection, keys: Mapping[Key, object]
    ) -> dict[Key, KnownRow]:
        if self.memory is None:
            return await self.load(connection, list(keys))
        known = self.memory.known(keys)
        if len(known) < len(keys):
            known |= await self.load(connection, [key for key in keys if key not in known])
        return known

    async def load(self, connection: AsyncConnection, keys: Sequence[Key]) -> dict[Key, KnownRow]:
        contributions = self.projection.contributions
        found: dict[Key, KnownRow] = {}
        for tenant_id, key, body, incomplete in await rows_of(connection, self.rows, keys):
            row = self.decode(body)
            found[tenant_id, key] = KnownRow(row, incomplete, contributions(row))
        return found

    def fold(
        self, key: Key, known: KnownRow, events: Sequence[RecordedEvent], change: RowChanges
    ) -> None:
        projection = self.projection
        evolve = projection.evolve
        after, incomplete, before = known
        recorded = events[0]
        try:
            for recorded in events:
                after = evolve(after, recorded)
            if after is None:
                self._fold_to_nothing(key, before, change)
                return
            columns = projection.columns(after)
            body = self._encode(after)
            row = (*key, *[columns[name] for name, _kind in self.columns], incomplete, body)
            narrow = (*key, *[columns[name] for name, _kind in self.apart])
            due = None if projection.next_due is None else projection.next_due(after)
            contributions = projection.contributions(after)
            change.add(key[0], before, contributions)
        except Exception as flaw:
            change.flaws.append(Flaw(recorded, f"{type(flaw).__name__}: {flaw}"))
            return
        change.rows.append(row)
        if self.apart:
            change.narrow.append(narrow)
        if self.memory is not None:
            self.memory.keep(key, KnownRow(after, incomplete, contributions), len(body))
        if projection.next_due is not None:
            change.due[key] = NEVER if due is None else milliseconds(due)

    def _fold_to_nothing(self, key: Key, before: Mapping[Point, int], change: RowChanges) -> None:
        change.add(key[0], before, {})
        change.gone.append(key)
        if self.projection.next_due is not None:
            change.due[key] = NEVER  # looked at once where signals are known of it
        if self.memory is not None:
            self.memory.drop([key])

    async def write(self, connection: AsyncConnection, change: RowChanges) -> None:
        await upsert_tuples(connection, self.rows, change.rows)
        if self.apart:
            await upsert_tuples(connection, self.narrow, change.narrow)
        for tenant_id, part in by_tenant(change.gone):
            for table in (self.rows, self.narrow) if self.apart else (self.rows,):
                await connection.execute(
                    delete(table).where(table.c.tenant_id == tenant_id, table.c.key.in_(part))
                )
        await self._write_figures(connection, change)
        if change.due:
            await arm(connection, self.deadlines, change.due)

    async def _write_figures(self, connection: AsyncConnection, change: RowChanges) -> None:
        series, amounts = change.figures()
        if amounts:
            await insert_missing_tuples(connection, self.series, series)
            await upsert_tuples(connection, self.points, amounts, add="amount")
            await connection.execute(self._points_gone)
