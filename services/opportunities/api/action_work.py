"""Work on actions and approvals within the caller's sight (O3, O5, O6, O15)."""

from typing import Any

from services.opportunities.api.bodies import (
    ActionCorrection,
    ActionVoiding,
    ApprovalDecision,
    ApprovalRequest,
    ApprovalResubmission,
    EvidenceAttachment,
    NewAction,
    StepBody,
)
from services.opportunities.api.desk import Desk, unit_now
from services.opportunities.api.opportunity_answers import with_action, with_approval
from services.opportunities.domain.approvals import APPROVED, REJECTED, SENT_BACK
from services.opportunities.domain.opportunity_commands import (
    AttachEvidence,
    CorrectAction,
    DecideApproval,
    LogAction,
    RequestApproval,
    ResubmitApproval,
    VoidAction,
)
from services.opportunities.domain.opportunity_state import Opened, action_of
from shared.access import Caller, Resource, Role, Verb, visible_rows
from shared.command_handling import CommandContext, Handled
from shared.errors import FieldProblem, Forbidden, NotYetKnown
from shared.events.opportunities import ApprovalStep
from shared.organisation import Organisation

DEFAULT_STEPS = (Role.MANAGER, Role.LEGAL, Role.FINANCE)
_DECISIONS = {
    "approve": APPROVED,
    "approved": APPROVED,
    "reject": REJECTED,
    "rejected": REJECTED,
    "send_back": SENT_BACK,
    "sent_back": SENT_BACK,
}


class ActionWork:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def log(
        self, caller: Caller, opportunity_id: str, body: NewAction, context: CommandContext
    ) -> Handled[Any]:
        """Raises NotFound, NotYetKnown for the actor, Malformed for an unknown type."""
        await self._seen(caller, opportunity_id)
        timed = await self._desk.timed(context, body.occurred_at, body.sent_at)
        organisation = await self._desk.organisation(caller)
        actor_id = _actor(caller, organisation, body.actor_id)
        unit_id = organisation.unit_of(actor_id, timed.occurred_at) if actor_id else None
        draft = body.draft()
        await self._desk.require_stored(caller.tenant_id, draft.evidence)
        command = LogAction(
            opportunity_id=opportunity_id,
            action_id=body.action_id or self._desk.given_id(context, "action"),
            definition=await self._desk.action_type(caller.tenant_id, body.type),
            draft=draft,
            contact_id=body.contact_id,
            actor_id=actor_id,
            actor_unit_id=unit_id,
            actor_unit_path=organisation.unit_path(unit_id) if unit_id else (),
            occurred_at=timed.occurred_at,
            now=context.occurred_at,
        )
        render = with_action(command.action_id)
        return await self._desk.handle(opportunity_id, command, timed, render)

    async def correct(
        self, caller: Caller, opportunity_id: str, body: ActionCorrection, context: CommandContext
    ) -> Handled[Any]:
        known = await self._seen(caller, opportunity_id)
        was = action_of(known, body.action_id)
        timed = await self._desk.timed(context, body.occurred_at, body.sent_at)
        draft = body.draft()
        await self._desk.require_stored(caller.tenant_id, draft.evidence)
        command = CorrectAction(
            opportunity_id=opportunity_id,
            action_id=body.action_id,
            definition=await self._desk.action_type(caller.tenant_id, body.type or was.type),
            draft=draft,
            keep_evidence=body.keep_evidence,
            occurred_at=None if body.occurred_at is None else timed.occurred_at,
            now=context.occurred_at,
        )
        render = with_action(body.action_id)
        return await self._desk.handle(opportunity_id, command, context, render)

    async def void(
        self, caller: Caller, opportunity_id: str, body: ActionVoiding, context: CommandContext
    ) -> Handled[Any]:
        await self._seen(caller, opportunity_id)
        command = VoidAction(
            opportunity_id=opportunity_id,
            action_id=body.action_id,
            reason=body.reason,
            now=context.occurred_at,
        )
        render = with_action(body.action_id)
        return await self._desk.handle(opportunity_id, command, context, render)

    async def attach(
        self,
        caller: Caller,
        opportunity_id: str,
        body: EvidenceAttachment,
        context: CommandContext,
    ) -> Handled[Any]:
        await self._seen(caller, opportunity_id)
        evidence = tuple(each.evidence() for each in body.evidence)
        await self._desk.require_stored(caller.tenant_id, evidence)
        command = AttachEvidence(
            opportunity_id=opportunity_id,
            action_id=body.action_id,
            evidence=evidence,
            now=context.occurred_at,
        )
        render = with_action(body.action_id)
        return await self._desk.handle(opportunity_id, command, context, render)

    async def _seen(self, caller: Caller, opportunity_id: str) -> Opened:
        _version, known = await self._desk.seen(
            caller, opportunity_id, Resource.ACTIONS, Verb.WRITE
        )
        return known


class ApprovalWork:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def request(
        self, caller: Caller, opportunity_id: str, body: ApprovalRequest, context: CommandContext
    ) -> Handled[Any]:
        await self._seen(caller, opportunity_id)
        organisation = await self._desk.organisation(caller)
        limit_hours = organisation.number_setting("approval_limit_hours")
        steps = DEFAULT_STEPS if body.steps is None else body.steps
        command = RequestApproval(
            opportunity_id=opportunity_id,
            approval_id=body.approval_id or self._desk.given_id(context, "approval"),
            kind=body.kind,
            steps=tuple(_step(each, limit_hours) for each in steps),
            requested_by=caller.person_id,
            note=body.note,
            now=context.occurred_at,
        )
        render = with_approval(command.approval_id)
        return await self._desk.handle(opportunity_id, command, context, render)

    async def decide(
        self, caller: Caller, opportunity_id: str, body: ApprovalDecision, context: CommandContext
    ) -> Handled[Any]:
        """Raises Forbidden where the caller does not hold the role of the current step."""
        known = await self._seen(caller, opportunity_id)
        organisation = await self._desk.organisation(caller)
        command = DecideApproval(
            opportunity_id=opportunity_id,
            approval_id=body.approval_id,
            decision=_DECISIONS[body.decision],
            roles=_roles_over(caller, organisation, known),
            decided_by=caller.person_id,
            note=body.note,
            step=body.step,
            now=context.occurred_at,
        )
        render = with_approval(body.approval_id)
        return await self._desk.handle(opportunity_id, command, context, render)

    async def resubmit(
        self,
        caller: Caller,
        opportunity_id: str,
        body: ApprovalResubmission,
        context: CommandContext,
    ) -> Handled[Any]:
        await self._seen(caller, opportunity_id)
        command = ResubmitApproval(
            opportunity_id=opportunity_id, approval_id=body.approval_id, now=context.occurred_at
        )
        render = with_approval(body.approval_id)
        return await self._desk.handle(opportunity_id, command, context, render)

    async def _seen(self, caller: Caller, opportunity_id: str) -> Opened:
        _version, known = await self._desk.seen(
            caller, opportunity_id, Resource.APPROVALS, Verb.WRITE
        )
        return known


def _actor(caller: Caller, organisation: Organisation, named: str | None) -> str | None:
    """Who did it: the caller, or one whose actions the caller may see (A9)."""
    if named is None or named == caller.person_id:
        return caller.person_id
    unit_id = organisation.unit_of(named)
    if unit_id is None:
        problem = FieldProblem("actor_id", "not-yet-known", "we have not heard of it (yet)")
        raise NotYetKnown(f"person {named!r} is not known yet", errors=[problem])
    visibility = visible_rows(caller, organisation, Resource.ACTIONS, Verb.WRITE)
    if not visibility.includes(unit_id=unit_id, actor_id=named):
        raise Forbidden("an action is logged for oneself, or for one's own people")
    return named


def _step(step: Role | StepBody, limit_hours: float) -> ApprovalStep:
    if isinstance(step, StepBody):
        hours = limit_hours if step.limit_hours is None else step.limit_hours
        return ApprovalStep(role=step.role.value, limit_seconds=round(hours * 3600))
    return ApprovalStep(role=step.value, limit_seconds=round(limit_hours * 3600))


def _roles_over(caller: Caller, organisation: Organisation, opportunity: Opened) -> frozenset[str]:
    """The roles that the caller holds on the opportunity's unit or above it (A9)."""
    above = organisation.unit_path(unit_now(organisation, opportunity))
    return frozenset(grant.role.value for grant in caller.grants if grant.unit_id in above)
