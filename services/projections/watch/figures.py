"""Signals of figures that are out of range in a window that is over (P4, P8, P9)."""

from datetime import datetime

from services.projections.domain.watching import WatchClock
from services.projections.domain.window_signals import window_verdicts
from services.projections.queries.figures_out_of_range import (
    figures_out_of_range,
    known_of_windows,
)
from services.projections.queries.read_models import LOG_NAME, SIGNALS
from services.projections.watch.looking import Looking
from services.projections.watch.sending import send
from shared.command_handling import CommandHandling
from shared.organisation import Organisation
from shared.own_writes import OwnWrites
from shared.ports import Ports

_LOGS = ("opportunities", "leads")


class FigureWatch:
    """Judges every window with data that is over."""

    def __init__(self, ports: Ports, commands: CommandHandling) -> None:
        self._ports = ports
        self._commands = commands
        self._looking = Looking()
        self._signals = OwnWrites(ports, LOG_NAME, SIGNALS.name)

    async def step(self, now: datetime) -> bool:
        if not await self._signals.are_shown():
            return False
        did = False
        head = await self._head()
        for organisation in await self._ports.organisations.with_clock():
            if self._looking.is_needed(organisation, head, now):
                did = await self._judge(organisation, organisation.clock(now)) or did
                self._looking.judged(organisation, head, now)
        return did

    async def _head(self) -> int:
        store = self._ports.event_store
        heads = [
            await store.head(log, partition)
            for log in _LOGS
            for partition in range(store.partitions)
        ]
        return sum(heads)

    async def _judge(self, organisation: Organisation, clock: datetime) -> bool:
        async with self._ports.read_store.reading() as connection:
            found = await figures_out_of_range(connection, organisation, clock)
            known = await known_of_windows(connection, organisation.tenant_id)
        watch_clock = WatchClock(now=clock, live_at=organisation.live_at)
        zone = organisation.zone(clock)
        wanted = window_verdicts(organisation.tenant_id, found, known, zone, watch_clock)
        await send(self._ports, self._commands, organisation.tenant_id, wanted)
        if wanted:
            self._signals.wrote()
        return bool(wanted)
