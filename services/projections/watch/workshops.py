"""Workshops proposed where a part of a unit's week is outside its healthy range (P3)."""

from datetime import datetime

from services.projections.domain.signal import SignalCommand
from services.projections.domain.watching import WatchClock
from services.projections.domain.workshop import proposals_over, workshop_verdicts
from services.projections.queries.process_health_board import health_settings
from services.projections.queries.unhealthy_weeks import (
    ended_weeks,
    is_unhealthy,
    known_proposals,
    to_be_proposed,
    with_worst,
)
from services.projections.watch.looking import Looking
from services.projections.watch.sending import send
from shared.command_handling import CommandHandling
from shared.organisation import Organisation
from shared.ports import Ports


class WorkshopWatch:
    """Judges every week with data.

    All weeks are one sum over the points of the figures; opportunities are read only where a week
    is to be proposed that was not before.
    """

    def __init__(self, ports: Ports, commands: CommandHandling) -> None:
        self._ports = ports
        self._commands = commands
        self._looking = Looking()

    async def step(self, now: datetime) -> bool:
        did = False
        store = self._ports.event_store
        head = sum([await store.head("opportunities", each) for each in range(store.partitions)])
        for organisation in await self._ports.organisations.with_clock():
            tenant_id = organisation.tenant_id
            if self._looking.is_needed(organisation, head, now):
                did = await self._judge(tenant_id, organisation, organisation.clock(now)) or did
                self._looking.judged(organisation, head, now)
        return did

    async def _judge(self, tenant_id: str, organisation: Organisation, clock: datetime) -> bool:
        async with self._ports.read_store.reading() as connection:
            weeks = await ended_weeks(connection, tenant_id, organisation, clock)
            known = await known_proposals(connection, tenant_id)
            sick = [each for each in weeks if is_unhealthy(organisation, each)]
            fresh = to_be_proposed(tenant_id, sick, known)
            if fresh:
                count = int(organisation.number_setting("workshop_worst_opportunities", clock))
                fresh = await with_worst(connection, organisation, fresh, count)
        watch_clock = WatchClock(now=clock, live_at=organisation.live_at)
        wanted: list[SignalCommand] = []
        for each in fresh + [week for week in weeks if not is_unhealthy(organisation, week)]:
            settings = health_settings(organisation, each.week.ends)
            wanted += workshop_verdicts(tenant_id, [each], known, settings, watch_clock)
        wanted += proposals_over(known.values(), wanted, organisation.zone(clock), clock)
        await send(self._ports, self._commands, tenant_id, wanted)
        return bool(wanted)
