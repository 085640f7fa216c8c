"""Which opportunities and events a figure of a unit or rep counted: what stands behind it."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.projections.domain.every_thing import every_thing
from services.projections.domain.process_figures import Scopes
from services.projections.domain.process_health import Scope
from services.projections.domain.windows import Moment
from services.projections.queries.asking import Asker
from services.projections.queries.read_models import PROCESSES
from shared.access import Resource
from shared.clock import milliseconds

LISTED_AT_MOST = 500
_READ_AT_ONCE = 2_000


class Counting(NamedTuple):
    """What is looked for; `begins` None: since ever. `stage` None: every stage. `by_reps`: a unit
    has what its reps have, nothing counts for it as a whole."""

    scope: Scope
    figures: Sequence[str]
    begins: datetime | None
    until: Moment
    stage: str | None = None
    by_reps: bool = False

    def concerns(self, scopes: Scopes) -> bool:
        if self.by_reps and not self.scope.rep_id:
            return any(unit_id == self.scope.unit_id for unit_id, _ in scopes)
        return tuple(self.scope) in scopes


class CountedKey(NamedTuple):
    """`stage` and `action` are "" where a figure has none."""

    figure: str
    stage: str
    action: str


class CountedOpportunity(NamedTuple):
    """One of those behind a figure, with the events that made it count."""

    opportunity_id: str
    event_ids: tuple[str, ...]


Counted = Mapping[CountedKey, Sequence[CountedOpportunity]]
"""Those in the asker's sight by id, the first 500 of each."""


async def opportunities_counted(
    connection: AsyncConnection, asker: Asker, counting: Counting
) -> Counted:
    """What moved to another unit since is in its old unit's figure, and not in sight (A9)."""
    rows = PROCESSES.rows
    seen = asker.visibility(Resource.TIMELINES)
    query = (
        select(rows.c.key, rows.c.unit_id, rows.c.owner_id, rows.c.body)
        .where(
            rows.c.tenant_id == asker.tenant_id,
            rows.c.opened_at <= milliseconds(counting.until.at),
        )
        .order_by(rows.c.key)
        .limit(_READ_AT_ONCE)
    )
    if counting.begins is not None:
        begins = milliseconds(counting.begins)
        query = query.where(or_(rows.c.closed_at.is_(None), rows.c.closed_at >= begins))
    counted: dict[CountedKey, list[CountedOpportunity]] = {}
    after = ""
    while found := (await connection.execute(query.where(rows.c.key > after))).all():
        after = found[-1].key
        bodies = {
            each.key: each.body
            for each in found
            if seen.includes(unit_id=each.unit_id, owner_id=each.owner_id)
        }
        await asyncio.to_thread(_count, bodies, counting, counted)
    return counted


def _count(
    bodies: Mapping[str, bytes],
    counting: Counting,
    counted: dict[CountedKey, list[CountedOpportunity]],
) -> None:
    for opportunity_id, body in bodies.items():
        for key, event_ids in _counted_in(body, counting).items():
            listed = counted.setdefault(key, [])
            if len(listed) < LISTED_AT_MOST:
                listed.append(CountedOpportunity(opportunity_id, tuple(event_ids)))


def _counted_in(body: bytes, counting: Counting) -> dict[CountedKey, dict[str, None]]:
    """The figures it counts in, each with the events that prove it, in order, each once."""
    found: dict[CountedKey, dict[str, None]] = {}
    for thing in every_thing(PROCESSES.decode(body)):
        if (
            thing.figure in counting.figures
            and counting.concerns(thing.scopes)
            and counting.stage in (None, thing.stage)
            and thing.counts(counting.begins, counting.until)
        ):
            key = CountedKey(thing.figure, thing.stage, thing.action)
            found.setdefault(key, {}).update(dict.fromkeys(thing.event_ids))
    return found


def behind(counted: Counted, figures: Iterable[str]) -> dict[str, Any]:
    """By figure the ids of the opportunities, and with them their events."""
    merged = {
        figure: sorted(
            each for key, found in counted.items() if key.figure == figure for each in found
        )
        for figure in figures
    }
    return {
        "opportunities": {
            figure: [each.opportunity_id for each in found] for figure, found in merged.items()
        },
        "behind": {
            figure: [
                {"opportunity_id": each.opportunity_id, "event_ids": list(each.event_ids)}
                for each in found
            ]
            for figure, found in merged.items()
        },
    }


def event_ids_of(counted: Counted) -> list[str]:
    """Each once, in the order of the figures and opportunities."""
    every = (each for found in counted.values() for each in found)
    return list(dict.fromkeys(event_id for each in every for event_id in each.event_ids))
