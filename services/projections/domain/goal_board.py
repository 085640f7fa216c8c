"""What was reached of the goals, by unit and rep, with the rule that marks a unit red (P9)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from services.projections.domain.goals import (
    BASKET_GROWTH,
    FIRST_VISIT_RATE,
    METRICS,
    PERSON,
    REPEAT_PURCHASES,
    UNIT,
    VALID_LEADS,
    GoalKey,
)
from services.projections.domain.process_health import Scope, ratio

ABSENT = {REPEAT_PURCHASES: "O18", BASKET_GROWTH: "O18"}
"""Metrics that rest on what is not there yet, with its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalSettings:
    first_visit_days: int = 90
    red_share: float = 0.85
    qualified_characters: int = 10
    qualified_a_day: int = 2


DEFAULT_GOAL_SETTINGS = GoalSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerVisited:
    """A customer's first visit with what came of it: later visits and winnings, in order."""

    customer_id: str
    first_at: datetime
    visits: tuple[datetime, ...]
    won: tuple[datetime, ...]

    def is_closed_at_once(self, days: int) -> bool:
        """Won within the days, without a second visit up to then."""
        limit = self.first_at + timedelta(days=days)
        won_at = next((at for at in self.won if self.first_at <= at <= limit), None)
        if won_at is None:
            return False
        return not any(self.first_at < at <= won_at for at in self.visits)


class FirstVisits(NamedTuple):
    closed: int
    visited: int

    @property
    def rate(self) -> float | None:
        return ratio(self.closed, self.visited)


NO_FIRST_VISITS = FirstVisits(0, 0)


class QualifiedActions(NamedTuple):
    """Of these: in how many a pain point was mentioned, in how many the next step was booked."""

    actions: int
    pain_point: int
    next_step: int

    def shown(self) -> dict[str, Any]:
        return {
            **self._asdict(),
            "pain_point_rate": ratio(self.pain_point, self.actions),
            "next_step_rate": ratio(self.next_step, self.actions),
        }


NO_QUALIFIED_ACTIONS = QualifiedActions(0, 0, 0)


def first_visits(visited: Sequence[CustomerVisited], days: int, now: datetime) -> FirstVisits:
    """Of the customers whose first visit is longer ago than the days (P9)."""
    over = [each for each in visited if each.first_at + timedelta(days=days) <= now]
    return FirstVisits(sum(each.is_closed_at_once(days) for each in over), len(over))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeMonth:
    """What is counted for a unit or rep in a month. `days` and `days_kept`: the rep's working days
    that are over, and those with enough qualified actions."""

    valid_leads: int = 0
    first_visits: FirstVisits = NO_FIRST_VISITS
    qualified: QualifiedActions = NO_QUALIFIED_ACTIONS
    days: int = 0
    days_kept: int = 0

    @property
    def has_something(self) -> bool:
        return bool(self.valid_leads or self.first_visits.visited or self.qualified.actions)

    def actual(self, metric: str) -> float | None:
        if metric == VALID_LEADS:
            return float(self.valid_leads)
        return self.first_visits.rate if metric == FIRST_VISIT_RATE else None


def is_red(
    month: ScopeMonth,
    target: float | None,
    siblings: Sequence[ScopeMonth],
    settings: GoalSettings = DEFAULT_GOAL_SETTINGS,
) -> bool:
    """Valid leads on target while the first-visit rate is under 0.85 × the siblings' mean: leads
    are called valid that are not (P9)."""
    rate = month.first_visits.rate
    rates = [each.first_visits.rate for each in siblings]
    others = [each for each in rates if each is not None]
    if rate is None or not others or target is None or not target:
        return False
    is_on_target = month.valid_leads >= target
    return is_on_target and rate < settings.red_share * sum(others) / len(others)


def goal_row(
    scope: Scope,
    window: str,
    month: ScopeMonth,
    targets: Mapping[GoalKey, float],
    *,
    red: bool,
    unit_of_rep: str | None = None,
) -> dict[str, Any]:
    kind, scope_id = (PERSON, scope.rep_id) if scope.rep_id else (UNIT, scope.unit_id)
    return {
        "unit_id": (unit_of_rep or scope.unit_id) if scope.rep_id else scope.unit_id,
        "rep_id": scope.rep_id or None,
        "month": window,
        "metrics": [
            _metric(metric, month, targets.get(GoalKey(kind, scope_id, metric)))
            for metric in METRICS
        ],
        "first_visits": month.first_visits._asdict(),
        "qualified_actions": month.qualified.shown(),
        "red": red,
        "kit": "first-visit" if red else None,
        "days": month.days if scope.rep_id else None,
        "days_with_enough_actions": month.days_kept if scope.rep_id else None,
    }


def _metric(metric: str, month: ScopeMonth, target: float | None) -> dict[str, Any]:
    actual = month.actual(metric)
    attainment = None if actual is None or not target else actual / target
    return {
        "metric": metric,
        "target": target,
        "actual": actual,
        "attainment": attainment,
        "absent": ABSENT.get(metric),
    }
