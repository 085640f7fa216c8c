"""The leads that allocation has given to the reps of the demonstration, and what they do next."""

from collections.abc import Mapping, Sequence

from services.cli.demonstration.course import World
from services.cli.demonstration.lead_handling import Given, LeadHandling
from services.cli.demonstration.log_reading import LogReading
from services.cli.demonstration.planned import DEMO_TENANT, Planned
from services.cli.demonstration.proofs import Proof
from services.cli.demonstration.script import Script
from services.leads.queries.leads import LOG_NAME, score_rules
from shared.events.leads import LeadAssigned
from shared.ports import Ports


class GivenLeads:
    """To whom a lead goes is allocation's to say: what follows is planned when it has."""

    def __init__(self, ports: Ports, script: Script) -> None:
        self._ports = ports
        self._script = script
        self._world = World(script.office, script.staff)
        self._log = LogReading(ports, LOG_NAME, LeadAssigned)

    async def noticed(self) -> tuple[list[Planned], Mapping[str, Proof]]:
        """Commands that follow from the leads assigned by now and are not sent yet."""
        planned: list[Planned] = []
        proofs: dict[str, Proof] = {}
        news = await self._log.news()
        if not news:
            return planned, proofs
        organisation = await self._ports.organisations.of(DEMO_TENANT)
        for recorded in news:
            assigned: LeadAssigned = recorded.event
            prospect = self._script.prospects.get(assigned.lead_id)
            rules = score_rules(organisation, assigned.assigned_at)
            given = Given(assigned, recorded.stored.version, prospect, rules)
            handling = LeadHandling(self._world, given, self._script.seed)
            handling.work()
            planned += handling.planned
            proofs |= handling.proofs
        return await self._not_sent(planned), proofs

    async def _not_sent(self, planned: Sequence[Planned]) -> list[Planned]:
        """An interrupted demonstration has sent some of them before."""
        until, seed = self._script.until, self._script.seed
        of_id = {each.event_id(seed): each for each in planned if each.sent_at <= until}
        sent = await self._ports.event_store.known_events(of_id)
        return [each for event_id, each in of_id.items() if event_id not in sent]
