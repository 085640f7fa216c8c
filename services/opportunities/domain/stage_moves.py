"""Stage changes, winning, losing, reopening, and their order in time (O2, G5)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import assert_never

from services.opportunities.domain.exit_criteria import (
    SKIP,
    WIN_FROM,
    refuse_unmet,
    unmet_exit_criteria,
)
from services.opportunities.domain.opportunity_commands import (
    ChangeStage,
    LoseOpportunity,
    ReopenOpportunity,
    WinOpportunity,
)
from services.opportunities.domain.opportunity_state import (
    ClosedTime,
    Lost,
    Open,
    Opened,
    Opportunity,
    OpportunityIsClosed,
    Situation,
    StageEntry,
    Won,
    changed,
    is_given,
    known,
    opened,
    stage_number,
)
from shared.errors import DomainError, FieldProblem, Malformed
from shared.events.opportunities import (
    LateChangeRecorded,
    OpportunityLost,
    OpportunityReopened,
    OpportunityWon,
    StageChanged,
    Violation,
)

Move = ChangeStage | WinOpportunity | LoseOpportunity | ReopenOpportunity
MoveEvent = (
    StageChanged | OpportunityWon | OpportunityLost | OpportunityReopened | LateChangeRecorded
)


class OutOfDate(DomainError):
    """The change happened before the last state change (G5); the detail names the present state."""

    code = "out-of-date"


class AlreadyInStage(DomainError):
    code = "already-in-stage"


class ReasonIsRequired(DomainError):
    code = "reason-is-required"


class WinningIsNotAllowedHere(DomainError):
    code = "winning-is-not-allowed-here"


def change_stage(command: ChangeStage, opportunity: Opportunity) -> Sequence[MoveEvent]:
    """To the next stage; further on and backward as the pipeline and O2 say."""
    was = opened(opportunity, command.opportunity_id)
    pipeline = was.situation.pipeline
    target = stage_number(pipeline, command.stage)
    if target is None:
        raise _unknown_stage(command.stage, pipeline.name)
    if too_late := _too_late(was, command, "change-stage"):
        return [too_late]
    present_number = stage_number(pipeline, was.situation.stage)
    assert present_number is not None
    match was:
        case Won() | Lost():
            raise OpportunityIsClosed(_present_state(was))
        case Open() if target == present_number:
            raise AlreadyInStage(f"the opportunity is in stage {command.stage!r} already")
        case Open() if target < present_number:
            if not (is_given(command.reason) or command.recorded_history):
                raise _reason_required("a move backward has a reason")
            return [_stage_changed(command, was, "backward", ())]
        case Open():
            skipped = [stage.name for stage in pipeline.stages[present_number + 1 : target]]
            violations = (
                *(Violation(code=SKIP, name=name) for name in skipped),
                *unmet_exit_criteria(was),
            )
            refuse_unmet(was, violations, command.recorded_history)
            if violations and not (is_given(command.reason) or command.recorded_history):
                raise _reason_required("a move that lacks something has a reason")
            return [_stage_changed(command, was, "skip" if skipped else "forward", violations)]
        case _:
            assert_never(was)


def win(command: WinOpportunity, opportunity: Opportunity) -> Sequence[MoveEvent]:
    """From the stages that the pipeline names; the exit criteria of the present stage hold."""
    was = opened(opportunity, command.opportunity_id)
    if too_late := _too_late(was, command, "win"):
        return [too_late]
    match was:
        case Won():
            return []
        case Lost():
            raise OpportunityIsClosed(_present_state(was))
        case Open(situation=situation):
            violations = unmet_exit_criteria(was)
            win_from = situation.pipeline.win_from
            if win_from and situation.stage not in win_from:
                _refuse_winning_here(was, command.recorded_history)
                violations = (Violation(code=WIN_FROM, name=situation.stage), *violations)
            refuse_unmet(was, violations, command.recorded_history)
            return [
                OpportunityWon(
                    opportunity_id=command.opportunity_id,
                    stage=situation.stage,
                    violations=violations,
                    won_at=command.occurred_at,
                )
            ]
        case _:
            assert_never(was)


def lose(command: LoseOpportunity, opportunity: Opportunity) -> Sequence[MoveEvent]:
    was = opened(opportunity, command.opportunity_id)
    if not is_given(command.reason):
        raise _reason_required("losing has a reason")
    if too_late := _too_late(was, command, "lose"):
        return [too_late]
    match was:
        case Lost():
            return []
        case Won():
            raise OpportunityIsClosed(_present_state(was))
        case Open(situation=situation):
            return [
                OpportunityLost(
                    opportunity_id=command.opportunity_id,
                    stage=situation.stage,
                    reason=command.reason,
                    note=command.note,
                    subject=situation.subject,
                    lost_at=command.occurred_at,
                )
            ]
        case _:
            assert_never(was)


def reopen(command: ReopenOpportunity, opportunity: Opportunity) -> Sequence[MoveEvent]:
    """In the stage in which it was closed."""
    was = opened(opportunity, command.opportunity_id)
    if too_late := _too_late(was, command, "reopen"):
        return [too_late]
    match was:
        case Open():
            return []
        case Won(situation=situation) | Lost(situation=situation):
            return [
                OpportunityReopened(
                    opportunity_id=command.opportunity_id,
                    stage=situation.stage,
                    reason=command.reason,
                    subject=situation.subject,
                    reopened_at=command.occurred_at,
                )
            ]
        case _:
            assert_never(was)


def moved(opportunity: Opportunity, event: StageChanged) -> Opportunity:
    was = known(opportunity)
    entry = StageEntry(
        stage=event.to_stage, entered_at=event.changed_at, actions_before=len(was.actions)
    )
    entries = (*was.situation.entries, entry)
    return changed(was, replace(was.situation, entries=entries, changed_at=event.changed_at))


def won(opportunity: Opportunity, event: OpportunityWon) -> Won:
    was = known(opportunity)
    return Won(situation=_closed(was, event.won_at), actions=was.actions)


def lost(opportunity: Opportunity, event: OpportunityLost) -> Lost:
    was = known(opportunity)
    return Lost(situation=_closed(was, event.lost_at), actions=was.actions)


def reopened(opportunity: Opportunity, event: OpportunityReopened) -> Open:
    was = known(opportunity)
    *earlier, last = was.situation.closed_times
    ended = replace(last, reopened_at=event.reopened_at, actions_before_reopening=len(was.actions))
    situation = replace(was.situation, changed_at=event.reopened_at, closed_times=(*earlier, ended))
    return Open(situation=situation, actions=was.actions)


def _closed(was: Opened, closed_at: datetime) -> Situation:
    closed = ClosedTime(closed_at=closed_at, actions_before=len(was.actions))
    times = (*was.situation.closed_times, closed)
    return replace(was.situation, changed_at=closed_at, closed_times=times)


def _stage_changed(
    command: ChangeStage, was: Open, direction: str, violations: tuple[Violation, ...]
) -> StageChanged:
    return StageChanged(
        opportunity_id=command.opportunity_id,
        from_stage=was.situation.stage,
        to_stage=command.stage,
        direction=direction,
        reason=command.reason,
        subject=was.situation.subject,
        violations=violations,
        changed_at=command.occurred_at,
    )


def _too_late(was: Opened, command: Move, change: str) -> LateChangeRecorded | None:
    """None where the change is in time; raises OutOfDate unless the pipeline accepts late ones."""
    situation = was.situation
    if command.occurred_at >= situation.changed_at:
        return None
    if situation.pipeline.late_changes != "accept":
        raise OutOfDate(_present_state(was))
    return LateChangeRecorded(
        opportunity_id=situation.opportunity_id,
        change=change,
        stage=command.stage if isinstance(command, ChangeStage) else None,
        reason=None if isinstance(command, WinOpportunity) else command.reason,
        note=command.note if isinstance(command, LoseOpportunity) else None,
        subject=situation.subject,
        happened_at=command.occurred_at,
    )


def _refuse_winning_here(was: Open, recorded_history: bool) -> None:
    pipeline = was.situation.pipeline
    if pipeline.unmet == "enforce" and not recorded_history:
        allowed = ", ".join(pipeline.win_from)
        raise WinningIsNotAllowedHere(
            f"stage {was.situation.stage!r}: winning is allowed from {allowed}"
        )


def _present_state(was: Opened) -> str:
    since = was.situation.changed_at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    status = type(was).__name__.lower()
    return f"the opportunity is {status} in stage {was.situation.stage!r} since {since}"


def _reason_required(detail: str) -> ReasonIsRequired:
    return ReasonIsRequired(detail, errors=[FieldProblem("reason", "required", detail)])


def _unknown_stage(stage: str, pipeline: str) -> Malformed:
    message = f"{stage!r} is no stage of pipeline {pipeline!r}"
    return Malformed(message, errors=[FieldProblem("stage", "unknown-stage", message)])
