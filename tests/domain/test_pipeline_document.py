"""Pipelines read from TOML: limits, defaults, and what is wrong with a document."""

import tomllib
from typing import Any

import pytest

from services.opportunities.domain.pipeline import parse_pipeline, problems
from services.opportunities.domain.pipeline_document import DocumentIsMalformed
from shared.events.opportunities import GoldenAction, PipelineDefinition, StageDefinition

DOCUMENT = """
[pipeline]
name = "loans"
unmet = "record"
late_changes = "accept"
win_from = ["offer"]
dwell_in_business_time = true

[[stage]]
name = "submitted"

[[stage]]
name = "offer"
silence_limit = "7d"
dwell_limit = "48h"
required_fields = ["budget"]
told = ["director"]
title = { zh = "报价", en = "Offer" }

[[stage.golden_action]]
action = "feedback_received"
evidence = ["minutes"]
limit = 5400
after = "demo"
block = true
name = "feedback"
"""


def test_a_document_spells_a_pipeline() -> None:
    assert parse_pipeline(tomllib.loads(DOCUMENT)) == PipelineDefinition(
        name="loans",
        version=0,
        unmet="record",
        late_changes="accept",
        win_from=("offer",),
        dwell_in_business_time=True,
        stages=(
            StageDefinition(
                name="submitted", silence_limit_seconds=172_800, dwell_limit_seconds=None
            ),
            StageDefinition(
                name="offer",
                silence_limit_seconds=604_800,
                dwell_limit_seconds=172_800,
                required_fields=("budget",),
                told=("director",),
                title={"zh": "报价", "en": "Offer"},
                golden_actions=(
                    GoldenAction(
                        action="feedback_received",
                        evidence=("minutes",),
                        limit_seconds=5400,
                        after="demo",
                        block=True,
                        name="feedback",
                    ),
                ),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("limit", "seconds"),
    [("90s", 90), ("90m", 5400), ("48h", 172_800), ("7d", 604_800), (60, 60), ("none", None)],
)
def test_limits_are_said_in_several_ways(limit: Any, seconds: int | None) -> None:
    document = {"pipeline": {"name": "P1"}, "stage": [{"name": "A", "dwell_limit": limit}]}
    assert parse_pipeline(document).stages[0].dwell_limit_seconds == seconds


@pytest.mark.parametrize(
    ("document", "field", "code"),
    [
        ({}, "pipeline", "required"),
        ({"pipeline": 1}, "pipeline", "not-a-table"),
        ({"pipeline": {}}, "pipeline.name", "required"),
        ({"pipeline": {"name": 1}}, "pipeline.name", "not-text"),
        ({"pipeline": {"name": "P1", "win_from": "A"}}, "pipeline.win_from", "not-a-list-of-texts"),
        (
            {"pipeline": {"name": "P1", "silence_in_business_time": "yes"}},
            "pipeline.silence_in_business_time",
            "not-a-boolean",
        ),
        ({"pipeline": {"name": "P1", "version": 3}}, "pipeline.version", "unknown-key"),
        ({"pipeline": {"name": "P1"}, "stages": []}, "stages", "unknown-key"),
        ({"pipeline": {"name": "P1"}, "stage": {"name": "A"}}, "stage", "not-a-list-of-tables"),
        ({"pipeline": {"name": "P1"}, "stage": [{}]}, "stage[0].name", "required"),
        (
            {"pipeline": {"name": "P1"}, "stage": [{"name": "A", "silence_limit": "soon"}]},
            "stage[0].silence_limit",
            "not-a-duration",
        ),
        (
            {"pipeline": {"name": "P1"}, "stage": [{"name": "A", "silence_limit": True}]},
            "stage[0].silence_limit",
            "not-a-duration",
        ),
        (
            {"pipeline": {"name": "P1"}, "stage": [{"name": "A", "title": "A"}]},
            "stage[0].title",
            "not-text-by-language",
        ),
        (
            {"pipeline": {"name": "P1"}, "stage": [{"name": "A", "golden_action": [{}]}]},
            "stage[0].golden_action[0].action",
            "required",
        ),
    ],
)
def test_what_is_wrong_with_a_document_is_named(
    document: dict[str, Any], field: str, code: str
) -> None:
    with pytest.raises(DocumentIsMalformed) as refused:
        parse_pipeline(document)
    assert [(each.field, each.code) for each in refused.value.errors] == [(field, code)]


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(DocumentIsMalformed) as refused:
        parse_pipeline({"pipeline": {"colour": "red"}, "stage": [{"limit": "1h"}]})
    assert {each.field for each in refused.value.errors} == {
        "pipeline.name",
        "stage[0].name",
        "stage[0].limit",
        "pipeline.colour",
    }


def test_the_limits_of_the_lights_stand_in_the_pipeline() -> None:
    document: dict[str, Any] = {
        "pipeline": {"name": "P1", "lights": {"proposal_stage": "first", "proposal": "48h"}},
        "stage": [{"name": "first"}],
    }
    lights = parse_pipeline(document).lights
    assert (lights.proposal_stage, lights.proposal_seconds) == ("first", 48 * 3600)
    assert (lights.entered_seconds, lights.reaction_seconds) == (24 * 3600, 7 * 24 * 3600)


def test_a_light_of_a_stage_that_is_none_cannot_be_walked() -> None:
    document: dict[str, Any] = {
        "pipeline": {"name": "P1", "lights": {"proposal_stage": "nowhere"}},
        "stage": [{"name": "first"}],
    }
    [problem] = problems(parse_pipeline(document))
    assert problem.field == "pipeline.lights.proposal_stage"
