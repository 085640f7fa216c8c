"""Work on leads within the caller's sight: captured, described, followed up, closed (L2, L4)."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from services.leads.api import lead_bodies as bodies
from services.leads.api.desk import Desk
from services.leads.domain.lead import LEAD
from services.leads.domain.lead_commands import (
    AppealLead,
    AssignLead,
    CaptureLead,
    ChangeLeadFields,
    ContactLead,
    ConvertLead,
    DecideLeadAppeal,
    DisqualifyLead,
    LeadCommand,
    NoteBehaviour,
    QualifyLead,
    ReleaseLead,
    ReturnLead,
)
from services.leads.domain.lead_state import BY_HAND, KnownLead, LeadFields
from services.leads.queries.leads import score_rules, seen_lead, shown_state
from shared.access import Caller, Resource, Role, Verb, default_unit_id, visible_rows
from shared.batch_lines import Tell
from shared.command_handling import CommandContext, Handled
from shared.errors import DomainError, FieldProblem, Forbidden, NotYetKnown
from shared.http import happened_at
from shared.organisation import Organisation

_DECIDING_ROLES = frozenset({Role.MANAGER, Role.DIRECTOR, Role.SALES_BP, Role.STORE_SUPERVISOR})


class UnitIsNotTheOwners(DomainError):
    """A unit was named beside an owner who belongs to another (A9)."""

    code = "unit-is-not-the-owners"


class OwnerHasLeft(DomainError):
    code = "owner-has-left"


class LeadWork:
    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.ports = desk.ports

    async def capture(
        self, caller: Caller, body: bodies.NewLead, context: CommandContext
    ) -> Handled[Any]:
        """Raises NotYetKnown, UnitIsNotTheOwners, Forbidden for a place out of sight,
        BudgetStatusIsMissing for one that is to be somebody's at once."""
        lead_id = body.lead_id or self.desk.given_id(context, "lead")
        telling = self._capture(caller, lead_id, body, context)
        return await self.desk.answered(context, (LEAD, lead_id), telling)

    async def _capture(
        self, caller: Caller, lead_id: str, body: bodies.NewLead, context: CommandContext
    ) -> Handled[Any]:
        organisation = await self._organisation(caller)
        owner_id = body.owner_id or _own_person(caller, body)
        unit_id = _unit_of(organisation, owner_id, body.unit_id, caller)
        visibility = visible_rows(caller, organisation, Resource.LEADS, Verb.WRITE)
        if not visibility.includes(unit_id=unit_id, owner_id=owner_id):
            raise Forbidden("a lead is captured where who captures it may see it")
        occurred_at = happened_at(body.occurred_at, context.occurred_at)
        command = CaptureLead(
            lead_id=lead_id,
            customer_id=body.customer_id,
            source=body.source,
            fields=body.fields(),
            behaviours=tuple(body.behaviours),
            unit_id=unit_id,
            unit_path=organisation.unit_path(unit_id),
            owner_id=owner_id,
            occurred_at=occurred_at,
            now=context.occurred_at,
            attributes=body.attributes,
            budget_status_required=_wants_budget(organisation, context),
        )
        return await self._handle(command, replace(context, occurred_at=occurred_at))

    async def change_fields(
        self, caller: Caller, lead_id: str, body: bodies.FieldsChange, context: CommandContext
    ) -> Handled[Any]:
        await self._seen(caller, lead_id)
        command = ChangeLeadFields(lead_id=lead_id, fields=body.fields(), now=context.occurred_at)
        return await self._handle(command, context)

    async def note_behaviour(
        self, caller: Caller, lead_id: str, body: bodies.NewBehaviour, context: CommandContext
    ) -> Handled[Any]:
        await self._seen(caller, lead_id)
        occurred_at = happened_at(body.occurred_at, context.occurred_at)
        command = NoteBehaviour(
            lead_id=lead_id,
            behaviour=body.behaviour,
            rules=score_rules(await self._organisation(caller), context.occurred_at),
            occurred_at=occurred_at,
            now=context.occurred_at,
        )
        return await self._handle(command, replace(context, occurred_at=occurred_at))

    async def assign(
        self, caller: Caller, lead_id: str, body: bodies.Assignment, context: CommandContext
    ) -> Handled[Any]:
        """By hand. Raises NotYetKnown, OwnerHasLeft."""
        await self._seen(caller, lead_id)
        organisation = await self._organisation(caller)
        command = _by_hand(organisation, caller, lead_id, body.owner_id, context)
        return await self._handle(command, context)

    async def contact(
        self, caller: Caller, lead_id: str, body: bodies.NewContact, context: CommandContext
    ) -> Handled[Any]:
        known = await self._seen(caller, lead_id)
        organisation = await self._organisation(caller)
        occurred_at = happened_at(body.occurred_at, context.occurred_at)
        command = ContactLead(
            lead_id=lead_id,
            type=body.type,
            actor_id=caller.person_id,
            summary=body.summary,
            fields=_fields_after(known.facts.fields, body),
            budget_status_required=_wants_budget(organisation, context),
            rules=score_rules(organisation, context.occurred_at),
            occurred_at=occurred_at,
            now=context.occurred_at,
            interested=body.interested,
        )
        return await self._handle(command, replace(context, occurred_at=occurred_at))

    async def appeal(
        self, caller: Caller, lead_id: str, body: bodies.Appeal, context: CommandContext
    ) -> Handled[Any]:
        await self._seen(caller, lead_id)
        organisation, now = await self._organisation(caller), context.occurred_at
        command = AppealLead(
            lead_id=lead_id,
            rep_id=caller.person_id,
            reason=body.reason,
            within=timedelta(minutes=organisation.number_setting("lead_appeal_minutes", now)),
            now=now,
        )
        return await self._handle(command, context)

    async def decide_appeal(
        self, caller: Caller, lead_id: str, body: bodies.AppealDecision, context: CommandContext
    ) -> Handled[Any]:
        """By a manager. Raises Forbidden for anybody else."""
        await self._seen(caller, lead_id)
        if not caller.roles & _DECIDING_ROLES:
            raise Forbidden("appeals are decided by managers")
        organisation = await self._organisation(caller)
        reassign = None
        if body.owner_id is not None:
            reassign = _by_hand(organisation, caller, lead_id, body.owner_id, context)
        command = DecideLeadAppeal(
            lead_id=lead_id,
            decision=body.decision,
            decided_by=caller.actor_id,
            reassign=reassign,
            rules=score_rules(organisation, context.occurred_at),
            now=context.occurred_at,
        )
        return await self._handle(command, context)

    async def disqualify(
        self, caller: Caller, lead_id: str, body: bodies.Disqualification, context: CommandContext
    ) -> Handled[Any]:
        await self._seen(caller, lead_id)
        command = DisqualifyLead(lead_id=lead_id, reason=body.reason, now=context.occurred_at)
        return await self._handle(command, context)

    async def convert(
        self, caller: Caller, lead_id: str, body: bodies.Conversion, context: CommandContext
    ) -> Handled[Any]:
        """The opportunity is opened by those whose it is, as soon as they hear of it."""
        await self._seen(caller, lead_id)
        command = ConvertLead(
            lead_id=lead_id,
            opportunity_id=body.opportunity_id or self.desk.given_id(context, "opportunity"),
            pipeline=body.pipeline,
            now=context.occurred_at,
        )
        return await self._handle(command, context)

    def plainly(self, command: type[QualifyLead] | type[ReturnLead] | type[ReleaseLead]) -> Tell:
        """What needs nothing said beside whose it is."""

        async def tell(
            caller: Caller, lead_id: str, _body: bodies.Nothing, context: CommandContext
        ) -> Handled[Any]:
            await self._seen(caller, lead_id)
            return await self._handle(command(lead_id=lead_id, now=context.occurred_at), context)

        return tell

    def repeatable(self, tell: Tell) -> Tell:
        """Repeated under its key it is answered as the first time, whosever the lead is by now."""

        async def told(
            caller: Caller, lead_id: str, body: Any, context: CommandContext
        ) -> Handled[Any]:
            telling = tell(caller, lead_id, body, context)
            return await self.desk.answered(context, (LEAD, lead_id), telling)

        return told

    async def _organisation(self, caller: Caller) -> Organisation:
        return await self.ports.organisations.of(caller.tenant_id)

    async def _seen(self, caller: Caller, lead_id: str) -> KnownLead:
        _version, known = await seen_lead(self.ports, caller, lead_id, Verb.WRITE)
        return known

    async def _handle(self, command: LeadCommand, context: CommandContext) -> Handled[Any]:
        return await self.desk.handle(LEAD, command.lead_id, command, context, _render)


def _by_hand(
    organisation: Organisation, caller: Caller, lead_id: str, owner_id: str, context: CommandContext
) -> AssignLead:
    unit_id = _unit_of(organisation, owner_id, None, caller)
    return AssignLead(
        lead_id=lead_id,
        owner_id=owner_id,
        unit_id=unit_id,
        unit_path=organisation.unit_path(unit_id),
        track=BY_HAND,
        budget_status_required=_wants_budget(organisation, context),
        now=context.occurred_at,
    )


def _wants_budget(organisation: Organisation, context: CommandContext) -> bool:
    """Before a lead is assigned or followed up (L2)."""
    return bool(organisation.setting("budget_status_required", context.occurred_at))


def _render(state: Any) -> Mapping[str, Any]:
    return shown_state(state)


def _fields_after(before: LeadFields, body: bodies.NewContact) -> LeadFields | None:
    if body.budget_status is None and body.core_needs is None:
        return None
    needs = before.core_needs if body.core_needs is None else tuple(dict.fromkeys(body.core_needs))
    return replace(
        before, budget_status=body.budget_status or before.budget_status, core_needs=needs
    )


def _own_person(caller: Caller, body: bodies.NewLead) -> str | None:
    """Who sees only their own rows captures for themselves."""
    only_own = caller.roles == {Role.REP}
    return caller.person_id if only_own and body.unit_id is None else None


def _unit_of(
    organisation: Organisation, owner_id: str | None, unit_id: str | None, caller: Caller
) -> str:
    """The owner's unit; without an owner the unit named, else the caller's granted one (A9)."""
    if unit_id is not None and not organisation.knows_unit(unit_id):
        raise NotYetKnown(f"unit {unit_id!r} is not known yet", errors=[_not_known("unit_id")])
    if owner_id is None:
        chosen = unit_id or default_unit_id(caller, organisation)
        if chosen is None:
            raise NotYetKnown("the tenant has no unit yet", errors=[_not_known("unit_id")])
        return chosen
    owners = organisation.unit_of(owner_id)
    if owners is None:
        raise NotYetKnown(f"person {owner_id!r} is not known yet", errors=[_not_known("owner_id")])
    if organisation.has_left(owner_id):
        detail = f"{owner_id!r} has left"
        raise OwnerHasLeft(detail, errors=[FieldProblem("owner_id", "has-left", detail)])
    if unit_id not in (None, owners):
        detail = f"{owner_id!r} belongs to {owners!r}, not to {unit_id!r}"
        raise UnitIsNotTheOwners(detail, errors=[FieldProblem("unit_id", "not-theirs", detail)])
    return owners


def _not_known(field: str) -> FieldProblem:
    return FieldProblem(field, "not-yet-known", "we have not heard of it (yet)")
