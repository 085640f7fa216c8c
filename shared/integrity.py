"""The hash of an event: by it a change, a removal or a reordering shows."""

import struct
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from shared.clock import milliseconds
from shared.envelope import Position, StoredEvent

_LEAF_OF_FORMAT = b"\x00pulsetrail-event-1"
_ABSENT = b"\xff\xff\xff\xff"

NO_HASH = b""


_LENGTH = struct.Struct(">I").pack
_NUMBER = struct.Struct(">Iq").pack


def _text(value: str | None) -> bytes:
    """Length-prefixed; absent is told apart from empty."""
    if value is None:
        return _ABSENT
    encoded = value.encode()
    return _LENGTH(len(encoded)) + encoded


_repeated_text = lru_cache(maxsize=2048)(_text)
"""For what thousands of events share: hashing is on the path of every append."""


def _moment(value: datetime | None) -> bytes:
    return _ABSENT if value is None else _NUMBER(8, milliseconds(value))


def event_hash(previous: bytes, event: StoredEvent) -> bytes:
    """SHA-256 over format, hash of the stream's event before, envelope and payload as stored.

    Every field is length-prefixed, numbers and times (milliseconds) as 8 bytes.
    """
    parts = (
        _LEAF_OF_FORMAT,
        _LENGTH(len(previous)),
        previous,
        _repeated_text(event.log),
        _text(event.stream),
        _NUMBER(8, event.version),
        _LENGTH(16),
        event.event_id.bytes,
        _repeated_text(event.type),
        _NUMBER(8, event.schema_version),
        _repeated_text(event.tenant_id),
        _repeated_text(event.actor_id),
        _moment(event.occurred_at),
        _moment(event.raw_occurred_at),
        _moment(event.sent_at),
        _moment(event.entered_at),
        _repeated_text(event.origin),
        _moment(event.recorded_at),
        _repeated_text(event.correlation_id),
        _text(event.causation_id),
        _text(event.command_id),
        _text(event.trace_context),
        _LENGTH(32),
        sha256(event.payload).digest(),
    )
    return sha256(b"".join(parts)).digest()


class Tampering(NamedTuple):
    """The first event that does not fit, and why."""

    position: Position
    event_id: UUID | None
    stream: str | None
    reason: str


class Chain:
    """The events of one log partition from its beginning, each checked against those before it.

    Keeps version and hash of each stream, nothing else of the events. `clocks_apart`: by how much
    an event may say that it was recorded before one that it follows.
    """

    def __init__(self, log: str, partition: int, clocks_apart: timedelta = timedelta()) -> None:
        self._clocks_apart = clocks_apart
        self._log = log
        self._partition = partition
        self._last: dict[str, tuple[int, bytes]] = {}
        self._recorded_at: dict[str, datetime] = {}
        self.next_offset = 0

    def flaw_of(self, event: StoredEvent) -> Tampering | None:
        """What is wrong with the next event, None when it fits."""
        if event.offset != self.next_offset:
            return self.flaw_here("an event is missing at this position")
        version, previous = self._last.get(event.stream, (0, NO_HASH))
        latest = self._recorded_at.get(event.tenant_id, event.recorded_at)
        reason = None
        if event.version != version + 1:
            reason = f"version {event.version} follows version {version} of its stream"
        elif not _is_hash_of(event, previous):
            reason = "envelope, payload or predecessor is not what was hashed"
        elif event.recorded_at < latest - self._clocks_apart:
            reason = "it was recorded before the event that it follows"
        if reason is not None:
            return Tampering(event.position, event.event_id, event.stream, reason)
        self._last[event.stream] = (event.version, event.hash)
        self._recorded_at[event.tenant_id] = max(latest, event.recorded_at)
        self.next_offset += 1
        return None

    def flaw_of_end(self, head: int) -> Tampering | None:
        """`head` is the number of events that the partition says it holds."""
        if self.next_offset == head:
            return None
        return self.flaw_here(f"the log ends here but counted {head} events")

    def flaw_here(self, reason: str) -> Tampering:
        """Something is wrong where the next event should stand."""
        return Tampering(Position(self._log, self._partition, self.next_offset), None, None, reason)


def _is_hash_of(event: StoredEvent, previous: bytes) -> bool:
    try:
        return event.hash == event_hash(previous, event)
    except (AttributeError, TypeError, ValueError, struct.error):
        return False  # a field is of a type that was never hashed


def tampering(
    events: Iterable[StoredEvent], log: str, partition: int, head: int
) -> Tampering | None:
    """The first flaw in one log partition read from its beginning, None where all is well.

    `head` is the number of events that the partition says it holds.
    """
    chain = Chain(log, partition)
    for event in events:
        flaw = chain.flaw_of(event)
        if flaw is not None:
            return flaw
    return chain.flaw_of_end(head)
