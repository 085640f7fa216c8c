"""When the next step of an escalation is due, and whom it tells (N2)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Protocol, assert_never
from zoneinfo import ZoneInfo

from services.notifications.domain.escalation import (
    Acknowledged,
    Course,
    Escalation,
    Open,
    Resolved,
    Snoozed,
    Unknown,
)
from shared.business_time import BusinessCalendar, DailyHours, quiet_until
from shared.events.notifications import PolicyDefinition, PolicyStep
from shared.organisation import Organisation


class Timing(StrEnum):
    """Why a step is due when it is due."""

    ON_TIME = "on-time"
    BUSINESS_HOURS = "business-hours"
    REPEATED = "repeated"
    AFTER_SNOOZE = "after-snooze"


class Rest(StrEnum):
    """Why no step follows."""

    NOT_OPENED = "not-opened"
    TOLD_IN_A_DIGEST = "told-in-a-digest"
    EVERYBODY_TOLD = "everybody-told"
    REPEATED_ENOUGH = "repeated-enough"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Reckoning(Protocol):
    """How a duration of business hours becomes a moment."""

    def after(self, start: datetime, seconds: int) -> datetime: ...


@dataclass(frozen=True, slots=True)
class WallTime:
    """As if business never rested: the earliest that a step can be due, whatever the calendar."""

    def after(self, start: datetime, seconds: int) -> datetime:
        return start + timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class WorkingTime:
    """The calendar of the tenant and the hours in which its people work."""

    calendar: BusinessCalendar
    hours: DailyHours

    def after(self, start: datetime, seconds: int) -> datetime:
        """The moment at which so many seconds of business hours have passed since `start` (N2)."""
        zone = ZoneInfo(self.calendar.zone)
        left = timedelta(seconds=seconds)
        at = self.calendar.next_business_moment(start, self.hours)
        while True:
            closes = datetime.combine(self.calendar.day_of(at), self.hours.end, zone)
            if left < closes - at:
                return at + left
            left -= closes - at
            at = self.calendar.next_business_moment(closes.astimezone(start.tzinfo), self.hours)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStep:
    """`climb`: how many levels above the step's own recipients a repetition goes."""

    level: int
    step: PolicyStep
    climb: int
    at: datetime
    why: Timing


@dataclass(frozen=True, slots=True)
class NoStep:
    why: Rest


def next_step(
    policy: PolicyDefinition,
    since: datetime,
    level: int,
    last_reached_at: datetime | None,
    working_time: Reckoning,
) -> PlannedStep | NoStep:
    """Step `level` of an escalation that runs since `since`; never before the step reached last.

    Beyond the last step of the policy it is repeated every `repeat_seconds`, each time one level
    further up, `repeat_limit` times where that is limited (N2).
    """
    beyond = level - len(policy.steps) + 1
    step = policy.steps[min(level, len(policy.steps) - 1)]
    if beyond > 0:
        if policy.repeat_seconds is None:
            return NoStep(Rest.EVERYBODY_TOLD)
        if policy.repeat_limit is not None and beyond > policy.repeat_limit:
            return NoStep(Rest.REPEATED_ENOUGH)
        at = (last_reached_at or since) + timedelta(seconds=policy.repeat_seconds)
        if step.in_business_hours:
            at = working_time.after(at, 0)
        return PlannedStep(level=level, step=step, climb=beyond, at=at, why=Timing.REPEATED)
    at, why = since + timedelta(seconds=step.after_seconds), Timing.ON_TIME
    if step.in_business_hours:
        at, why = working_time.after(since, step.after_seconds), Timing.BUSINESS_HOURS
    return PlannedStep(level=level, step=step, climb=0, at=max(at, last_reached_at or at), why=why)


def planned_step(escalation: Escalation, working_time: Reckoning) -> PlannedStep | NoStep:
    """What the escalation does next, by its state alone."""
    match escalation:
        case Unknown():
            return NoStep(Rest.NOT_OPENED)
        case Acknowledged():
            return NoStep(Rest.ACKNOWLEDGED)
        case Resolved():
            return NoStep(Rest.RESOLVED)
        case Open(course=course):
            return _step_of(course, working_time)
        case Snoozed(course=course, until=until):
            planned = _step_of(course, working_time)
            if isinstance(planned, NoStep):
                return _told_again(course, until)
            if planned.at < until:
                return replace(planned, at=until, why=Timing.AFTER_SNOOZE)
            return planned
        case _:
            assert_never(escalation)


def _step_of(course: Course, working_time: Reckoning) -> PlannedStep | NoStep:
    opened = course.opened
    if opened.digest and not course.handed_over:
        if course.next_level > 0:
            return NoStep(Rest.TOLD_IN_A_DIGEST)
        # All at the same time, business hours or not: it is to be one digest a person.
        first, at = opened.policy.steps[0], course.running_since
        return PlannedStep(level=0, step=first, climb=0, at=at, why=Timing.ON_TIME)
    return next_step(
        opened.policy,
        course.running_since,
        course.next_level,
        course.last_reached_at,
        working_time,
    )


def _told_again(course: Course, until: datetime) -> PlannedStep:
    """Who put it off when nothing more was to follow is told as the last time: it comes back."""
    steps = course.opened.policy.steps
    last = max(course.next_level - 1, 0)
    return PlannedStep(
        level=course.next_level,
        step=steps[min(last, len(steps) - 1)],
        climb=max(last - len(steps) + 1, 0),
        at=until,
        why=Timing.AFTER_SNOOZE,
    )


def may_disturb_from(policy: PolicyDefinition, at: datetime, zone: str) -> datetime:
    """`at`, or the end of the policy's quiet hours; what only lies in the inbox disturbs nobody."""
    if policy.quiet_hours is None:
        return at
    begins, ends = (time.fromisoformat(text) for text in policy.quiet_hours)
    return quiet_until(at, zone, DailyHours(begins, ends))


def quiet_hours_of(policies: Iterable[PolicyDefinition]) -> tuple[str, ...]:
    """Of a letter: none where one of the policies it follows disturbs at any time."""
    found = {each.quiet_hours for each in policies}
    return tuple(sorted("-".join(hours) for hours in found if hours)) if None not in found else ()


def recipients(planned: PlannedStep, course: Course, organisation: Organisation) -> tuple[str, ...]:
    """Who is told now. Where the step reaches nobody: the next manager up, else the administrators.

    To whom the escalation was handed over is told first, whatever the first step says.
    """
    named = _named(planned, course, organisation)
    if planned.level == 0 and course.handed_over:
        named = (*_present((course.holder_id,), organisation), *named)
    found = named or _managers(course, organisation, planned.climb)
    if not found and organisation.root_id is not None:
        found = organisation.holders("administrator", organisation.root_id)
    return tuple(dict.fromkeys(found))


def _named(planned: PlannedStep, course: Course, organisation: Organisation) -> tuple[str, ...]:
    kind, _, name = planned.step.to.partition(":")
    match kind:
        case "owner" if planned.climb > 0:
            return _managers(course, organisation, planned.climb - 1)
        case "owner":
            return _present((course.holder_id,), organisation)
        case "manager":
            return _managers(course, organisation, planned.climb)
        case "role":
            return _holders_upward(name, course, organisation, planned.climb)
        case "person":
            return _present((name,), organisation)
        case _:
            return _holders_upward(kind, course, organisation, planned.climb)


def _present(person_ids: tuple[str | None, ...], organisation: Organisation) -> tuple[str, ...]:
    return tuple(
        person_id
        for person_id in person_ids
        if person_id is not None
        and organisation.knows_person(person_id)
        and not organisation.has_left(person_id)
    )


def _starting_point(course: Course, organisation: Organisation) -> str:
    """From where the chain climbs: the holder's place, else the unit of what it is about."""
    holder = course.holder_id
    known = holder is not None and organisation.knows_person(holder)
    return holder if holder is not None and known else course.opened.unit_id


def _managers(course: Course, organisation: Organisation, climb: int) -> tuple[str, ...]:
    steps = organisation.managers_upward(_starting_point(course, organisation))
    return steps[min(climb, len(steps) - 1)] if steps else ()


def _holders_upward(
    role: str, course: Course, organisation: Organisation, climb: int
) -> tuple[str, ...]:
    start = _starting_point(course, organisation)
    unit_id = organisation.unit_of(start) or start
    path = organisation.unit_path(unit_id) if organisation.knows_unit(unit_id) else ()
    levels = [
        others
        for level in reversed(path)
        if (others := tuple(x for x in organisation.holders(role, level) if x != start))
    ]
    return levels[min(climb, len(levels) - 1)] if levels else ()
