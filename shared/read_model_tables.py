"""The tables of a read model: its rows, its figures as points of series, its deadlines."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

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
    cast,
    func,
    select,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.arming import by_tenant
from shared.bulk_writing import fitting_name
from shared.read_store import METADATA

Columns = tuple[tuple[str, Any], ...]
Indexes = tuple[tuple[str, ...], ...]


def _index(table: str, columns: tuple[str, ...]) -> Index:
    return Index(fitting_name(f"{table}_{'_'.join(columns)}"), "tenant_id", *columns)


def rows_table(name: str, declared: Columns, indexes: Indexes) -> Table:
    if name in METADATA.tables:
        return METADATA.tables[name]
    return Table(
        name,
        METADATA,
        Column("tenant_id", String(64), primary_key=True),
        Column("key", String(200), primary_key=True),
        *(Column(column, kind, nullable=True) for column, kind in declared),
        Column("incomplete", Boolean, nullable=False),
        Column("body", LargeBinary, nullable=False),
        *(_index(name, columns) for columns in indexes),
    )


def narrow_table(name: str, declared: Columns) -> Table:
    if name in METADATA.tables:
        return METADATA.tables[name]
    return Table(
        name,
        METADATA,
        Column("tenant_id", String(64), primary_key=True),
        Column("key", String(200), primary_key=True),
        *(Column(column, kind, nullable=True) for column, kind in declared),
        sqlite_with_rowid=False,
    )


def series_table(name: str) -> Table:
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
        Index(f"{name}_of", "tenant_id", "unit_id", "figure", "rep_id"),
    )


def points_table(name: str) -> Table:
    if name in METADATA.tables:
        return METADATA.tables[name]
    return Table(
        name,
        METADATA,
        Column("series_id", BigInteger, primary_key=True, autoincrement=False),
        Column("at", BigInteger, primary_key=True, autoincrement=False),
        # Each log partition adds to a row of its own, so that workers never wait for each other.
        Column("partition", BigInteger, primary_key=True, autoincrement=False),
        Column("amount", BigInteger, nullable=False),
        Index(
            f"{name}_gone",
            "amount",
            sqlite_where=text("amount = 0"),
            postgresql_where=text("amount = 0"),
        ),
        sqlite_with_rowid=False,
    )


def figures_of(series: Table, points: Table) -> tuple[Select[Any], tuple[str, ...]]:
    """The sums of all partitions' points, and what names each of them."""
    of_what = [column for column in series.columns if column.name != "series_id"]
    amount = cast(func.sum(points.c.amount), BigInteger)
    figures = (
        select(*of_what, points.c.at, amount.label("amount"))
        .join_from(points, series, points.c.series_id == series.c.series_id)
        .group_by(*of_what, points.c.at)
        .having(amount != 0)
    )
    return figures, (*(column.name for column in of_what), "at")


def deadlines_table(name: str) -> Table:
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


async def rows_of(
    connection: AsyncConnection, table: Table, keys: Sequence[tuple[str, str]]
) -> list[tuple[str, str, bytes, bool]]:
    """Tenant, key, body and incompleteness of those that are there."""
    found: list[tuple[str, str, bytes, bool]] = []
    if connection.dialect.name == "sqlite":
        for tenant_id, part in by_tenant(keys):
            named = {"tenant": tenant_id, "keys": part}
            rows = await connection.execute(_named_rows(table), named)
            found += [(tenant_id, key, body, incomplete) for key, body, incomplete in rows]
        return found
    query = (
        f'SELECT key, body, incomplete FROM "{table.name}"'
        " WHERE tenant_id = $1 AND key = ANY($2::text[])"
    )
    driver: Any = (await connection.get_raw_connection()).driver_connection
    for tenant_id, part in by_tenant(keys, at_once=len(keys)):
        for key, body, incomplete in await driver.fetch(query, tenant_id, part):
            found.append((tenant_id, key, body, incomplete))
    return found


@lru_cache(maxsize=64)
def _named_rows(table: Table) -> Select[Any]:
    """Made once: making it takes longer than running it."""
    return select(table.c.key, table.c.body, table.c.incomplete).where(
        table.c.tenant_id == bindparam("tenant"), table.c.key.in_(bindparam("keys"))
    )
