"""Leads follow their owner and their unit when these move (A9, L5)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from services.leads.domain.lead import LEAD
from services.leads.domain.lead_commands import ChangeLeadUnit
from services.leads.domain.lead_state import Converted, Disqualified, Lead, LeadFacts, Unknown
from services.leads.queries.leads import LEADS, LOG_NAME
from shared.command_handling import Run, Step, caused_by
from shared.envelope import Origin, RecordedEvent, stream_name
from shared.events.directory import PersonMoved, UnitMoved
from shared.events.leads import LeadAssigned, LeadCaptured, LeadEndingTakenBack, LeadReturned
from shared.moves import by_tenant, causes_of, latest_cause, listed, place_now, unlisted
from shared.organisation import Organisation
from shared.ports import Ports
from shared.stored_states import stored_states
from shared.subscription import Reaction

_LEADS_A_COMMIT = 500
_FOLLOWING_PEOPLE = "leads.following_people"
_CATCHING_UP = "leads.catching_up"
_CLOSED = ("converted", "disqualified")
_PLACING = (LeadCaptured, LeadAssigned, LeadReturned, LeadEndingTakenBack)


class Following:
    """Brings leads in line with where people and units are now; closed ones stay where they were.

    The decider knows what is so already, therefore coming again, or too many, adds nothing.
    """

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._commands = ports.commands(LOG_NAME)

    async def people(self, events: Sequence[RecordedEvent]) -> None:
        """The owner moved, or the unit moved in the tree."""
        for tenant_id, moves in by_tenant(events):
            organisation = await self._ports.organisations.of(tenant_id)
            causes = causes_of(organisation, moves)
            is_open = LEADS.rows.c.status.not_in(_CLOSED)
            found = await listed(self._ports, LEADS, tenant_id, causes, is_open)
            if any(each.stored.origin != Origin.IMPORT for each in moves):
                found |= await unlisted(self._ports, LEADS, tenant_id, _PLACING)
            leads = await self._facts(tenant_id, found)
            moved = [
                (facts, cause)
                for facts in leads.values()
                if (cause := latest_cause(causes, facts)) is not None
            ]
            await self._move(organisation, moved, _FOLLOWING_PEOPLE)

    async def leads(self, events: Sequence[RecordedEvent]) -> None:
        """Placed while somebody moved, or open again since; imported ones are as the rows say."""
        for tenant_id, placed in by_tenant(events):
            organisation = await self._ports.organisations.of(tenant_id)
            behind = {each.event.lead_id: each for each in placed if _is_behind(organisation, each)}
            leads = await self._facts(tenant_id, behind)
            moved = [(facts, behind[lead_id]) for lead_id, facts in leads.items()]
            await self._move(organisation, moved, _CATCHING_UP)

    async def _facts(self, tenant_id: str, lead_ids: Collection[str]) -> Mapping[str, LeadFacts]:
        """Of those that are not closed, by id."""
        wanted = sorted(lead_ids)
        found: dict[str, LeadFacts] = {}
        for start in range(0, len(wanted), _LEADS_A_COMMIT):
            part = wanted[start : start + _LEADS_A_COMMIT]
            streams = [stream_name(tenant_id, LEAD.name, each) for each in part]
            states = await stored_states(self._ports, LEAD, streams)
            for lead_id, stream in zip(part, streams, strict=True):
                _version, lead = states[stream]
                facts = _facts_of(lead)
                if facts is not None:
                    found[lead_id] = facts
        return found

    async def _move(
        self,
        organisation: Organisation,
        moved: Sequence[tuple[LeadFacts, RecordedEvent]],
        reaction: str,
    ) -> None:
        for start in range(0, len(moved), _LEADS_A_COMMIT):
            part = moved[start : start + _LEADS_A_COMMIT]
            runs = [self._run(organisation, facts, cause, reaction) for facts, cause in part]
            for [refusal] in await self._commands.handle_runs(LEAD, runs):
                if refusal is not None:
                    raise refusal

    def _run(
        self, organisation: Organisation, facts: LeadFacts, cause: RecordedEvent, reaction: str
    ) -> Run:
        unit_id, unit_path = place_now(organisation, facts.owner_id, facts.unit_id)
        command = ChangeLeadUnit(
            lead_id=facts.lead_id,
            owner_id=facts.owner_id,
            unit_id=unit_id,
            unit_path=unit_path,
            changed_at=getattr(cause.event, "moved_at", cause.stored.occurred_at),
            now=cause.stored.recorded_at,
        )
        # An id of the cause's would be taken, where it comes again after more has changed.
        context = replace(caused_by(cause, reaction), idempotency_key=None)
        return Run(facts.lead_id, [Step(command, context, self._ports.new_id())])


def _facts_of(lead: Lead) -> LeadFacts | None:
    return None if isinstance(lead, Unknown | Converted | Disqualified) else lead.facts


def _is_behind(organisation: Organisation, recorded: RecordedEvent) -> bool:
    event: LeadCaptured | LeadAssigned | LeadReturned | LeadEndingTakenBack = recorded.event
    if isinstance(event, LeadEndingTakenBack):
        return True
    if recorded.stored.origin == Origin.IMPORT:
        return False
    owner_id = event.owner_id if isinstance(event, LeadAssigned) else None
    place = (event.unit_id, tuple(event.unit_path))
    return place_now(organisation, owner_id, event.unit_id) != place


def reactions(ports: Ports) -> tuple[Reaction, ...]:
    following = Following(ports)
    return (
        Reaction(
            name=_FOLLOWING_PEOPLE,
            log="directory",
            react=following.people,
            reads=(PersonMoved, UnitMoved),
        ),
        Reaction(name=_CATCHING_UP, log=LOG_NAME, react=following.leads, reads=_PLACING),
    )
