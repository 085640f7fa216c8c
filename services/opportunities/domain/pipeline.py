"""Pipelines as versioned data (O1): published only when they can be walked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from services.opportunities.domain.pipeline_document import parse_pipeline
from services.opportunities.domain.walkability import problems
from shared.decider import Decider
from shared.errors import Malformed
from shared.events.opportunities import (
    LightLimits,
    PipelineDefinition,
    PipelinePublished,
    StageDefinition,
)

__all__ = [
    "PIPELINE",
    "STANDARD_PIPELINE",
    "Pipeline",
    "PipelineCannotBeWalked",
    "PublishPipeline",
    "Published",
    "Unknown",
    "parse_pipeline",
    "problems",
]


class PipelineCannotBeWalked(Malformed):
    """The definition has problems, each named in `errors` (O1)."""

    code = "pipeline-cannot-be-walked"


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishPipeline:
    """`action_types`: what golden actions may name; None leaves that unchecked."""

    pipeline: PipelineDefinition
    action_types: frozenset[str] | None = None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Never published."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The latest version; earlier ones live on in the opportunities that they are pinned to."""

    pipeline: PipelineDefinition


Pipeline = Unknown | Published

STANDARD_PIPELINE = PipelineDefinition(
    name="standard",
    version=1,
    stages=(
        StageDefinition(name="first_contact", title={"zh": "首次接触", "en": "First contact"}),
        StageDefinition(name="needs_confirmed", title={"zh": "需求确认", "en": "Needs confirmed"}),
        StageDefinition(name="solution_shown", title={"zh": "方案展示", "en": "Solution shown"}),
        StageDefinition(
            name="objections_handled", title={"zh": "异议处理", "en": "Objections handled"}
        ),
        StageDefinition(name="ready_to_sign", title={"zh": "准备签约", "en": "Ready to sign"}),
    ),
    lights=LightLimits(proposal_stage="solution_shown"),
)
"""What a fresh tenant has: five stages, 48 h of silence and dwell, no golden actions."""


def publish(command: PublishPipeline, pipeline: Pipeline) -> Sequence[PipelinePublished]:
    """The version is the next one; the definition that is published already changes nothing."""
    found = problems(command.pipeline, command.action_types)
    if found:
        raise PipelineCannotBeWalked(f"{len(found)} problem(s) in the pipeline", errors=found)
    match pipeline:
        case Unknown():
            version = 1
        case Published(pipeline=latest):
            if replace(command.pipeline, version=latest.version) == latest:
                return []
            version = latest.version + 1
        case _:
            assert_never(pipeline)
    published = replace(command.pipeline, version=version)
    return [PipelinePublished(pipeline=published, published_at=command.now)]


def evolve(pipeline: Pipeline, event: PipelinePublished) -> Pipeline:
    return Published(pipeline=event.pipeline)


PIPELINE: Decider[PublishPipeline, Pipeline, PipelinePublished] = Decider(
    "pipeline", publish, evolve, Unknown()
)
