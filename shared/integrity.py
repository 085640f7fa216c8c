"""The hash of an event: what makes a change, a removal or a reordering show (architecture: Integrity)."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from shared.clock import milliseconds
from shared.envelope import Position, StoredEvent

_LEAF = b"\x00"
_FORMAT = b"pulsetrail-event-1"
_ABSENT = b"\xff\xff\xff\xff"

NO_HASH = b""


def _field(value: str | bytes | int | datetime | UUID | None) -> bytes:
    """Length-prefixed; absent is told apart from empty."""
    match value:
        case None:
            return _ABSENT
        case str():
            encoded = value.encode()
        case bytes():
            encoded = value
        case int():
            encoded = value.to_bytes(8, "big", signed=True)
        case datetime():
            encoded = milliseconds(value).to_bytes(8, "big", signed=True)
        case UUID():
            encoded = value.bytes
    return len(encoded).to_bytes(4, "big") + encoded


def event_hash(previous: bytes, event: StoredEvent) -> bytes:
    """SHA-256 over format, hash of the stream's event before, envelope and payload as stored."""
    parts = (
        previous,
        event.log,
        event.stream,
        event.version,
        event.event_id,
        event.type,
        event.schema_version,
        event.tenant_id,
        event.actor_id,
        event.occurred_at,
        event.raw_occurred_at,
        event.sent_at,
        event.entered_at,
        event.origin,
        event.recorded_at,
        event.correlation_id,
        event.causation_id,
        event.command_id,
        event.trace_context,
        sha256(event.payload).digest(),
    )
    return sha256(_LEAF + _FORMAT + b"".join(map(_field, parts))).digest()


class Tampering(NamedTuple):
    """The first event that does not fit, and why."""

    position: Position
    event_id: UUID | None
    stream: str | None
    reason: str


def tampering(
    events: Iterable[StoredEvent], log: str, partition: int, head: int
) -> Tampering | None:
    """The first flaw in one log partition read from its beginning, None where all is well.

    `head` is the number of events that the partition says it holds.
    """
    last: dict[str, tuple[int, bytes]] = {}
    expected_offset = 0
    for event in events:
        if event.offset != expected_offset:
            missing = Position(log, partition, expected_offset)
            return Tampering(missing, None, None, "an event is missing at this position")
        version, previous = last.get(event.stream, (0, NO_HASH))
        if event.version != version + 1:
            reason = f"version {event.version} follows version {version} of its stream"
            return Tampering(event.position, event.event_id, event.stream, reason)
        if event.hash != event_hash(previous, event):
            reason = "envelope, payload or predecessor is not what was hashed"
            return Tampering(event.position, event.event_id, event.stream, reason)
        last[event.stream] = (event.version, event.hash)
        expected_offset += 1
    if expected_offset != head:
        missing = Position(log, partition, expected_offset)
        return Tampering(missing, None, None, f"the log ends here but counted {head} events")
    return None


def counted(events: Iterable[StoredEvent], counter: list[int]) -> Iterator[StoredEvent]:
    """Pass events through while `counter[0]` tells how many went by (for progress)."""
    for event in events:
        counter[0] += 1
        yield event
