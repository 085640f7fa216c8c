"""Read models on PostgreSQL, in a schema of their own; several writers at once."""

from collections.abc import Sequence

from sqlalchemy import Table, make_url, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from shared.adapters.postgres_connecting import CONNECT_SECONDS, store_away
from shared.adapters.postgres_schemas import READ_MODELS_ROLE, READ_MODELS_SCHEMA
from shared.errors import StoreAway
from shared.read_store import METADATA, ReadStore

_MIGRATING = 7_352_118_540_233_101
"""The advisory lock under which tables are made: processes that start together take turns."""
_WAIT_SECONDS = 30.0
_STANDS_STILL_AT_MOST = "10s"
"""A worker that was stopped amid its transaction gives its rows to whoever took over."""
_TRY_AGAIN = "40"
"""SQLSTATE class of transactions that met another one."""
_IS_GRANTED = text(
    f"SELECT pg_has_role(oid, 'MEMBER')"
    f" AND has_schema_privilege(oid, '{READ_MODELS_SCHEMA}', 'CREATE')"
    f" FROM pg_roles WHERE rolname = '{READ_MODELS_ROLE}'"
)


class PostgresReadStore(ReadStore):
    async def create_tables(self, tables: Sequence[Table] | None = None) -> None:
        async with self.transaction() as connection:
            await connection.execute(
                text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATING}
            )
            await _use_the_schema(connection)
            chosen = None if tables is None else list(tables)
            await connection.run_sync(lambda sync: METADATA.create_all(sync, tables=chosen))


async def _use_the_schema(connection: AsyncConnection) -> None:
    """What this transaction makes belongs to the role that all services are members of, unless
    nobody has migrated yet. A schema that is there is not made: that would need more rights."""
    if not await connection.scalar(text(f"SELECT to_regnamespace('{READ_MODELS_SCHEMA}')")):
        await connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {READ_MODELS_SCHEMA}"))
    if await connection.scalar(_IS_GRANTED):
        await connection.execute(text(f"SET LOCAL ROLE {READ_MODELS_ROLE}"))


def open_postgres_read_store(url: str, *, connections: int = 8) -> ReadStore:
    """Nothing is connected yet. `url` as in DATABASE_URL; half of `connections` write.

    Commits wait for no disk: rows and checkpoint are lost together, and what was lost is folded
    again.
    """
    address = make_url(url).set(drivername="postgresql+asyncpg")
    writer, readers = (
        create_async_engine(
            address,
            pool_size=max(1, connections // 2),
            max_overflow=0,
            pool_timeout=_WAIT_SECONDS,
            pool_use_lifo=True,
            # Failures are logged: what was to be written may be about a person.
            hide_parameters=True,
            connect_args={
                "timeout": CONNECT_SECONDS,
                "server_settings": {
                    "search_path": READ_MODELS_SCHEMA,
                    "application_name": f"pulsetrail {what}",
                    "jit": "off",
                    "idle_in_transaction_session_timeout": _STANDS_STILL_AT_MOST,
                    **own,
                },
            },
        )
        for what, own in (("read models", {"synchronous_commit": "off"}), ("reading", {}))
    )
    return PostgresReadStore(writer, readers, one_writer=False, away=_away)


def _away(what: str, failure: BaseException) -> StoreAway | None:
    if isinstance(failure, NoConnectionFree):
        return StoreAway(f"{what}: no connection became free")
    cause = failure.orig.__cause__ if isinstance(failure, DBAPIError) and failure.orig else failure
    if str(getattr(cause, "sqlstate", "")).startswith(_TRY_AGAIN):
        return StoreAway(f"{what}: {str(cause).splitlines()[0]}")
    return store_away(what, cause or failure)
