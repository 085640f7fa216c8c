"""Leads that wait are allocated by the book of their unit (L5)."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select

from services.leads.domain.allocation import UnitSituation
from services.leads.domain.allocation_book import (
    ALLOCATION_BOOK,
    AllocateLead,
    NobodyIsEligible,
)
from services.leads.domain.lead import LEAD
from services.leads.domain.lead_commands import LetLeadWait
from services.leads.domain.lead_judgement import allocation_score
from services.leads.domain.lead_list import LeadRow
from services.leads.domain.lead_state import LeadFacts
from services.leads.queries.fill_rates import unit_is_suspended
from services.leads.queries.leads import LEADS, LOG_NAME, score_rules
from services.leads.queries.reps import allocation_rules, rep_situations, with_responses
from services.leads.queries.serving import who_served
from shared.command_handling import CommandContext, Run, Step
from shared.envelope import stream_name
from shared.errors import DomainError
from shared.organisation import Organisation
from shared.ports import Ports
from shared.service import Runner

_ALLOCATING = "leads.allocating"
_AT_ONCE = 1_000


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
        asked = list(zip(waiting, refusals, strict=True))
        told = await self._let_wait(organisation, unit_id, asked, now)
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
        organisation: Organisation,
        unit_id: str,
        asked: Sequence[tuple[LeadFacts, DomainError | None]],
        now: datetime,
    ) -> bool:
        """Those for whom nobody was eligible, where they do not say so yet, then whoever waits
        behind them: for those nobody is either."""
        refused = [(facts, _reasons(refusal)) for facts, refusal in asked if refusal is not None]
        untold = [each for each in refused if each[0].found_nobody_at is None]
        if refused and not untold and len(asked) == _AT_ONCE:
            known = {facts.lead_id for facts, _refusal in asked}
            behind = await self._waiting(organisation, unit_id, now, untold=True)
            untold = [(each, refused[-1][1]) for each in behind if each.lead_id not in known]
        runs = []
        for facts, passed_over in untold:
            command = LetLeadWait(lead_id=facts.lead_id, passed_over=passed_over, now=now)
            context = self._context(organisation.tenant_id, now)
            runs.append(Run(facts.lead_id, [Step(command, context, self._ports.new_id())]))
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
        self, organisation: Organisation, unit_id: str, now: datetime, *, untold: bool = False
    ) -> list[LeadFacts]:
        """Without a budget status none is given to sales where the tenant wants one (L2). `untold`:
        only those who do not say yet that nobody was eligible."""
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
        if organisation.setting("budget_status_required", now):
            query = query.where(table.c.budget_said)
        if untold:
            query = query.where(table.c.found_nobody.is_(False))
        async with self._ports.read_store.reading() as connection:
            bodies = (await connection.execute(query)).scalars()
            rows: list[LeadRow] = [LEADS.decode(body) for body in bodies]
        return [row.facts for row in rows]

    def _context(self, tenant_id: str, now: datetime) -> CommandContext:
        return CommandContext(
            tenant_id=tenant_id,
            actor_id=None,
            occurred_at=now,
            correlation_id=str(self._ports.new_id()),
            caller=_ALLOCATING,
        )


def _reasons(refusal: DomainError) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Why nobody was eligible, for each reason the reps. Raises any other refusal."""
    if not isinstance(refusal, NobodyIsEligible):
        raise refusal
    return tuple(refusal.passed_over.items())


def runner(ports: Ports) -> Runner:
    return Runner(name=_ALLOCATING, step=Allocating(ports).step)
