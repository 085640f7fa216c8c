"""Stored events as Kafka records and back: CloudEvents 1.0 in binary mode."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Protocol
from uuid import UUID

import msgspec

from shared.clock import iso, to_milliseconds
from shared.envelope import StoredEvent

TICK_TYPE = "pulsetrail.recorded_until.v1"

_SPECIFICATION = ("ce_specversion", b"1.0")
_ID = "ce_id"
_SOURCE = "ce_source"
_TYPE = "ce_type"
_POSITION = "ce_position"
_TENANT = "ce_tenant"
_CORRELATION = "ce_correlation"
_CAUSATION = "ce_causation"
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
    `next_position` is the log offset of the event that comes after it."""

    recorded_until: datetime
    next_position: int


class AnotherLog(Exception):
    """A record of a log of the same name that is not ours: the store or the topic was replaced."""


@dataclass(slots=True)
class Taken:
    """Records of one partition, read: `unreadable` names those that nobody can read and why."""

    events: list[StoredEvent] = field(default_factory=list)
    ticks: list[Tick] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


_Fields = tuple[
    int,
    str,
    int,
    UUID,
    str,
    int,
    str,
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
    str | None,
]
"""StoredEvent from `offset` to `trace_context`: packed with the hash into one header, since each
header costs a consumer a third of a microsecond, nearly as much as unpacking all of these."""
_FIRST, _BEHIND = 2, 20

_pack = msgspec.msgpack.Encoder(uuid_format="bytes").encode
_unpack = msgspec.msgpack.Decoder(tuple[_Fields, bytes]).decode
_as_text = msgspec.json.Encoder().encode


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
            (_ENVELOPE, _pack((event[_FIRST:_BEHIND], event.hash))),
            (_ID, _as_text(event.event_id)[1:-1]),
            (_TYPE, event.type.encode()),
            (_POSITION, b"%d" % event.offset),
            (_TENANT, event.tenant_id.encode()),
            (_CORRELATION, event.correlation_id.encode()),
        ]
        if event.causation_id is not None:
            headers.append((_CAUSATION, event.causation_id.encode()))
        if event.trace_context is not None:
            headers.append((_TRACE, event.trace_context.encode()))
        return Message(event.stream.encode(), event.payload, headers)

    def tick(self, tick: Tick) -> Message:
        until = iso(tick.recorded_until)
        content = {"recorded_until": until, "next_position": tick.next_position}
        name = f"{tick.next_position}-{until}".encode()
        headers = [*self._start, (_ID, name), (_TYPE, TICK_TYPE.encode())]
        return Message(None, json.dumps(content).encode(), headers)

    def read(self, records: Iterable[KafkaRecord]) -> Taken:
        """In order. Raises AnotherLog."""
        taken = Taken()
        add = taken.events.append
        make = StoredEvent._make
        source = self._source
        place = (self._log, self.partition)
        ours = (_SOURCE, source)
        for record in records:
            headers = record.headers
            # Where we put them: a dictionary of all would cost as much as the rest of this.
            if len(headers) > 2 and headers[1] == ours and headers[2][0] == _ENVELOPE:
                packed = headers[2][1]
            else:
                named = dict(headers)
                if named.get(_SOURCE) != source or _ENVELOPE not in named:
                    self._read_other(record, named, taken)
                    continue
                packed = named[_ENVELOPE]
            try:
                fields, digest = _unpack(packed)
            except msgspec.DecodeError as flaw:
                taken.unreadable.append(f"offset {record.offset}: {flaw}")
                continue
            add(make(place + fields + (record.value or b"", digest)))
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
    return Tick(until, int(content["next_position"]))
