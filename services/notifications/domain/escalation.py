"""A signal on its way through people until somebody acknowledges or resolves it (A5, N3)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from services.notifications.domain.escalation_commands import (
    LONGEST_SNOOZE,
    AcknowledgeEscalation,
    EscalationCommand,
    HandOverEscalation,
    OpenEscalation,
    ReachStep,
    ResolveEscalation,
    SnoozeEscalation,
)
from shared.decider import Decider
from shared.errors import DomainError, FieldProblem, Malformed, NotFound
from shared.events.notifications import (
    EscalationAcknowledged,
    EscalationHandedOver,
    EscalationOpened,
    EscalationResolved,
    EscalationSnoozed,
    EscalationStepReached,
)

RETRACTED = "signal-retracted"
"""The one reason after which an escalation may be opened again."""

EscalationEvent = (
    EscalationOpened
    | EscalationStepReached
    | EscalationAcknowledged
    | EscalationSnoozed
    | EscalationHandedOver
    | EscalationResolved
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """How far it has come; steps are reckoned from `running_since`, `holder_id` has it now."""

    opened: EscalationOpened
    running_since: datetime
    holder_id: str | None
    handed_over: bool = False
    next_level: int = 0
    last_reached_at: datetime | None = None
    told: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unknown:
    """No signal has opened it yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    course: Course


@dataclass(frozen=True, slots=True, kw_only=True)
class Snoozed:
    """Quiet until `until`; then it goes on where it stood."""

    course: Course
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    course: Course
    by: str | None
    acknowledged_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    course: Course
    by: str | None
    reason: str
    resolved_at: datetime


Escalation = Unknown | Open | Snoozed | Acknowledged | Resolved


class EscalationIsResolved(DomainError):
    code = "escalation-is-resolved"


class StepIsNotNext(DomainError):
    code = "step-is-not-next"


def open_escalation(command: OpenEscalation, escalation: Escalation) -> Sequence[EscalationEvent]:
    match escalation:
        case Unknown() | Resolved(reason="signal-retracted"):
            return [
                EscalationOpened(
                    escalation_id=command.escalation_id,
                    signal_id=command.signal_id,
                    rule=command.rule,
                    subject_kind=command.subject_kind,
                    subject_id=command.subject_id,
                    customer_id=command.customer_id,
                    stage=command.stage,
                    unit_id=command.unit_id,
                    unit_path=command.unit_path,
                    owner_id=command.owner_id,
                    due_at=command.due_at,
                    policy=command.policy,
                    digest=command.digest,
                    opened_at=command.now,
                )
            ]
        case Open() | Snoozed() | Acknowledged() | Resolved():
            return []
        case _:
            assert_never(escalation)


def reach_step(command: ReachStep, escalation: Escalation) -> Sequence[EscalationEvent]:
    """Nothing where somebody was faster: it rests, is acknowledged, or was reached before."""
    match escalation:
        case Unknown():
            raise NotFound(command.escalation_id)
        case Acknowledged() | Resolved():
            return []
        case Snoozed(until=until) if command.now < until:
            return []
        case Open(course=course) | Snoozed(course=course):
            if command.level < course.next_level:
                return []
            if command.level > course.next_level:
                raise StepIsNotNext(f"step {course.next_level} comes before step {command.level}")
            return [
                EscalationStepReached(
                    escalation_id=command.escalation_id,
                    level=command.level,
                    person_ids=command.person_ids,
                    channels=command.channels,
                    reached_at=command.now,
                )
            ]
        case _:
            assert_never(escalation)


def acknowledge(
    command: AcknowledgeEscalation, escalation: Escalation
) -> Sequence[EscalationEvent]:
    match escalation:
        case Unknown():
            raise NotFound(command.escalation_id)
        case Open() | Snoozed():
            return [
                EscalationAcknowledged(
                    escalation_id=command.escalation_id,
                    by=command.by,
                    acknowledged_at=command.now,
                )
            ]
        case Acknowledged():
            return []
        case Resolved():
            raise EscalationIsResolved(command.escalation_id)
        case _:
            assert_never(escalation)


def snooze(command: SnoozeEscalation, escalation: Escalation) -> Sequence[EscalationEvent]:
    """Also what was acknowledged can be put off: it then comes back. At most 30 days (N3)."""
    if not command.now < command.until <= command.now + LONGEST_SNOOZE:
        problem = FieldProblem("until", "out-of-range", "must lie ahead, by 30 days at most")
        raise Malformed("until", errors=[problem])
    match escalation:
        case Unknown():
            raise NotFound(command.escalation_id)
        case Snoozed(until=until) if until == command.until:
            return []
        case Open() | Snoozed() | Acknowledged():
            return [
                EscalationSnoozed(
                    escalation_id=command.escalation_id,
                    by=command.by,
                    until=command.until,
                    snoozed_at=command.now,
                )
            ]
        case Resolved():
            raise EscalationIsResolved(command.escalation_id)
        case _:
            assert_never(escalation)


def hand_over(command: HandOverEscalation, escalation: Escalation) -> Sequence[EscalationEvent]:
    match escalation:
        case Unknown():
            raise NotFound(command.escalation_id)
        case Resolved():
            raise EscalationIsResolved(command.escalation_id)
        case Open(course=course) if course.holder_id == command.to_person_id:
            return []
        case Open() | Snoozed() | Acknowledged():
            return [
                EscalationHandedOver(
                    escalation_id=command.escalation_id,
                    by=command.by,
                    to_person_id=command.to_person_id,
                    handed_over_at=command.now,
                )
            ]
        case _:
            assert_never(escalation)


def resolve(command: ResolveEscalation, escalation: Escalation) -> Sequence[EscalationEvent]:
    """A signal that was never escalated (a historical one) may end without anything to resolve."""
    match escalation:
        case Unknown():
            if command.by is None:
                return []
            raise NotFound(command.escalation_id)
        case Open() | Snoozed() | Acknowledged():
            return [
                EscalationResolved(
                    escalation_id=command.escalation_id,
                    by=command.by,
                    reason=command.reason,
                    resolved_at=command.now,
                )
            ]
        case Resolved():
            return []
        case _:
            assert_never(escalation)


def decide(command: EscalationCommand, escalation: Escalation) -> Sequence[EscalationEvent]:
    match command:
        case OpenEscalation():
            return open_escalation(command, escalation)
        case ReachStep():
            return reach_step(command, escalation)
        case AcknowledgeEscalation():
            return acknowledge(command, escalation)
        case SnoozeEscalation():
            return snooze(command, escalation)
        case HandOverEscalation():
            return hand_over(command, escalation)
        case ResolveEscalation():
            return resolve(command, escalation)
        case _:
            assert_never(command)


def evolve(escalation: Escalation, event: EscalationEvent) -> Escalation:
    if isinstance(event, EscalationOpened):
        return Open(
            course=Course(opened=event, running_since=event.opened_at, holder_id=event.owner_id)
        )
    if isinstance(escalation, Unknown):
        return escalation
    course = escalation.course
    match event:
        case EscalationStepReached():
            told = dict.fromkeys((*course.told, *event.person_ids))
            course = replace(course, next_level=event.level + 1, told=tuple(told))
            return Open(course=replace(course, last_reached_at=event.reached_at))
        case EscalationAcknowledged():
            return Acknowledged(course=course, by=event.by, acknowledged_at=event.acknowledged_at)
        case EscalationSnoozed():
            return Snoozed(course=course, until=event.until)
        case EscalationHandedOver():
            return Open(
                course=replace(
                    course,
                    running_since=event.handed_over_at,
                    holder_id=event.to_person_id,
                    handed_over=True,
                    next_level=0,
                    last_reached_at=None,
                )
            )
        case EscalationResolved():
            return Resolved(
                course=course, by=event.by, reason=event.reason, resolved_at=event.resolved_at
            )
        case _:
            assert_never(event)


ESCALATION: Decider[EscalationCommand, Escalation, EscalationEvent] = Decider(
    "escalation", decide, evolve, Unknown()
)
