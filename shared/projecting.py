"""The engine of read models: fold a batch in memory, write rows, figures and deadlines in bulk."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    LargeBinary,
    Select,
    String,
    Table,
    bindparam,
    delete,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.clock import milliseconds
from shared.envelope import RecordedEvent
from shared.projection import Point, Projection
from shared.read_store import METADATA, insert_missing, upsert_tuples

Row = TypeVar("Row")

NEVER = 9_999_999_999_999
"""A due time that no clock reaches, in milliseconds: nothing runs for the subject."""
AT_ONCE = 0

_KEYS_A_QUERY = 500


class Flaw(NamedTuple):
    """An event that could not be folded: its stream is parked with the reason."""

    recorded: RecordedEvent
    reason: str


def keep_first(flaws: dict[str, Flaw], found: Iterable[Flaw]) -> None:
    """Add what was found, by stream; of one stream only the flaw that comes first counts."""
    for flaw in found:
        stored = flaw.recorded.stored
        known = flaws.get(stored.stream)
        if known is None or stored.version < known.recorded.stored.version:
            flaws[stored.stream] = flaw


class Content(NamedTuple):
    """What a rebuild must reproduce: rows by their key, a `body` as `decode` reads it."""

    name: str
    rows: Select[Any]
    key: tuple[str, ...]
    decode: Callable[[bytes], Any] | None = None


class ReadModel(Protocol):
    """What a subscription applies in the transaction of its checkpoint."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int: ...

    @property
    def log(self) -> str: ...

    @property
    def tables(self) -> Sequence[Table]: ...

    async def apply(
        self, connection: AsyncConnection, events: Sequence[RecordedEvent]
    ) -> list[Flaw]:
        """Fold the events into the tables; what cannot be folded is returned, not raised, and
        nothing that comes after it in its stream is folded."""
        ...

    async def mark_incomplete(
        self, connection: AsyncConnection, events: Sequence[RecordedEvent]
    ) -> None:
        """Say of the rows of these events that something is missing from them."""
        ...

    def beside(self) -> "ReadModel":
        """The same read model with tables of its own, for a rebuild."""
        ...

    @property
    def contents(self) -> Sequence[Content]:
        """What a rebuild must reproduce. Tables whose columns include `due_at` are not in it:
        they hold what the watch knows, and a rebuild only has everything looked at again."""
        ...


@dataclass(frozen=True)
class RowReadModel(Generic[Row]):
    """Rows folded by a Projection, one a key; with them its figures and its deadlines."""

    service: str
    log: str
    projection: Projection[Row]
    columns: tuple[tuple[str, Any], ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    suffix: str = ""

    @property
    def name(self) -> str:
        return f"{self.service}.{self.projection.name}"

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
        name = self._named("")
        if name in METADATA.tables:
            return METADATA.tables[name]
        return Table(
            name,
            METADATA,
            Column("tenant_id", String(64), primary_key=True),
            Column("key", String(200), primary_key=True),
            *(Column(column, kind, nullable=True) for column, kind in self.columns),
            Column("incomplete", Boolean, nullable=False),
            Column("body", LargeBinary, nullable=False),
            *(
                Index(f"{name}_{'_'.join(columns)}", "tenant_id", *columns)
                for columns in self.indexes
            ),
        )

    @cached_property
    def series(self) -> Table:
        """What a figure is of: `series_id` is derived from the other columns."""
        name = self._named("_series")
        if name in METADATA.tables:
            return METADATA.tables[name]
        return Table(
            name,
            METADATA,
            Column("series_id", BigInteger, primary_key=True, autoincrement=False),
            Column("tenant_id", String(64), nullable=False),
            Column("figure", String(64), nullable=False),
            Column("unit_id", String(64), nullable=False),
            Column("rep_id", String(64), nullable=False),
            Column("stage", String(64), nullable=False),
            Column("action", String(64), nullable=False),
            Index(f"{name}_of", "tenant_id", "unit_id", "figure"),
        )

    @cached_property
    def points(self) -> Table:
        """Figures over many rows: sums of `amount` over `at` (milliseconds) by series."""
        name = self._named("_points")
        if name in METADATA.tables:
            return METADATA.tables[name]
        return Table(
            name,
            METADATA,
            Column("series_id", BigInteger, primary_key=True, autoincrement=False),
            Column("at", BigInteger, primary_key=True, autoincrement=False),
            Column("amount", BigInteger, nullable=False),
            Index(
                f"{name}_gone",
                "series_id",
                sqlite_where=text("amount = 0"),
                postgresql_where=text("amount = 0"),
            ),
            sqlite_with_rowid=False,
        )

    @cached_property
    def deadlines(self) -> Table:
        """One row a key: when the watch must look next (a lower bound), until when it has looked,
        and the signals it knows of (JSON); written by the watch, armed here."""
        name = self._named("_deadlines")
        if name in METADATA.tables:
            return METADATA.tables[name]
        return Table(
            name,
            METADATA,
            Column("tenant_id", String(64), primary_key=True),
            Column("key", String(200), primary_key=True),
            Column("due_at", BigInteger, nullable=False),
            Column("watched_until", BigInteger, nullable=False),
            Column("known", LargeBinary, nullable=False),
            Index(f"{name}_due", "tenant_id", "due_at"),
        )

    @property
    def tables(self) -> Sequence[Table]:
        watched = () if self.projection.next_due is None else (self.deadlines,)
        return (self.rows, self.series, self.points, *watched)

    @property
    def contents(self) -> Sequence[Content]:
        series, points = self.series, self.points
        of_what = [column for column in series.columns if column.name != "series_id"]
        figures = (
            select(*of_what, points.c.at, points.c.amount)
            .join_from(points, series, points.c.series_id == series.c.series_id)
            .where(points.c.amount != 0)
        )
        return (
            Content(self.rows.name, select(self.rows), ("tenant_id", "key"), self.decode),
            Content(points.name, figures, (*(column.name for column in of_what), "at")),
        )

    def beside(self) -> "RowReadModel[Row]":
        return RowReadModel(
            self.service, self.log, self.projection, self.columns, self.indexes, "_beside"
        )

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
        wanted = [each for each in events if isinstance(each.event, self.projection.reads)]
        flaws: dict[str, Flaw] = {}
        while True:
            change = _Change()
            by_key = self._by_key(wanted, change)
            before = await self._load(connection, list(by_key))
            for key in sorted(by_key):
                self._fold(key, before.get(key), by_key[key], change)
            if not change.flaws:
                break
            # Fold again without them: other rows may have had later events of these streams.
            keep_first(flaws, change.flaws)
            wanted = [each for each in wanted if not _follows_a_flaw(each, flaws)]
        await self._write(connection, change)
        return list(flaws.values())

    def _by_key(
        self, events: Sequence[RecordedEvent], change: "_Change"
    ) -> dict[tuple[str, str], list[RecordedEvent]]:
        by_key: dict[tuple[str, str], list[RecordedEvent]] = {}
        key_of = self.projection.key
        for recorded in events:
            try:
                key = (recorded.stored.tenant_id, key_of(recorded.event))
            except Exception as flaw:
                change.flaws.append(Flaw(recorded, f"{type(flaw).__name__}: {flaw}"))
                continue
            by_key.setdefault(key, []).append(recorded)
        return by_key

    async def mark_incomplete(
        self, connection: AsyncConnection, events: Sequence[RecordedEvent]
    ) -> None:
        wanted = [each for each in events if isinstance(each.event, self.projection.reads)]
        keys = sorted(self._by_key(wanted, _Change()))
        for tenant_id, part in _by_tenant(keys):
            await connection.execute(
                self.rows.update()
                .where(self.rows.c.tenant_id == tenant_id, self.rows.c.key.in_(part))
                .values(incomplete=True)
            )

    async def _load(
        self, connection: AsyncConnection, keys: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], tuple[Row, bool]]:
        found: dict[tuple[str, str], tuple[Row, bool]] = {}
        table = self.rows
        for tenant_id, part in _by_tenant(keys):
            query = select(table.c.key, table.c.body, table.c.incomplete).where(
                table.c.tenant_id == tenant_id, table.c.key.in_(part)
            )
            for key, body, incomplete in await connection.execute(query):
                found[tenant_id, key] = (self.decode(body), incomplete)
        return found

    def _fold(
        self,
        key: tuple[str, str],
        known: tuple[Row, bool] | None,
        events: Sequence[RecordedEvent],
        change: "_Change",
    ) -> None:
        projection = self.projection
        after, incomplete = (None, False) if known is None else known
        before = {} if after is None else projection.contributions(after)
        recorded = events[0]
        try:
            for recorded in events:
                after = projection.evolve(after, recorded)
            if after is None:
                change.add(key[0], before, {})
                change.gone.append(key)
                return
            columns = projection.columns(after)
            searched = (columns[name] for name, _kind in self.columns)
            row = (*key, *searched, incomplete, self._encode(after))
            due = None if projection.next_due is None else projection.next_due(after)
            change.add(key[0], before, projection.contributions(after))
        except Exception as flaw:
            change.flaws.append(Flaw(recorded, f"{type(flaw).__name__}: {flaw}"))
            return
        change.rows.append(row)
        if projection.next_due is not None:
            change.due[key] = NEVER if due is None else milliseconds(due)

    async def _write(self, connection: AsyncConnection, change: "_Change") -> None:
        await upsert_tuples(connection, self.rows, change.rows)
        for tenant_id, part in _by_tenant(change.gone):
            await connection.execute(
                delete(self.rows).where(
                    self.rows.c.tenant_id == tenant_id, self.rows.c.key.in_(part)
                )
            )
        await self._write_points(connection, change.points)
        if change.due:
            await self._arm(connection, change.due)

    async def _write_points(
        self, connection: AsyncConnection, points: Mapping[str, Mapping[Point, int]]
    ) -> None:
        series: dict[int, tuple[Any, ...]] = {}
        amounts: list[tuple[int, int, int]] = []
        for tenant_id, of_tenant in points.items():
            ids: dict[tuple[str, ...], int] = {}
            for point, amount in of_tenant.items():
                if amount:
                    of_what = point[:5]
                    series_id = ids.get(of_what)
                    if series_id is None:
                        series_id = ids[of_what] = _series_id(tenant_id, of_what)
                        series[series_id] = (series_id, tenant_id, *of_what)
                    amounts.append((series_id, milliseconds(point.at), amount))
        amounts.sort()
        await upsert_tuples(connection, self.series, list(series.values()))
        await upsert_tuples(connection, self.points, amounts, add="amount")
        # Written out, so that the partial index of exactly these rows is used.
        await connection.execute(delete(self.points).where(text("amount = 0")))

    async def _arm(self, connection: AsyncConnection, due: Mapping[tuple[str, str], int]) -> None:
        """Only ever earlier; a subject with signals, or with a limit missed in the past that the
        watch has been by, is looked at once (retractions and resolutions)."""
        table = self.deadlines
        known: dict[tuple[str, str], tuple[int, int, bool]] = {}
        for tenant_id, part in _by_tenant(list(due)):
            query = select(
                table.c.key, table.c.due_at, table.c.watched_until, table.c.known != b"[]"
            ).where(table.c.tenant_id == tenant_id, table.c.key.in_(part))
            for key, due_at, watched_until, signalled in await connection.execute(query):
                known[tenant_id, key] = (due_at, watched_until, signalled)
        armed: list[dict[str, Any]] = []
        for (tenant_id, key), due_at in due.items():
            if (tenant_id, key) not in known:
                armed.append({"b_tenant_id": tenant_id, "b_key": key, "b_due_at": due_at})
                continue
            bound, watched_until, signalled = known[tenant_id, key]
            wanted = AT_ONCE if signalled or due_at < watched_until else due_at
            if wanted < bound:
                armed.append({"b_tenant_id": tenant_id, "b_key": key, "b_due_at": wanted})
        await insert_missing(
            connection,
            table,
            [
                {
                    "tenant_id": each["b_tenant_id"],
                    "key": each["b_key"],
                    "due_at": each["b_due_at"],
                    "watched_until": 0,
                    "known": b"[]",
                }
                for each in armed
                if (each["b_tenant_id"], each["b_key"]) not in known
            ],
        )
        earlier = [each for each in armed if (each["b_tenant_id"], each["b_key"]) in known]
        if earlier:
            await connection.execute(
                table.update()
                .where(
                    table.c.tenant_id == bindparam("b_tenant_id"),
                    table.c.key == bindparam("b_key"),
                )
                .values(due_at=bindparam("b_due_at")),
                earlier,
            )


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

    async def mark_incomplete(
        self, connection: AsyncConnection, events: Sequence[RecordedEvent]
    ) -> None:
        """A journal has no row that could lack something: its parked streams tell."""


class _Change:
    """What a batch comes to."""

    def __init__(self) -> None:
        self.rows: list[tuple[Any, ...]] = []
        self.gone: list[tuple[str, str]] = []
        self.points: dict[str, dict[Point, int]] = {}
        self.due: dict[tuple[str, str], int] = {}
        self.flaws: list[Flaw] = []

    def add(self, tenant_id: str, before: Mapping[Point, int], after: Mapping[Point, int]) -> None:
        """The difference that a row makes to the figures."""
        points = self.points.setdefault(tenant_id, {})
        for point, amount in after.items():
            difference = amount - before.get(point, 0)
            if difference:
                points[point] = points.get(point, 0) + difference
        for point, amount in before.items():
            if point not in after:
                points[point] = points.get(point, 0) - amount


def _follows_a_flaw(recorded: RecordedEvent, flaws: Mapping[str, Flaw]) -> bool:
    flaw = flaws.get(recorded.stored.stream)
    return flaw is not None and recorded.stored.version >= flaw.recorded.stored.version


def _series_id(tenant_id: str, of_what: tuple[str, ...]) -> int:
    """63 bits of BLAKE2b: the same in every process, so that none has to ask for it."""
    text = "\x1f".join((tenant_id, *of_what))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) >> 1


def _by_tenant(keys: Sequence[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    tenants: dict[str, list[str]] = {}
    for tenant_id, key in keys:
        tenants.setdefault(tenant_id, []).append(key)
    return [
        (tenant_id, part[start : start + _KEYS_A_QUERY])
        for tenant_id, part in tenants.items()
        for start in range(0, len(part), _KEYS_A_QUERY)
    ]
