"""Which opportunities a figure of a unit or rep counted: what stands behind it (P3, P5)."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.projections.domain.process_figures import contributions
from services.projections.domain.process_health import Scope
from services.projections.domain.windows import Moment
from services.projections.queries.asking import Asker
from services.projections.queries.figures import STATES
from services.projections.queries.read_models import PROCESSES
from shared.access import Resource
from shared.clock import milliseconds

_LISTED_AT_MOST = 500


class Counting(NamedTuple):
    """What is looked for; `begins` None: since ever. `stage` and `action` "" where it has none."""

    scope: Scope
    figures: Sequence[str]
    begins: datetime | None
    until: Moment
    stage: str = ""
    action: str = ""


async def opportunities_counted(
    connection: AsyncConnection, asker: Asker, counting: Counting
) -> dict[str, list[str]]:
    """By figure the ids of those in the asker's sight, the first 500 of each.

    A thing that moved to another unit since is in its old unit's figure, and not in sight (A9).
    """
    rows = PROCESSES.rows
    query = (
        select(rows.c.key, rows.c.unit_id, rows.c.owner_id, rows.c.body)
        .where(
            rows.c.tenant_id == asker.tenant_id,
            rows.c.opened_at <= milliseconds(counting.until.at),
        )
        .order_by(rows.c.key)
    )
    if counting.begins is not None:
        begins = milliseconds(counting.begins)
        query = query.where(or_(rows.c.closed_at.is_(None), rows.c.closed_at >= begins))
    seen = asker.visibility(Resource.TIMELINES)
    bodies = {
        key: body
        for key, unit_id, owner_id, body in await connection.execute(query)
        if seen.includes(unit_id=unit_id, owner_id=owner_id)
    }
    return await asyncio.to_thread(_counted, bodies, counting)


def _counted(bodies: Mapping[str, bytes], counting: Counting) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {figure: [] for figure in counting.figures}
    for key, body in bodies.items():
        for figure in _figures_of(body, counting):
            if len(found[figure]) < _LISTED_AT_MOST:
                found[figure].append(key)
    return found


def _figures_of(body: bytes, counting: Counting) -> Iterable[str]:
    sums = dict.fromkeys(counting.figures, 0)
    until = counting.until
    for point, amount in contributions(PROCESSES.decode(body)).items():
        is_asked = (
            point.figure in sums
            and Scope(point.unit_id, point.rep_id) == counting.scope
            and (point.stage, point.action) == (counting.stage, counting.action)
        )
        if not is_asked or point.at > until.at or (point.at == until.at and not until.inclusive):
            continue
        is_state = point.figure in STATES
        if is_state or counting.begins is None or point.at >= counting.begins:
            sums[point.figure] += amount
    return [figure for figure, total in sums.items() if total > 0]
