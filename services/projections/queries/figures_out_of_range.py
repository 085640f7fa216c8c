"""Which figures of windows that are over are out of their range: P4, P8, P9."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.projections.domain.action_health import (
    ANALYSES_REST_ON,
    ActionHealth,
    action_health,
)
from services.projections.domain.golden_actions import LightSettings, light
from services.projections.domain.process_health import Scope, ratio
from services.projections.domain.traffic_lights import DUE, LIGHTS, MET, LightCount
from services.projections.domain.watching import KnownSignal
from services.projections.domain.window_signals import (
    COACH_NEEDED,
    GOAL_RED,
    LIGHT_RED,
    RULES,
    FigureOutOfRange,
)
from services.projections.domain.windows import (
    Moment,
    Window,
    month_named,
    month_of,
    weeks_between,
)
from services.projections.queries.action_health_board import action_health_settings
from services.projections.queries.behaviour_figures import Span, UnitsAsked, months_of_actions
from services.projections.queries.figures import POINTS, SERIES, before, week_index
from services.projections.queries.goal_months import (
    MonthAsked,
    goal_settings,
    scope_months,
    targets,
)
from services.projections.queries.goals_board import siblings, unit_is_red
from services.projections.queries.process_health_board import unit_of_rep
from services.projections.queries.read_models import SIGNALS, TARGETS
from shared.clock import moment
from shared.organisation import Organisation
from shared.projection import UNIT_AS_A_WHOLE


async def figures_out_of_range(
    connection: AsyncConnection, organisation: Organisation, clock: datetime
) -> list[FigureOutOfRange]:
    """Of every window that is over by the clock."""
    if organisation.root_id is None:
        return []
    return [
        *await _coaches_needed(connection, organisation, clock),
        *await _lights_red(connection, organisation, clock),
        *await _goals_red(connection, organisation, clock),
    ]


async def known_of_windows(connection: AsyncConnection, tenant_id: str) -> dict[str, KnownSignal]:
    """Those that are not retracted, as the signals' own log has them."""
    rows = SIGNALS.rows
    query = select(rows.c.body).where(
        rows.c.tenant_id == tenant_id, rows.c.rule.in_(RULES), rows.c.state != "retracted"
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


async def _since(
    connection: AsyncConnection, organisation: Organisation, *figures: str
) -> datetime | None:
    """When the first of these was counted in the tenant."""
    query = (
        select(func.min(POINTS.c.at))
        .join_from(POINTS, SERIES, POINTS.c.series_id == SERIES.c.series_id)
        .where(
            SERIES.c.tenant_id == organisation.tenant_id,
            SERIES.c.unit_id == organisation.root_id,
            SERIES.c.figure.in_(figures),
        )
    )
    found = (await connection.execute(query)).scalar_one()
    return None if found is None else moment(found)


async def _coaches_needed(
    connection: AsyncConnection, organisation: Organisation, clock: datetime
) -> list[FigureOutOfRange]:
    """Reps whose index is under 85 two months running (P4)."""
    since = await _since(connection, organisation, "acted", "visit")
    if since is None:
        return []
    asked = UnitsAsked(organisation.tenant_id, [organisation.root_id or ""])
    found: list[FigureOutOfRange] = []
    low_before: dict[str, ActionHealth] = {}
    for month in _months_over(since, clock, organisation):
        low = await _low_reps(connection, asked, organisation, month)
        found += [
            _coach(organisation, rep_id, month, (low_before[rep_id], measured))
            for rep_id, measured in sorted(low.items())
            if rep_id in low_before
        ]
        low_before = low
    return found


async def _low_reps(
    connection: AsyncConnection, asked: UnitsAsked, organisation: Organisation, month: Window
) -> dict[str, ActionHealth]:
    settings = action_health_settings(organisation, month.ends)
    span = Span(month.begins, Moment(month.ends, inclusive=False))
    counted = await months_of_actions(connection, asked, span, settings.timely_record_hours)
    measured = {
        scope.rep_id: action_health(actions, settings)
        for scope, actions in counted.items()
        if scope.rep_id
    }
    return {
        rep_id: each
        for rep_id, each in measured.items()
        if each.index is not None and each.index < settings.coach_below
    }


def _months_over(since: datetime, clock: datetime, organisation: Organisation) -> Iterator[Window]:
    zone = organisation.zone(clock)
    month = month_of(since, zone)
    while month.ends < clock:
        yield month
        month = month_of(month.ends, zone)


def _coach(
    organisation: Organisation,
    rep_id: str,
    month: Window,
    months: tuple[ActionHealth, ActionHealth],
) -> FigureOutOfRange:
    former, measured = months
    unit_id = unit_of_rep(organisation, rep_id, Moment(month.ends, inclusive=False))
    return FigureOutOfRange(
        rule=COACH_NEEDED,
        subject=("person", rep_id),
        window=month.name,
        anchor=month.name,
        due_at=month.ends,
        unit_path=organisation.unit_path(unit_id or organisation.root_id or ""),
        owner_id=rep_id,
        facts={
            "index": measured.index,
            "index_before": former.index,
            "weakest": measured.weakest,
            "conversations": [],
            "absent": [ANALYSES_REST_ON],
        },
    )


async def _lights_red(
    connection: AsyncConnection, organisation: Organisation, clock: datetime
) -> list[FigureOutOfRange]:
    """Units a light of whose week is red that was not red when it last showed (P8)."""
    since = await _since(connection, organisation, DUE)
    if since is None or since > clock:
        return []
    weeks = [
        week for week in weeks_between(since, clock, organisation.zone(clock)) if week.ends < clock
    ]
    if not weeks:
        return []
    found: list[FigureOutOfRange] = []
    for (unit_id, name), counts in sorted(
        (await weekly_lights(connection, organisation, weeks)).items()
    ):
        was: str | None = None
        for week, count in zip(weeks, counts, strict=True):
            rate = ratio(count.met, count.due)
            colour = light(rate, _lights_at(organisation, week.ends))
            if colour == "red" and was != "red" and organisation.knows_unit(unit_id):
                found.append(_red_light(organisation, (unit_id, name), week, count))
            was = colour or was
    return found


def _lights_at(organisation: Organisation, at: datetime) -> LightSettings:
    number = organisation.number_setting
    return LightSettings(
        green_from=number("light_green", at), yellow_from=number("light_yellow", at)
    )


def _red_light(
    organisation: Organisation, which: tuple[str, str], week: Window, count: LightCount
) -> FigureOutOfRange:
    unit_id, name = which
    return FigureOutOfRange(
        rule=LIGHT_RED,
        subject=("unit", unit_id),
        window=week.name,
        anchor=f"{week.name}:{name}",
        due_at=week.ends,
        unit_path=organisation.unit_path(unit_id),
        owner_id=None,
        facts={"measure": name, "met": count.met, "due": count.due, "rate": count.met / count.due},
    )


async def weekly_lights(
    connection: AsyncConnection, organisation: Organisation, weeks: Sequence[Window]
) -> dict[tuple[str, str], list[LightCount]]:
    """Per unit and light what was due and met in each of some weeks in a row."""
    index = week_index(weeks).label("week")
    columns = (SERIES.c.unit_id, SERIES.c.action, SERIES.c.figure)
    query = (
        select(*columns, index, func.sum(POINTS.c.amount))
        .join_from(POINTS, SERIES, POINTS.c.series_id == SERIES.c.series_id)
        .where(
            SERIES.c.tenant_id == organisation.tenant_id,
            SERIES.c.rep_id == UNIT_AS_A_WHOLE,
            SERIES.c.figure.in_((DUE, MET)),
            SERIES.c.action.in_(LIGHTS),
            before(Moment(weeks[-1].ends, inclusive=False)),
        )
        .group_by(*columns, index)
    )
    sums: dict[tuple[str, str], dict[tuple[str, int], int]] = {}
    for unit_id, name, figure, week, amount in await connection.execute(query):
        sums.setdefault((unit_id, name), {})[figure, int(week)] = int(amount)
    return {
        key: [
            LightCount(each.get((MET, week), 0), each.get((DUE, week), 0))
            for week in range(len(weeks))
        ]
        for key, each in sums.items()
    }


async def _goals_red(
    connection: AsyncConnection, organisation: Organisation, clock: datetime
) -> list[FigureOutOfRange]:
    """Of months with goals whose first visits can all be judged by now (P9)."""
    zone = organisation.zone(clock)
    query = select(TARGETS.rows.c.key).where(TARGETS.rows.c.tenant_id == organisation.tenant_id)
    names = sorted((await connection.execute(query)).scalars())
    found: list[FigureOutOfRange] = []
    for name in names:
        month = month_named(name, zone)
        days = goal_settings(organisation, month.ends).first_visit_days
        due_at = month.ends + timedelta(days=days)
        if due_at < clock:
            found += await _red_units(connection, organisation, month, due_at)
    return found


async def _red_units(
    connection: AsyncConnection, organisation: Organisation, month: Window, due_at: datetime
) -> list[FigureOutOfRange]:
    units = sorted(organisation.subtree(organisation.root_id or ""))
    until = Moment(month.ends, inclusive=False)
    held = await targets(connection, organisation.tenant_id, month.name, month.ends)
    asked = MonthAsked(organisation, units, month, until)
    months = await scope_months(connection, asked, due_at)
    found = []
    for unit_id in units:
        own = months.get(Scope(unit_id, ""))
        if own is None or not unit_is_red(organisation, unit_id, months, held, month.ends):
            continue
        facts = {
            "valid_leads": own.valid_leads,
            "first_visit_rate": own.first_visits.rate,
            "kit": "first-visit",
            "siblings": list(siblings(organisation, unit_id)),
        }
        found.append(
            FigureOutOfRange(
                rule=GOAL_RED,
                subject=("unit", unit_id),
                window=month.name,
                anchor=month.name,
                due_at=due_at,
                unit_path=organisation.unit_path(unit_id),
                owner_id=None,
                facts=facts,
            )
        )
    return found
