"""Work on opportunities within the caller's sight: opened, owned, moved, closed (O1, O2)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from services.opportunities.api.bodies import Assignment, Migration, NewOpportunity, TimedBody
from services.opportunities.api.desk import Desk
from services.opportunities.api.opportunity_answers import shown_opportunity
from services.opportunities.domain.opportunity import OPPORTUNITY
from services.opportunities.domain.opportunity_commands import (
    AssignOpportunity,
    MigrateOpportunity,
    OpenOpportunity,
    OpportunityCommand,
)
from shared.access import Caller, Resource, Role, Verb, default_unit_id, visible_rows
from shared.batch_lines import Tell
from shared.command_handling import CommandContext, Handled
from shared.errors import DomainError, FieldProblem, Forbidden, NotYetKnown
from shared.organisation import Organisation

_OPPORTUNITIES = Resource.OPPORTUNITIES


class UnitIsNotTheOwners(DomainError):
    """A unit was named beside an owner who belongs to another (A9)."""

    code = "unit-is-not-the-owners"


class OpportunityWork:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def open(
        self, caller: Caller, body: NewOpportunity, context: CommandContext
    ) -> Handled[Any]:
        """Raises NotYetKnown, UnitIsNotTheOwners, Forbidden for a place out of sight, Malformed."""
        opportunity_id = body.opportunity_id or self._desk.given_id(context, "opportunity")
        telling = self._open(caller, opportunity_id, body, context)
        return await self._desk.answered(context, (OPPORTUNITY, opportunity_id), telling)

    async def _open(
        self, caller: Caller, opportunity_id: str, body: NewOpportunity, context: CommandContext
    ) -> Handled[Any]:
        organisation = await self._desk.organisation(caller)
        owner_id = body.owner_id or _own_person(caller, body)
        unit_id = _unit_of(
            organisation, owner_id, body.unit_id, default_unit_id(caller, organisation)
        )
        visibility = visible_rows(caller, organisation, _OPPORTUNITIES, Verb.WRITE)
        if not visibility.includes(unit_id=unit_id, owner_id=owner_id):
            raise Forbidden("an opportunity is opened where its opener may see it")
        timed = await self._desk.timed(context, body.occurred_at, body.sent_at)
        pipeline = await self._desk.pipeline(caller.tenant_id, body.pipeline)
        customer = await self._desk.customers.of(caller.tenant_id, body.customer_id)
        command = OpenOpportunity(
            opportunity_id=opportunity_id,
            customer_id=body.customer_id,
            customer_type=customer.customer_type,
            customer_industry=customer.industry,
            customer_is_key=customer.is_key,
            pipeline=pipeline,
            unit_id=unit_id,
            unit_path=organisation.unit_path(unit_id),
            owner_id=owner_id,
            amount=body.amount,
            currency=body.currency,
            zone=organisation.zone(context.occurred_at),
            occurred_at=timed.occurred_at,
            now=context.occurred_at,
        )
        return await self._handle(command, timed)

    async def assign(
        self, caller: Caller, opportunity_id: str, body: Assignment, context: CommandContext
    ) -> Handled[Any]:
        """Takes effect when received. Raises NotFound, NotYetKnown, UnitIsNotTheOwners."""
        _version, known = await self._seen(caller, opportunity_id)
        organisation = await self._desk.organisation(caller)
        unit_id = _unit_of(organisation, body.owner_id, body.unit_id, known.situation.unit_id)
        command = AssignOpportunity(
            opportunity_id=opportunity_id,
            owner_id=body.owner_id,
            unit_id=unit_id,
            unit_path=organisation.unit_path(unit_id),
            now=context.occurred_at,
        )
        return await self._handle(command, context)

    async def migrate(
        self, caller: Caller, opportunity_id: str, body: Migration, context: CommandContext
    ) -> Handled[Any]:
        """To the latest version of the pipeline named, by default of its own."""
        _version, known = await self._seen(caller, opportunity_id)
        name = body.pipeline or known.situation.pipeline.name
        command = MigrateOpportunity(
            opportunity_id=opportunity_id,
            pipeline=await self._desk.pipeline(caller.tenant_id, name),
            stage=body.stage,
            now=context.occurred_at,
        )
        return await self._handle(command, context)

    def timed(self, command: Callable[..., OpportunityCommand]) -> Tell:
        """Of a change that says when it happened; what else its body says, the command asks."""

        async def tell(
            caller: Caller, opportunity_id: str, body: TimedBody, context: CommandContext
        ) -> Handled[Any]:
            timed = await self._timed(caller, opportunity_id, body, context)
            told = command(
                opportunity_id=opportunity_id,
                occurred_at=timed.occurred_at,
                now=context.occurred_at,
                **body.said(),
            )
            return await self._handle(told, timed)

        return tell

    async def _seen(self, caller: Caller, opportunity_id: str) -> Any:
        return await self._desk.seen(caller, opportunity_id, _OPPORTUNITIES, Verb.WRITE)

    async def _timed(
        self, caller: Caller, opportunity_id: str, body: TimedBody, context: CommandContext
    ) -> CommandContext:
        """Without a time of the client's it happened when received, even if our own clock was set
        back since the last change: changes take effect in the order received (G5)."""
        _version, known = await self._seen(caller, opportunity_id)
        timed = await self._desk.timed(context, body.occurred_at, body.sent_at)
        if body.occurred_at is None:
            in_order = max(timed.occurred_at, known.situation.changed_at)
            return replace(timed, occurred_at=in_order)
        return timed

    async def _handle(self, command: OpportunityCommand, context: CommandContext) -> Handled[Any]:
        return await self._desk.handle_opportunity(
            command.opportunity_id, command, context, shown_opportunity
        )


def _own_person(caller: Caller, body: NewOpportunity) -> str | None:
    """Who sees only their own rows opens for themselves unless they say otherwise."""
    only_own = caller.roles == {Role.REP}
    return caller.person_id if only_own and body.unit_id is None else None


def _unit_of(
    organisation: Organisation, owner_id: str | None, unit_id: str | None, default: str | None
) -> str:
    """The owner's unit; without an owner the unit named, else the default (A9)."""
    if unit_id is not None and not organisation.knows_unit(unit_id):
        raise NotYetKnown(f"unit {unit_id!r} is not known yet", errors=[_not_known("unit_id")])
    if owner_id is None:
        chosen = unit_id or default
        if chosen is None:
            raise NotYetKnown("the tenant has no unit yet", errors=[_not_known("unit_id")])
        return chosen
    owners = organisation.unit_of(owner_id)
    if owners is None:
        raise NotYetKnown(f"person {owner_id!r} is not known yet", errors=[_not_known("owner_id")])
    if unit_id not in (None, owners):
        detail = f"{owner_id!r} belongs to {owners!r}, not to {unit_id!r}"
        raise UnitIsNotTheOwners(detail, errors=[FieldProblem("unit_id", "not-theirs", detail)])
    return owners


def _not_known(field: str) -> FieldProblem:
    return FieldProblem(field, "not-yet-known", "we have not heard of it (yet)")
