"""Units' weeks to be judged for workshops (P3), with the worst opportunities of each part."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.projections.domain.opportunity_row import (
    OpportunityProcess,
)
from services.projections.domain.process_figures import evidence_demands
from services.projections.domain.process_health import health, unhealthy_parts
from services.projections.domain.silence import silence_at
from services.projections.domain.watching import KnownSignal
from services.projections.domain.windows import Moment, Window, weeks_between
from services.projections.domain.workshop import RULE, UnitWeek, workshop_signal_id
from services.projections.queries.figures import ScopesAsked, first_moment, weekly_figures
from services.projections.queries.process_health_board import health_settings
from services.projections.queries.read_models import PROCESSES, SIGNALS
from shared.organisation import Organisation


async def ended_weeks(
    connection: AsyncConnection,
    tenant_id: str,
    organisation: Organisation,
    clock: datetime,
    since: datetime | None,
) -> list[UnitWeek]:
    """Every unit's weeks that ended between `since` and the clock, without their worst."""
    root_id = organisation.root_id
    if root_id is None:
        return []
    below = sorted(organisation.subtree(root_id) - {root_id})
    asked = ScopesAsked(tenant_id, root_id, below)
    first = await first_moment(connection, asked)
    if first is None or first.at > clock:
        return []
    begin = first.at if since is None else max(first.at, since)
    zone = organisation.zone(clock)
    weeks = [week for week in weeks_between(begin, clock, zone) if week.ends < clock]
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
    rows = SIGNALS.rows
    query = select(rows.c.body).where(
        rows.c.tenant_id == tenant_id, rows.c.rule == RULE, rows.c.state != "retracted"
    )
    found = [SIGNALS.decode(body) for body in (await connection.execute(query)).scalars()]
    return {
        each.signal_id: KnownSignal(
            signal_id=each.signal_id, due_at=each.due_at, state="raised", ended_at=each.ended_at
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


async def with_worst(
    connection: AsyncConnection, tenant_id: str, weeks: Sequence[UnitWeek], count: int
) -> list[UnitWeek]:
    """One walk over the opportunities for all of the weeks: the longest over their limit, those
    that skipped, those with the most actions short of evidence."""
    windows = {each.week.name: each.week for each in weeks}
    found: dict[tuple[str, str, str], list[tuple[float, str]]] = defaultdict(list)
    query = select(PROCESSES.rows.c.body).where(PROCESSES.rows.c.tenant_id == tenant_id)
    for body in (await connection.execute(query)).scalars():
        row = PROCESSES.decode(body)
        for window in windows.values():
            for unit_id, part, badness in _faults(row, window):
                found[unit_id, window.name, part].append((-badness, row.opportunity_id))
    return [
        UnitWeek(
            unit_path=each.unit_path,
            week=each.week,
            figures=each.figures,
            worst={
                part: [key for _, key in sorted(found[unit_id, name, part])[:count]]
                for unit_id, name, part in list(found)
                if (unit_id, name) == (each.unit_path[-1], each.week.name)
            },
        )
        for each in weeks
    ]


def _faults(row: OpportunityProcess, window: Window) -> list[tuple[str, str, float]]:
    """(unit, part, how bad) of one opportunity in a week."""
    faults: list[tuple[str, str, float]] = []
    silence = silence_at(row, window.ends)
    if silence is not None and silence.due_at is not None and silence.due_at < window.ends:
        over = (window.ends - silence.due_at).total_seconds()
        faults += [(unit_id, "silence_overrun", over) for unit_id in silence.unit_path]
    skips = [
        stay
        for stay in row.stays
        if stay.entered_how == "skip" and window.begins <= stay.entered_at < window.ends
    ]
    if skips:
        faults += [(unit_id, "stage_compliance", len(skips)) for unit_id in row.unit_path]
    for action, required in evidence_demands(row):
        if window.begins <= action.at < window.ends and not required <= set(action.evidence):
            path = row.paths[action.path] if action.path >= 0 else row.unit_path
            faults += [(unit_id, "evidence_rate", 1) for unit_id in path]
    return faults
