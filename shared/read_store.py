"""Where read models live: SQL by SQLAlchemy Core, the same statements on SQLite and PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext
from typing import Any

from sqlalchemy import BigInteger, Column, Dialect, LargeBinary, MetaData, String, Table, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.types import TypeEngine

from shared.errors import StoreAway

METADATA = MetaData()

_POSTGRESQL: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # it has no types

CHECKPOINTS = Table(
    "checkpoints",
    METADATA,
    Column("subscription", String(128), primary_key=True),
    Column("partition", BigInteger, primary_key=True, autoincrement=False),
    Column("log", String(32), nullable=False),
    Column("log_id", String(64), nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    # Only where events come through a LogSource: where it goes on, and until when (milliseconds)
    # all that was recorded has been applied.
    Column("source_offset", BigInteger, nullable=True),
    Column("recorded_until", BigInteger, nullable=True),
    # Grows when somebody else than the subscription itself has changed what is kept of it.
    Column("epoch", BigInteger, nullable=False),
)

PARKED_STREAMS = Table(
    "parked_streams",
    METADATA,
    Column("subscription", String(128), primary_key=True),
    Column("stream", String(200), primary_key=True),
    Column("reason", String, nullable=False),
)

DEAD_LETTERS = Table(
    "dead_letters",
    METADATA,
    Column("subscription", String(128), primary_key=True),
    Column("partition", BigInteger, primary_key=True, autoincrement=False),
    Column("log_offset", BigInteger, primary_key=True, autoincrement=False),
    Column("stream", String(200), nullable=False),
    Column("event_id", LargeBinary(16), nullable=False),
    Column("reason", String, nullable=False),
    # Who accepted that it will never be applied.
    Column("discarded_by", String(200), nullable=True),
)


def database_away(what: str, failure: BaseException) -> StoreAway | None:
    """Whatever keeps a database in a file from doing it passes, or an operator makes it pass."""
    if isinstance(failure, OperationalError):
        return StoreAway(f"{what}: {failure.orig}")
    return None


class ReadStore:
    """Writing transactions one at a time where the database knows only one writer; readers see
    what was last committed.

    Read models can be rebuilt, so their commits need not survive a power cut, only stay whole:
    rows and checkpoint go together.
    """

    def __init__(
        self,
        writer: AsyncEngine,
        readers: AsyncEngine,
        *,
        one_writer: bool = True,
        away: Callable[[str, BaseException], StoreAway | None] = database_away,
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._turn = asyncio.Lock() if one_writer else nullcontext()
        self._away = away

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Raises StoreAway when the database cannot be reached or written."""
        async with self._turn:
            with self._failures_told("the read models cannot be written"):
                async with self._writer.begin() as connection:
                    yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A consistent view for one answer. Raises StoreAway."""
        with self._failures_told("the read models cannot be read"):
            async with self._readers.connect() as connection:
                yield connection

    async def check(self) -> None:
        """Can it work? Raises StoreAway."""
        async with self.reading() as connection:
            await connection.execute(text("SELECT 1"))

    @contextmanager
    def _failures_told(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as failure:
            away = self._away(what, failure)
            if away is None or away is failure:
                raise
            raise away from failure

    async def create_tables(self, tables: Sequence[Table] | None = None) -> None:
        async with self.transaction() as connection:
            await connection.run_sync(
                lambda sync: METADATA.create_all(
                    sync, tables=None if tables is None else list(tables)
                )
            )

    async def drop_tables(self, tables: Sequence[Table]) -> None:
        """Those that exist; their names are free again."""
        async with self.transaction() as connection:
            await connection.run_sync(lambda sync: METADATA.drop_all(sync, tables=list(tables)))
        for table in tables:
            METADATA.remove(table)

    async def close(self) -> None:
        await self._writer.dispose()
        await self._readers.dispose()


async def upsert(
    connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert or, by primary key, overwrite."""
    await upsert_tuples(connection, table, _tuples(table, rows))


async def insert_missing(
    connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert what is not there yet, by primary key; leave the rest alone."""
    await insert_missing_tuples(connection, table, _tuples(table, rows))


def _tuples(table: Table, rows: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
    names = [column.name for column in table.columns]
    return [tuple(row[name] for name in names) for row in rows]


async def upsert_tuples(
    connection: AsyncConnection,
    table: Table,
    rows: Sequence[tuple[Any, ...]],
    *,
    add: str | None = None,
) -> None:
    """`upsert` for hot paths: every column in the table's order, past SQLAlchemy's binding; with
    `add` that column is added to instead. A key may be there only once."""
    keys = [column.name for column in table.primary_key]
    changed = ", ".join(
        f'"{name}" = "{table.name}"."{name}" + excluded."{name}"'
        if name == add
        else f'"{name}" = excluded."{name}"'
        for name in (column.name for column in table.columns)
        if name not in keys
    )
    await _insert(connection, table, rows, f"DO UPDATE SET {changed}" if changed else "DO NOTHING")


async def insert_missing_tuples(
    connection: AsyncConnection, table: Table, rows: Sequence[tuple[Any, ...]]
) -> None:
    await _insert(connection, table, rows, "DO NOTHING")


async def _insert(
    connection: AsyncConnection, table: Table, rows: Sequence[tuple[Any, ...]], conflict: str
) -> None:
    if not rows:
        return
    names = _quoted([column.name for column in table.columns])
    keys = _quoted([column.name for column in table.primary_key])
    head = f'INSERT INTO "{table.name}" ({names})'
    tail = f"ON CONFLICT ({keys}) {conflict}"
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(table.columns))
        await connection.exec_driver_sql(f"{head} VALUES ({marks}) {tail}", list(rows))
        return
    arrays = ", ".join(
        f"${number}::{_array_type(column.type)}[]"
        for number, column in enumerate(table.columns, start=1)
    )
    columns = tuple(list(values) for values in zip(*rows, strict=True))
    await connection.exec_driver_sql(f"{head} SELECT * FROM unnest({arrays}) {tail}", columns)


def _array_type(of: TypeEngine[Any]) -> str:
    """A cast to varchar(64) would cut longer values off without a word."""
    return "text" if isinstance(of, String) else of.compile(_POSTGRESQL)


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
