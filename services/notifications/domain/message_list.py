"""Read model: every message with its attempts; the inbox is a part of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, assert_never, get_args

from services.notifications.domain.attempt_plan import Wait, next_attempt
from services.notifications.domain.message import (
    Attempt,
    Closed,
    Message,
    MessageEvent,
    UnderWay,
    Unknown,
    Waiting,
    evolve,
)
from services.notifications.domain.message_commands import (
    Ending,
)
from shared.envelope import RecordedEvent
from shared.events.notifications import MessageQueued
from shared.projection import Projection

INBOX = "inbox"
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_ANY_ZONE = "UTC"  # whatever it is: quiet hours make it later only, and this is a bound


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageRow:
    """`status`: waiting, under_way, delivered, expired or operator."""

    queued: MessageQueued
    attempts: tuple[Attempt, ...]
    status: str
    reason: str | None = None
    closed_at: datetime | None = None
    read_at: datetime | None = None


def row_of(message: Message) -> MessageRow | None:
    match message:
        case Unknown():
            return None
        case Waiting(queued=queued, attempts=attempts):
            return MessageRow(queued=queued, attempts=attempts, status="waiting")
        case UnderWay(queued=queued, attempts=attempts):
            return MessageRow(queued=queued, attempts=attempts, status="under_way")
        case Closed(queued=queued, attempts=attempts):
            return MessageRow(
                queued=queued,
                attempts=attempts,
                status=message.ending.value,
                reason=message.reason,
                closed_at=message.closed_at,
                read_at=message.read_at,
            )
        case _:
            assert_never(message)


def message_of(row: MessageRow | None) -> Message:
    if row is None:
        return Unknown()
    if row.status == "waiting":
        return Waiting(queued=row.queued, attempts=row.attempts)
    if row.status == "under_way":
        return UnderWay(queued=row.queued, attempts=row.attempts)
    return Closed(
        queued=row.queued,
        attempts=row.attempts,
        ending=Ending(row.status),
        reason=row.reason or "",
        closed_at=row.closed_at or row.queued.queued_at,
        read_at=row.read_at,
    )


def evolve_row(row: MessageRow | None, recorded: RecordedEvent) -> MessageRow | None:
    return row_of(evolve(message_of(row), recorded.event))


def next_due(row: MessageRow) -> datetime | None:
    """The earliest that something is to be done; an attempt under way may turn out interrupted."""
    message = message_of(row)
    match message:
        case Unknown() | Closed():
            return None
        case UnderWay():
            return row.attempts[-1].started_at
        case Waiting():
            plan = next_attempt(message, _LONG_AGO, _ANY_ZONE)
            if isinstance(plan, Wait) and plan.until is not None:
                return plan.until
            return row.queued.queued_at
        case _:
            assert_never(message)


def columns(row: MessageRow) -> Mapping[str, Any]:
    queued = row.queued
    return {
        "status": row.status,
        "person_id": queued.person_id,
        "in_inbox": int(queued.channels == (INBOX,)),
        "is_read": int(row.read_at is not None),
        "queued_at": round(queued.queued_at.timestamp() * 1000),
        "urgency": queued.urgency,
    }


def _message_id(event: MessageEvent) -> str:
    return event.message_id


MESSAGE_LIST: Projection[MessageRow] = Projection(
    name="message_list",
    version=1,
    reads=get_args(MessageEvent),
    row_type=MessageRow,
    key=_message_id,
    evolve=evolve_row,
    columns=columns,
    next_due=next_due,
)
