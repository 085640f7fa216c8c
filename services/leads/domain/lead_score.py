"""How good a lead is: source + behaviour + timeliness, 0-100 (L4)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from shared.business_time import BusinessCalendar

MOST_FOR_SOURCE = 30.0
MOST_FOR_BEHAVIOUR = 40.0
MOST_FOR_TIMELINESS = 30.0
_SECONDS_AN_HOUR = 3600.0
UNKNOWN_SOURCE = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadScoreRules:
    """As in force when judged. Without a calendar hours are wall time."""

    source_points: Mapping[str, float]
    behaviour_points: Mapping[str, float]
    threshold: float
    first_judged_hours: float
    timely_hours: float
    late_hours: float
    calendar: BusinessCalendar | None
    sleeping_hours: float
    sleeping_calendar: BusinessCalendar | None

    def hours_between(self, begins: datetime, ends: datetime) -> float:
        if self.calendar is not None:
            return self.calendar.elapsed(begins, ends) / _SECONDS_AN_HOUR
        return max(0.0, (ends - begins).total_seconds() / _SECONDS_AN_HOUR)

    def first_judged_at(self, captured_at: datetime) -> datetime:
        """The moment after which a lead is judged for the first time."""
        return _after(captured_at, self.first_judged_hours, self.calendar)

    def answer_due_at(self, assigned_at: datetime) -> datetime:
        """The last moment at which a first contact costs no points (L4)."""
        return _after(assigned_at, self.timely_hours, self.calendar)

    def asleep_at(self, contacted_at: datetime) -> datetime:
        """The last moment at which a second contact is in time (L11)."""
        return _after(contacted_at, self.sleeping_hours, self.sleeping_calendar)


def _after(moment: datetime, hours: float, calendar: BusinessCalendar | None) -> datetime:
    if calendar is not None:
        return calendar.due_at(moment, hours * _SECONDS_AN_HOUR)
    return moment + timedelta(hours=hours)


class LeadScore(NamedTuple):
    source: float
    behaviour: float
    timeliness: float

    @property
    def total(self) -> float:
        return self.source + self.behaviour + self.timeliness

    @property
    def missing(self) -> dict[str, float]:
        """Points short of the most, by part."""
        return {
            "source": MOST_FOR_SOURCE - self.source,
            "behaviour": MOST_FOR_BEHAVIOUR - self.behaviour,
            "timeliness": MOST_FOR_TIMELINESS - self.timeliness,
        }


def lead_score(
    rules: LeadScoreRules,
    source: str,
    behaviours: Collection[str],
    waited_hours: float | None,
) -> LeadScore:
    """`waited_hours`: from assignment to the assigned rep's first contact, or to now; None before
    assignment. Timeliness = 30 up to 24 h, 30 × (72 − h) / 48 up to 72 h, then 0 (L4)."""
    points = rules.source_points
    of_source = points.get(source, points.get(UNKNOWN_SOURCE, 0.0))
    of_behaviour = sum(rules.behaviour_points.get(kind, 0.0) for kind in set(behaviours))
    return LeadScore(
        min(MOST_FOR_SOURCE, of_source),
        min(MOST_FOR_BEHAVIOUR, of_behaviour),
        _timeliness(rules, waited_hours),
    )


def _timeliness(rules: LeadScoreRules, waited_hours: float | None) -> float:
    if waited_hours is None or waited_hours <= rules.timely_hours:
        return MOST_FOR_TIMELINESS
    if waited_hours >= rules.late_hours:
        return 0.0
    span = rules.late_hours - rules.timely_hours
    return MOST_FOR_TIMELINESS * (rules.late_hours - waited_hours) / span
