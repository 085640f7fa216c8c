"""The rep of each allocation is told by the lead's own stream, and units' books are kept right by
it (L5)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from services.leads.domain.allocation_book import ALLOCATION_BOOK, NoteLeadLetGo, NoteLeadTaken
from services.leads.domain.lead import LEAD
from services.leads.domain.lead_commands import AssignLead
from services.leads.domain.lead_state import Assigned, Captured, Contacted, Lead, Qualified
from services.leads.queries.leads import LOG_NAME
from shared.command_handling import Run, Step, caused_by, derived_id
from shared.envelope import RecordedEvent, stream_name
from shared.errors import Busy, DomainError
from shared.events.leads import (
    LeadAllocated,
    LeadAssigned,
    LeadConverted,
    LeadDisqualified,
    LeadEndingTakenBack,
    LeadReturned,
    LeadUnitChanged,
    LeadWithdrawn,
)
from shared.ports import Ports
from shared.stored_states import stored_states, stored_versions
from shared.subscription import Reaction

_ASSIGNING = "leads.assigning"
_KEEPING_BOOKS = "leads.keeping_books"
_ATTEMPTS = 4

Cause = tuple[RecordedEvent, Collection[str]]
"""An event of a lead, and the units whose books it may concern."""


class Books:
    """What units' books hold of leads. They are told what a lead's own stream says by now, not what
    an event said: one that comes again, after more has happened, changes nothing."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._commands = ports.commands(LOG_NAME)

    async def put_right(self, reaction: str, causes: Sequence[Cause]) -> None:
        """Again, where a lead changed between reading it and writing the book: who knew that may
        have written it before us. Raises Busy."""
        left = list(causes)
        for _attempt in range(_ATTEMPTS):
            streams = {_lead_stream(recorded) for recorded, _units in left}
            leads = await stored_states(self._ports, LEAD, streams)
            if not await self._write(reaction, left, leads):
                return
            versions = await stored_versions(self._ports, streams)
            left = [
                (recorded, units)
                for recorded, units in left
                if versions[_lead_stream(recorded)] != leads[_lead_stream(recorded)][0]
            ]
            if not left:
                return
        raise Busy(f"{len(left)} leads went on changing while books were written")

    async def _write(
        self, reaction: str, causes: Sequence[Cause], leads: Mapping[str, tuple[int, Lead]]
    ) -> bool:
        """Whether any book was changed."""
        by_book: dict[tuple[str, str], list[Step]] = {}
        for recorded, units in causes:
            _version, lead = leads[_lead_stream(recorded)]
            context = replace(caused_by(recorded, reaction), idempotency_key=None)
            for unit_id in units:
                command = _entry(lead, recorded.event.lead_id, unit_id)
                step = Step(command, context, self._ports.new_id())
                by_book.setdefault((recorded.tenant_id, unit_id), []).append(step)
        wrote = False
        for (tenant_id, unit_id), steps in by_book.items():
            stream = stream_name(tenant_id, ALLOCATION_BOOK.name, unit_id)
            before, _book = await self._commands.load(ALLOCATION_BOOK, stream)
            await self._commands.handle_runs(ALLOCATION_BOOK, [Run(unit_id, steps)])
            after, _book = await self._commands.load(ALLOCATION_BOOK, stream)
            wrote = wrote or after > before
        return wrote


class Assigning:
    """What a book says becomes so in the lead's own stream; where it comes to nothing the book is
    put right."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._commands = ports.commands(LOG_NAME)
        self._books = Books(ports)

    async def react(self, events: Sequence[RecordedEvent]) -> None:
        runs = [await self._run(recorded) for recorded in events]
        for [refusal] in await self._commands.handle_runs(LEAD, runs):
            if refusal is not None and not _came_to_nothing(refusal):
                raise refusal
        left = [(each, (each.event.unit_id,)) for each in events if not await self._is_so(each)]
        await self._books.put_right(_ASSIGNING, left)

    async def _run(self, recorded: RecordedEvent) -> Run:
        event: LeadAllocated = recorded.event
        organisation = await self._ports.organisations.of(recorded.tenant_id)
        command = AssignLead(
            lead_id=event.lead_id,
            owner_id=event.rep_id,
            unit_id=event.unit_id,
            unit_path=organisation.unit_path(event.unit_id),
            track=event.track,
            allocation=event.number,
            round=event.round,
            now=event.allocated_at,
        )
        event_id = derived_id(_ASSIGNING, str(recorded.event_id))
        return Run(event.lead_id, [Step(command, caused_by(recorded, _ASSIGNING), event_id)])

    async def _is_so(self, recorded: RecordedEvent) -> bool:
        """Otherwise somebody else has it, or nobody any more, or it is in another unit."""
        event: LeadAllocated = recorded.event
        _version, lead = await self._commands.load(LEAD, _lead_stream(recorded))
        taken = NoteLeadTaken(unit_id=event.unit_id, rep_id=event.rep_id, lead_id=event.lead_id)
        return _entry(lead, event.lead_id, event.unit_id) == taken


class KeepingBooks:
    """Who has a lead by hand, and who has it no longer, counts for the cap."""

    def __init__(self, ports: Ports) -> None:
        self._books = Books(ports)

    async def react(self, events: Sequence[RecordedEvent]) -> None:
        await self._books.put_right(_KEEPING_BOOKS, [(each, _units(each.event)) for each in events])


def _units(
    event: LeadAssigned
    | LeadUnitChanged
    | LeadReturned
    | LeadDisqualified
    | LeadEndingTakenBack
    | LeadWithdrawn
    | LeadConverted,
) -> Collection[str]:
    if isinstance(event, LeadAssigned | LeadUnitChanged):
        return dict.fromkeys((event.previous_unit_id, event.unit_id))
    return (event.unit_id,)


def _entry(lead: Lead, lead_id: str, unit_id: str) -> NoteLeadTaken | NoteLeadLetGo:
    match lead:
        case Assigned() | Contacted() | Qualified() if (
            lead.facts.unit_id == unit_id and lead.facts.owner_id is not None
        ):
            return NoteLeadTaken(unit_id=unit_id, rep_id=lead.facts.owner_id, lead_id=lead_id)
        case Captured():
            waits_in = lead.facts.rounds
            return NoteLeadLetGo(unit_id=unit_id, lead_id=lead_id, waits_in=waits_in)
        case _:
            return NoteLeadLetGo(unit_id=unit_id, lead_id=lead_id)


def _came_to_nothing(refusal: DomainError) -> bool:
    return refusal.code in ("lead-is-closed", "lead-is-returned")


def _lead_stream(recorded: RecordedEvent) -> str:
    return stream_name(recorded.tenant_id, LEAD.name, recorded.event.lead_id)


def reactions(ports: Ports) -> tuple[Reaction, ...]:
    return (
        Reaction(
            name=_ASSIGNING, log=LOG_NAME, react=Assigning(ports).react, reads=(LeadAllocated,)
        ),
        Reaction(
            name=_KEEPING_BOOKS,
            log=LOG_NAME,
            react=KeepingBooks(ports).react,
            reads=(
                LeadAssigned,
                LeadUnitChanged,
                LeadReturned,
                LeadDisqualified,
                LeadEndingTakenBack,
                LeadWithdrawn,
                LeadConverted,
            ),
        ),
    )
