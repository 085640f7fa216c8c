"""What follows from events: a new tenant is furnished, and goes live with its first live work."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from services.directory.calendar_source import chinese_calendar_days
from services.directory.domain.tenant import (
    TENANT,
    CalendarIsAlreadyPublished,
    GoLive,
    SetCalendarDays,
)
from services.directory.domain.unit_tree import UNIT_TREE, AddUnit, TreeHasARoot, UnitAlreadyExists
from shared.command_handling import CommandContext, CommandHandling
from shared.decider import Decider
from shared.envelope import Origin, RecordedEvent
from shared.events.directory import TenantCreated
from shared.events.leads import LeadCaptured
from shared.events.opportunities import ActionLogged, OpportunityOpened
from shared.subscription import Reaction

ROOT_UNIT_ID = "company"
CHINESE_ZONES = frozenset(
    {"Asia/Shanghai", "Asia/Chongqing", "Asia/Chungking", "Asia/Harbin", "Asia/Urumqi", "PRC"}
)


class Furnishing:
    """Gives a new tenant its root unit and, in China, the published calendars around its start."""

    def __init__(self, commands: CommandHandling) -> None:
        self._commands = commands

    async def react(self, events: Sequence[RecordedEvent]) -> None:
        for recorded in events:
            await self._furnish(recorded)

    async def _furnish(self, recorded: RecordedEvent) -> None:
        created: TenantCreated = recorded.event
        root = AddUnit(
            unit_id=ROOT_UNIT_ID,
            name=ROOT_UNIT_ID,
            parent_id=None,
            kind="headquarters",
            now=created.created_at,
        )
        await self._send(UNIT_TREE, root, recorded)
        if created.zone in CHINESE_ZONES:
            started = created.created_at.year
            for year in range(started - 1, started + 2):
                await self._set_published_days(year, recorded)

    async def _set_published_days(self, year: int, recorded: RecordedEvent) -> None:
        """A year not published yet is left out: it counts provisionally as it is."""
        days = chinese_calendar_days(year)
        if not days.provisional:
            command = SetCalendarDays(**days._asdict(), now=recorded.event.created_at)
            await self._send(TENANT, command, recorded)

    async def _send(
        self, decider: Decider[Any, Any, Any], command: Any, recorded: RecordedEvent
    ) -> None:
        """The deciders add nothing twice; what somebody furnished otherwise stays as it is."""
        context = _context(recorded, recorded.event.created_at)
        with suppress(UnitAlreadyExists, TreeHasARoot, CalendarIsAlreadyPublished):
            await self._commands.handle(decider, recorded.tenant_id, command, context)


class GoingLive:
    """The first opportunity, lead or action that was not imported ends a tenant's history
    clock."""

    def __init__(self, commands: CommandHandling) -> None:
        self._commands = commands
        self._live: set[str] = set()

    async def react(self, events: Sequence[RecordedEvent]) -> None:
        for recorded in events:
            if recorded.stored.origin != Origin.IMPORT and recorded.tenant_id not in self._live:
                await self._go_live(recorded)

    async def _go_live(self, recorded: RecordedEvent) -> None:
        tenant_id = recorded.tenant_id
        live_at = recorded.stored.recorded_at
        await self._commands.handle(
            TENANT, tenant_id, GoLive(now=live_at), _context(recorded, live_at)
        )
        self._live.add(tenant_id)


def _context(recorded: RecordedEvent, occurred_at: datetime) -> CommandContext:
    stored = recorded.stored
    return CommandContext(
        tenant_id=stored.tenant_id,
        actor_id=None,
        occurred_at=occurred_at,
        correlation_id=stored.correlation_id,
        causation_id=str(stored.event_id),
        origin=stored.origin,
        trace_context=stored.trace_context,
    )


def reactions(commands: CommandHandling) -> tuple[Reaction, ...]:
    going_live = GoingLive(commands)
    return (
        Reaction(
            name="directory.furnishing",
            log="directory",
            react=Furnishing(commands).react,
            reads=(TenantCreated,),
        ),
        Reaction(
            name="directory.going_live",
            log="opportunities",
            react=going_live.react,
            reads=(OpportunityOpened, ActionLogged),
        ),
        Reaction(
            name="directory.going_live_by_leads",
            log="leads",
            react=going_live.react,
            reads=(LeadCaptured,),
        ),
    )
