"""Approvals with ordered steps, each decided by the role that it names (O6, A9)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from services.opportunities.domain.names import name_problem, not_among
from services.opportunities.domain.opportunity_commands import (
    DecideApproval,
    RequestApproval,
    ResubmitApproval,
)
from services.opportunities.domain.opportunity_state import (
    Approval,
    Lost,
    Open,
    Opened,
    Opportunity,
    OpportunityIsClosed,
    Won,
    changed,
    known,
    opened,
)
from shared.errors import DomainError, FieldProblem, Forbidden, Malformed, NotFound
from shared.events.opportunities import ApprovalDecided, ApprovalRequested, ApprovalResubmitted

APPROVED = "approved"
REJECTED = "rejected"
SENT_BACK = "sent_back"
DECISIONS = (APPROVED, REJECTED, SENT_BACK)
PENDING = "pending"
GRANTED = "granted"
MOST_STEPS = 20


class ApprovalIsAlreadyRequested(DomainError):
    """Another approval of the opportunity has this id."""

    code = "approval-is-already-requested"


class ApprovalIsClosed(DomainError):
    code = "approval-is-closed"


class ApprovalIsSentBack(DomainError):
    """The requester has to resubmit it first."""

    code = "approval-is-sent-back"


class ApprovalStepHasPassed(DomainError):
    """The step that the decider saw is not the current one any more."""

    code = "approval-step-has-passed"


class StepBelongsToAnotherRole(Forbidden):
    code = "step-belongs-to-another-role"


def request(command: RequestApproval, opportunity: Opportunity) -> Sequence[ApprovalRequested]:
    """A step has the limit that it names, else the one that the tenant has set (48 h) (O6)."""
    was = opened(opportunity, command.opportunity_id)
    match was:
        case Won() | Lost():
            raise OpportunityIsClosed("nothing is left to be approved")
        case Open():
            pass
        case _:
            assert_never(was)
    if command.approval_id in was.situation.approvals:
        raise ApprovalIsAlreadyRequested(f"approval {command.approval_id!r} is requested already")
    _refuse_malformed(command)
    return [
        ApprovalRequested(
            opportunity_id=command.opportunity_id,
            approval_id=command.approval_id,
            kind=command.kind,
            steps=command.steps,
            requested_by=command.requested_by,
            note=command.note,
            subject=was.situation.subject,
            requested_at=command.now,
        )
    ]


def decide_step(command: DecideApproval, opportunity: Opportunity) -> Sequence[ApprovalDecided]:
    """Approving the last step grants; rejecting ends; sending back waits for the requester.

    What was won may still need approval; what was lost waits, and goes on when it is reopened.
    """
    was = _not_lost(opened(opportunity, command.opportunity_id))
    approval = _pending(_approval_of(was, command.approval_id), command.approval_id)
    if command.decision not in DECISIONS:
        problem = not_among("decision", command.decision, DECISIONS)
        raise Malformed(problem.message, errors=[problem])
    if command.step is not None and command.step != approval.step:
        raise ApprovalStepHasPassed(f"the current step is {approval.step}, not {command.step}")
    role = approval.steps[approval.step].role
    if role not in command.roles:
        raise StepBelongsToAnotherRole(f"step {approval.step} is decided by {role}")
    return [
        ApprovalDecided(
            opportunity_id=command.opportunity_id,
            approval_id=command.approval_id,
            step=approval.step,
            role=role,
            decision=command.decision,
            outcome=_outcome(approval, command.decision),
            decided_by=command.decided_by,
            note=command.note,
            subject=was.situation.subject,
            decided_at=command.now,
        )
    ]


def resubmit(command: ResubmitApproval, opportunity: Opportunity) -> Sequence[ApprovalResubmitted]:
    """Begins again from the first step."""
    was = _not_lost(opened(opportunity, command.opportunity_id))
    approval = _approval_of(was, command.approval_id)
    if approval.outcome == PENDING:
        return []
    if approval.outcome != SENT_BACK:
        raise ApprovalIsClosed(f"approval {command.approval_id!r} is {approval.outcome}")
    return [
        ApprovalResubmitted(
            opportunity_id=command.opportunity_id,
            approval_id=command.approval_id,
            resubmitted_at=command.now,
        )
    ]


def requested(opportunity: Opportunity, event: ApprovalRequested) -> Opened:
    approval = Approval(kind=event.kind, steps=event.steps, step=0, outcome=PENDING)
    return _with_approval(opportunity, event.approval_id, approval)


def decided(opportunity: Opportunity, event: ApprovalDecided) -> Opened:
    approval = known(opportunity).situation.approvals[event.approval_id]
    step = event.step + 1 if event.outcome == PENDING else event.step
    after = replace(approval, step=step, outcome=event.outcome)
    return _with_approval(opportunity, event.approval_id, after)


def resubmitted(opportunity: Opportunity, event: ApprovalResubmitted) -> Opened:
    approval = known(opportunity).situation.approvals[event.approval_id]
    again = replace(approval, step=0, outcome=PENDING)
    return _with_approval(opportunity, event.approval_id, again)


def _with_approval(opportunity: Opportunity, approval_id: str, approval: Approval) -> Opened:
    situation = known(opportunity).situation
    approvals = {**situation.approvals, approval_id: approval}
    return changed(opportunity, replace(situation, approvals=approvals))


def _not_lost(was: Opened) -> Open | Won:
    match was:
        case Lost():
            raise OpportunityIsClosed(
                "what waits for a lost opportunity goes on when it is reopened"
            )
        case Open() | Won():
            return was
        case _:
            assert_never(was)


def _approval_of(was: Opened, approval_id: str) -> Approval:
    approval = was.situation.approvals.get(approval_id)
    if approval is None:
        raise NotFound(f"the opportunity has no approval {approval_id!r}")
    return approval


def _pending(approval: Approval, approval_id: str) -> Approval:
    if approval.outcome == SENT_BACK:
        raise ApprovalIsSentBack(f"approval {approval_id!r} waits for being resubmitted")
    if approval.outcome != PENDING:
        raise ApprovalIsClosed(f"approval {approval_id!r} is {approval.outcome}")
    return approval


def _outcome(approval: Approval, decision: str) -> str:
    if decision != APPROVED:
        return decision
    return GRANTED if approval.step + 1 == len(approval.steps) else PENDING


def _refuse_malformed(command: RequestApproval) -> None:
    problems = list(name_problem("kind", command.kind))
    if not 1 <= len(command.steps) <= MOST_STEPS:
        problems.append(FieldProblem("steps", "steps-required", f"1 to {MOST_STEPS} steps"))
    for index, step in enumerate(command.steps):
        problems.extend(name_problem(f"steps[{index}].role", step.role))
        if step.limit_seconds is not None and step.limit_seconds <= 0:
            message = "a limit is longer than nothing"
            problems.append(FieldProblem(f"steps[{index}].limit_seconds", "not-positive", message))
    if problems:
        raise Malformed("the approval cannot be requested like this", errors=problems)
