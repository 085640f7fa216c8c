"""The tables of a read model: its rows, its figures as points of series, its deadlines."""

from hashlib import blake2b
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, String, Table, text

from shared.read_store import METADATA

Columns = tuple[tuple[str, Any], ...]
Indexes = tuple[tuple[str, ...], ...]


_NAME_AT_MOST = 63
"""PostgreSQL cuts longer names off, or SQLAlchemy refuses them."""


def _index_name(table: str, columns: tuple[str, ...]) -> str:
    name = f"{table}_{'_'.join(columns)}"
    if len(name) <= _NAME_AT_MOST:
        return name
    digest = blake2b(name.encode(), digest_size=4).hexdigest()
    return f"{name[: _NAME_AT_MOST - len(digest) - 1]}_{digest}"


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
        *(Index(_index_name(name, columns), "tenant_id", *columns) for columns in indexes),
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
        Index(f"{name}_of", "tenant_id", "unit_id", "figure"),
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
