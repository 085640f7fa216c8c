"""What a lead was converted to is opened: the two services meet through its event."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.opportunities.domain.opportunity import OPPORTUNITY
from services.opportunities.domain.opportunity_commands import OpenOpportunity
from services.opportunities.domain.pipeline import PIPELINE, STANDARD_PIPELINE, Published
from services.opportunities.queries import CustomerFacts
from shared.command_handling import CommandHandling, Run, Step, caused_by, derived_id
from shared.envelope import RecordedEvent, stream_name
from shared.events.leads import LeadConverted
from shared.events.opportunities import PipelineDefinition
from shared.ports import Ports
from shared.subscription import Reaction

_CONVERTING = "opportunities.converting_leads"


@dataclass(frozen=True, slots=True)
class Converting:
    """Opens what a lead was converted to; an opportunity that is there already stays as it is."""

    ports: Ports
    commands: CommandHandling
    customers: CustomerFacts

    async def react(self, events: Sequence[RecordedEvent]) -> None:
        runs = [await self._run(recorded) for recorded in events]
        await self.commands.handle_runs(OPPORTUNITY, runs)

    async def _run(self, recorded: RecordedEvent) -> Run:
        converted: LeadConverted = recorded.event
        tenant_id = recorded.tenant_id
        organisation = await self.ports.organisations.of(tenant_id)
        customer = await self.customers.of(tenant_id, converted.customer_id)
        command = OpenOpportunity(
            opportunity_id=converted.opportunity_id,
            customer_id=converted.customer_id,
            customer_type=customer.customer_type,
            customer_industry=customer.industry,
            customer_is_key=customer.is_key,
            pipeline=await self._pipeline(tenant_id, converted.pipeline),
            unit_id=converted.unit_id,
            unit_path=organisation.unit_path(converted.unit_id),
            owner_id=converted.owner_id,
            zone=organisation.zone(converted.converted_at),
            occurred_at=converted.converted_at,
            now=recorded.stored.recorded_at,
        )
        context = replace(caused_by(recorded, _CONVERTING), occurred_at=converted.converted_at)
        event_id = derived_id(_CONVERTING, str(recorded.event_id))
        return Run(converted.opportunity_id, [Step(command, context, event_id)])

    async def _pipeline(self, tenant_id: str, name: str) -> PipelineDefinition:
        """The standard one where there is none of this name."""
        stream = stream_name(tenant_id, PIPELINE.name, name)
        _version, pipeline = await self.commands.load(PIPELINE, stream)
        return pipeline.pipeline if isinstance(pipeline, Published) else STANDARD_PIPELINE


def reaction(ports: Ports, commands: CommandHandling, customers: CustomerFacts) -> Reaction:
    return Reaction(
        name=_CONVERTING,
        log="leads",
        react=Converting(ports, commands, customers).react,
        reads=(LeadConverted,),
    )
