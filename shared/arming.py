"""When the watch has to look at a subject: bounds that projections write and only ever lower."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Select, Table, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.bulk_writing import insert_missing

NEVER = 9_999_999_999_999
"""A due time that no clock reaches, in milliseconds: nothing runs for the subject."""
AT_ONCE = 0

_KEYS_A_QUERY = 500


async def arm(
    connection: AsyncConnection, table: Table, due: Mapping[tuple[str, str], int]
) -> None:
    """Only ever earlier; a subject with signals, or with a limit missed in the past that the
    watch has been by, is looked at once (retractions and resolutions)."""
    known: dict[tuple[str, str], tuple[int, int, bool]] = {}
    query = _known(table)
    for tenant_id, part in by_tenant(list(due)):
        named = {"tenant": tenant_id, "keys": part}
        for key, due_at, watched_until, signalled in await connection.execute(query, named):
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


@lru_cache(maxsize=64)
def _known(table: Table) -> Select[Any]:
    """Made once: making it takes longer than running it."""
    return (
        select(table.c.key, table.c.due_at, table.c.watched_until, table.c.known != b"[]")
        .where(table.c.tenant_id == bindparam("tenant"), table.c.key.in_(bindparam("keys")))
        # Whoever looks at these at the same time either sees our rows or waits for us.
        .order_by(table.c.key)
        .with_for_update()
    )


async def hold(
    connection: AsyncConnection, table: Table, tenant_id: str, keys: Sequence[str]
) -> None:
    """Before reading the rows of these deadlines: an engine that changes one of them at the same
    time has committed by now, or arms the deadline after us. Where there is one writer at a time
    this is so anyway."""
    query = select(table.c.key).where(table.c.tenant_id == tenant_id, table.c.key.in_(keys))
    await connection.execute(query.order_by(table.c.key).with_for_update())


def by_tenant(
    keys: Sequence[tuple[str, str]], *, at_once: int = _KEYS_A_QUERY
) -> list[tuple[str, list[str]]]:
    """The keys in parts that a query can name, each of one tenant."""
    tenants: dict[str, list[str]] = {}
    for tenant_id, key in keys:
        tenants.setdefault(tenant_id, []).append(key)
    return [
        (tenant_id, part[start : start + at_once])
        for tenant_id, part in tenants.items()
        for start in range(0, len(part), at_once)
    ]
