"""What can be asked of an escalation (N3); who may ask is decided before."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.events.notifications import PolicyDefinition

LONGEST_SNOOZE = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenEscalation:
    escalation_id: str
    signal_id: str
    rule: str
    subject_kind: str
    subject_id: str
    customer_id: str | None
    stage: str | None
    unit_id: str
    unit_path: tuple[str, ...]
    owner_id: str | None
    due_at: datetime
    policy: PolicyDefinition
    digest: bool
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReachStep:
    escalation_id: str
    level: int
    person_ids: tuple[str, ...]
    channels: tuple[str, ...]
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgeEscalation:
    escalation_id: str
    by: str | None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SnoozeEscalation:
    escalation_id: str
    by: str | None
    until: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOverEscalation:
    escalation_id: str
    by: str | None
    to_person_id: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveEscalation:
    """`by` None: the system itself, because the signal was resolved or retracted."""

    escalation_id: str
    by: str | None
    reason: str
    now: datetime


EscalationCommand = (
    OpenEscalation
    | ReachStep
    | AcknowledgeEscalation
    | SnoozeEscalation
    | HandOverEscalation
    | ResolveEscalation
)
