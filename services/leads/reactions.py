"""What follows from events: whom an opportunity or a lead names is a customer from then on."""

from collections.abc import Sequence
from dataclasses import replace

from services.leads.domain.customer import CUSTOMER, NoteCustomer
from shared.command_handling import CommandHandling, Run, Step, caused_by, derived_id
from shared.envelope import RecordedEvent
from shared.events.leads import LeadCaptured, TicketOpened
from shared.events.opportunities import OpportunityOpened
from shared.subscription import Reaction

_NAME = "leads.noting_customers"
_NAME_OF_LEADS = "leads.noting_customers_of_leads"


class NotingCustomers:
    """Unconfirmed until somebody describes them."""

    def __init__(self, commands: CommandHandling) -> None:
        self._commands = commands

    async def react(self, events: Sequence[RecordedEvent]) -> None:
        """The customers of a whole batch in one commit; known ones stay as they are."""
        first: dict[tuple[str, str], RecordedEvent] = {}
        for recorded in events:
            first.setdefault((recorded.tenant_id, recorded.event.customer_id), recorded)
        runs = [_run(customer_id, each) for (_tenant, customer_id), each in first.items()]
        await self._commands.handle_runs(CUSTOMER, runs)


def _run(customer_id: str, recorded: RecordedEvent) -> Run:
    stored = recorded.stored
    command = NoteCustomer(
        customer_id=customer_id, occurred_at=stored.occurred_at, now=stored.recorded_at
    )
    context = replace(caused_by(recorded, _NAME), occurred_at=stored.occurred_at)
    event_id = derived_id(_NAME, str(stored.event_id), customer_id)
    return Run(customer_id, [Step(command, context, event_id)])


def reactions(commands: CommandHandling) -> tuple[Reaction, ...]:
    noting = NotingCustomers(commands)
    return (
        Reaction(name=_NAME, log="opportunities", react=noting.react, reads=(OpportunityOpened,)),
        Reaction(
            name=_NAME_OF_LEADS, log="leads", react=noting.react, reads=(LeadCaptured, TicketOpened)
        ),
    )
