"""What is sent to one address, until it is delivered, expired or with the operator (N5)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from services.notifications.domain.message_commands import (
    CloseMessage,
    EndAttempt,
    Ending,
    MessageCommand,
    Outcome,
    QueueMessage,
    ReadMessage,
    StartAttempt,
)
from shared.decider import Decider
from shared.errors import DomainError, NotFound
from shared.events.notifications import (
    AttemptEnded,
    AttemptStarted,
    MessageClosed,
    MessageQueued,
    MessageRead,
)

MessageEvent = MessageQueued | AttemptStarted | AttemptEnded | MessageClosed | MessageRead


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    number: int
    channel: str
    started_at: datetime
    outcome: Outcome | None = None
    ended_at: datetime | None = None
    retry_at: datetime | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nothing was queued under this id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    queued: MessageQueued
    attempts: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderWay:
    """The last attempt was started and not ended: its request may have left."""

    queued: MessageQueued
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    queued: MessageQueued
    attempts: tuple[Attempt, ...]
    ending: Ending
    reason: str
    closed_at: datetime
    read_at: datetime | None = None


Message = Unknown | Waiting | UnderWay | Closed


class AttemptIsUnderWay(DomainError):
    code = "attempt-is-under-way"


class AnotherIsQueued(DomainError):
    """Under this id something else is told already."""

    code = "another-is-queued"


class MessageIsClosed(DomainError):
    code = "message-is-closed"


class MessageIsNotDelivered(DomainError):
    code = "message-is-not-delivered"


def queue(command: QueueMessage, message: Message) -> Sequence[MessageEvent]:
    if not isinstance(message, Unknown):
        queued = message.queued
        is_the_same = command.escalation_ids == queued.escalation_ids
        if not (is_the_same and command.step_versions == queued.step_versions):
            raise AnotherIsQueued(command.message_id)
        return []
    return [
        MessageQueued(
            message_id=command.message_id,
            person_id=command.person_id,
            subject=command.subject,
            channels=command.channels,
            escalation_ids=command.escalation_ids,
            language=command.language,
            title=command.title,
            body=command.body,
            urgency=command.urgency,
            not_before=command.not_before,
            expires_at=command.expires_at,
            queued_at=command.now,
            step_versions=command.step_versions,
            letter=command.letter,
            quiet_hours=command.quiet_hours,
            resolved_id=command.resolved_id,
        )
    ]


def start_attempt(command: StartAttempt, message: Message) -> Sequence[MessageEvent]:
    match message:
        case Unknown():
            raise NotFound(command.message_id)
        case UnderWay():
            raise AttemptIsUnderWay(command.message_id)
        case Closed():
            raise MessageIsClosed(command.message_id)
        case Waiting(attempts=attempts):
            return [
                AttemptStarted(
                    message_id=command.message_id,
                    attempt=len(attempts) + 1,
                    channel=command.channel,
                    may_be_repeat=may_be_repeat(attempts),
                    started_at=command.now,
                )
            ]
        case _:
            assert_never(message)


def end_attempt(command: EndAttempt, message: Message) -> Sequence[MessageEvent]:
    """An acceptance closes the message. The end of an attempt that has ended before is no news."""
    match message:
        case Unknown():
            raise NotFound(command.message_id)
        case Waiting() | Closed():
            return []
        case UnderWay(attempts=attempts):
            if command.attempt != attempts[-1].number:
                return []
            ended = AttemptEnded(
                message_id=command.message_id,
                attempt=command.attempt,
                channel=attempts[-1].channel,
                outcome=command.outcome.value,
                detail=command.detail,
                ended_at=command.now,
                retry_at=command.retry_at,
            )
            if command.outcome is not Outcome.ACCEPTED:
                return [ended]
            return [ended, _closed(command.message_id, Ending.DELIVERED, "accepted", command.now)]
        case _:
            assert_never(message)


def close(command: CloseMessage, message: Message) -> Sequence[MessageEvent]:
    match message:
        case Unknown():
            raise NotFound(command.message_id)
        case UnderWay():
            raise AttemptIsUnderWay(command.message_id)
        case Closed():
            return []
        case Waiting():
            return [_closed(command.message_id, command.ending, command.reason, command.now)]
        case _:
            assert_never(message)


def read(command: ReadMessage, message: Message) -> Sequence[MessageEvent]:
    match message:
        case Unknown():
            raise NotFound(command.message_id)
        case Closed(ending=Ending.DELIVERED, read_at=None):
            return [MessageRead(message_id=command.message_id, by=command.by, read_at=command.now)]
        case Closed(ending=Ending.DELIVERED):
            return []
        case Waiting() | UnderWay() | Closed():
            raise MessageIsNotDelivered(command.message_id)
        case _:
            assert_never(message)


def _closed(message_id: str, ending: Ending, reason: str, now: datetime) -> MessageClosed:
    return MessageClosed(message_id=message_id, ending=ending.value, reason=reason, closed_at=now)


def may_be_repeat(attempts: Sequence[Attempt]) -> bool:
    """True when an earlier attempt, on whichever channel, may have arrived."""
    return any(attempt.outcome is Outcome.UNKNOWN for attempt in attempts)


def decide(command: MessageCommand, message: Message) -> Sequence[MessageEvent]:
    match command:
        case QueueMessage():
            return queue(command, message)
        case StartAttempt():
            return start_attempt(command, message)
        case EndAttempt():
            return end_attempt(command, message)
        case CloseMessage():
            return close(command, message)
        case ReadMessage():
            return read(command, message)
        case _:
            assert_never(command)


def evolve(message: Message, event: MessageEvent) -> Message:
    if isinstance(event, MessageQueued):
        return Waiting(queued=event)
    if isinstance(message, Unknown):
        return message
    attempts = message.attempts
    match event:
        case AttemptStarted():
            started = Attempt(
                number=event.attempt, channel=event.channel, started_at=event.started_at
            )
            return UnderWay(queued=message.queued, attempts=(*attempts, started))
        case AttemptEnded():
            ended = replace(
                attempts[-1],
                outcome=Outcome(event.outcome),
                ended_at=event.ended_at,
                retry_at=event.retry_at,
                detail=event.detail,
            )
            return Waiting(queued=message.queued, attempts=(*attempts[:-1], ended))
        case MessageClosed():
            return Closed(
                queued=message.queued,
                attempts=attempts,
                ending=Ending(event.ending),
                reason=event.reason,
                closed_at=event.closed_at,
            )
        case MessageRead():
            if isinstance(message, Closed):
                return replace(message, read_at=event.read_at)
            return message
        case _:
            assert_never(event)


MESSAGE: Decider[MessageCommand, Message, MessageEvent] = Decider(
    "message", decide, evolve, Unknown()
)
