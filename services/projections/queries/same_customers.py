"""Who looks like a customer that was there before them, at a moment (P14)."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.projections.domain.customer_identity import (
    Counts,
    CustomerIdentity,
    LooksLike,
    came_second,
    merge_of,
    recognised_as,
)
from services.projections.queries.read_models import IDENTITIES, MARKS
from shared.projecting import RowReadModel

_KEYS_A_QUERY = 500
Row = TypeVar("Row")


async def look_alikes(
    connection: AsyncConnection,
    tenant_id: str,
    identities: Mapping[str, CustomerIdentity],
    counts: Counts,
) -> Mapping[str, LooksLike]:
    """Of these customers; opened are the rows of those who share a mark with one of them, and of
    whom they were merged into."""
    said = (recognised_as(each, counts) for each in identities.values())
    sharing = await _sharing(
        connection, tenant_id, {m for each in said if each for m in each.marks}
    )
    known = dict(identities)
    wanted = {customer for group in sharing.values() for customer in group} - known.keys()
    while wanted:
        known |= dict.fromkeys(wanted, CustomerIdentity())
        known |= await rows_of(connection, IDENTITIES, tenant_id, wanted)
        merges = (merge_of(known[each], counts) for each in wanted)
        wanted = {each.into for each in merges if each and each.into} - known.keys()
    found: dict[str, LooksLike] = {}
    for mark, group in sorted(sharing.items()):
        found = {**came_second(mark, group, known, counts), **found}
    return found


async def _sharing(
    connection: AsyncConnection, tenant_id: str, marks: Collection[str]
) -> dict[str, list[str]]:
    """By mark who ever had it, where several have."""
    table = MARKS.table
    found: dict[str, list[str]] = {}
    for some in _some(marks):
        of_these = (table.c.tenant_id == tenant_id) & table.c.mark.in_(some)
        several = (
            select(table.c.mark).where(of_these).group_by(table.c.mark).having(func.count() > 1)
        )
        query = select(table.c.mark, table.c.customer_id).where(
            table.c.tenant_id == tenant_id, table.c.mark.in_(several)
        )
        for mark, customer_id in await connection.execute(query):
            found.setdefault(mark, []).append(customer_id)
    return found


async def rows_of(
    connection: AsyncConnection, model: RowReadModel[Row], tenant_id: str, keys: Collection[str]
) -> dict[str, Row]:
    rows = model.rows
    found: dict[str, Any] = {}
    for some in _some(keys):
        query = select(rows.c.key, rows.c.body).where(
            rows.c.tenant_id == tenant_id, rows.c.key.in_(some)
        )
        for key, body in await connection.execute(query):
            found[key] = model.decode(body)
    return found


def _some(keys: Collection[str]) -> Sequence[Sequence[str]]:
    wanted = sorted(keys)
    return [wanted[at : at + _KEYS_A_QUERY] for at in range(0, len(wanted), _KEYS_A_QUERY)]
