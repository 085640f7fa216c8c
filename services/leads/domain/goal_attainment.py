"""GOAL_TARGETS: what reps are to reach in a month, and how far they have come (L5, P9)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

from shared.business_time import BusinessCalendar
from shared.envelope import RecordedEvent
from shared.events.goals import GoalRemoved, GoalSet
from shared.projection import Projection

_METRIC = "valid_leads"
"""The one that adds up over the month: first visits are judged when it is long over."""
_ONE_DAY = timedelta(days=1)


class WorkingMonth(NamedTuple):
    """Working days of a month, and how many of them have begun."""

    days: int
    gone: int


def working_month(calendar: BusinessCalendar, month: str, today: date) -> WorkingMonth:
    """`month` as 2026-03."""
    day, days, gone = date.fromisoformat(f"{month}-01"), 0, 0
    while day.isoformat()[:7] == month:
        works = calendar.is_working_day(day)
        days += works
        gone += works and day <= today
        day += _ONE_DAY
    return WorkingMonth(days, gone)


def attainments(
    valid_leads: Mapping[str, int], targets: Mapping[str, float], month: WorkingMonth
) -> dict[str, float]:
    """By rep: (valid leads ÷ goal) ÷ (working days begun ÷ working days of the month), 1 being on
    course. Who has no goal, or none above zero, has none, as all before the month's first working
    day (L5)."""
    if not month.gone:
        return {}
    share = month.gone / month.days
    return {
        rep_id: valid_leads.get(rep_id, 0) / target / share
        for rep_id, target in targets.items()
        if target
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalTarget:
    target: float


def target_key(month: str, rep_id: str) -> str:
    return _key(month, "person", rep_id, _METRIC)


def _key(month: str, scope_kind: str, scope_id: str, metric: str) -> str:
    return f"{month}/{scope_kind}/{scope_id}/{metric}"


def _key_of(event: GoalSet | GoalRemoved) -> str:
    return _key(event.month, event.scope_kind, event.scope_id, event.metric)


def evolve(row: GoalTarget | None, recorded: RecordedEvent) -> GoalTarget | None:
    event: Any = recorded.event
    return GoalTarget(target=event.target) if isinstance(event, GoalSet) else None


GOAL_TARGETS: Projection[GoalTarget] = Projection(
    name="goal_targets",
    version=1,
    reads=(GoalSet, GoalRemoved),
    row_type=GoalTarget,
    key=_key_of,
    evolve=evolve,
)
