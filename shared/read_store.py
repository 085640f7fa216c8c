"""Where read models live: SQL by SQLAlchemy Core, the same statements on SQLite and PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, String, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.errors import StoreAway

METADATA = MetaData()

CHECKPOINTS = Table(
    "checkpoints",
    METADATA,
    Column("subscription", String(128), primary_key=True),
    Column("partition", BigInteger, primary_key=True, autoincrement=False),
    Column("log", String(32), nullable=False),
    Column("log_id", String(64), nullable=False),
    Column("next_offset", BigInteger, nullable=False),
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
)


class ReadStore:
    """One writing transaction at a time; readers see what was last committed.

    Read models can be rebuilt, so their commits need not survive a power cut, only stay whole:
    rows and checkpoint go together.
    """

    def __init__(self, writer: AsyncEngine, readers: AsyncEngine) -> None:
        self._writer = writer
        self._readers = readers
        self._turn = asyncio.Lock()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Raises StoreAway when the database cannot be reached or written."""
        async with self._turn:
            try:
                async with self._writer.begin() as connection:
                    yield connection
            except OperationalError as failure:
                raise StoreAway(f"the read models cannot be written: {failure.orig}") from failure

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A consistent view for one answer. Raises StoreAway."""
        try:
            async with self._readers.connect() as connection:
                yield connection
        except OperationalError as failure:
            raise StoreAway(f"the read models cannot be read: {failure.orig}") from failure

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
    connection: AsyncConnection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    *,
    add: str | None = None,
) -> None:
    """Insert or, by primary key, overwrite; with `add` that column is added to instead."""
    if not rows:
        return
    insert = (
        sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
    )
    keys = [column.name for column in table.primary_key]
    changed = {
        column.name: (
            table.c[column.name] + insert.excluded[column.name]
            if column.name == add
            else insert.excluded[column.name]
        )
        for column in table.columns
        if column.name not in keys
    }
    statement = (
        insert.on_conflict_do_update(index_elements=keys, set_=changed)
        if changed
        else insert.on_conflict_do_nothing(index_elements=keys)
    )
    await connection.execute(statement, list(rows))


async def insert_missing(
    connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Insert what is not there yet, by primary key; leave the rest alone."""
    if not rows:
        return
    insert = (
        sqlite.insert(table) if connection.dialect.name == "sqlite" else postgresql.insert(table)
    )
    keys = [column.name for column in table.primary_key]
    await connection.execute(insert.on_conflict_do_nothing(index_elements=keys), list(rows))


async def upsert_tuples(
    connection: AsyncConnection,
    table: Table,
    rows: Sequence[tuple[Any, ...]],
    *,
    add: str | None = None,
) -> None:
    """`upsert` for hot paths: every column in the table's order, past SQLAlchemy's binding."""
    if not rows:
        return
    names = [column.name for column in table.columns]
    keys = [column.name for column in table.primary_key]
    changed = ", ".join(
        f'"{name}" = "{table.name}"."{name}" + excluded."{name}"'
        if name == add
        else f'"{name}" = excluded."{name}"'
        for name in names
        if name not in keys
    )
    await connection.exec_driver_sql(
        f'INSERT INTO "{table.name}" ({_quoted(names)}) VALUES ({", ".join("?" * len(names))})'
        f" ON CONFLICT ({_quoted(keys)}) DO UPDATE SET {changed}",
        list(rows),
    )


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
