"""Work on actions and approvals within the caller's sight (O3, O5, O6, O15)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from services.opportunities.api.bodies import (
    ActionContent,
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
from services.opportunities.api.visit_facts import VisitFacts
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
from services.opportunities.domain.valid_action import ActionDraft
from shared.access import PERMISSIONS, Caller, Resource, Role, Verb, visible_rows
from shared.command_handling import CommandContext, Handled
from shared.errors import FieldProblem, Forbidden, Malformed, NotYetKnown
from shared.events.opportunities import ApprovalStep
from shared.organisation import Organisation

ActionCommand = LogAction | CorrectAction | VoidAction | AttachEvidence
ApprovalCommand = RequestApproval | DecideApproval | ResubmitApproval

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
        self._facts = VisitFacts(desk)

    async def log(
        self, caller: Caller, opportunity_id: str, body: NewAction, context: CommandContext
    ) -> Handled[Any]:
        """Raises NotFound, NotYetKnown for the actor, Malformed for an unknown type."""
        await self._seen(caller, opportunity_id)
        timed = await self._desk.timed(context, body.occurred_at, body.sent_at)
        organisation = await self._desk.organisation(caller)
        actor_id = acting_person(caller, organisation, body.actor_id)
        unit_id = organisation.unit_of(actor_id, timed.occurred_at) if actor_id else None
        draft = await self._examined(body, context)
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
        return await self._tell(command, timed)

    async def correct(
        self, caller: Caller, opportunity_id: str, body: ActionCorrection, context: CommandContext
    ) -> Handled[Any]:
        known = await self._seen(caller, opportunity_id)
        was = action_of(known, body.action_id)
        timed = await self._desk.timed(context, body.occurred_at, body.sent_at)
        draft = await self._examined(body, context)
        command = CorrectAction(
            opportunity_id=opportunity_id,
            action_id=body.action_id,
            definition=await self._desk.action_type(caller.tenant_id, body.type or was.type),
            draft=draft,
            keep_evidence=body.keep_evidence,
            occurred_at=None if body.occurred_at is None else timed.occurred_at,
            now=context.occurred_at,
        )
        return await self._tell(command, replace(timed, occurred_at=context.occurred_at))

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
        return await self._tell(command, context)

    async def attach(
        self,
        caller: Caller,
        opportunity_id: str,
        body: EvidenceAttachment,
        context: CommandContext,
    ) -> Handled[Any]:
        known = await self._seen(caller, opportunity_id)
        action = action_of(known, body.action_id)
        timed = await self._desk.timed(context, body.occurred_at, body.sent_at)
        evidence = tuple(each.evidence() for each in body.evidence)
        await self._desk.hold_evidence(evidence, context)
        command = AttachEvidence(
            opportunity_id=opportunity_id,
            action_id=body.action_id,
            evidence=await self._facts.examined(evidence, caller.tenant_id, action.visit),
            occurred_at=timed.occurred_at,
            now=context.occurred_at,
        )
        return await self._tell(command, timed)

    async def _examined(self, body: ActionContent, context: CommandContext) -> ActionDraft:
        """What the rep says, its evidence held until this is decided, its photos looked into."""
        draft = body.draft()
        await self._desk.hold_evidence(draft.evidence, context)
        evidence = await self._facts.examined(draft.evidence, context.tenant_id)
        return replace(draft, evidence=evidence)

    async def _seen(self, caller: Caller, opportunity_id: str) -> Opened:
        _version, known = await self._desk.seen(
            caller, opportunity_id, Resource.ACTIONS, Verb.WRITE
        )
        return known

    async def _tell(self, command: ActionCommand, context: CommandContext) -> Handled[Any]:
        render = with_action(command.action_id)
        return await self._desk.handle_opportunity(command.opportunity_id, command, context, render)


class ApprovalWork:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def request(
        self, caller: Caller, opportunity_id: str, body: ApprovalRequest, context: CommandContext
    ) -> Handled[Any]:
        await self._seen(caller, opportunity_id)
        steps = DEFAULT_STEPS if body.steps is None else body.steps
        _refuse_undecided(steps)
        command = RequestApproval(
            opportunity_id=opportunity_id,
            approval_id=body.approval_id or self._desk.given_id(context, "approval"),
            kind=body.kind,
            steps=tuple(map(_step, steps)),
            requested_by=caller.person_id,
            note=body.note,
            now=context.occurred_at,
        )
        return await self._tell(command, context)

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
        return await self._tell(command, context)

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
        return await self._tell(command, context)

    async def _seen(self, caller: Caller, opportunity_id: str) -> Opened:
        _version, known = await self._desk.seen(
            caller, opportunity_id, Resource.APPROVALS, Verb.WRITE
        )
        return known

    async def _tell(self, command: ApprovalCommand, context: CommandContext) -> Handled[Any]:
        render = with_approval(command.approval_id)
        return await self._desk.handle_opportunity(command.opportunity_id, command, context, render)


def acting_person(caller: Caller, organisation: Organisation, named: str | None) -> str | None:
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


def _refuse_undecided(steps: Sequence[Role | StepBody]) -> None:
    """Raises Malformed for roles that may decide nothing: their step would wait for ever."""
    roles = [step.role if isinstance(step, StepBody) else step for step in steps]
    problems = [
        FieldProblem(f"steps[{index}]", "decides-nothing", f"a {role} decides no approvals")
        for index, role in enumerate(roles)
        if Resource.APPROVALS not in PERMISSIONS[role].write
    ]
    if problems:
        raise Malformed("an approval step is decided by the role that it names", errors=problems)


def _step(step: Role | StepBody) -> ApprovalStep:
    """Without a limit of its own it has the tenant's, as that is set when it is judged."""
    if isinstance(step, Role):
        return ApprovalStep(role=step.value)
    hours = step.limit_hours
    limit_seconds = None if hours is None else round(hours * 3600)
    return ApprovalStep(role=step.role.value, limit_seconds=limit_seconds)


def _roles_over(caller: Caller, organisation: Organisation, opportunity: Opened) -> frozenset[str]:
    """The roles that the caller holds on the opportunity's unit or above it (A9)."""
    above = organisation.unit_path(unit_now(organisation, opportunity))
    return frozenset(grant.role.value for grant in caller.grants if grant.unit_id in above)
