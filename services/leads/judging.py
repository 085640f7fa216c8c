"""Leads are judged as time passes, first after a day, then daily (L4); some fall asleep (L11)."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, select

from services.leads.domain.lead import LEAD
from services.leads.domain.lead_commands import JudgeLead
from services.leads.domain.lead_list import JUDGED_EVERY, LeadRow
from services.leads.domain.lead_score import LeadScoreRules
from services.leads.queries.leads import LEADS, LOG_NAME, score_rules
from shared.arming import NEVER
from shared.clock import milliseconds
from shared.command_handling import CommandContext, Run, Step
from shared.organisation import Organisation
from shared.ports import Ports
from shared.service import Runner

_NAME = "leads.judging"
_AT_ONCE = 500


class Judging:
    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._commands = ports.commands(LOG_NAME)

    async def step(self, now: datetime) -> bool:
        did = False
        for organisation in await self._ports.organisations.with_clock():
            if not organisation.is_live:
                continue  # a history says itself what became of its leads
            did = await self._judge(organisation, organisation.clock(now)) or did
        return did

    async def _judge(self, organisation: Organisation, clock: datetime) -> bool:
        """The commands first, then when to look again: killed in between, they come again and add
        nothing. What was armed anew in between stays armed."""
        tenant_id = organisation.tenant_id
        rows = await self._due(tenant_id, clock)
        if not rows:
            return False
        rules = score_rules(organisation, clock)
        runs = [self._run(tenant_id, row.facts.lead_id, rules, clock) for _was, row in rows]
        await self._commands.handle_runs(LEAD, runs)
        again = [
            {"b_key": row.facts.lead_id, "b_was": was, "b_due_at": _again_at(row, rules, clock)}
            for was, row in rows
        ]
        timers = LEADS.deadlines
        async with self._ports.read_store.transaction() as connection:
            await connection.execute(
                timers.update()
                .where(
                    timers.c.tenant_id == tenant_id,
                    timers.c.key == bindparam("b_key"),
                    timers.c.due_at == bindparam("b_was"),
                )
                .values(due_at=bindparam("b_due_at")),
                again,
            )
        return True

    async def _due(self, tenant_id: str, clock: datetime) -> Sequence[tuple[int, LeadRow]]:
        timers, rows = LEADS.deadlines, LEADS.rows
        query = (
            select(timers.c.due_at, rows.c.body)
            .join_from(
                timers,
                rows,
                (timers.c.tenant_id == rows.c.tenant_id) & (timers.c.key == rows.c.key),
            )
            .where(timers.c.tenant_id == tenant_id, timers.c.due_at < milliseconds(clock))
            .order_by(timers.c.due_at)
            .limit(_AT_ONCE)
        )
        async with self._ports.read_store.reading() as connection:
            found = (await connection.execute(query)).all()
        return [(due_at, LEADS.decode(body)) for due_at, body in found]

    def _run(self, tenant_id: str, lead_id: str, rules: LeadScoreRules, clock: datetime) -> Run:
        context = CommandContext(
            tenant_id=tenant_id,
            actor_id=None,
            occurred_at=clock,
            correlation_id=str(self._ports.new_id()),
            caller=_NAME,
        )
        command = JudgeLead(lead_id=lead_id, rules=rules, now=clock)
        return Run(lead_id, [Step(command, context, self._ports.new_id())])


def _again_at(row: LeadRow, rules: LeadScoreRules, clock: datetime) -> int:
    """In milliseconds. A row may be behind what was just judged: its own events arm it again."""
    first_at = rules.first_judged_at(row.facts.captured_at)
    if row.facts.judged is None and clock <= first_at:
        return milliseconds(first_at)
    if row.status in ("captured", "assigned"):
        return milliseconds(clock + JUDGED_EVERY)
    last_contact_at = row.facts.last_contact_at
    if row.status == "contacted" and row.facts.contacts == 1 and last_contact_at is not None:
        asleep_at = rules.asleep_at(last_contact_at)
        return milliseconds(asleep_at) if clock <= asleep_at else NEVER
    return NEVER


def runner(ports: Ports) -> Runner:
    return Runner(name=_NAME, step=Judging(ports).step)
