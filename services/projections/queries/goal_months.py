"""What units and reps did in a month towards their goals (P9)."""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.projections.domain.action_figures import NEXT_STEP, PAIN_POINT
from services.projections.domain.goal_board import (
    NO_QUALIFIED_ACTIONS,
    CustomerVisited,
    GoalSettings,
    QualifiedActions,
    ScopeMonth,
    first_visits,
)
from services.projections.domain.goals import GoalKey
from services.projections.domain.process_health import Scope
from services.projections.domain.windows import Moment, Window
from services.projections.queries.behaviour_figures import Span, UnitsAsked, moments
from services.projections.queries.figures import POINTS, SERIES, before, sums
from services.projections.queries.lead_courses import valid_leads
from services.projections.queries.read_models import TARGETS
from shared.clock import moment
from shared.organisation import Organisation
from shared.projection import UNIT_AS_A_WHOLE

_ACTED = ("acted", "marked")
_CUSTOMERS_A_QUERY = 500


class MonthAsked(NamedTuple):
    """`unit_ids`: those looked at, with everybody in them or only `reps`; without `with_units` not
    as a whole. The window ends at `until`."""

    organisation: Organisation
    unit_ids: Sequence[str]
    window: Window
    until: Moment
    reps: Collection[str] | None = None
    with_units: bool = True

    @property
    def span(self) -> Span:
        return Span(self.window.begins, self.until)

    @property
    def units(self) -> UnitsAsked:
        reps = None if self.with_units else self.reps
        return UnitsAsked(self.organisation.tenant_id, self.unit_ids, reps)

    def is_of(self, rep_id: str) -> bool:
        return self.reps is None or rep_id in self.reps


def goal_settings(organisation: Organisation, at: datetime) -> GoalSettings:
    number = organisation.number_setting
    return GoalSettings(
        first_visit_days=int(number("first_visit_days", at)),
        red_share=number("first_visit_red_share", at),
        qualified_characters=int(number("qualified_summary_characters", at)),
        qualified_a_day=int(number("qualified_actions_a_day", at)),
    )


async def targets(
    connection: AsyncConnection, tenant_id: str, month: str, at: datetime
) -> dict[GoalKey, float]:
    """In force at a moment."""
    rows = TARGETS.rows
    query = select(rows.c.body).where(rows.c.tenant_id == tenant_id, rows.c.key == month)
    body = (await connection.execute(query)).scalar_one_or_none()
    held = {} if body is None else TARGETS.decode(body).at(at)
    return {key: change.target for key, change in held.items() if change.target is not None}


async def scope_months(
    connection: AsyncConnection, asked: MonthAsked, now: datetime
) -> dict[Scope, ScopeMonth]:
    """Per unit, and per rep in it. First visits are judged by what happened up to `now`."""
    organisation = asked.organisation
    settings = goal_settings(organisation, asked.until.at)
    leads = await valid_leads(connection, organisation.tenant_id, asked.window, asked.span)
    visited = await customers_visited(connection, asked, now)
    kept = await _days_kept(connection, asked, settings)
    qualified = await _qualities(connection, asked, settings)
    days = working_days(organisation, asked.window, asked.until)
    wanted = set(asked.unit_ids)
    scopes = {
        scope
        for scope in (*leads, *visited, *qualified)
        if scope.unit_id in wanted and (not scope.rep_id or asked.is_of(scope.rep_id))
    }
    return {
        scope: ScopeMonth(
            valid_leads=len(leads.get(scope, ())),
            first_visits=first_visits(visited.get(scope, ()), settings.first_visit_days, now),
            qualified=qualified.get(scope, NO_QUALIFIED_ACTIONS),
            days=len(days),
            days_kept=len(kept.get(scope, set()) & days),
        )
        for scope in scopes
    }


async def customers_visited(
    connection: AsyncConnection, asked: MonthAsked, now: datetime
) -> dict[Scope, list[CustomerVisited]]:
    """The customers first visited in the month, by who visited them."""
    root_id = asked.organisation.root_id
    found = await moments(connection, asked.units, ("visited",), asked.span)
    customers = sorted({each.action for each in found})
    if root_id is None or not customers:
        return {}
    everything = await _of_customers(connection, asked, customers, Moment(now, inclusive=True))
    visited: dict[Scope, list[CustomerVisited]] = defaultdict(list)
    first_of: dict[tuple[Scope, str], datetime] = {}
    for each in sorted(found, key=lambda one: one.at):
        first_of.setdefault((each.scope, each.action), each.at)
    for (scope, customer_id), at in first_of.items():
        visits = tuple(everything["visited", customer_id])
        if visits and visits[0] == at:
            won = tuple(everything["customer_won", customer_id])
            course = CustomerVisited(customer_id=customer_id, first_at=at, visits=visits, won=won)
            visited[scope].append(course)
    return visited


async def _of_customers(
    connection: AsyncConnection, asked: MonthAsked, customers: Sequence[str], until: Moment
) -> Mapping[tuple[str, str], list[datetime]]:
    """All visits to them and all they were won by, in order, in the whole tenant."""
    found: dict[tuple[str, str], list[datetime]] = defaultdict(list)
    for start in range(0, len(customers), _CUSTOMERS_A_QUERY):
        query = (
            select(SERIES.c.figure, SERIES.c.action, POINTS.c.at)
            .join_from(POINTS, SERIES, POINTS.c.series_id == SERIES.c.series_id)
            .where(
                SERIES.c.tenant_id == asked.organisation.tenant_id,
                SERIES.c.unit_id == asked.organisation.root_id,
                SERIES.c.rep_id == UNIT_AS_A_WHOLE,
                SERIES.c.figure.in_(("visited", "customer_won")),
                SERIES.c.action.in_(customers[start : start + _CUSTOMERS_A_QUERY]),
                POINTS.c.amount != 0,
                before(until),
            )
            .order_by(POINTS.c.at)
        )
        for figure, customer_id, at in await connection.execute(query):
            found[figure, customer_id].append(moment(at))
    return found


def _is_long_enough(figure: str, stage: str, action: str, settings: GoalSettings) -> bool:
    """Whether an action's summary is: `acted` says its length, and `marked` again, with marks."""
    return int(action if figure == "acted" else stage) >= settings.qualified_characters


async def _days_kept(
    connection: AsyncConnection, asked: MonthAsked, settings: GoalSettings
) -> dict[Scope, set[date]]:
    """Per rep the days with enough qualified actions."""
    zone = ZoneInfo(asked.organisation.zone(asked.until.at))
    counts: dict[Scope, Counter[date]] = defaultdict(Counter)
    of_reps = asked.units._replace(reps=asked.reps)
    for each in await moments(connection, of_reps, ("acted",), asked.span):
        if _is_long_enough(each.figure, each.stage, each.action, settings):
            counts[each.scope][each.at.astimezone(zone).date()] += each.amount
    return {
        scope: {day for day, count in by_day.items() if count >= settings.qualified_a_day}
        for scope, by_day in counts.items()
    }


async def _qualities(
    connection: AsyncConnection, asked: MonthAsked, settings: GoalSettings
) -> dict[Scope, QualifiedActions]:
    """Per rep who is asked for, and per unit those of all its reps."""
    counts: dict[Scope, Counter[str]] = defaultdict(Counter)
    span = asked.span
    for each in await sums(connection, asked.units.condition(), _ACTED, *span):
        if not _is_long_enough(each.figure, each.stage, each.action, settings):
            continue
        named = ("acted",) if each.figure == "acted" else each.action
        found = [counts[Scope(each.scope.unit_id, UNIT_AS_A_WHOLE)]]
        if asked.is_of(each.scope.rep_id):
            found.append(counts[each.scope])
        for count in found:
            for name in named:
                count[name] += each.amount
    return {
        scope: QualifiedActions(count["acted"], count[PAIN_POINT], count[NEXT_STEP])
        for scope, count in counts.items()
        if any(count.values())
    }


def working_days(organisation: Organisation, window: Window, until: Moment) -> frozenset[date]:
    """Those of the window that have begun by its end."""
    zone = ZoneInfo(organisation.zone(until.at))
    calendar = organisation.calendar(until.at)
    day, last = window.begins.astimezone(zone).date(), until.at.astimezone(zone)
    found = set()
    while datetime(day.year, day.month, day.day, tzinfo=zone) < last:
        if calendar.is_working_day(day):
            found.add(day)
        day += timedelta(days=1)
    return frozenset(found)
