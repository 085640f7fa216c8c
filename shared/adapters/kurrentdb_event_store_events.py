"""Events as KurrentDB keeps them: the payload as it is, everything else as JSON beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec
from kurrentdbclient import NewEvent, RecordedEvent

from shared.adapters.event_appending import CommandKey, Head
from shared.clock import milliseconds, moment
from shared.envelope import StoredEvent
from shared.event_store import CommandRecord, Outcome, UnreadableEvent, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandMetadata:
    """On the last of a command's `events` events; bytes travel as Base64."""

    tenant_id: str
    command_id: str
    digest: bytes
    answer: bytes
    events: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventMetadata:
    """Times in milliseconds. Stored names: never rename."""

    schema_version: int
    tenant_id: str
    actor_id: str | None
    occurred_at: int
    raw_occurred_at: int | None
    sent_at: int | None
    entered_at: int | None
    origin: str
    recorded_at: int
    correlation_id: str
    causation_id: str | None
    command_id: str | None
    trace_context: str | None
    hash: bytes
    command: CommandMetadata | None = None


_decoder = msgspec.json.Decoder(EventMetadata)


def new_event(event: StoredEvent, command: CommandMetadata | None) -> NewEvent:
    metadata = EventMetadata(
        schema_version=event.schema_version,
        tenant_id=event.tenant_id,
        actor_id=event.actor_id,
        occurred_at=milliseconds(event.occurred_at),
        raw_occurred_at=_number(event.raw_occurred_at),
        sent_at=_number(event.sent_at),
        entered_at=_number(event.entered_at),
        origin=event.origin,
        recorded_at=milliseconds(event.recorded_at),
        correlation_id=event.correlation_id,
        causation_id=event.causation_id,
        command_id=event.command_id,
        trace_context=event.trace_context,
        hash=event.hash,
        command=command,
    )
    return NewEvent(
        id=event.event_id,
        type=event.type,
        data=event.payload,
        metadata=msgspec.json.encode(metadata),
    )


def command_metadata(command: CommandRecord, events: int) -> CommandMetadata:
    return CommandMetadata(
        tenant_id=command.tenant_id,
        command_id=command.command_id,
        digest=command.digest,
        answer=command.answer,
        events=events,
    )


def metadata_of(recorded: RecordedEvent) -> EventMetadata:
    """Raises UnreadableEvent."""
    try:
        return _decoder.decode(recorded.metadata)
    except (msgspec.MsgspecError, UnicodeDecodeError) as damage:
        raise UnreadableEvent(
            f"event {recorded.id} of {recorded.stream_name} cannot be read: {damage}"
        ) from damage


def stored_event(recorded: RecordedEvent, log: str, stream: str, number: int) -> StoredEvent:
    """`number`: its place among the log's events. Raises UnreadableEvent."""
    metadata = metadata_of(recorded)
    return StoredEvent(
        log=log,
        partition=0,
        offset=number,
        stream=stream,
        version=recorded.stream_position + 1,
        event_id=recorded.id,
        type=recorded.type,
        schema_version=metadata.schema_version,
        tenant_id=metadata.tenant_id,
        actor_id=metadata.actor_id,
        occurred_at=moment(metadata.occurred_at),
        raw_occurred_at=_moment(metadata.raw_occurred_at),
        sent_at=_moment(metadata.sent_at),
        entered_at=_moment(metadata.entered_at),
        origin=metadata.origin,
        recorded_at=moment(metadata.recorded_at),
        correlation_id=metadata.correlation_id,
        causation_id=metadata.causation_id,
        command_id=metadata.command_id,
        trace_context=metadata.trace_context,
        payload=recorded.data,
        hash=metadata.hash,
    )


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """Where a stream ends, and the commands that brought it there; `recorded_at` of its last
    event. Outcomes are kept without their positions."""

    head: Head
    recorded_at: int
    commands: Mapping[CommandKey, tuple[bytes, Outcome]]


def extended(end: StreamEnd, recorded: Sequence[RecordedEvent], log: str) -> StreamEnd:
    """The end after these further events of the stream."""
    head, recorded_at = end.head, end.recorded_at
    commands = dict(end.commands)
    ids: list[UUID] = []
    for event in recorded:
        metadata = metadata_of(event)
        head = Head(event.stream_position + 1, metadata.hash)
        recorded_at = max(recorded_at, metadata.recorded_at)
        ids.append(event.id)
        command = metadata.command
        if command is not None:
            last = tuple(ids[-command.events :])
            outcome = Outcome(Verdict.DONE, head.version, None, last, command.answer)
            commands[log, command.tenant_id, command.command_id] = (command.digest, outcome)
    return StreamEnd(head, recorded_at, commands)


def _number(value: datetime | None) -> int | None:
    return None if value is None else milliseconds(value)


def _moment(value: int | None) -> datetime | None:
    return None if value is None else moment(value)
