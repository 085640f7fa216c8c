"""Rows written in bulk: what a batch comes to, in one statement a table or by COPY."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from sqlalchemy import Dialect, String, Table
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.types import TypeEngine

_POSTGRESQL: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call]  # it has no types

_COPIED_FROM = 500
"""Rows from which on COPY is cheaper: an array costs 2 µs a row, COPY a third of one and four
round trips."""
_NAME_AT_MOST = 63
"""PostgreSQL cuts longer names off, or SQLAlchemy refuses them."""


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


async def merge(
    connection: AsyncConnection,
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    changes: Mapping[str, str],
) -> None:
    """Insert, or change the row that has this primary key: by column, the SQL of its new value,
    made of the row's own columns and those of `excluded`."""
    changed = ", ".join(f'"{name}" = {sql}' for name, sql in changes.items())
    await _insert(connection, table, _tuples(table, rows), f"DO UPDATE SET {changed}")


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
    elif len(rows) >= _COPIED_FROM:
        staged = fitting_name(f"new_{table.name}")
        await connection.exec_driver_sql(
            f'CREATE TEMPORARY TABLE "{staged}" (LIKE "{table.name}") ON COMMIT DROP'
        )
        await _copy(connection, table, staged, rows)
        await connection.exec_driver_sql(f'{head} SELECT {names} FROM "{staged}" {tail}')
        await connection.exec_driver_sql(f'DROP TABLE "{staged}"')
    else:
        arrays = ", ".join(
            f"${number}::{_array_type(column.type)}[]"
            for number, column in enumerate(table.columns, start=1)
        )
        columns = tuple(list(values) for values in zip(*rows, strict=True))
        await connection.exec_driver_sql(f"{head} SELECT * FROM unnest({arrays}) {tail}", columns)


async def _copy(
    connection: AsyncConnection, table: Table, staged: str, rows: Sequence[tuple[Any, ...]]
) -> None:
    """Past SQLAlchemy, which knows no COPY; in its transaction, which has begun by now."""
    raw = await connection.get_raw_connection()
    driver: Any = raw.driver_connection
    columns = [column.name for column in table.columns]
    await driver.copy_records_to_table(staged, records=rows, columns=columns)


def fitting_name(name: str) -> str:
    """The same, or shorter and as unmistakable."""
    if len(name) <= _NAME_AT_MOST:
        return name
    digest = blake2b(name.encode(), digest_size=4).hexdigest()
    return f"{name[: _NAME_AT_MOST - len(digest) - 1]}_{digest}"


def _array_type(of: TypeEngine[Any]) -> str:
    """A cast to varchar(64) would cut longer values off without a word."""
    return "text" if isinstance(of, String) else of.compile(_POSTGRESQL)


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
