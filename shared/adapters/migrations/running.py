"""Alembic by hand: the revisions of one component applied to one schema, others waiting."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from shared.adapters.postgres_connecting import CONNECT_SECONDS, store_away
from shared.adapters.postgres_schemas import KEYS_SCHEMA, READ_MODELS_SCHEMA

_FOLDER = Path(__file__).parent
_TURN = 6_504_117_320_918_883
"""The advisory lock under which schemas are changed: who comes second finds the work done."""

# Whoever writes meanwhile is not made to wait behind a change that waits for somebody else.
_LOCK_SECONDS = 10


async def migrate_key_store(url: str) -> bool:
    """True when something was changed. Raises StoreAway."""
    return await _migrate(url, "key_store", KEYS_SCHEMA)


async def migrate_read_store(url: str) -> bool:
    """The tables of the framework; those of read models are made by the workers. As above."""
    return await _migrate(url, "read_store", READ_MODELS_SCHEMA)


async def _migrate(url: str, component: str, schema: str) -> bool:
    async with changing(url) as connection:
        return await bring_forward(connection, component, schema)


@asynccontextmanager
async def changing(url: str) -> AsyncIterator[AsyncConnection]:
    """One transaction, one at a time. Raises StoreAway."""
    engine = create_async_engine(
        make_url(url).set(drivername="postgresql+asyncpg"),
        poolclass=NullPool,
        hide_parameters=True,
        connect_args={"timeout": CONNECT_SECONDS},
    )
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": _TURN})
            await connection.execute(text(f"SET LOCAL lock_timeout = '{_LOCK_SECONDS}s'"))
            yield connection
    except (DBAPIError, OSError) as failure:
        cause = getattr(failure, "orig", None) or failure
        told = store_away(
            "the schema cannot be changed", getattr(cause, "__cause__", None) or cause
        )
        if told is None:
            raise
        raise told from failure
    finally:
        await engine.dispose()


async def bring_forward(connection: AsyncConnection, component: str, schema: str) -> bool:
    """Make the schema where it is missing and apply the revisions that it has not seen."""
    await connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'))
    await connection.execute(text(f'SET LOCAL search_path TO "{schema}"'))
    return await connection.run_sync(_upgrade, component, schema)


def revisions(component: str) -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER / component))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def _upgrade(connection: Connection, component: str, schema: str) -> bool:
    scripts = revisions(component)
    applied: list[str] = []

    def to_head(current: Any, _context: MigrationContext) -> Any:
        if current and not _is_known(scripts, current[0]):
            return []  # a newer program has been here
        steps = scripts._upgrade_revs("head", current)
        applied.extend(str(step) for step in steps)
        return steps

    environment = EnvironmentContext(Config(), scripts, fn=to_head)
    with environment:
        environment.configure(connection=connection, version_table_schema=schema)
        environment.run_migrations()
    return bool(applied)


def _is_known(scripts: ScriptDirectory, revision: str) -> bool:
    return revision in {each.revision for each in scripts.walk_revisions()}
