"""What surrounds every event: whose, when, why, where it stands and what proves it."""

from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple, Protocol
from uuid import UUID


class Origin(StrEnum):
    LIVE = "live"
    IMPORT = "import"
    DEMO = "demo"


class Position(NamedTuple):
    """Where an event stands: the service's log, its partition, the contiguous offset there."""

    log: str
    partition: int
    offset: int


class Envelope(NamedTuple):
    """What the caller knows of an event before it is stored. Times are aware and UTC.

    `occurred_at` is corrected (G5), `raw_occurred_at` what the client said where that differs;
    `entered_at` is when a source system recorded an imported row.
    """

    tenant_id: str
    actor_id: str | None
    occurred_at: datetime
    origin: str
    correlation_id: str
    causation_id: str | None = None
    command_id: str | None = None
    raw_occurred_at: datetime | None = None
    sent_at: datetime | None = None
    entered_at: datetime | None = None
    trace_context: str | None = None


class EncodedEvent(NamedTuple):
    """An event ready to be appended: `payload` is what will be stored and hashed, byte for byte."""

    event_id: UUID
    type: str
    schema_version: int
    payload: bytes
    envelope: Envelope


class StoredEvent(NamedTuple):
    """An event as the store keeps it; `payload` still sealed and not decoded."""

    log: str
    partition: int
    offset: int
    stream: str
    version: int
    event_id: UUID
    type: str
    schema_version: int
    tenant_id: str
    actor_id: str | None
    occurred_at: datetime
    raw_occurred_at: datetime | None
    sent_at: datetime | None
    entered_at: datetime | None
    origin: str
    recorded_at: datetime
    correlation_id: str
    causation_id: str | None
    command_id: str | None
    trace_context: str | None
    payload: bytes
    hash: bytes

    @property
    def position(self) -> Position:
        return Position(self.log, self.partition, self.offset)

    def whole(self) -> "StoredEvent":
        return self


class ArrivedEvent(Protocol):
    """A stored event as something brings it: a transport may leave most of its envelope packed
    until somebody asks for the whole."""

    @property
    def offset(self) -> int: ...

    @property
    def type(self) -> str: ...

    @property
    def tenant_id(self) -> str: ...

    @property
    def trace_context(self) -> str | None: ...

    @property
    def payload(self) -> bytes: ...

    def whole(self) -> StoredEvent: ...


class RecordedEvent:
    """A stored event with its payload decoded: what folds of the read side are given."""

    __slots__ = ("_stored", "arrived", "event")

    def __init__(self, event: Any, arrived: ArrivedEvent) -> None:
        self.event = event
        self.arrived = arrived
        self._stored: StoredEvent | None = None

    @property
    def stored(self) -> StoredEvent:
        stored = self._stored
        if stored is None:
            stored = self._stored = self.arrived.whole()
        return stored

    @property
    def occurred_at(self) -> datetime:
        return self.stored.occurred_at

    @property
    def event_id(self) -> UUID:
        return self.stored.event_id

    @property
    def tenant_id(self) -> str:
        return self.arrived.tenant_id


def stream_name(tenant_id: str, aggregate: str, aggregate_id: str) -> str:
    """`<tenant>/<aggregate>/<id>`: the key on every transport."""
    return f"{tenant_id}/{aggregate}/{aggregate_id}"
