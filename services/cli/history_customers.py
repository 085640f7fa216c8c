"""The customers that a history describes; those it only names are noted by services/leads."""

from collections.abc import Sequence
from datetime import datetime

from services.leads.domain.customer import (
    CUSTOMER,
    CustomerDescription,
    CustomerIsAlreadyRegistered,
    RegisterCustomer,
)
from services.opportunities.domain.history_statement import OpenCase
from shared.command_handling import CommandContext, Run, Step, derived_id
from shared.ports import Ports


class HistoryCustomers:
    """Registers a customer once; what somebody described already stays as it is."""

    def __init__(self, ports: Ports, context: CommandContext, now: datetime) -> None:
        self._commands = ports.commands("leads")
        self._context = context
        self._now = now

    async def register(self, openings: Sequence[OpenCase]) -> None:
        runs = {
            opening.customer.customer_id: self._run(opening)
            for opening in openings
            if opening.customer.name or opening.customer.customer_type or opening.customer.industry
        }
        if not runs:
            return
        for [refusal] in await self._commands.handle_runs(CUSTOMER, list(runs.values())):
            if refusal is not None and not isinstance(refusal, CustomerIsAlreadyRegistered):
                raise refusal

    def _run(self, opening: OpenCase) -> Run:
        customer = opening.customer
        command = RegisterCustomer(
            customer_id=customer.customer_id,
            description=CustomerDescription(
                name=customer.name,
                customer_type=customer.customer_type,
                industry=customer.industry,
            ),
            occurred_at=opening.at,
            now=self._now,
        )
        event_id = derived_id(self._context.tenant_id, "imported customer", customer.customer_id)
        return Run(customer.customer_id, [Step(command, self._context, event_id)])
