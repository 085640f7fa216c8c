"""What a stage asks for before it is left: golden actions with evidence, filled fields (O2)."""

from collections.abc import Sequence

from services.opportunities.domain.opportunity_state import (
    Open,
    Opened,
    stage_named,
)
from shared.errors import DomainError, FieldProblem
from shared.events.opportunities import GoldenAction, Violation

SKIP = "skip"
GOLDEN_ACTION = "golden-action"
REQUIRED_FIELD = "required-field"
WIN_FROM = "win-from"


class StageCannotBeLeft(DomainError):
    """Exit criteria are not met or stages are skipped, each named in `errors` (O2)."""

    code = "stage-cannot-be-left"


def unmet_exit_criteria(opportunity: Opened) -> tuple[Violation, ...]:
    """Golden actions not done since the present stage was entered, fields not filled (O2)."""
    situation = opportunity.situation
    stage = stage_named(situation.pipeline, situation.stage)
    return (
        *(
            Violation(code=GOLDEN_ACTION, name=golden.action)
            for golden in stage.golden_actions
            if not golden_done(golden, opportunity)
        ),
        *(
            Violation(code=REQUIRED_FIELD, name=name)
            for name in stage.required_fields
            if not _filled(opportunity, name)
        ),
    )


def golden_done(golden: GoldenAction, opportunity: Opened) -> bool:
    """Is there a valid action of the type, with its evidence, at or after entering the stage (O2)?

    At the very time of entering only what stands later in the stream; nothing done while closed.
    """
    situation = opportunity.situation
    entry = situation.entries[-1]
    return any(
        action.type == golden.action
        and (action.happened_at, action.order) >= (entry.entered_at, entry.actions_before)
        and action.counts
        and action.has_evidence(golden.evidence)
        and not any(time.includes(action) for time in situation.closed_times)
        for action in opportunity.actions.values()
    )


def refuse_unmet(was: Open, violations: Sequence[Violation], recorded_history: bool) -> None:
    """Raises StageCannotBeLeft for what the pipeline enforces or an action blocks (O1, O2)."""
    if recorded_history:
        return
    pipeline = was.situation.pipeline
    stage = stage_named(pipeline, was.situation.stage)
    blocking = {golden.action for golden in stage.golden_actions if golden.block}
    refused = [
        violation
        for violation in violations
        if pipeline.unmet == "enforce"
        or (violation.code == GOLDEN_ACTION and violation.name in blocking)
    ]
    if refused:
        raise StageCannotBeLeft(
            f"stage {stage.name!r} cannot be left yet", errors=list(map(_missing, refused))
        )


def _missing(violation: Violation) -> FieldProblem:
    match violation.code:
        case "skip":
            return FieldProblem("stage", SKIP, f"stage {violation.name!r} would be skipped")
        case "golden-action":
            message = f"golden action {violation.name!r} is not done with its evidence"
            return FieldProblem(f"golden_actions.{violation.name}", GOLDEN_ACTION, message)
        case _:
            message = f"field {violation.name!r} is empty"
            return FieldProblem(f"fields.{violation.name}", REQUIRED_FIELD, message)


def _filled(opportunity: Opened, name: str) -> bool:
    if name == "amount":
        return opportunity.situation.amount is not None
    situation = opportunity.situation
    return name in situation.filled or situation.fields.get(name) is not None
