"""Stored events as Kafka records: what goes in comes out, what is none of ours is named."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.kafka_messages import AnotherLog, Message, MessageCodec, Tick
from shared.clock import to_milliseconds
from shared.envelope import StoredEvent

LOG_ID = "5f0c"
NOW = datetime(2026, 3, 2, 9, 30, 0, 125_000, tzinfo=UTC)
CODEC = MessageCodec("opportunities", LOG_ID, 3)
EVENT = StoredEvent(
    log="opportunities",
    partition=3,
    offset=41,
    stream="acme/opportunity/O1",
    version=7,
    event_id=UUID("0b6d4d0a-6f6e-4c53-9a6d-2f1f7f6b7a01"),
    type="opportunities.action_logged.v1",
    schema_version=1,
    tenant_id="acme",
    actor_id="p1",
    occurred_at=NOW,
    raw_occurred_at=None,
    sent_at=None,
    entered_at=None,
    origin="live",
    recorded_at=NOW,
    correlation_id="c1",
    causation_id="e0",
    command_id="p1:k1",
    trace_context="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    payload=b'{"type":"call"}',
    hash=b"\x01" * 32,
)

TEXT = st.text(max_size=20)
MOMENT = st.datetimes(timezones=st.just(UTC)).map(to_milliseconds)
EVENTS = st.builds(
    StoredEvent,
    log=st.just("opportunities"),
    partition=st.just(3),
    offset=st.integers(0, 2**62),
    stream=TEXT,
    version=st.integers(1, 2**31),
    event_id=st.uuids(),
    type=TEXT,
    schema_version=st.integers(1, 9),
    tenant_id=TEXT,
    actor_id=st.none() | TEXT,
    occurred_at=MOMENT,
    raw_occurred_at=st.none() | MOMENT,
    sent_at=st.none() | MOMENT,
    entered_at=st.none() | MOMENT,
    origin=st.sampled_from(["live", "import", "demo"]),
    recorded_at=MOMENT,
    correlation_id=TEXT,
    causation_id=st.none() | TEXT,
    command_id=st.none() | TEXT,
    trace_context=st.none() | TEXT,
    payload=st.binary(max_size=50),
    hash=st.binary(max_size=32),
)


@dataclass(frozen=True)
class Record:
    """A record as a consumer gets it."""

    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]


def record(message: Message, offset: int = 100, **changed: Any) -> Record:
    fields = {"key": message.key, "value": message.value, "headers": tuple(message.headers)}
    return Record(offset, **(fields | changed))


def headers_of(event: StoredEvent) -> dict[str, bytes]:
    return dict(CODEC.message(event).headers)


@given(EVENTS)
def test_every_field_of_an_event_comes_back_absent_or_empty_as_it_was(event: StoredEvent) -> None:
    (arrived,) = CODEC.read([record(CODEC.message(event))]).events
    back = arrived.whole()
    assert back == event
    assert [type(each) for each in back] == [type(each) for each in event]


def test_place_type_tenant_and_trace_are_known_before_the_envelope_is_unpacked() -> None:
    (arrived,) = CODEC.read([record(CODEC.message(EVENT))]).events
    assert (arrived.offset, arrived.type, arrived.tenant_id, arrived.trace_context) == (
        41,
        "opportunities.action_logged.v1",
        "acme",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    )
    assert arrived.payload == b'{"type":"call"}'


def test_the_key_is_the_stream_and_the_value_the_payload_as_stored() -> None:
    message = CODEC.message(EVENT)
    assert (message.key, message.value) == (b"acme/opportunity/O1", b'{"type":"call"}')


def test_other_tools_read_the_headers_of_a_cloud_event() -> None:
    headers = headers_of(EVENT)
    del headers["ce_envelope"]
    assert headers == {
        "ce_specversion": b"1.0",
        "ce_id": b"0b6d4d0a-6f6e-4c53-9a6d-2f1f7f6b7a01",
        "ce_source": b"/pulsetrail/opportunities/5f0c/3",
        "ce_type": b"opportunities.action_logged.v1",
        "traceparent": b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }


def test_without_a_trace_there_is_no_header_of_one() -> None:
    assert "traceparent" not in headers_of(EVENT._replace(trace_context=None))


def test_a_tick_tells_its_moment_and_the_position_that_comes_next() -> None:
    tick = Tick(NOW, 42, b"\x07" * 32)
    taken = CODEC.read([record(CODEC.message(EVENT)), record(CODEC.tick(tick))])
    assert [each.whole() for each in taken.events] == [EVENT]
    assert (taken.ticks, taken.unreadable) == ([tick], [])


def test_a_record_of_another_log_of_this_name_is_refused() -> None:
    other = MessageCodec("opportunities", "77aa", 3).message(EVENT)
    with pytest.raises(AnotherLog, match="offset 100 comes from /pulsetrail/opportunities/77aa/3"):
        CODEC.read([record(other)])


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param((), id="none of ours"),
        pytest.param((("ce_source", b"/elsewhere"), ("ce_type", b"x")), id="foreign"),
        pytest.param(
            (("ce_source", b"/pulsetrail/opportunities/5f0c/3"), ("ce_type", b"x")), id="bare"
        ),
        pytest.param(
            (("ce_source", b"/pulsetrail/opportunities/5f0c/3"), ("ce_envelope", b"\xc1")),
            id="no envelope",
        ),
        pytest.param(
            (("ce_source", b"/pulsetrail/opportunities/5f0c/3"), ("ce_envelope", b"\x92\x90\xc0")),
            id="an envelope of other fields",
        ),
    ],
)
def test_a_record_that_nobody_can_read_is_named_and_the_others_are_read(headers: Any) -> None:
    strange = record(CODEC.message(EVENT), 7, headers=headers)
    taken = CODEC.read([strange, record(CODEC.message(EVENT))])
    assert [each.whole() for each in taken.events] == [EVENT]
    assert [what.partition(":")[0] for what in taken.unreadable] == ["offset 7"]


@pytest.mark.parametrize("value", [None, b"", b"null", b"{}", b'{"recorded_until":"soon"}'])
def test_a_broken_tick_is_named(value: bytes | None) -> None:
    taken = CODEC.read([record(CODEC.tick(Tick(NOW, 42)), 9, value=value)])
    assert taken.ticks == []
    assert [what.partition(":")[0] for what in taken.unreadable] == ["offset 9"]
