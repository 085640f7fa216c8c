"""If something fell due now: who would be told of it, when, and through what (N2)."""

from dataclasses import dataclass
from datetime import datetime

from services.notifications.domain.absences import Absences, present_instead
from services.notifications.domain.escalation import Course
from services.notifications.domain.steps import (
    PlannedStep,
    Reckoning,
    may_disturb_from,
    next_step,
    recipients,
)
from shared.events.notifications import EscalationOpened, PolicyDefinition
from shared.organisation import Organisation

STEPS_FORESEEN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """One step: `disturbs_from` is later than `at` in quiet hours, when only the inbox is told."""

    level: int
    at: datetime
    why: str
    to: str
    person_ids: tuple[str, ...]
    channels: tuple[str, ...]
    disturbs_from: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Supposed:
    """What would fall due: a rule, of whose, in which unit, under which policy, at which moment."""

    rule: str
    unit_id: str
    owner_id: str | None
    policy: PolicyDefinition
    now: datetime


def foreseen(
    supposed: Supposed, organisation: Organisation, absences: Absences, working_time: Reckoning
) -> list[Foreseen]:
    """The first ten steps as they would be, should nobody acknowledge and nobody move."""
    course = Course(
        opened=_opened(supposed, organisation),
        running_since=supposed.now,
        holder_id=supposed.owner_id,
    )
    steps: list[Foreseen] = []
    reached_at: datetime | None = None
    for level in range(STEPS_FORESEEN):
        planned = next_step(supposed.policy, supposed.now, level, reached_at, working_time)
        if not isinstance(planned, PlannedStep):
            break
        told = recipients(planned, course, organisation)
        zone = organisation.zone(planned.at)
        steps.append(
            Foreseen(
                level=level,
                at=planned.at,
                why=planned.why.value,
                to=planned.step.to,
                person_ids=present_instead(told, absences, organisation, planned.at),
                channels=planned.step.channels,
                disturbs_from=may_disturb_from(supposed.policy, planned.at, zone),
            )
        )
        reached_at = planned.at
    return steps


def _opened(supposed: Supposed, organisation: Organisation) -> EscalationOpened:
    return EscalationOpened(
        escalation_id="preview",
        signal_id="preview",
        rule=supposed.rule,
        subject_kind="unit",
        subject_id=supposed.unit_id,
        customer_id=None,
        stage=None,
        unit_id=supposed.unit_id,
        unit_path=organisation.unit_path(supposed.unit_id),
        owner_id=supposed.owner_id,
        due_at=supposed.now,
        policy=supposed.policy,
        digest=False,
        opened_at=supposed.now,
    )
