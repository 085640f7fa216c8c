"""The customers that a history describes; those it only names are noted by services/leads."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from services.cli.history_rehearsal import Commands
from services.leads.domain.customer import (
    CUSTOMER,
    CustomerDescription,
    CustomerIsAlreadyRegistered,
    RegisterCustomer,
)
from services.leads.marking import Marking
from services.opportunities.domain.history_statement import OpenCase
from shared.command_handling import CommandContext, Run, Step, derived_id


class HistoryCustomers:
    """Registers a customer once; what somebody described already stays as it is."""

    def __init__(
        self, commands: Commands, marking: Marking | None, context: CommandContext, now: datetime
    ) -> None:
        """Without `marking`, which may have to make a key, nothing is to be written."""
        self._commands = commands
        self._marking = marking
        self._context = context
        self._now = now

    async def register(self, openings: Sequence[OpenCase]) -> None:
        runs = {
            opening.customer.customer_id: await self._run(opening)
            for opening in openings
            if opening.customer.name or opening.customer.customer_type or opening.customer.industry
        }
        if not runs:
            return
        for [refusal] in await self._commands.handle_runs(CUSTOMER, list(runs.values())):
            if refusal is not None and not isinstance(refusal, CustomerIsAlreadyRegistered):
                raise refusal

    async def _run(self, opening: OpenCase) -> Run:
        customer = opening.customer
        description = CustomerDescription(
            name=customer.name,
            customer_type=customer.customer_type,
            industry=customer.industry,
        )
        if self._marking is not None:
            marks = await self._marking.marks(self._context.tenant_id, description)
            description = replace(description, marks=marks)
        command = RegisterCustomer(
            customer_id=customer.customer_id,
            description=description,
            occurred_at=opening.at,
            now=self._now,
        )
        event_id = derived_id(self._context.tenant_id, "imported customer", customer.customer_id)
        return Run(customer.customer_id, [Step(command, self._context, event_id)])
