"""Stored events as Kafka records and back: CloudEvents 1.0 in binary mode."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

import msgspec

from shared.clock import iso, to_milliseconds
from shared.envelope import ArrivedEvent, StoredEvent

TICK_TYPE = "pulsetrail.recorded_until.v1"

_SPECIFICATION = ("ce_specversion", b"1.0")
_ID = "ce_id"
_SOURCE = "ce_source"
_TYPE = "ce_type"
_TRACE = "traceparent"
_ENVELOPE = "ce_envelope"

Headers = list[tuple[str, bytes]]


class KafkaRecord(Protocol):
    """What is read of a record that came."""

    @property
    def offset(self) -> int: ...

    @property
    def key(self) -> bytes | None: ...

    @property
    def value(self) -> bytes | None: ...

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class Message(NamedTuple):
    """A record to be produced."""

    key: bytes | None
    value: bytes
    headers: Headers


class Tick(NamedTuple):
    """Everything recorded before `recorded_until` stands before this in the partition, and
    `next_position` is the log offset of the event that comes after it; `last_hash` is that of the
    event before it, empty where there is none."""

    recorded_until: datetime
    next_position: int
    last_hash: bytes = b""


class AnotherLog(Exception):
    """A record of a log of the same name that is not ours: the store or the topic was replaced."""


@dataclass(slots=True)
class Taken:
    """Records of one partition, read: `unreadable` names those that nobody can read and why."""

    events: list[ArrivedEvent] = field(default_factory=list)
    ticks: list[Tick] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


_Head = tuple[int, str, str, str | None]
"""Offset, type, tenant, trace context."""
_Stream = tuple[str, int, UUID]
_About = tuple[
    str | None,
    datetime,
    datetime | None,
    datetime | None,
    datetime | None,
    str,
    datetime,
    str,
    str | None,
    str | None,
]
"""StoredEvent from `actor_id` to `command_id`."""
_ABOUT = slice(StoredEvent._fields.index("actor_id"), StoredEvent._fields.index("trace_context"))

_Envelope = tuple[_Head, _Stream, int, _About, bytes]
"""All of a StoredEvent but its payload and where it lies; in one header, since each header costs a
consumer a quarter of a microsecond."""


class _Beginning(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """Of an envelope, what everybody asks of an event."""

    head: _Head


_pack = msgspec.msgpack.Encoder(uuid_format="bytes").encode
_unpack_beginning = msgspec.msgpack.Decoder(_Beginning).decode
_unpack = msgspec.msgpack.Decoder(_Envelope).decode
_as_text = msgspec.json.Encoder().encode


class PackedEvent(msgspec.Struct, frozen=True, gc=False):
    """An ArrivedEvent: most of what comes is folded without its envelope's being unpacked."""

    offset: int
    type: str
    tenant_id: str
    trace_context: str | None
    payload: bytes
    envelope: bytes
    place: tuple[str, int]

    def whole(self) -> StoredEvent:
        _head, stream, schema_version, about, digest = _unpack(self.envelope)
        begin = (*self.place, self.offset, *stream, self.type, schema_version, self.tenant_id)
        return StoredEvent._make((*begin, *about, self.trace_context, self.payload, digest))


def _packed(event: StoredEvent) -> bytes:
    """What `PackedEvent.whole` reads."""
    head = (event.offset, event.type, event.tenant_id, event.trace_context)
    stream = (event.stream, event.version, event.event_id)
    return _pack((head, stream, event.schema_version, event[_ABOUT], event.hash))


def source_of(log: str, log_id: str, partition: int) -> bytes:
    """The CloudEvents source: with the event's id it is unique, and it names the log exactly."""
    return f"/pulsetrail/{log}/{log_id}/{partition}".encode()


class MessageCodec:
    """Of one partition of one log.

    The headers beside `ce_envelope` are for other people's tools; we read only the source and it.
    """

    def __init__(self, log: str, log_id: str, partition: int) -> None:
        self.partition = partition
        self._log = log
        self._source = source_of(log, log_id, partition)
        self._sources = f"/pulsetrail/{log}/".encode()
        self._start: Headers = [_SPECIFICATION, (_SOURCE, self._source)]

    def message(self, event: StoredEvent) -> Message:
        headers = [
            *self._start,
            (_ENVELOPE, _packed(event)),
            (_ID, _as_text(event.event_id)[1:-1]),
            (_TYPE, event.type.encode()),
        ]
        if event.trace_context is not None:
            headers.append((_TRACE, event.trace_context.encode()))
        return Message(event.stream.encode(), event.payload, headers)

    def tick(self, tick: Tick) -> Message:
        until = iso(tick.recorded_until)
        content = {
            "recorded_until": until,
            "next_position": tick.next_position,
            "last_hash": tick.last_hash.hex(),
        }
        name = f"{tick.next_position}-{until}".encode()
        headers = [*self._start, (_ID, name), (_TYPE, TICK_TYPE.encode())]
        return Message(None, json.dumps(content).encode(), headers)

    def read(self, records: Iterable[KafkaRecord]) -> Taken:
        """In order. Raises AnotherLog."""
        taken = Taken()
        add = taken.events.append
        place = (self._log, self.partition)
        ours = (_SOURCE, self._source)
        for record in records:
            headers = record.headers
            # Where we put them: a dictionary of all would cost as much as the rest of this.
            if len(headers) > 2 and headers[1] == ours and headers[2][0] == _ENVELOPE:
                packed = headers[2][1]
            else:
                named = dict(headers)
                if named.get(_SOURCE) != self._source or _ENVELOPE not in named:
                    self._read_other(record, named, taken)
                    continue
                packed = named[_ENVELOPE]
            try:
                head = _unpack_beginning(packed).head
            except msgspec.DecodeError as flaw:
                taken.unreadable.append(f"offset {record.offset}: {flaw}")
                continue
            add(PackedEvent(*head, record.value or b"", packed, place))
        return taken

    def _read_other(self, record: KafkaRecord, headers: dict[str, bytes], taken: Taken) -> None:
        """Not an event of this partition: a tick, or somebody else's."""
        source = headers.get(_SOURCE)
        if source == self._source and headers.get(_TYPE) == TICK_TYPE.encode():
            try:
                taken.ticks.append(_tick(record.value))
            except (ValueError, TypeError, KeyError) as flaw:
                taken.unreadable.append(f"offset {record.offset}: a tick without a time ({flaw})")
            return
        if source is not None and source != self._source and source.startswith(self._sources):
            raise AnotherLog(
                f"offset {record.offset} comes from {source.decode(errors='replace')},"
                f" not from {self._source.decode()}"
            )
        taken.unreadable.append(f"offset {record.offset}: not a record of this system")


def _tick(value: bytes | None) -> Tick:
    content = json.loads(value or b"")
    until = to_milliseconds(datetime.fromisoformat(content["recorded_until"]))
    return Tick(until, int(content["next_position"]), bytes.fromhex(content["last_hash"]))
