"""Action types as data, and whether an action is what its type asks for (O3, O15)."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from services.opportunities.domain.action_type import (
    ACTION_TYPES,
    DEFAULT_ACTION_TYPES,
    ActionTypeCannotBeUsed,
    DefineActionTypes,
)
from services.opportunities.domain.valid_action import (
    ActionDraft,
    checked_action,
    template_similarity,
)
from shared.errors import Malformed
from shared.events.opportunities import (
    ActionField,
    ActionTypeDefined,
    ActionTypeDefinition,
    DateRule,
    Evidence,
    TextField,
)
from tests.specs import Spec

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CALL = ActionTypeDefinition(type="call")
VISIT = ActionTypeDefinition(
    type="visit",
    minimum_summary_characters=5,
    evidence=("photo_storefront", "signature"),
    fields=(
        ActionField(name="stock_out", kind="text", required=True),
        ActionField(name="mood", kind="choice", choices=("good", "bad")),
        ActionField(name="minutes", kind="number"),
        ActionField(name="delivered_on", kind="date"),
        ActionField(name="owner_met", kind="boolean"),
    ),
    templates=("您好，这是我们的产品图片",),
)
PROOF = (
    Evidence(sha256="a" * 64, kind="photo_storefront"),
    Evidence(sha256="b" * 64, kind="signature"),
)
COMPLETE = ActionDraft(
    summary="Met the owner", fields={"stock_out": "aspirin", "minutes": 30}, evidence=PROOF
)
types = Spec(ACTION_TYPES)


def define(*definitions: ActionTypeDefinition) -> DefineActionTypes:
    return DefineActionTypes(definitions=definitions, now=NOW)


def test_a_new_type_is_defined() -> None:
    types.when(define(CALL)).then(ActionTypeDefined(definition=CALL))


def test_defining_a_type_as_it_is_does_nothing() -> None:
    types.given(ActionTypeDefined(definition=CALL)).when(define(CALL)).then_nothing()


def test_only_what_differs_is_defined_anew() -> None:
    quiet = replace(CALL, ends_silence=False)
    state = (
        types.given(ActionTypeDefined(definition=CALL))
        .when(define(quiet, VISIT))
        .then(ActionTypeDefined(definition=quiet), ActionTypeDefined(definition=VISIT))
    )
    assert state.definitions == {"call": quiet, "visit": VISIT}


def test_the_default_types_are_usable_and_internal_ones_do_not_end_silence() -> None:
    state = types.when(define(*DEFAULT_ACTION_TYPES)).then(
        *(ActionTypeDefined(definition=each) for each in DEFAULT_ACTION_TYPES)
    )
    quiet = {name for name, each in state.definitions.items() if not each.ends_silence}
    assert quiet == {"note", "task"}
    assert not any(state.definitions[name].is_contact for name in quiet)
    assert state.definitions["feedback_received"].direction == "inbound"
    assert all(each.evidence == () for each in DEFAULT_ACTION_TYPES)
    assert all(each.minimum_summary_characters == 0 for each in DEFAULT_ACTION_TYPES)


@pytest.mark.parametrize(
    ("definition", "field"),
    [
        (replace(CALL, type=" "), "type"),
        (replace(CALL, direction="sideways"), "direction"),
        (replace(CALL, minimum_summary_characters=-1), "minimum_summary_characters"),
        (replace(CALL, evidence=("hearsay",)), "evidence"),
        (replace(CALL, templates=("",)), "templates[0]"),
        (replace(CALL, fields=(ActionField(name="", kind="text"),)), "fields[0].name"),
        (replace(CALL, fields=(ActionField(name="a", kind="colour"),)), "fields[0].kind"),
        (replace(CALL, fields=(ActionField(name="a", kind="choice"),)), "fields[0].choices"),
        (replace(CALL, fields=(ActionField(name="a", kind="text"),) * 2), "fields"),
        (
            replace(
                CALL, date_rules=(DateRule(earlier="occurred_at", later="x", limit_seconds=60),)
            ),
            "date_rules[0].later",
        ),
        (
            replace(
                CALL,
                date_rules=(DateRule(earlier="occurred_at", later="recorded_at", limit_seconds=0),),
            ),
            "date_rules[0].limit_seconds",
        ),
    ],
)
def test_a_type_that_cannot_be_used_is_refused(
    definition: ActionTypeDefinition, field: str
) -> None:
    refusal = types.when(define(definition)).then_refused(ActionTypeCannotBeUsed)
    assert [problem.field for problem in refusal.errors] == [f"definitions[0].{field}"]


def test_a_complete_action_is_valid_and_its_free_text_kept_apart() -> None:
    checked = checked_action(VISIT, COMPLETE)
    assert checked.invalid_reasons == ()
    assert checked.fields == {"minutes": 30}
    assert checked.texts == [TextField(name="stock_out", value="aspirin")]
    assert checked.direction == "outbound"


def test_what_an_action_lacks_makes_it_invalid_but_keeps_it() -> None:
    checked = checked_action(VISIT, ActionDraft(summary=" hi ", fields={"stock_out": " "}))
    assert checked.invalid_reasons == (
        "summary-too-short",
        "field-missing:stock_out",
        "evidence-missing:photo_storefront",
        "evidence-missing:signature",
    )


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"stock_out": 3}, "not-a-text"),
        ({"mood": "neutral"}, "not-among"),
        ({"mood": True}, "not-a-choice"),
        ({"minutes": "30"}, "not-a-number"),
        ({"minutes": True}, "not-a-number"),
        ({"delivered_on": "tomorrow"}, "not-a-date"),
        ({"delivered_on": 5}, "not-a-date"),
        ({"owner_met": 1}, "not-a-boolean"),
        ({"weather": "fine"}, "unknown-field"),
    ],
)
def test_a_value_of_the_wrong_type_is_malformed(fields: dict[str, Any], code: str) -> None:
    with pytest.raises(Malformed) as refused:
        checked_action(VISIT, replace(COMPLETE, fields={**COMPLETE.fields, **fields}))
    assert [problem.code for problem in refused.value.errors] == [code]


def test_a_direction_that_there_is_not_is_malformed() -> None:
    with pytest.raises(Malformed):
        checked_action(VISIT, replace(COMPLETE, direction="sideways"))


def test_a_greeting_with_a_product_picture_is_no_visit() -> None:
    copied = replace(COMPLETE, summary="您好! 这是我们的产品图片。")
    assert checked_action(VISIT, copied).invalid_reasons == ("summary-is-a-template",)


def test_similarity_leaves_width_case_and_punctuation_aside() -> None:
    assert template_similarity("ＨＥＬＬＯ, world", "hello world!") == 1.0
    assert template_similarity("Met the owner", "hello world") < 0.5
    assert template_similarity("", "hello") == 0.0
