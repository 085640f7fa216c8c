"""The mapping of a history: what it can say, and how every mistake in it is named."""

from typing import Any

import pytest

from services.opportunities.domain.history_cells import RowParser, absent_columns
from services.opportunities.domain.history_mapping import ColumnIsAbsent, MappingIsMalformed
from services.opportunities.domain.history_mapping_reading import parse_mapping
from services.opportunities.domain.history_rows import HistoryReader
from services.opportunities.domain.history_template import (
    TemplateIsMalformed,
    ValueIsNoNumber,
    parse_template,
    render,
)
from tests.domain.history_example import HEADER, LATEST, PIPELINE, document, mapping


def problems_of(**changes: Any) -> set[tuple[str, str]]:
    with pytest.raises(MappingIsMalformed) as refused:
        parse_mapping(document(**changes))
    assert refused.value.status == 422
    return {(each.field, each.code) for each in refused.value.errors}


def rule(**keys: Any) -> list[dict[str, Any]]:
    return [{"when": {"activity": "X"}, **keys}]


def test_the_columns_are_named_by_their_meaning() -> None:
    used = mapping()
    assert used.columns["activity"] == "what"
    assert used.further == ("offer", "why")


def test_absent_keys_have_the_usual_meaning() -> None:
    used = mapping(time=None, action=None)
    assert used.time.formats == ("iso",)
    assert used.time.zone.key == "UTC"
    assert used.file.encoding == "utf-8"
    assert used.action.type.text == "{activity} {lifecycle}"
    assert used.owner == "first"
    assert used.opportunity.opened_by == "first-row"


def test_every_mistake_is_named_at_once() -> None:
    assert problems_of(source=None, pipeline=7, colour="red") == {
        ("source", "required"),
        ("pipeline", "wrong-type"),
        ("colour", "unknown"),
    }


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"columns": {"case": "c", "activity": "a"}}, ("columns.time", "required")),
        ({"columns": "case"}, ("columns", "wrong-type")),
        ({"opportunity": None}, ("opportunity", "required")),
        ({"opportunity": {"id": "x-{case}"}}, ("opportunity.customer", "required")),
        ({"file": {"encoding": "martian"}}, ("file.encoding", "unknown")),
        ({"file": {"delimiter": "ab"}}, ("file.delimiter", "malformed")),
        ({"file": {"decimal_mark": ";"}}, ("file.decimal_mark", "unknown")),
        ({"time": {"zone": "Europe/Atlantis"}}, ("time.zone", "unknown")),
        ({"time": {"format": "yesterday"}}, ("time.format", "unknown")),
        ({"time": {"format": 5}}, ("time.format", "unknown")),
        ({"owner": {"is": "anybody"}}, ("owner.is", "unknown")),
        ({"reps": {"id": "rep-{actor}"}}, ("reps.unit", "required")),
        ({"unit": [{"name": "North"}]}, ("unit[0].id", "required")),
        ({"unit": {"id": "north"}}, ("unit", "wrong-type")),
        ({"settings": {"zone": "Mars"}}, ("settings.zone", "out-of-range")),
        ({"settings": {"mood": "good"}}, ("settings.mood", "unknown")),
        ({"action": {"type": "{activity"}}, ("action.type", "malformed")),
        ({"action": {"type": "{weather}"}}, ("action.type", "unknown-column")),
        ({"action": {"fields": ["weather"]}}, ("action.fields", "unknown")),
        ({"rule": [{"win": True}]}, ("rule[0].when", "required")),
        ({"rule": rule(win=True, lose="price")}, ("rule[0].lose", "contradicts")),
        ({"rule": rule(win="yes")}, ("rule[0].win", "wrong-type")),
        ({"rule": rule(jump="quoted")}, ("rule[0].jump", "unknown")),
        ({"rule": rule(direction="sideways")}, ("rule[0].direction", "unknown")),
        ({"rule": rule(lose="{weather}")}, ("rule[0].lose", "unknown-column")),
        ({"rule": rule(action="{weather}")}, ("rule[0].action", "unknown-column")),
        (
            {"rule": [{"when": {"weather": "sunny"}, "win": True}]},
            ("rule[0].when", "unknown-column"),
        ),
        (
            {"rule": [{"when": {"activity": {"matches": "("}}}]},
            ("rule[0].when.activity.matches", "malformed"),
        ),
        ({"rule": [{"when": {"activity": 5}}]}, ("rule[0].when.activity", "wrong-type")),
        (
            {"rule": [{"when": {"activity": {"not": 5}}}]},
            ("rule[0].when.activity.not", "wrong-type"),
        ),
    ],
)
def test_a_mistake_is_named_with_its_place(
    changes: dict[str, Any], problem: tuple[str, str]
) -> None:
    assert problem in problems_of(**changes)


def test_a_further_column_cannot_take_the_name_of_a_role() -> None:
    columns = {"case": "c", "activity": "a", "time": "t", "further": {"actor": "who"}}
    assert ("columns.further.actor", "reserved") in problems_of(columns=columns)


def test_reps_need_a_column_of_actors() -> None:
    columns = {"case": "c", "activity": "a", "time": "t", "further": {"offer": "o", "why": "w"}}
    assert ("columns.actor", "required") in problems_of(columns=columns)


def test_a_rule_for_a_stage_that_the_pipeline_lacks_is_refused() -> None:
    with pytest.raises(MappingIsMalformed) as refused:
        HistoryReader(mapping(rule=rule(stage="married")), PIPELINE)
    assert [each.field for each in refused.value.errors] == ["rule[0].stage"]
    assert refused.value.errors[0].code == "unknown-stage"


def test_a_column_that_the_file_lacks_is_refused() -> None:
    with pytest.raises(ColumnIsAbsent) as refused:
        RowParser(mapping(), HEADER[1:], LATEST)
    assert [each.field for each in refused.value.errors] == ["columns.case"]
    assert refused.value.code == "column-is-absent"


def test_a_column_that_the_file_has_twice_is_refused() -> None:
    assert [each.code for each in absent_columns(mapping(), [*HEADER, "who"])] == [
        "ambiguous-column"
    ]


def test_a_template_takes_values_and_remainders() -> None:
    values = {"actor": "10913", "case": "7"}
    assert render(parse_template("team-{actor mod 4}"), values.__getitem__) == "team-1"
    assert render(parse_template("{case} of {actor}"), values.__getitem__) == "7 of 10913"
    assert render(parse_template("loans"), values.__getitem__) == "loans"


def test_a_template_without_its_value_leaves_no_blanks() -> None:
    values = {"activity": "Call", "lifecycle": ""}
    assert render(parse_template("{activity} {lifecycle}"), values.__getitem__) == "Call"


def test_the_remainder_of_a_word_is_refused() -> None:
    with pytest.raises(ValueIsNoNumber):
        render(parse_template("team-{actor mod 4}"), lambda name: "anna")


@pytest.mark.parametrize("text", ["{", "a}b", "{}", "{ }", "{a{b}}"])
def test_a_template_with_a_stray_brace_is_refused(text: str) -> None:
    with pytest.raises(TemplateIsMalformed):
        parse_template(text)
