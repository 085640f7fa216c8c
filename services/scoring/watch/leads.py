"""What a lead's events change about its chance to convert and its health is said at once (S1)."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import update

from services.scoring.domain.conversion_estimate import CONVERSION, Answers, command_for
from services.scoring.domain.health_record import HEALTH
from services.scoring.domain.lead_behaviour import OPEN
from services.scoring.queries.conversions import ModelShelf
from services.scoring.queries.read_models import LEADS, LOG_NAME
from services.scoring.watch.health import health_runs, next_look
from services.scoring.watch.timers import Due, due_rows, look_again
from shared.arming import AT_ONCE
from shared.command_handling import CommandContext, Run, Step
from shared.envelope import RecordedEvent
from shared.events.scoring import ConversionModelTookEffect, ConversionModelTrained
from shared.organisation import Organisation
from shared.ports import Ports
from shared.reaction import Reaction
from shared.service import Runner

_NAME = "scoring.leads"
_NAME_OF_MODELS = "scoring.estimating_anew"
_AT_ONCE = 500


class LeadWatch:
    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._commands = ports.commands(LOG_NAME)
        self._shelf = ModelShelf(ports)

    async def step(self, now: datetime) -> bool:
        did = False
        for organisation in await self._ports.organisations.with_clock():
            if organisation.is_live:
                did = await self._look(organisation, now) or did
        return did

    async def _look(self, organisation: Organisation, clock: datetime) -> bool:
        tenant_id = organisation.tenant_id
        due = await due_rows(self._ports, LEADS, tenant_id, clock, _AT_ONCE)
        if not due:
            return False
        answers = await self._shelf.answers(organisation, clock)
        estimates = [run for each in due for run in self._estimate(tenant_id, each, answers)]
        await self._commands.handle_runs(CONVERSION, estimates)
        health = await health_runs(self._ports, organisation, due, clock)
        await self._commands.handle_runs(HEALTH, health)
        next_at = {each.key: next_look(each, organisation, clock) for each in due}
        await look_again(self._ports, LEADS, tenant_id, due, next_at, clock)
        return True

    def _estimate(self, tenant_id: str, due: Due, answers: Answers) -> Sequence[Run]:
        """As of its last change: repeated, it says nothing more."""
        row = due.row
        if row is None or not row.is_open:
            return ()
        context = CommandContext(
            tenant_id=tenant_id,
            actor_id=None,
            occurred_at=row.changed_at,
            correlation_id=str(self._ports.new_id()),
            caller=_NAME,
        )
        step = Step(command_for(row, answers), context, self._ports.new_id())
        return [Run(row.lead_id, [step])]


def reaction(ports: Ports) -> Reaction:
    """Another model: every open lead is looked at again."""

    async def look_at_all(events: Sequence[RecordedEvent]) -> None:
        timers, rows = LEADS.deadlines, LEADS.rows
        for tenant_id in sorted({each.tenant_id for each in events}):
            open_leads = rows.select().with_only_columns(rows.c.key)
            ours = open_leads.where(rows.c.tenant_id == tenant_id, rows.c.status == OPEN)
            statement = update(timers).where(
                timers.c.tenant_id == tenant_id, timers.c.key.in_(ours.scalar_subquery())
            )
            async with ports.read_store.transaction() as connection:
                await connection.execute(statement.values(due_at=AT_ONCE))

    return Reaction(
        name=_NAME_OF_MODELS,
        log=LOG_NAME,
        reads=(ConversionModelTookEffect, ConversionModelTrained),
        react=look_at_all,
    )


def runner(ports: Ports) -> Runner:
    return Runner(name=_NAME, step=LeadWatch(ports).step)
