"""Is the event store in the database one that this program can work with?"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import asyncpg

from shared.adapters.postgres_schemas import (
    EVENT_STORE_VERSION,
    PartitionsAreFixed,
    SchemaOfAnotherVersion,
)


class LogAccess(NamedTuple):
    """A log, and what the login of this process may do with it."""

    log: str
    log_id: str
    may_write: bool


async def check_schema(
    connection: "asyncpg.Connection[Any]", schema: str, wanted: int, table: str
) -> bool:
    """False where this login may not read it. Raises SchemaOfAnotherVersion.

    `table` is one that the schema must have.
    """
    allowed = await connection.fetchval(
        "SELECT has_schema_privilege(oid, 'USAGE') FROM pg_namespace WHERE nspname = $1", schema
    )
    if allowed is None:
        raise SchemaOfAnotherVersion(schema, None, wanted, too_new=False)
    if not allowed:
        return False
    readable = await connection.fetchval(
        "SELECT has_table_privilege(to_regclass($1), 'SELECT')", f'"{schema}"."{table}"'
    )
    if readable is None:
        raise SchemaOfAnotherVersion(schema, None, wanted, too_new=False)
    if not readable:
        return False
    version = await connection.fetchval(f'SELECT version_num FROM "{schema}".alembic_version')
    works_from = await connection.fetchval(f'SELECT works_from FROM "{schema}".compatibility')
    if version is None or int(version) < wanted:
        raise SchemaOfAnotherVersion(schema, version, wanted, too_new=False)
    if works_from is None or works_from > wanted:
        raise SchemaOfAnotherVersion(schema, version, wanted, too_new=True)
    return True


async def accessible_logs(
    connection: "asyncpg.Connection[Any]", logs: Sequence[str], partitions: int
) -> list[LogAccess]:
    """Of `logs` those that may be read. Raises SchemaOfAnotherVersion, PartitionsAreFixed."""
    found = []
    for log in logs:
        if not await check_schema(connection, log, EVENT_STORE_VERSION, "events"):
            continue
        made = await connection.fetchrow(f'SELECT log_id, partitions FROM "{log}".log')
        if made is None:
            raise SchemaOfAnotherVersion(log, "without its log", EVENT_STORE_VERSION, too_new=False)
        if made["partitions"] != partitions:
            raise PartitionsAreFixed(log, made["partitions"], partitions)
        may_write = await connection.fetchval(
            "SELECT has_table_privilege(to_regclass($1), 'INSERT')", f'"{log}".events'
        )
        found.append(LogAccess(log, made["log_id"], bool(may_write)))
    return found
