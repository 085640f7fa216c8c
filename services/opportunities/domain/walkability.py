"""Why a pipeline cannot be walked (O1): every problem, each with the field at fault."""

import re
from collections.abc import Collection, Iterator

from services.opportunities.domain.evidence import EVIDENCE_KINDS
from services.opportunities.domain.names import duplicates, name_problem, not_among
from shared.errors import FieldProblem
from shared.events.opportunities import (
    GoldenAction,
    LightLimits,
    PipelineDefinition,
    StageDefinition,
)

MOST_STAGES = 50
LONGEST_LIMIT_SECONDS = 3660 * 24 * 3600
UNMET = ("enforce", "record")
LATE_CHANGES = ("refuse", "accept")

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def problems(
    pipeline: PipelineDefinition, action_types: Collection[str] | None = None
) -> list[FieldProblem]:
    """All problems in the order of the definition; an empty list: it can be walked (O1).

    With `action_types` golden actions must name types among them.
    """
    return [
        *_problems_of_the_whole(pipeline),
        *(
            problem
            for index, stage in enumerate(pipeline.stages)
            for problem in _problems_of_stage(pipeline, index, stage, action_types)
        ),
    ]


def _problems_of_the_whole(pipeline: PipelineDefinition) -> Iterator[FieldProblem]:
    if not _ID.fullmatch(pipeline.name):
        yield FieldProblem("pipeline.name", "not-an-id", "1-64 of A-Z a-z 0-9 . _ -")
    if pipeline.unmet not in UNMET:
        yield not_among("pipeline.unmet", pipeline.unmet, UNMET)
    if pipeline.late_changes not in LATE_CHANGES:
        yield not_among("pipeline.late_changes", pipeline.late_changes, LATE_CHANGES)
    if not pipeline.stages:
        yield FieldProblem("stage", "no-stages", "a pipeline has at least one stage")
    if len(pipeline.stages) > MOST_STAGES:
        yield FieldProblem("stage", "too-many-stages", f"at most {MOST_STAGES} stages")
    names = [stage.name for stage in pipeline.stages]
    yield from duplicates("stage", "duplicate-stage", names)
    for stage in pipeline.win_from:
        if stage not in names:
            message = f"{stage!r} is no stage of this pipeline"
            yield FieldProblem("pipeline.win_from", "unknown-stage", message)
    yield from _problems_of_lights(pipeline.lights, names)


def _problems_of_lights(lights: LightLimits, stages: Collection[str]) -> Iterator[FieldProblem]:
    path = "pipeline.lights"
    yield from _limit_problem(f"{path}.entered", lights.entered_seconds)
    yield from _limit_problem(f"{path}.proposal", lights.proposal_seconds)
    yield from _limit_problem(f"{path}.reaction", lights.reaction_seconds)
    if lights.proposal_stage is not None and lights.proposal_stage not in stages:
        message = f"{lights.proposal_stage!r} is no stage of this pipeline"
        yield FieldProblem(f"{path}.proposal_stage", "unknown-stage", message)


def _problems_of_stage(
    pipeline: PipelineDefinition,
    index: int,
    stage: StageDefinition,
    action_types: Collection[str] | None,
) -> Iterator[FieldProblem]:
    path = f"stage[{index}]"
    yield from name_problem(f"{path}.name", stage.name)
    yield from _limit_problem(f"{path}.silence_limit", stage.silence_limit_seconds)
    yield from _limit_problem(f"{path}.dwell_limit", stage.dwell_limit_seconds)
    for position, required in enumerate(stage.required_fields):
        yield from name_problem(f"{path}.required_fields[{position}]", required)
    for language, title in stage.title.items():
        yield from name_problem(f"{path}.title.{language}", title)
    for position, told in enumerate(stage.told):
        yield from name_problem(f"{path}.told[{position}]", told)
    yield from duplicates(f"{path}.required_fields", "duplicate-field", stage.required_fields)
    actions = [golden.action for golden in stage.golden_actions]
    yield from duplicates(f"{path}.golden_action", "duplicate-golden-action", actions)
    for position, golden in enumerate(stage.golden_actions):
        golden_path = f"{path}.golden_action[{position}]"
        yield from _problems_of_golden_action(golden_path, golden, action_types)
        yield from _problems_of_order(golden_path, golden, index, pipeline)


def _problems_of_golden_action(
    path: str, golden: GoldenAction, action_types: Collection[str] | None
) -> Iterator[FieldProblem]:
    yield from name_problem(f"{path}.action", golden.action)
    yield from _limit_problem(f"{path}.limit", golden.limit_seconds)
    for kind in golden.evidence:
        if kind not in EVIDENCE_KINDS:
            yield not_among(f"{path}.evidence", kind, EVIDENCE_KINDS)
    if action_types is None:
        return
    for field, named in (("action", golden.action), ("after", golden.after)):
        if named is not None and named not in action_types:
            message = f"{named!r} is no action type of this tenant"
            yield FieldProblem(f"{path}.{field}", "unknown-action-type", message)


def _problems_of_order(
    path: str, golden: GoldenAction, index: int, pipeline: PipelineDefinition
) -> Iterator[FieldProblem]:
    """A limit that waits for an action which cannot come first would never begin to run."""
    if golden.after is None:
        return
    yield from name_problem(f"{path}.after", golden.after)
    if _waits_for_itself(golden, pipeline.stages[index]):
        message = f"{golden.action!r} waits, by way of {golden.after!r}, for itself"
        yield FieldProblem(f"{path}.after", "circular", message)
    here = [_golden_types(stage) for stage in pipeline.stages]
    comes_later = any(golden.after in types for types in here[index + 1 :])
    if comes_later and not any(golden.after in types for types in here[: index + 1]):
        message = f"{golden.after!r} is logged only in a later stage"
        yield FieldProblem(f"{path}.after", "logged-later", message)


def _waits_for_itself(golden: GoldenAction, stage: StageDefinition) -> bool:
    waits_for = {each.action: each.after for each in stage.golden_actions}
    seen: set[str] = set()
    awaited = golden.after
    while awaited is not None and awaited not in seen:
        if awaited == golden.action:
            return True
        seen.add(awaited)
        awaited = waits_for.get(awaited)
    return False


def _golden_types(stage: StageDefinition) -> frozenset[str]:
    return frozenset(golden.action for golden in stage.golden_actions)


def _limit_problem(path: str, seconds: int | None) -> Iterator[FieldProblem]:
    if seconds is None:
        return
    if seconds <= 0:
        yield FieldProblem(path, "not-positive", "a limit is longer than nothing")
    elif seconds > LONGEST_LIMIT_SECONDS:
        yield FieldProblem(path, "too-long", "a limit is at most ten years")
