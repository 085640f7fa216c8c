"""Laws of the codec, for every declared event type: round trip, sealing, erasure, old shapes."""

import asyncio
import base64
import json
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, get_type_hints
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.codec import Codec, NewEvent, Upcasting
from shared.envelope import EncodedEvent, Envelope, RecordedEvent, StoredEvent
from shared.errors import PoisonMessage
from shared.event_type import ERASED, EventType, Withheld, all_event_types
from shared.events.directory import UnitMoved, UnitRenamed
from shared.events.leads import Contact, CustomerRegistered
from shared.events.opportunities import PhotoTags, TextField
from shared.events.visits import Place, Promise
from shared.key_store import Binding

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ENVELOPE = Envelope("acme", "p1", NOW, "live", "c1")
EVENT_ID = UUID(int=1)
SECRET = "secret-7f3a "


class MemoryKeys:
    """A key a subject, made up from its name; erased ones are gone."""

    def __init__(self) -> None:
        self.erased: set[tuple[str, str]] = set()

    async def keys(self, tenant_id: str, subjects: Collection[str]) -> Mapping[str, bytes | None]:
        return {subject: self._key(tenant_id, subject) for subject in subjects}

    existing_keys = keys

    async def check(self) -> None:
        return

    async def bind(self, tenant_id: str, bindings: Collection[Binding]) -> None:
        raise AssertionError("the codec binds nothing")

    async def erase(self, tenant_id: str, subject: str) -> None:
        self.erased.add((tenant_id, subject))

    def _key(self, tenant_id: str, subject: str) -> bytes | None:
        if (tenant_id, subject) in self.erased:
            return None
        return f"{tenant_id} {subject}".encode()[:32].ljust(32, b".")


def as_stored(encoded: EncodedEvent, **changed: Any) -> StoredEvent:
    envelope = encoded.envelope
    stored = StoredEvent(
        log="test",
        partition=0,
        offset=0,
        stream="acme/test/1",
        version=1,
        event_id=encoded.event_id,
        type=encoded.type,
        schema_version=encoded.schema_version,
        recorded_at=NOW,
        payload=encoded.payload,
        hash=b"",
        **envelope._asdict(),
    )
    return stored._replace(**changed)


def sealed(codec: Codec, event: Any) -> EncodedEvent:
    [encoded] = asyncio.run(codec.seal([NewEvent(event, EVENT_ID, ENVELOPE)]))
    return encoded


def opened(codec: Codec, stored: StoredEvent) -> Any:
    [recorded] = asyncio.run(codec.open([codec.decode(stored)]))
    return recorded.event


# -------------------------------------------------------------------------------- made events

_NUMBERS = st.decimals(allow_nan=False, allow_infinity=False)
_SECRETS = st.text().map(lambda text: SECRET + text)
_CONTACTS = st.lists(st.builds(Contact, name=_SECRETS, phone=st.none() | _SECRETS), min_size=1)
_TEXTS = st.lists(st.builds(TextField, value=_SECRETS), min_size=1)
_DEGREES = st.floats(-90, 90)
_PLACES = st.lists(st.builds(Place, latitude=_DEGREES, longitude=_DEGREES), min_size=1)
_PROMISES = st.lists(st.builds(Promise, text=_SECRETS, due_at=st.none()), min_size=1)
_PHOTO_TAGS = st.lists(st.builds(PhotoTags, latitude=_DEGREES, longitude=_DEGREES), min_size=1)

st.register_type_strategy(datetime, st.datetimes(timezones=st.just(UTC)))
st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
st.register_type_strategy(Decimal, _NUMBERS)


def a_personal_value(hint: Any) -> st.SearchStrategy[Any]:
    if "Contact" in str(hint):
        return st.none() | _CONTACTS
    if "TextField" in str(hint):
        return st.none() | _TEXTS
    if "Promise" in str(hint):
        return st.none() | _PROMISES
    if "Place" in str(hint):
        return st.none() | _PLACES
    if "PhotoTags" in str(hint):
        return st.none() | _PHOTO_TAGS
    if "list[str]" in str(hint):
        return st.none() | st.lists(_SECRETS, min_size=1)
    return st.none() | _SECRETS


def an_event(declared: EventType) -> st.SearchStrategy[Any]:
    hints = get_type_hints(declared.event_class)
    return st.builds(
        declared.event_class,
        **{
            field: a_personal_value(hint)
            if field in declared.personal_fields
            else st.from_type(hint)
            for field, hint in hints.items()
        },
    )


EVERY_TYPE = pytest.mark.parametrize("declared", all_event_types(), ids=lambda each: each.name)
PERSONAL_TYPES = pytest.mark.parametrize(
    "declared",
    [each for each in all_event_types() if each.personal_fields],
    ids=lambda each: each.name,
)


# -------------------------------------------------------------------------------- laws

KEYS = MemoryKeys()
CODEC = Codec(KEYS)


@EVERY_TYPE
@given(data=st.data())
@settings(max_examples=10)
def test_what_is_sealed_and_opened_is_what_was_said(declared: EventType, data: Any) -> None:
    event = data.draw(an_event(declared))
    encoded = sealed(CODEC, event)
    assert (encoded.type, encoded.schema_version) == (declared.name, declared.schema_version)
    assert opened(CODEC, as_stored(encoded)) == event


@EVERY_TYPE
@given(data=st.data())
@settings(max_examples=5)
def test_a_decoded_event_is_encoded_to_the_same_bytes(declared: EventType, data: Any) -> None:
    encoded = sealed(CODEC, data.draw(an_event(declared)))
    again = sealed(CODEC, CODEC.decode(as_stored(encoded)).event)
    assert again.payload == encoded.payload


@PERSONAL_TYPES
@given(data=st.data())
@settings(max_examples=10)
def test_personal_data_is_neither_stored_nor_decoded_in_the_clear(
    declared: EventType, data: Any
) -> None:
    event = data.draw(an_event(declared))
    encoded = sealed(CODEC, event)
    assert SECRET.encode() not in encoded.payload
    decoded = CODEC.decode(as_stored(encoded)).event
    for field in declared.personal_fields:
        said = getattr(event, field) is not None
        assert isinstance(getattr(decoded, field), Withheld) is said


@PERSONAL_TYPES
@given(data=st.data())
@settings(max_examples=5)
def test_a_field_of_an_erased_subject_reads_as_erased(declared: EventType, data: Any) -> None:
    event = data.draw(an_event(declared))
    stored = as_stored(sealed(CODEC, event))
    for field in declared.personal_fields:
        rule = declared.rules[field]
        assert rule.subject_field is not None
        owner = getattr(event, rule.subject_field)
        subject = f"{rule.subject_kind}/{owner}" if rule.subject_kind else owner
        asyncio.run(KEYS.erase("acme", subject))
    found = opened(CODEC, stored)
    KEYS.erased.clear()
    for field in declared.rules:
        said = getattr(event, field)
        gone = field in declared.personal_fields and said is not None
        assert getattr(found, field) == (ERASED if gone else said)


# -------------------------------------------------------------------------------- sealing

CUSTOMER = CustomerRegistered(
    customer_id="C1",
    name="Ann Example",
    customer_type=None,
    industry=None,
    is_key=False,
    contacts=[Contact(contact_id="1", name="Bob Example")],
    confirmed=True,
    registered_at=NOW,
)


def test_what_was_sealed_for_another_event_is_refused() -> None:
    codec = Codec(MemoryKeys())
    stored = as_stored(sealed(codec, CUSTOMER), event_id=UUID(int=2))
    with pytest.raises(PoisonMessage, match="name was not sealed for here"):
        opened(codec, stored)


def test_what_was_sealed_for_another_field_is_refused() -> None:
    codec = Codec(MemoryKeys())
    encoded = sealed(codec, CUSTOMER)
    payload = json.loads(encoded.payload)
    payload["name"], payload["contacts"] = payload["contacts"], payload["name"]
    stored = as_stored(encoded, payload=json.dumps(payload).encode())
    with pytest.raises(PoisonMessage, match="was not sealed for here"):
        opened(codec, stored)


@pytest.mark.parametrize(
    "damage", ["", "AAAA", "no base 64!", base64.b64encode(b"x" * 60).decode()]
)
def test_a_damaged_seal_is_poison_and_nothing_worse(damage: str) -> None:
    codec = Codec(MemoryKeys())
    encoded = sealed(codec, CUSTOMER)
    payload = json.loads(encoded.payload)
    payload["name"]["sealed"] = damage
    with pytest.raises(PoisonMessage):
        opened(codec, as_stored(encoded, payload=json.dumps(payload).encode()))


def test_the_same_text_sealed_twice_looks_different() -> None:
    codec = Codec(MemoryKeys())
    assert sealed(codec, CUSTOMER).payload != sealed(codec, CUSTOMER).payload


def test_for_an_erased_subject_nothing_is_sealed_any_more() -> None:
    keys = MemoryKeys()
    asyncio.run(keys.erase("acme", "customer/C1"))
    codec = Codec(keys)
    encoded = sealed(codec, CUSTOMER)
    assert b"Ann" not in encoded.payload
    assert opened(codec, as_stored(encoded)).name == ERASED


def test_another_tenant_opens_nothing() -> None:
    codec = Codec(MemoryKeys())
    stored = as_stored(sealed(codec, CUSTOMER), tenant_id="zeta")
    with pytest.raises(PoisonMessage):
        opened(codec, stored)


def test_what_is_open_already_stays_so() -> None:
    codec = Codec(MemoryKeys())
    recorded = RecordedEvent(CUSTOMER, as_stored(sealed(codec, CUSTOMER)))
    [found] = asyncio.run(codec.open([recorded]))
    assert found is recorded


# -------------------------------------------------------------------------------- old shapes


def unit_named(payload: dict[str, Any]) -> dict[str, Any]:
    return {"unit_id": payload["id"], "title": payload["text"]}


def unit_titled(payload: dict[str, Any]) -> dict[str, Any]:
    return {"unit_id": payload["unit_id"], "name": payload["title"].title()}


OLD_SHAPES = (
    Upcasting("directory.unit_named.v1", "directory.unit_named.v2", unit_named),
    Upcasting("directory.unit_named.v2", "directory.unit_renamed.v1", unit_titled),
)


def of_type(name: str, payload: bytes) -> StoredEvent:
    return as_stored(EncodedEvent(EVENT_ID, name, 1, payload, ENVELOPE))


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("directory.unit_named.v1", b'{"id": "u1", "text": "north"}'),
        ("directory.unit_named.v2", b'{"unit_id": "u1", "title": "north"}'),
        ("directory.unit_renamed.v1", b'{"unit_id": "u1", "name": "North"}'),
    ],
)
def test_every_older_shape_is_read_as_the_present_one(name: str, payload: bytes) -> None:
    codec = Codec(MemoryKeys(), OLD_SHAPES)
    stored = of_type(name, payload)
    recorded = codec.decode(stored)
    assert recorded.event == UnitRenamed(unit_id="u1", name="North")
    assert recorded.stored == stored


def test_a_field_that_a_newer_version_added_is_passed_over() -> None:
    codec = Codec(MemoryKeys())
    stored = of_type("directory.unit_moved.v1", b'{"unit_id":"u1","parent_id":"u2","why":"-"}')
    assert codec.decode(stored).event == UnitMoved(unit_id="u1", parent_id="u2")


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("directory.unheard_of.v1", b"{}"),
        ("directory.unit_moved.v9", b'{"unit_id":"u1","parent_id":"u2"}'),
        ("directory.unit_moved.v1", b"{}"),
        ("directory.unit_moved.v1", b'{"unit_id":1,"parent_id":"u2"}'),
        ("directory.unit_moved.v1", b"\xff\xfe"),
        ("directory.unit_moved.v1", b""),
        ("directory.unit_named.v1", b"[]"),
        ("directory.unit_named.v1", b'{"id": "u1"}'),
        ("directory.unit_named.v2", b'{"unit_id": "u1", "title": 7}'),
    ],
)
def test_what_no_type_fits_is_poison(name: str, payload: bytes) -> None:
    codec = Codec(MemoryKeys(), OLD_SHAPES)
    with pytest.raises(PoisonMessage):
        codec.decode(of_type(name, payload))


def test_payloads_are_json_with_money_as_text() -> None:
    declared = next(
        e for e in all_event_types() if e.name == "opportunities.opportunity_fields_changed.v1"
    )
    event = declared.event_class(
        opportunity_id="O1",
        fields={"budget": 1.5},
        texts=None,
        filled=(),
        subject="customer/C1",
        amount=Decimal("1000000000000.10"),
        currency="CNY",
        changed_at=NOW,
    )
    payload = msgspec.json.decode(sealed(Codec(MemoryKeys()), event).payload)
    assert payload["amount"] == "1000000000000.10"
    assert payload["changed_at"] == "2026-03-02T09:30:00Z"
