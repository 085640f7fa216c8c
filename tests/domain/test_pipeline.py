"""Pipelines: versioned, published only when they can be walked (O1)."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.opportunities.domain.pipeline import (
    PIPELINE,
    STANDARD_PIPELINE,
    PipelineCannotBeWalked,
    PublishPipeline,
    problems,
)
from shared.events.opportunities import (
    GoldenAction,
    PipelineDefinition,
    PipelinePublished,
    StageDefinition,
)
from tests.specs import Spec

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
pipeline = Spec(PIPELINE)
PUBLISHED = PipelinePublished(pipeline=STANDARD_PIPELINE, published_at=NOW)


def publish(definition: PipelineDefinition) -> PublishPipeline:
    return PublishPipeline(pipeline=definition, now=NOW)


def walked(*stages: StageDefinition) -> PipelineDefinition:
    return PipelineDefinition(name="P1", version=0, stages=stages)


def golden(*actions: GoldenAction) -> StageDefinition:
    return StageDefinition(name="offer", golden_actions=actions)


def test_the_first_version_is_one() -> None:
    pipeline.when(publish(replace(STANDARD_PIPELINE, version=0))).then(PUBLISHED)


def test_publishing_the_same_definition_does_nothing() -> None:
    pipeline.given(PUBLISHED).when(publish(replace(STANDARD_PIPELINE, version=0))).then_nothing()


def test_another_definition_is_the_next_version() -> None:
    recording = replace(STANDARD_PIPELINE, unmet="record")
    pipeline.given(PUBLISHED).when(publish(recording)).then(
        PipelinePublished(pipeline=replace(recording, version=2), published_at=NOW)
    )


def test_a_pipeline_that_cannot_be_walked_is_refused_with_every_reason() -> None:
    refusal = pipeline.when(publish(replace(walked(), unmet="perhaps"))).then_refused(
        PipelineCannotBeWalked
    )
    assert [problem.code for problem in refusal.errors] == ["not-among", "no-stages"]


def test_the_standard_pipeline_can_be_walked_within_48_hours_a_stage() -> None:
    assert problems(STANDARD_PIPELINE) == []
    assert [stage.name for stage in STANDARD_PIPELINE.stages] == [
        "first_contact",
        "needs_confirmed",
        "solution_shown",
        "objections_handled",
        "ready_to_sign",
    ]
    for stage in STANDARD_PIPELINE.stages:
        assert stage.silence_limit_seconds == stage.dwell_limit_seconds == 172_800
        assert stage.golden_actions == ()


@pytest.mark.parametrize(
    ("definition", "field", "code"),
    [
        (replace(walked(golden()), name="a b"), "pipeline.name", "not-an-id"),
        (replace(walked(golden()), late_changes="no"), "pipeline.late_changes", "not-among"),
        (replace(walked(golden()), win_from=("x",)), "pipeline.win_from", "unknown-stage"),
        (walked(), "stage", "no-stages"),
        (walked(golden(), golden()), "stage", "duplicate-stage"),
        (walked(*(StageDefinition(name=f"S{n}") for n in range(51))), "stage", "too-many-stages"),
        (walked(StageDefinition(name="")), "stage[0].name", "not-a-name"),
        (walked(StageDefinition(name="x" * 65)), "stage[0].name", "not-a-name"),
        (
            walked(StageDefinition(name="A", silence_limit_seconds=0)),
            "stage[0].silence_limit",
            "not-positive",
        ),
        (
            walked(StageDefinition(name="A", dwell_limit_seconds=10**12)),
            "stage[0].dwell_limit",
            "too-long",
        ),
        (
            walked(StageDefinition(name="A", required_fields=(" ",))),
            "stage[0].required_fields[0]",
            "not-a-name",
        ),
        (
            walked(StageDefinition(name="A", required_fields=("budget", "budget"))),
            "stage[0].required_fields",
            "duplicate-field",
        ),
        (
            walked(golden(GoldenAction(action="demo"), GoldenAction(action="demo"))),
            "stage[0].golden_action",
            "duplicate-golden-action",
        ),
        (
            walked(golden(GoldenAction(action="demo", limit_seconds=-1))),
            "stage[0].golden_action[0].limit",
            "not-positive",
        ),
        (
            walked(golden(GoldenAction(action="demo", evidence=("hearsay",)))),
            "stage[0].golden_action[0].evidence",
            "not-among",
        ),
        (
            walked(golden(GoldenAction(action="demo", after="demo"))),
            "stage[0].golden_action[0].after",
            "circular",
        ),
        (
            walked(
                golden(GoldenAction(action="feedback", after="demo")),
                StageDefinition(name="later", golden_actions=(GoldenAction(action="demo"),)),
            ),
            "stage[0].golden_action[0].after",
            "logged-later",
        ),
    ],
)
def test_what_cannot_be_walked_is_named(
    definition: PipelineDefinition, field: str, code: str
) -> None:
    assert [(problem.field, problem.code) for problem in problems(definition)] == [(field, code)]


def test_golden_actions_that_wait_for_each_other_are_circular() -> None:
    found = problems(
        walked(
            golden(
                GoldenAction(action="quote", after="demo"),
                GoldenAction(action="demo", after="sample"),
                GoldenAction(action="sample", after="quote"),
                GoldenAction(action="call", after="quote"),
            )
        )
    )
    assert [problem.field for problem in found] == [
        "stage[0].golden_action[0].after",
        "stage[0].golden_action[1].after",
        "stage[0].golden_action[2].after",
    ]


def test_a_golden_action_of_a_type_that_the_tenant_lacks_cannot_be_done() -> None:
    definition = walked(golden(GoldenAction(action="demo", after="dance", limit_seconds=60)))
    found = problems(definition, {"demo", "call"})
    assert [(each.field, each.code) for each in found] == [
        ("stage[0].golden_action[0].after", "unknown-action-type")
    ]
    assert problems(definition) == []


def test_a_blocking_golden_action_needs_no_limit() -> None:
    assert problems(walked(golden(GoldenAction(action="demo", block=True)))) == []


def test_an_action_that_an_earlier_stage_asks_for_may_be_waited_for() -> None:
    definition = walked(
        StageDefinition(name="shown", golden_actions=(GoldenAction(action="demo"),)),
        golden(GoldenAction(action="feedback", after="demo", limit_seconds=172_800)),
    )
    assert problems(definition) == []
