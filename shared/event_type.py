"""How an event class is declared: its stored name and, field by field, whose data it holds."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import (
    Annotated,
    Any,
    TypeVar,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class FieldRule:
    """What a field is: `plain`, `personal` (sealed per subject) or `blob` (a key per object)."""

    kind: str
    subject_field: str | None = None
    subject_kind: str | None = None


PLAIN = FieldRule("plain")
BLOB = FieldRule("blob")

Plain = Annotated[T, PLAIN]
"""Holds no personal data: ids, names of stages and types, times, money, states."""

Blob = Annotated[T, BLOB]
"""SHA-256 of an object in the object store, which is sealed under a key of its own."""


def personal(subject_field: str, subject_kind: str | None = None) -> FieldRule:
    """Sealed under the key of the subject `<subject_kind>/<value of subject_field>`.

    Without `subject_kind` the field named already holds such a qualified subject.
    """
    return FieldRule("personal", subject_field, subject_kind)


@dataclass(frozen=True, slots=True)
class Withheld:
    """Stands where a personal value is not shown: still sealed, or erased for good (U5)."""

    sealed: str | None = None
    erased: bool = False


ERASED = Withheld(erased=True)

PersonalText = str | Withheld | None


@dataclass(frozen=True, slots=True)
class EventType:
    """A stored event type: `<service>.<event>.v<version>`, never derived from an import path."""

    name: str
    event_class: type[Any]
    rules: dict[str, FieldRule]
    schema_version: int
    personal_fields: tuple[str, ...]

    @property
    def service(self) -> str:
        return self.name.split(".", 1)[0]


_TYPES_BY_CLASS: dict[type[Any], EventType] = {}
_TYPES_BY_NAME: dict[str, EventType] = {}


def rule_of(hint: Any) -> FieldRule | None:
    """The declared rule inside a type hint, or None where nothing is declared."""
    if get_origin(hint) is Annotated:
        for mark in get_args(hint)[1:]:
            if isinstance(mark, FieldRule):
                return mark
    return None


@dataclass_transform(frozen_default=True, kw_only_default=True)
def event(name: str) -> Callable[[type[T]], type[T]]:
    """Declare an event class under its stored, versioned name.

    Raises TypeError for a field that is not declared plain, personal or blob.
    """

    def declare(cls: type[T]) -> type[T]:
        event_class = dataclass(frozen=True, slots=True, kw_only=True)(cls)
        hints = get_type_hints(event_class, include_extras=True)
        rules: dict[str, FieldRule] = {}
        for field in fields(event_class):  # type: ignore[arg-type]  # a dataclass since the line above
            rule = rule_of(hints[field.name])
            if rule is None:
                raise TypeError(f"{name}: field {field.name!r} is neither plain, personal nor blob")
            rules[field.name] = rule
        event_type = EventType(
            name=name,
            event_class=event_class,
            rules=rules,
            schema_version=int(name.rsplit(".v", 1)[1]),
            personal_fields=tuple(n for n, rule in rules.items() if rule.kind == "personal"),
        )
        _TYPES_BY_CLASS[event_class] = event_type
        _TYPES_BY_NAME[name] = event_type
        return event_class

    return declare


def event_type_of(event_class: type[Any]) -> EventType:
    """The declaration of an event class. Raises KeyError for a class never declared."""
    return _TYPES_BY_CLASS[event_class]


def event_type_named(name: str) -> EventType | None:
    return _TYPES_BY_NAME.get(name)


def all_event_types() -> tuple[EventType, ...]:
    """Every declared type, by name; import `shared.events` first."""
    return tuple(_TYPES_BY_NAME[name] for name in sorted(_TYPES_BY_NAME))


def types_passed_over(reads: tuple[type[Any], ...]) -> frozenset[str]:
    """The declared types that a reader of these classes has no use for."""
    return frozenset(
        name for name, each in _TYPES_BY_NAME.items() if not issubclass(each.event_class, reads)
    )
