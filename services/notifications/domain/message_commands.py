"""What can be asked of a message, and in which ways its attempts and itself can end (N5)."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.event_type import PersonalText


class Outcome(StrEnum):
    """Of one attempt. Refused and limited: definitely not delivered; unknown: it may have been."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    LIMITED = "limited"
    UNKNOWN = "unknown"


class Ending(StrEnum):
    """Every message ends in one of these (N5)."""

    DELIVERED = "delivered"
    EXPIRED = "expired"
    OPERATOR = "operator"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueMessage:
    message_id: str
    person_id: str | None
    subject: str
    channels: tuple[str, ...]
    escalation_ids: tuple[str, ...]
    language: str
    title: PersonalText
    body: PersonalText
    urgency: int
    not_before: datetime
    expires_at: datetime
    now: datetime
    step_versions: tuple[int, ...] = ()
    letter: int | None = None
    quiet_hours: tuple[str, ...] = ()
    resolved_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartAttempt:
    """The intent, stored before the request leaves."""

    message_id: str
    channel: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EndAttempt:
    """Also how a process killed in between is made good: outcome unknown, `interrupted`."""

    message_id: str
    attempt: int
    outcome: Outcome
    detail: str
    now: datetime
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseMessage:
    message_id: str
    ending: Ending
    reason: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadMessage:
    message_id: str
    by: str | None
    now: datetime


MessageCommand = QueueMessage | StartAttempt | EndAttempt | CloseMessage | ReadMessage
