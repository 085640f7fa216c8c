"""Every event is named, frozen and says of each field whose data it holds."""

import dataclasses
import re
from datetime import datetime
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest

import shared.events
from shared.event_type import EventType, Withheld, all_event_types, event, event_type_of, rule_of

EVERY_EVENT = pytest.mark.parametrize("declared", all_event_types(), ids=lambda each: each.name)

PRODUCER_OF_MODULE = {"signals": "projections", "visits": "opportunities", "goals": "projections"}


def module_of(declared: EventType) -> str:
    return declared.event_class.__module__.rsplit(".", 1)[1]


def bare(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def field_hints(declared: EventType) -> dict[str, Any]:
    return get_type_hints(declared.event_class, include_extras=True)


def test_there_are_events_of_every_producing_service() -> None:
    modules = {module_of(declared) for declared in all_event_types()}
    assert modules == set(shared.events.__all__)


@EVERY_EVENT
def test_an_event_is_stored_under_its_service_its_class_and_a_version(declared: EventType) -> None:
    service = PRODUCER_OF_MODULE.get(module_of(declared), module_of(declared))
    words = re.sub(r"(?<!^)(?=[A-Z])", "_", declared.event_class.__name__).lower()
    assert re.fullmatch(rf"{service}\.{words}\.v\d+", declared.name)


@EVERY_EVENT
def test_an_event_is_frozen_and_slotted(declared: EventType) -> None:
    parameters = declared.event_class.__dataclass_params__
    assert parameters.frozen
    assert not hasattr(declared.event_class, "__dict__") or "__slots__" in vars(
        declared.event_class
    )


@EVERY_EVENT
def test_every_field_says_whose_data_it_holds(declared: EventType) -> None:
    hints = field_hints(declared)
    for field in dataclasses.fields(declared.event_class):
        assert rule_of(hints[field.name]) == declared.rules[field.name]


@EVERY_EVENT
def test_a_personal_field_names_a_plain_field_that_says_whose(declared: EventType) -> None:
    hints = field_hints(declared)
    for name in declared.personal_fields:
        subject = declared.rules[name].subject_field
        assert subject is not None
        assert declared.rules[subject].kind == "plain"
        assert bare(hints[subject]) is str


@EVERY_EVENT
def test_a_personal_field_can_stand_withheld(declared: EventType) -> None:
    hints = field_hints(declared)
    for name in declared.personal_fields:
        assert Withheld in get_args(bare(hints[name]))


@EVERY_EVENT
def test_no_event_names_itself_by_a_bare_id(declared: EventType) -> None:
    assert "id" not in declared.rules


@EVERY_EVENT
def test_a_moment_ends_in_at_or_until(declared: EventType) -> None:
    moments = {
        name
        for name, hint in field_hints(declared).items()
        if bare(hint) is datetime or datetime in get_args(bare(hint))
    }
    assert all(name.endswith("_at") or name in {"until", "not_before"} for name in moments)


def test_an_undeclared_field_is_refused_when_the_class_is_made() -> None:
    with pytest.raises(TypeError, match="'amount' is neither plain, personal nor blob"):

        @event("leads.nobody_knows.v1")
        class NobodyKnows:
            amount: int

    with pytest.raises(KeyError):
        event_type_of(int)
