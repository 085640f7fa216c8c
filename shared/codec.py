"""Events to stored bytes and back: explicit type names, sealed personal fields, upcasters."""

import base64
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from os import urandom
from typing import Any, NamedTuple, get_type_hints
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import shared.events  # noqa: F401  # declares every event type
from shared.envelope import ArrivedEvent, EncodedEvent, Envelope, RecordedEvent
from shared.errors import PoisonMessage
from shared.event_type import (
    ERASED,
    Withheld,
    all_event_types,
    event_type_named,
    event_type_of,
)
from shared.key_store import KeyStore

Upcaster = Callable[[dict[str, Any]], dict[str, Any]]
"""An old payload to the shape of the version that follows it."""

Decoder = Callable[[bytes], Any]

_NONCE_BYTES = 12


class Upcasting(NamedTuple):
    """`from_type` as stored is read as `to_type`; several steps chain."""

    from_type: str
    to_type: str
    upcast: Upcaster


UPCASTERS: tuple[Upcasting, ...] = ()


class NewEvent(NamedTuple):
    """An event that was decided, its id and its envelope: ready to be sealed."""

    event: Any
    event_id: UUID
    envelope: Envelope


class Codec:
    """Seals with the keys of a key store; decodes without opening unless asked to."""

    def __init__(self, key_store: KeyStore, upcasters: Sequence[Upcasting] = UPCASTERS) -> None:
        self._keys = key_store
        self._upcasters = {step.from_type: step for step in upcasters}
        self._encoder = msgspec.json.Encoder(decimal_format="string")
        self._decoders: dict[str, Decoder] = {
            declared.name: msgspec.json.Decoder(declared.event_class).decode
            for declared in all_event_types()
        }

    async def seal(self, events: Sequence[NewEvent]) -> list[EncodedEvent]:
        """Encode, personal fields under their subjects' keys, bound to tenant, event and field."""
        wanted: dict[str, set[str]] = {}
        personal = [_subjects(new.event) for new in events]
        for new, subjects in zip(events, personal, strict=True):
            for _field, subject in subjects:
                wanted.setdefault(new.envelope.tenant_id, set()).add(subject)
        keys = {tenant: await self._keys.keys(tenant, wanted[tenant]) for tenant in wanted}
        return [
            self._encoded(new, subjects, keys.get(new.envelope.tenant_id, {}))
            for new, subjects in zip(events, personal, strict=True)
        ]

    def decode(self, arrived: ArrivedEvent) -> RecordedEvent:
        """The event with its personal fields still withheld.

        Raises PoisonMessage for an unknown type or a payload that does not fit it.
        """
        decoder = self._decoders.get(arrived.type)
        try:
            if decoder is None:
                return RecordedEvent(self._upcast(arrived), arrived)
            return RecordedEvent(decoder(arrived.payload), arrived)
        except PoisonMessage:
            raise
        except Exception as flaw:  # an upcaster may fail in any way on a payload it did not expect
            raise PoisonMessage(f"{arrived.type}: {flaw}") from flaw

    def decoders(self, passed_over: Collection[str]) -> dict[str, Decoder]:
        """Of every type as it is written now; what is passed over comes to None unseen."""
        return {
            name: _nothing if name in passed_over else decoder
            for name, decoder in self._decoders.items()
        }

    async def open(self, events: Iterable[RecordedEvent]) -> list[RecordedEvent]:
        """The events with personal fields shown; those of erased people read as erased."""
        recorded = list(events)
        wanted: dict[str, set[str]] = {}
        for each in recorded:
            for field, subject in _subjects(each.event):
                if isinstance(getattr(each.event, field), Withheld):
                    wanted.setdefault(each.tenant_id, set()).add(subject)
        keys = {tenant: await self._keys.existing_keys(tenant, wanted[tenant]) for tenant in wanted}
        return [self._opened(each, keys.get(each.tenant_id, {})) for each in recorded]

    def _encoded(
        self,
        new: NewEvent,
        subjects: Sequence[tuple[str, str]],
        keys: Mapping[str, bytes | None],
    ) -> EncodedEvent:
        declared = event_type_of(type(new.event))
        event = new.event
        sealed = {
            field: _seal(self._encoder.encode(getattr(event, field)), keys[subject], new, field)
            for field, subject in subjects
            if not isinstance(getattr(event, field), Withheld)
        }
        if sealed:
            event = declared.event_class(
                **{name: sealed.get(name) or getattr(event, name) for name in declared.rules}
            )
        payload = self._encoder.encode(event)
        return EncodedEvent(
            new.event_id, declared.name, declared.schema_version, payload, new.envelope
        )

    def _opened(self, recorded: RecordedEvent, keys: Mapping[str, bytes | None]) -> RecordedEvent:
        values: dict[str, Any] = {}
        for field, subject in _subjects(recorded.event):
            value = getattr(recorded.event, field)
            if isinstance(value, Withheld) and value.sealed is not None:
                key = keys.get(subject)
                values[field] = ERASED if key is None else _unseal(value, key, recorded, field)
        if not values:
            return recorded
        return RecordedEvent(replace(recorded.event, **values), recorded.arrived)

    def _upcast(self, arrived: ArrivedEvent) -> Any:
        name = arrived.type
        payload = msgspec.json.decode(arrived.payload)
        while name not in self._decoders:
            if name not in self._upcasters:
                raise PoisonMessage(f"no event type is named {name}")
            step = self._upcasters[name]
            name, payload = step.to_type, step.upcast(payload)
        declared = event_type_named(name)
        assert declared is not None
        return msgspec.convert(payload, declared.event_class)


def _nothing(_payload: bytes) -> None:
    return None


def _subjects(event: Any) -> list[tuple[str, str]]:
    """Personal fields of the event that hold something, each with the subject it belongs to."""
    declared = event_type_of(type(event))
    found: list[tuple[str, str]] = []
    for field in declared.personal_fields:
        if getattr(event, field) is None:
            continue
        rule = declared.rules[field]
        assert rule.subject_field is not None
        owner = getattr(event, rule.subject_field)
        found.append((field, f"{rule.subject_kind}/{owner}" if rule.subject_kind else owner))
    return found


def _bound_to(tenant_id: str, event_id: UUID, field: str) -> bytes:
    return b"\x1f".join((tenant_id.encode(), event_id.bytes, field.encode()))


def _seal(value: bytes, key: bytes | None, new: NewEvent, field: str) -> Withheld:
    if key is None:
        return ERASED
    nonce = urandom(_NONCE_BYTES)
    bound_to = _bound_to(new.envelope.tenant_id, new.event_id, field)
    sealed = nonce + AESGCM(key).encrypt(nonce, value, bound_to)
    return Withheld(sealed=base64.b64encode(sealed).decode())


def _unseal(value: Withheld, key: bytes, recorded: RecordedEvent, field: str) -> Any:
    assert value.sealed is not None
    bound_to = _bound_to(recorded.tenant_id, recorded.event_id, field)
    try:
        sealed = base64.b64decode(value.sealed)
        opened = AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to)
        return msgspec.json.decode(opened, type=_field_type(type(recorded.event), field))
    except (InvalidTag, ValueError, msgspec.MsgspecError) as flaw:
        raise PoisonMessage(f"{recorded.stored.type}: {field} was not sealed for here") from flaw


_FIELD_TYPES: dict[tuple[type[Any], str], Any] = {}


def _field_type(event_class: type[Any], field: str) -> Any:
    if (event_class, field) not in _FIELD_TYPES:
        hints = get_type_hints(event_class)
        for declared in fields(event_class):
            _FIELD_TYPES[event_class, declared.name] = hints[declared.name]
    return _FIELD_TYPES[event_class, field]
