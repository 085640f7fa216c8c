"""The engine of read models: fold a batch in memory, write rows, figures and deadlines in bulk."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import msgspec
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    LargeBinary,
    String,
    Table,
    bindparam,
    delete,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.clock import milliseconds
from shared.envelope import RecordedEvent
from shared.projection import Point, Projection
from shared.read_store import METADATA, insert_missing, upsert

Row = TypeVar("Row")

NEVER = 9_999_999_999_999
"""A due time that no clock reaches, in milliseconds: nothing runs for the subject."""
AT_ONCE = 0

_KEYS_A_QUERY = 500


class Flaw(NamedTuple):
    """An event that could not be folded: its stream is parked with the reason."""

    recorded: RecordedEvent
    reason: str


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
        """Fold the events into the tables; what cannot be folded is returned, not raised."""
        ...

    def beside(self) -> "ReadModel":
        """The same read model with tables of its own, for a rebuild."""
        ...

    @property
    def compared(self) -> Sequence[Table]:
        """The tables that a rebuild must reproduce."""
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
    def points(self) -> Table:
        """Figures over many rows: sums of `amount` over `at` (milliseconds), see Point."""
        name = self._named("_points")
        if name in METADATA.tables:
            return METADATA.tables[name]
        return Table(
            name,
            METADATA,
            Column("tenant_id", String(64), primary_key=True),
            Column("figure", String(64), primary_key=True),
            Column("unit_id", String(64), primary_key=True),
            Column("rep_id", String(64), primary_key=True),
            Column("stage", String(64), primary_key=True),
            Column("action", String(64), primary_key=True),
            Column("at", BigInteger, primary_key=True, autoincrement=False),
            Column("amount", BigInteger, nullable=False),
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
        return (self.rows, self.points, *watched)

    @property
    def compared(self) -> Sequence[Table]:
        return (self.rows, self.points)

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
        projection = self.projection
        by_key: dict[tuple[str, str], list[RecordedEvent]] = {}
        for recorded in events:
            if isinstance(recorded.event, projection.reads):
                key = (recorded.stored.tenant_id, projection.key(recorded.event))
                by_key.setdefault(key, []).append(recorded)
        if not by_key:
            return []
        before = await self._load(connection, list(by_key))
        change = _Change()
        for key in sorted(by_key):
            self._fold(key, before.get(key), by_key[key], change)
        await self._write(connection, change)
        return change.flaws

    async def _load(
        self, connection: AsyncConnection, keys: Sequence[tuple[str, str]]
    ) -> dict[tuple[str, str], Row]:
        found: dict[tuple[str, str], Row] = {}
        table = self.rows
        for tenant_id, part in _by_tenant(keys):
            query = select(table.c.key, table.c.body).where(
                table.c.tenant_id == tenant_id, table.c.key.in_(part)
            )
            for key, body in await connection.execute(query):
                found[tenant_id, key] = self.decode(body)
        return found

    def _fold(
        self,
        key: tuple[str, str],
        row: Row | None,
        events: Sequence[RecordedEvent],
        change: "_Change",
    ) -> None:
        projection = self.projection
        if row is not None:
            for point, amount in projection.contributions(row).items():
                change.points[key[0], point] -= amount
        incomplete = False
        after: Row | None = row
        for recorded in events:
            try:
                after = projection.evolve(after, recorded)
            except Exception as flaw:
                change.flaws.append(Flaw(recorded, f"{type(flaw).__name__}: {flaw}"))
                incomplete = True
                break
        if after is None:
            change.gone.append(key)
            return
        for point, amount in projection.contributions(after).items():
            change.points[key[0], point] += amount
        change.rows.append(
            {
                "tenant_id": key[0],
                "key": key[1],
                **projection.columns(after),
                "incomplete": incomplete,
                "body": self._encode(after),
            }
        )
        if projection.next_due is not None:
            due = projection.next_due(after)
            change.due[key] = NEVER if due is None else milliseconds(due)

    async def _write(self, connection: AsyncConnection, change: "_Change") -> None:
        await upsert(connection, self.rows, change.rows)
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
        self, connection: AsyncConnection, points: Mapping[tuple[str, Point], int]
    ) -> None:
        changed: list[dict[str, Any]] = [
            {
                "tenant_id": tenant_id,
                "figure": point.figure,
                "unit_id": point.unit_id,
                "rep_id": point.rep_id,
                "stage": point.stage,
                "action": point.action,
                "at": milliseconds(point.at),
                "amount": amount,
            }
            for (tenant_id, point), amount in sorted(points.items())
            if amount
        ]
        await upsert(connection, self.points, changed, add="amount")
        if any(each["amount"] < 0 for each in changed):
            table = self.points
            await connection.execute(
                delete(table).where(
                    table.c.amount == 0,
                    *(table.c[c.name] == bindparam(f"p_{c.name}") for c in table.primary_key),
                ),
                [
                    {f"p_{c.name}": each[c.name] for c in table.primary_key}
                    for each in changed
                    if each["amount"] < 0
                ],
            )

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
    def compared(self) -> Sequence[Table]:
        return (self.table,)

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
        flaws: list[Flaw] = []
        for recorded in events:
            try:
                rows.extend(self.entries(recorded))
            except Exception as flaw:
                flaws.append(Flaw(recorded, f"{type(flaw).__name__}: {flaw}"))
        await insert_missing(connection, self.table, rows)
        return flaws


class _Change:
    """What a batch comes to."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.gone: list[tuple[str, str]] = []
        self.points: Counter[tuple[str, Point]] = Counter()
        self.due: dict[tuple[str, str], int] = {}
        self.flaws: list[Flaw] = []


def _by_tenant(keys: Sequence[tuple[str, str]]) -> list[tuple[str, list[str]]]:
    tenants: dict[str, list[str]] = {}
    for tenant_id, key in keys:
        tenants.setdefault(tenant_id, []).append(key)
    return [
        (tenant_id, part[start : start + _KEYS_A_QUERY])
        for tenant_id, part in tenants.items()
        for start in range(0, len(part), _KEYS_A_QUERY)
    ]
