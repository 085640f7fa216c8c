"""Leads that wait are allocated, the rep of each told by its own stream, books kept right (L5)."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from sqlalchemy import select

from services.leads.domain.allocation import UnitSituation
from services.leads.domain.allocation_book import (
    ALLOCATION_BOOK,
    AllocateLead,
    NobodyIsEligible,
    NoteLeadLetGo,
    NoteLeadTaken,
)
from services.leads.domain.lead import LEAD
from services.leads.domain.lead_commands import AssignLead, LetLeadWait
from services.leads.domain.lead_judgement import allocation_score
from services.leads.domain.lead_list import LeadRow
from services.leads.domain.lead_state import (
    Assigned,
    Captured,
    Contacted,
    Lead,
    LeadFacts,
    Qualified,
    Unknown,
)
from services.leads.queries.fill_rates import unit_is_suspended
from services.leads.queries.leads import LEADS, LOG_NAME, score_rules
from services.leads.queries.reps import allocation_rules, rep_situations, with_responses
from services.leads.queries.serving import who_served
from shared.command_handling import CommandContext, Run, Step, caused_by, derived_id
from shared.envelope import RecordedEvent, stream_name
from shared.errors import DomainError
from shared.events.leads import (
    LeadAllocated,
    LeadAssigned,
    LeadConverted,
    LeadDisqualified,
    LeadReturned,
    LeadWithdrawn,
)
from shared.organisation import Organisation
from shared.ports import Ports
from shared.service import Runner
from shared.stored_states import stored_states
from shared.subscription import Reaction

_ALLOCATING = "leads.allocating"
_ASSIGNING = "leads.assigning"
_KEEPING_BOOKS = "leads.keeping_books"
_AT_ONCE = 1_000

Cause = tuple[RecordedEvent, Collection[str]]
"""An event of a lead, and the units whose books it may concern."""


class Allocating:
    """What is decided twice at once is appended once: a unit's allocations are one stream."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._commands = ports.commands(LOG_NAME)

    async def step(self, now: datetime) -> bool:
        """Only live: who imports a history says in it whose the leads are."""
        did = False
        for organisation in await self._ports.organisations.with_clock():
            if organisation.is_live:
                for unit_id in await self._waiting_units(organisation.tenant_id):
                    did = await self.allocate(organisation, unit_id, now) or did
        return did

    async def allocate(self, organisation: Organisation, unit_id: str, now: datetime) -> bool:
        """The waiting leads of a unit, those with a hot word before the others, the oldest first;
        whether anything came of it."""
        waiting = await self._waiting(organisation, unit_id, now)
        if not waiting:
            return False
        reps = await rep_situations(self._ports, organisation, unit_id, now)
        served = await self._who_served(organisation.tenant_id, waiting)
        if served:
            reps = await with_responses(self._ports, organisation.tenant_id, reps)
        calendar = organisation.calendar(now)
        rules, scores = allocation_rules(organisation, now), score_rules(organisation, now)
        unit = UnitSituation(
            in_business_hours=calendar.is_business_hour(now, organisation.business_hours(now)),
            suspended=await unit_is_suspended(self._ports, organisation, unit_id, now),
        )
        steps = []
        for facts in waiting:
            command = AllocateLead(
                lead_id=facts.lead_id,
                unit_id=unit_id,
                round=facts.rounds,
                score=allocation_score(facts, scores),
                reps=reps,
                rules=rules,
                unit=unit,
                day=calendar.day_of(now),
                now=now,
                has_hot_word=facts.lead_id in served,
                served_customer=served.get(facts.lead_id, frozenset()),
            )
            context = self._context(organisation.tenant_id, now)
            steps.append(Step(command, context, self._ports.new_id()))
        stream = stream_name(organisation.tenant_id, ALLOCATION_BOOK.name, unit_id)
        before, _book = await self._commands.load(ALLOCATION_BOOK, stream, fresh=True)
        [refusals] = await self._commands.handle_runs(ALLOCATION_BOOK, [Run(unit_id, steps)])
        after, _book = await self._commands.load(ALLOCATION_BOOK, stream)
        told = await self._let_wait(organisation.tenant_id, waiting, refusals, now)
        return after > before or told

    async def _who_served(
        self, tenant_id: str, waiting: Sequence[LeadFacts]
    ) -> dict[str, frozenset[str]]:
        """The customer of each lead with a hot word, by the lead (L8)."""
        return {
            facts.lead_id: await who_served(self._ports, tenant_id, facts.customer_id)
            for facts in waiting
            if facts.hot_word_at is not None
        }

    async def _let_wait(
        self,
        tenant_id: str,
        waiting: Sequence[LeadFacts],
        refusals: Sequence[DomainError | None],
        now: datetime,
    ) -> bool:
        """Those for whom nobody was eligible, where they do not say so yet."""
        runs = []
        for facts, refusal in zip(waiting, refusals, strict=True):
            if refusal is None:
                continue
            if not isinstance(refusal, NobodyIsEligible):
                raise refusal
            if facts.found_nobody_at is None:
                passed_over = tuple(refusal.passed_over.items())
                command = LetLeadWait(lead_id=facts.lead_id, passed_over=passed_over, now=now)
                step = Step(command, self._context(tenant_id, now), self._ports.new_id())
                runs.append(Run(facts.lead_id, [step]))
        if runs:
            await self._commands.handle_runs(LEAD, runs)
        return bool(runs)

    async def _waiting_units(self, tenant_id: str) -> Sequence[str]:
        table = LEADS.rows
        query = (
            select(table.c.unit_id)
            .where(table.c.tenant_id == tenant_id, table.c.status == "captured")
            .distinct()
            .order_by(table.c.unit_id)
        )
        async with self._ports.read_store.reading() as connection:
            return list((await connection.execute(query)).scalars())

    async def _waiting(
        self, organisation: Organisation, unit_id: str, now: datetime
    ) -> list[LeadFacts]:
        """Without a budget status none is given to sales where the tenant wants one (L2)."""
        table = LEADS.rows
        query = (
            select(table.c.body)
            .where(
                table.c.tenant_id == organisation.tenant_id,
                table.c.status == "captured",
                table.c.unit_id == unit_id,
            )
            .order_by(table.c.has_hot_word.desc(), table.c.captured_at, table.c.key)
            .limit(_AT_ONCE)
        )
        async with self._ports.read_store.reading() as connection:
            bodies = (await connection.execute(query)).scalars()
            rows: list[LeadRow] = [LEADS.decode(body) for body in bodies]
        wanted = bool(organisation.setting("budget_status_required", now))
        return [row.facts for row in rows if not wanted or row.facts.fields.budget_status]

    def _context(self, tenant_id: str, now: datetime) -> CommandContext:
        return CommandContext(
            tenant_id=tenant_id,
            actor_id=None,
            occurred_at=now,
            correlation_id=str(self._ports.new_id()),
            caller=_ALLOCATING,
        )


class Books:
    """What units' books hold of leads. They are told what a lead's own stream says by now, not what
    an event said: one that comes again, after more has happened, changes nothing."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._commands = ports.commands(LOG_NAME)

    async def put_right(self, reaction: str, causes: Sequence[Cause]) -> None:
        streams = {_lead_stream(recorded) for recorded, _units in causes}
        leads = await stored_states(self._ports, LEAD, streams)
        by_book: dict[tuple[str, str], list[Step]] = {}
        for recorded, units in causes:
            _version, lead = leads[_lead_stream(recorded)]
            context = replace(caused_by(recorded, reaction), idempotency_key=None)
            for unit_id in units:
                command = _entry(lead, recorded.event.lead_id, unit_id)
                step = Step(command, context, self._ports.new_id())
                by_book.setdefault((recorded.tenant_id, unit_id), []).append(step)
        for (_tenant_id, unit_id), steps in by_book.items():
            await self._commands.handle_runs(ALLOCATION_BOOK, [Run(unit_id, steps)])


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
        """Otherwise somebody else has it, or nobody any more."""
        _version, lead = await self._commands.load(LEAD, _lead_stream(recorded))
        return not isinstance(lead, Unknown) and lead.facts.owner_id == recorded.event.rep_id


class KeepingBooks:
    """Who has a lead by hand, and who has it no longer, counts for the cap."""

    def __init__(self, ports: Ports) -> None:
        self._books = Books(ports)

    async def react(self, events: Sequence[RecordedEvent]) -> None:
        await self._books.put_right(_KEEPING_BOOKS, [(each, _units(each.event)) for each in events])


def _units(
    event: LeadAssigned | LeadReturned | LeadDisqualified | LeadWithdrawn | LeadConverted,
) -> Collection[str]:
    if isinstance(event, LeadAssigned):
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


def runner(ports: Ports) -> Runner:
    return Runner(name=_ALLOCATING, step=Allocating(ports).step)


def reactions(ports: Ports) -> tuple[Reaction, ...]:
    return (
        Reaction(
            name=_ASSIGNING, log=LOG_NAME, react=Assigning(ports).react, reads=(LeadAllocated,)
        ),
        Reaction(
            name=_KEEPING_BOOKS,
            log=LOG_NAME,
            react=KeepingBooks(ports).react,
            reads=(LeadAssigned, LeadReturned, LeadDisqualified, LeadWithdrawn, LeadConverted),
        ),
    )
