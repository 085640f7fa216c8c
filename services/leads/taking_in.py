"""A lead from outside: its customer is found or made, then it is captured (L1, L4)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from services.leads.domain.customer import CUSTOMER, CustomerDescription, RegisterCustomer
from services.leads.domain.lead import LEAD
from services.leads.domain.lead_commands import CaptureLead
from services.leads.domain.lead_state import LeadFields
from services.leads.marking import Marking
from services.leads.queries.look_alikes import Candidate, candidates
from shared.command_handling import Answer, CommandContext, CommandHandling, Handled
from shared.ports import Ports

CONTACT_LEFT = "contact_left"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadFromOutside:
    lead_id: str
    new_customer_id: str
    description: CustomerDescription
    source: str
    fields: LeadFields
    behaviours: tuple[str, ...]
    unit_id: str
    occurred_at: datetime


class TakingIn:
    def __init__(self, ports: Ports, commands: CommandHandling, marking: Marking) -> None:
        self._ports = ports
        self._commands = commands
        self._marking = marking

    async def take(
        self, said: LeadFromOutside, context: CommandContext, answer: Answer
    ) -> Handled[Any]:
        """Nobody is there to be asked whether a look-alike is meant: the only one is taken, of
        several none, and they are reviewed as duplicates."""
        tenant_id = context.tenant_id
        marks = await self._marking.marks(tenant_id, said.description)
        async with self._marking.turn(tenant_id, marks):
            alike = await candidates(self._ports, tenant_id, marks)
            customer_id = linked_to(alike) or said.new_customer_id
            if customer_id == said.new_customer_id and said.new_customer_id not in ids_of(alike):
                described = replace(said, description=replace(said.description, marks=marks))
                await self._register(described, context)
        organisation = await self._ports.organisations.of(tenant_id)
        command = CaptureLead(
            lead_id=said.lead_id,
            customer_id=customer_id,
            source=said.source,
            fields=said.fields,
            behaviours=behaviours_of(said),
            unit_id=said.unit_id,
            unit_path=organisation.unit_path(said.unit_id),
            owner_id=None,
            occurred_at=said.occurred_at,
            now=context.occurred_at,
        )
        return await self._commands.handle(LEAD, said.lead_id, command, context, answer)

    async def _register(self, said: LeadFromOutside, context: CommandContext) -> None:
        command = RegisterCustomer(
            customer_id=said.new_customer_id,
            description=said.description,
            occurred_at=said.occurred_at,
            now=context.occurred_at,
        )
        # The key is the lead's: what was said once under it is its answer.
        without_key = replace(context, idempotency_key=None)
        await self._commands.handle(CUSTOMER, said.new_customer_id, command, without_key)


def linked_to(alike: Sequence[Candidate]) -> str | None:
    """Whom an unattended intake takes a description for."""
    return alike[0].customer_id if len(alike) == 1 else None


def ids_of(alike: Sequence[Candidate]) -> frozenset[str]:
    return frozenset(each.customer_id for each in alike)


def behaviours_of(said: LeadFromOutside) -> tuple[str, ...]:
    """Who leaves a phone number or an address wants to be reached (O16)."""
    reachable = any(each.phone or each.email for each in said.description.contacts)
    left = (CONTACT_LEFT,) if reachable else ()
    return tuple(dict.fromkeys((*said.behaviours, *left)))
