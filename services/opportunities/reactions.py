"""What follows from events: a new tenant is furnished, open opportunities follow people, units
and customers."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.opportunities import converting
from services.opportunities.domain.action_type import (
    ACTION_TYPES,
    DEFAULT_ACTION_TYPES,
    DefineActionTypes,
)
from services.opportunities.domain.customer_type import (
    CUSTOMER_TYPES,
    DEFAULT_CUSTOMER_TYPES,
    DefineCustomerTypes,
)
from services.opportunities.domain.opportunity import OPPORTUNITY
from services.opportunities.domain.opportunity_commands import (
    ChangeOpportunityCustomer,
    ChangeOpportunityUnit,
)
from services.opportunities.domain.opportunity_state import Situation, Unknown
from services.opportunities.domain.pipeline import PIPELINE, STANDARD_PIPELINE, PublishPipeline
from services.opportunities.queries import INDEX, PLACING, CustomerFacts
from shared.command_handling import CommandHandling, Run, Step, caused_by
from shared.envelope import Origin, RecordedEvent, stream_name
from shared.errors import DomainError
from shared.events.directory import PersonMoved, TenantCreated, UnitMoved
from shared.events.leads import CustomerDescribed, CustomerRegistered
from shared.events.opportunities import OpportunityOpened, OpportunityReopened
from shared.moves import (
    Causes,
    by_tenant,
    causes_of,
    latest_cause,
    listed,
    place_now,
    unlisted,
)
from shared.organisation import Organisation
from shared.ports import Ports
from shared.subscription import Reaction

_OPPORTUNITIES_A_COMMIT = 500
_FURNISHING = "opportunities.furnishing"
_FOLLOWING_PEOPLE = "opportunities.following_people"
_FOLLOWING_CUSTOMERS = "opportunities.following_customers"
_CATCHING_UP = "opportunities.catching_up"


class Furnishing:
    """Gives a new tenant the standard pipeline and the default types of actions and customers."""

    def __init__(self, commands: CommandHandling) -> None:
        self._commands = commands

    async def react(self, events: Sequence[RecordedEvent]) -> None:
        for recorded in events:
            await self._define_types(recorded)
            await self._publish_standard(recorded)
            await self._define_customer_types(recorded)

    async def _define_types(self, recorded: RecordedEvent) -> None:
        """What somebody defined otherwise already stays as it is."""
        tenant_id = recorded.tenant_id
        stream = stream_name(tenant_id, ACTION_TYPES.name, tenant_id)
        _version, there = await self._commands.load(ACTION_TYPES, stream)
        missing = tuple(each for each in DEFAULT_ACTION_TYPES if each.type not in there.definitions)
        command = DefineActionTypes(definitions=missing, now=recorded.stored.recorded_at)
        context = caused_by(recorded, _FURNISHING, 0)
        await self._commands.handle(ACTION_TYPES, tenant_id, command, context)

    async def _publish_standard(self, recorded: RecordedEvent) -> None:
        name = STANDARD_PIPELINE.name
        stream = stream_name(recorded.tenant_id, PIPELINE.name, name)
        version, _there = await self._commands.load(PIPELINE, stream)
        if version == 0:
            now = recorded.stored.recorded_at
            command = PublishPipeline(pipeline=STANDARD_PIPELINE, now=now)
            context = caused_by(recorded, _FURNISHING, 1)
            await self._commands.handle(PIPELINE, name, command, context)

    async def _define_customer_types(self, recorded: RecordedEvent) -> None:
        tenant_id = recorded.tenant_id
        stream = stream_name(tenant_id, CUSTOMER_TYPES.name, tenant_id)
        _version, there = await self._commands.load(CUSTOMER_TYPES, stream)
        missing = tuple(
            each for each in DEFAULT_CUSTOMER_TYPES if each.type not in there.definitions
        )
        command = DefineCustomerTypes(definitions=missing, now=recorded.stored.recorded_at)
        context = caused_by(recorded, _FURNISHING, 2)
        await self._commands.handle(CUSTOMER_TYPES, tenant_id, command, context)


@dataclass(frozen=True, slots=True)
class Following:
    """Brings opportunities in line with what people, units and customers are now.

    Deciders know what is so already, therefore coming again, or too many, adds nothing.
    """

    ports: Ports
    commands: CommandHandling
    customers: CustomerFacts

    async def people(self, events: Sequence[RecordedEvent]) -> None:
        """The owner moved, or the unit moved in the tree."""
        for tenant_id, of_tenant in by_tenant(events):
            organisation = await self.ports.organisations.of(tenant_id)
            causes = causes_of(organisation, of_tenant)
            await self._follow(tenant_id, _FOLLOWING_PEOPLE, causes, of_tenant)

    async def described_customers(self, events: Sequence[RecordedEvent]) -> None:
        """Bare customers say nothing that an opportunity could lack."""
        described = [each for each in events if getattr(each.event, "confirmed", True)]
        for tenant_id, of_tenant in by_tenant(described):
            by_customer = {each.event.customer_id: each for each in of_tenant}
            causes = {"customer_id": by_customer}
            await self._follow(tenant_id, _FOLLOWING_CUSTOMERS, causes, of_tenant)

    async def _follow(
        self,
        tenant_id: str,
        reaction: str,
        causes: Causes,
        events: Sequence[RecordedEvent],
    ) -> None:
        found = await listed(self.ports, INDEX, tenant_id, causes)
        if any(each.stored.origin != Origin.IMPORT for each in events):
            found |= await unlisted(self.ports, INDEX, tenant_id, PLACING)
        runs: list[Run] = []
        for opportunity_id in sorted(found):
            situation = await self._situation(tenant_id, opportunity_id)
            cause = None if situation is None else latest_cause(causes, situation)
            if situation is not None and cause is not None:
                runs.append(await self._run(situation, cause, reaction))
        await self._send(runs)

    async def opportunities(self, events: Sequence[RecordedEvent]) -> None:
        """Opened while somebody moved, or reopened after it. Imported ones are as the rows say."""
        for recorded in events:
            if recorded.stored.origin == Origin.IMPORT or not await self._is_behind(recorded):
                continue
            situation = await self._situation(recorded.tenant_id, recorded.event.opportunity_id)
            if situation is not None:
                await self._send([await self._run(situation, recorded, _CATCHING_UP)])

    async def _is_behind(self, recorded: RecordedEvent) -> bool:
        event: OpportunityOpened | OpportunityReopened = recorded.event
        if isinstance(event, OpportunityReopened):
            return True
        organisation = await self.ports.organisations.of(recorded.tenant_id)
        unit_id, unit_path = place_now(organisation, event.owner_id, event.unit_id)
        fact = await self.customers.of(recorded.tenant_id, event.customer_id)
        said = (event.customer_type, event.customer_industry, event.customer_is_key)
        return (unit_id, unit_path) != (event.unit_id, event.unit_path) or said != fact

    async def _situation(self, tenant_id: str, opportunity_id: str) -> Situation | None:
        stream = stream_name(tenant_id, OPPORTUNITY.name, opportunity_id)
        _version, state = await self.commands.load(OPPORTUNITY, stream)
        return None if isinstance(state, Unknown) else state.situation

    async def _run(self, situation: Situation, cause: RecordedEvent, reaction: str) -> Run:
        organisation = await self.ports.organisations.of(cause.tenant_id)
        changed_at = getattr(cause.event, "moved_at", cause.stored.occurred_at)
        commands = (
            _unit_command(organisation, situation, changed_at, cause),
            await self._customer_command(situation, changed_at, cause),
        )
        # An id of the cause's would be taken, where it comes again after more has changed.
        context = replace(caused_by(cause, reaction), idempotency_key=None)
        steps = [Step(command, context, self.ports.new_id()) for command in commands]
        return Run(situation.opportunity_id, steps)

    async def _send(self, runs: Sequence[Run]) -> None:
        for start in range(0, len(runs), _OPPORTUNITIES_A_COMMIT):
            part = runs[start : start + _OPPORTUNITIES_A_COMMIT]
            for refusals in await self.commands.handle_runs(OPPORTUNITY, part):
                _raise_the_first(refusals)

    async def _customer_command(
        self, situation: Situation, changed_at: datetime, recorded: RecordedEvent
    ) -> ChangeOpportunityCustomer:
        fact = await self.customers.of(recorded.tenant_id, situation.customer_id)
        return ChangeOpportunityCustomer(
            opportunity_id=situation.opportunity_id,
            customer_type=fact.customer_type,
            customer_industry=fact.industry,
            customer_is_key=fact.is_key,
            changed_at=changed_at,
            now=recorded.stored.recorded_at,
        )


def _unit_command(
    organisation: Organisation, situation: Situation, changed_at: datetime, recorded: RecordedEvent
) -> ChangeOpportunityUnit:
    unit_id, unit_path = place_now(organisation, situation.owner_id, situation.unit_id)
    return ChangeOpportunityUnit(
        opportunity_id=situation.opportunity_id,
        owner_id=situation.owner_id,
        unit_id=unit_id,
        unit_path=unit_path,
        changed_at=changed_at,
        now=recorded.stored.recorded_at,
    )


def _raise_the_first(refusals: Sequence[DomainError | None]) -> None:
    for refusal in refusals:
        if refusal is not None:
            raise refusal


def reactions(
    ports: Ports, commands: CommandHandling, customers: CustomerFacts
) -> tuple[Reaction, ...]:
    following = Following(ports, commands, customers)
    return (
        Reaction(
            name=_FURNISHING,
            log="directory",
            react=Furnishing(commands).react,
            reads=(TenantCreated,),
        ),
        Reaction(
            name=_FOLLOWING_PEOPLE,
            log="directory",
            react=following.people,
            reads=(PersonMoved, UnitMoved),
        ),
        Reaction(
            name=_FOLLOWING_CUSTOMERS,
            log="leads",
            react=following.described_customers,
            reads=(CustomerRegistered, CustomerDescribed),
        ),
        Reaction(
            name=_CATCHING_UP,
            log="opportunities",
            react=following.opportunities,
            reads=(OpportunityOpened, OpportunityReopened),
        ),
        converting.reaction(ports, commands, customers),
    )
