"""Units' weeks to be judged for workshops (P3), with the worst opportunities of each part."""

import asyncio
from bisect import bisect_right
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.projections.domain.counted_things import counted_things
from services.projections.domain.opportunity_row import OpportunityProcess
from services.projections.domain.process_health import health, unhealthy_parts
from services.projections.domain.watching import KnownSignal
from services.projections.domain.windows import Moment, weeks_between
from services.projections.domain.workshop import RULE, UnitWeek, faults, workshop_signal_id
from services.projections.queries.figures import ScopesAsked, first_moment, weekly_figures
from services.projections.queries.process_health_board import health_settings
from services.projections.queries.read_models import PROCESSES, SIGNALS
from shared.clock import milliseconds
from shared.organisation import Organisation

_READ_AT_ONCE = 2_000


async def ended_weeks(
    connection: AsyncConnection, tenant_id: str, organisation: Organisation, clock: datetime
) -> list[UnitWeek]:
    """Every unit's weeks with data that ended before the clock, without their worst."""
    root_id = organisation.root_id
    if root_id is None:
        return []
    below = sorted(organisation.subtree(root_id) - {root_id})
    asked = ScopesAsked(tenant_id, root_id, below)
    first = await first_moment(connection, asked)
    if first is None or first.at > clock:
        return []
    zone = organisation.zone(clock)
    weeks = [week for week in weeks_between(first.at, clock, zone) if week.ends < clock]
    if not weeks:
        return []
    until = Moment(weeks[-1].ends, inclusive=False)
    figures = await weekly_figures(connection, asked, weeks, until)
    return [
        UnitWeek(
            unit_path=organisation.unit_path(scope.unit_id),
            week=week,
            figures=of_weeks[number],
            worst={},
        )
        for scope, of_weeks in sorted(figures.items())
        if not scope.rep_id and organisation.knows_unit(scope.unit_id)
        for number, week in enumerate(weeks)
    ]


def is_unhealthy(organisation: Organisation, unit_week: UnitWeek) -> bool:
    settings = health_settings(organisation, unit_week.week.ends)
    return bool(unhealthy_parts(health(unit_week.figures, settings), settings))


async def known_proposals(connection: AsyncConnection, tenant_id: str) -> dict[str, KnownSignal]:
    """Those that are not retracted, as the signals' own log has them."""
    rows = SIGNALS.rows
    query = select(rows.c.body).where(
        rows.c.tenant_id == tenant_id, rows.c.rule == RULE, rows.c.state != "retracted"
    )
    found = [SIGNALS.decode(body) for body in (await connection.execute(query)).scalars()]
    return {
        each.signal_id: KnownSignal(
            signal_id=each.signal_id,
            due_at=each.due_at,
            state="raised" if each.state == "open" else each.state,
            ended_at=each.ended_at,
        )
        for each in found
    }


def to_be_proposed(
    tenant_id: str, weeks: Sequence[UnitWeek], known: Mapping[str, KnownSignal]
) -> list[UnitWeek]:
    return [
        each
        for each in weeks
        if workshop_signal_id(tenant_id, each.unit_path[-1], each.week.name) not in known
    ]


Fault = tuple[str, str, str]
"""A unit, a week by its name, a part of the index."""


class _Faults:
    """What is bad in some units' weeks, gathered one opportunity at a time."""

    def __init__(self, organisation: Organisation, weeks: Sequence[UnitWeek]) -> None:
        named = {each.week.name: each.week for each in weeks}
        self._weeks = sorted(named.values(), key=lambda week: week.begins)
        self._ends = [week.ends for week in self._weeks]
        self._index_uses = {
            each.week.name: health_settings(organisation, each.week.ends).index_uses
            for each in weeks
        }
        self._wanted = {(each.unit_path[-1], each.week.name) for each in weeks}
        self.found: dict[Fault, list[tuple[float, str]]] = defaultdict(list)
        self.imported_until: dict[tuple[str, str], datetime] = {}

    def gather(self, bodies: Sequence[bytes]) -> None:
        for body in bodies:
            self._gather_of(PROCESSES.decode(body))

    def _gather_of(self, row: OpportunityProcess) -> None:
        things = list(counted_things(row))
        for week in self._weeks[bisect_right(self._ends, min(thing.at for thing in things)) :]:
            if not row.is_open and week.begins > (row.stays[-1].left_at or week.begins):
                return
            found = faults(things, week, self._index_uses[week.name])
            for (unit_id, part), badness in found.items():
                if (unit_id, week.name) in self._wanted:
                    self.found[unit_id, week.name, part].append((-badness, row.opportunity_id))
                    self._note_import(unit_id, week.name, row)

    def _note_import(self, unit_id: str, name: str, row: OpportunityProcess) -> None:
        until, before = row.imported_until, self.imported_until.get((unit_id, name))
        if until is not None and (before is None or before < until):
            self.imported_until[unit_id, name] = until


async def with_worst(
    connection: AsyncConnection,
    organisation: Organisation,
    weeks: Sequence[UnitWeek],
    count: int,
) -> list[UnitWeek]:
    """One walk over the opportunities for all of the weeks: the longest over their limit, those
    that skipped, those with the most actions short of evidence; and when these were imported."""
    gathered = _Faults(organisation, weeks)
    latest = max(each.week.ends for each in weeks)
    async for bodies in _bodies_opened_before(connection, organisation.tenant_id, latest):
        await asyncio.to_thread(gathered.gather, bodies)
    worst: dict[tuple[str, str], dict[str, list[str]]] = defaultdict(dict)
    for (unit_id, name, part), found in gathered.found.items():
        worst[unit_id, name][part] = [key for _, key in sorted(found)[:count]]
    return [
        replace(
            each,
            worst=worst[each.unit_path[-1], each.week.name],
            imported_until=gathered.imported_until.get((each.unit_path[-1], each.week.name)),
        )
        for each in weeks
    ]


async def _bodies_opened_before(
    connection: AsyncConnection, tenant_id: str, moment: datetime
) -> AsyncIterator[list[bytes]]:
    """Some at a time: all of a large tenant's would not fit beside everything else."""
    rows, after = PROCESSES.rows, ""
    while True:
        query = (
            select(rows.c.key, rows.c.body)
            .where(
                rows.c.tenant_id == tenant_id,
                rows.c.key > after,
                rows.c.opened_at < milliseconds(moment),
            )
            .order_by(rows.c.key)
            .limit(_READ_AT_ONCE)
        )
        found = (await connection.execute(query)).all()
        if not found:
            return
        after = found[-1].key
        yield [body for _key, body in found]
