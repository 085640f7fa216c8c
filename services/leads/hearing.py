"""A hot word in a group chat makes a lead of the customer, or hurries one (L8)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from services.leads.domain.lead import LEAD
from services.leads.domain.lead_commands import HearHotWord
from services.leads.domain.lead_list import lead_of
from services.leads.domain.lead_state import Converted, Disqualified, Lead, OpenLead, Returned
from services.leads.queries.customers import merges
from services.leads.queries.leads import LOG_NAME, leads_of_customers, score_rules
from shared.command_handling import Run, Step, caused_by, derived_id
from shared.envelope import RecordedEvent, stream_name
from shared.events.leads import CustomerMessageReceived
from shared.ports import Ports
from shared.subscription import Reaction

_HEARING = "leads.hearing_hot_words"


class Hearing:
    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._commands = ports.commands(LOG_NAME)

    async def react(self, events: Sequence[RecordedEvent]) -> None:
        """One by one: the second message finds the lead that the first one made. One that was heard
        before makes no other lead, whatever became of the first since; one that said nothing new
        left no event to know it by, but came before its lead was closed."""
        ids = {_event_id(each): each for each in events if each.event.hot_words}
        heard = await self._ports.event_store.known_events(ids)
        for event_id, recorded in ids.items():
            if event_id not in heard:
                await self._hear(recorded)

    async def _hear(self, recorded: RecordedEvent) -> None:
        event: CustomerMessageReceived = recorded.event
        organisation = await self._ports.organisations.of(recorded.tenant_id)
        lead_id = await self._lead_of(recorded)
        if lead_id is None:
            return
        command = HearHotWord(
            lead_id=lead_id,
            customer_id=event.customer_id,
            message_id=event.message_id,
            words=tuple(event.hot_words),
            unit_id=event.unit_id,
            unit_path=tuple(event.unit_path),
            rules=score_rules(organisation, recorded.stored.recorded_at),
            said_at=event.received_at,
            now=recorded.stored.recorded_at,
        )
        context = replace(caused_by(recorded, _HEARING), occurred_at=event.received_at)
        runs = [Run(command.lead_id, [Step(command, context, _event_id(recorded))])]
        [[refusal]] = await self._commands.handle_runs(LEAD, runs)
        if refusal is not None:
            raise refusal

    async def _lead_of(self, recorded: RecordedEvent) -> str | None:
        """The customer's latest that is not closed, else one of a name that their number and who
        they are give it: whoever comes second names the same. None where the lead that it was
        about has been closed since."""
        tenant_id, came_at = recorded.tenant_id, recorded.stored.recorded_at
        customer_id: str = recorded.event.customer_id
        ids = (await merges(self._ports, tenant_id)).members(customer_id)
        leads = [lead_of(row) for row in await leads_of_customers(self._ports, tenant_id, ids)]
        there = [lead for lead in leads if isinstance(lead, OpenLead | Returned)]
        closed_since = any(_is_closed_since(lead, came_at) for lead in leads)
        if closed_since and all(came_at < each.facts.first_captured_at for each in there):
            return None
        if there:
            return there[-1].facts.lead_id
        number = 0
        while True:
            lead_id = str(derived_id(tenant_id, _HEARING, customer_id, number))
            lead = await self._stored(tenant_id, lead_id)
            if _is_closed_since(lead, came_at):
                return None
            if not isinstance(lead, Converted | Disqualified):
                return lead_id
            number += 1

    async def _stored(self, tenant_id: str, lead_id: str) -> Lead:
        stream = stream_name(tenant_id, LEAD.name, lead_id)
        _version, lead = await self._commands.load(LEAD, stream, fresh=True)
        return lead


def _event_id(recorded: RecordedEvent) -> UUID:
    return derived_id(_HEARING, str(recorded.event_id))


def _is_closed_since(lead: Lead, at: datetime) -> bool:
    if not isinstance(lead, Converted | Disqualified):
        return False
    return lead.facts.ended_at is not None and lead.facts.ended_at > at


def reaction(ports: Ports) -> Reaction:
    return Reaction(
        name=_HEARING, log=LOG_NAME, react=Hearing(ports).react, reads=(CustomerMessageReceived,)
    )
