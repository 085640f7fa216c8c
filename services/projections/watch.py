"""The watch: looks at what its clock has passed and says what follows, once (O1, O6, O14, P3)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.projections.domain.deadlines import deadlines, earliest_due
from services.projections.domain.limit_spans import DeadlineSettings
from services.projections.domain.opportunity_row import (
    OpportunityProcess,
)
from services.projections.domain.signal import (
    SIGNAL,
    RaiseSignal,
    ResolveSignal,
    RetractSignal,
    SignalCommand,
)
from services.projections.domain.watching import KnownSignal, Subject, WatchClock, verdicts
from services.projections.domain.windows import week_of
from services.projections.domain.workshop import workshop_verdicts
from services.projections.queries.deadline_settings import deadline_settings
from services.projections.queries.known_signals import known_signals
from services.projections.queries.process_health_board import health_settings
from services.projections.queries.read_models import PROCESSES
from services.projections.queries.unhealthy_weeks import (
    ended_weeks,
    is_unhealthy,
    known_proposals,
    to_be_proposed,
    with_worst,
)
from shared.clock import milliseconds
from shared.command_handling import CommandContext, CommandHandling, Run, Step
from shared.envelope import Origin
from shared.organisation import Organisation
from shared.ports import Ports
from shared.projecting import AT_ONCE, NEVER

WATCHER = "watch"
_AT_ONCE_LOOKED_AT = 1_000
_BETWEEN_LOOKS = timedelta(hours=1)
_LOOKED_BACK = timedelta(days=60)
_ENCODE = msgspec.json.Encoder().encode

Due = tuple[str, bytes, dict[str, KnownSignal]]
"""An opportunity to be looked at: its id, its row, its signals that are not retracted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One opportunity as it was looked at, and what came of it."""

    key: str
    body: bytes
    known: list[KnownSignal]
    next_due_at: int
    commands: Sequence[SignalCommand]


class OpportunityWatch:
    """Reads the deadlines by their index, recomputes each from its row, writes the signals."""

    def __init__(self, ports: Ports, commands: CommandHandling) -> None:
        self._ports = ports
        self._commands = commands

    async def step(self, now: datetime) -> bool:
        did = False
        for organisation in await self._ports.organisations.with_clock():
            clock = organisation.clock(now)
            did = await self._watch(organisation.tenant_id, organisation, clock) or did
        return did

    async def _watch(self, tenant_id: str, organisation: Organisation, clock: datetime) -> bool:
        due = await self._due(tenant_id, clock)
        if not due:
            return False
        settings = deadline_settings(organisation, clock)
        looked = [_look(tenant_id, row, organisation, settings, clock) for row in due]
        commands = [command for each in looked for command in each.commands]
        await send(self._ports, self._commands, tenant_id, commands)
        async with self._ports.read_store.transaction() as connection:
            await _remember(connection, tenant_id, looked, clock)
        return True

    async def _due(self, tenant_id: str, clock: datetime) -> list[Due]:
        """With the signals as they stand in the log: a watch that was killed after it wrote some
        may not have remembered them, and what caused them may be gone by now."""
        timers, rows = PROCESSES.deadlines, PROCESSES.rows
        query = (
            select(timers.c.key, rows.c.body)
            .join_from(
                timers,
                rows,
                (rows.c.tenant_id == timers.c.tenant_id) & (rows.c.key == timers.c.key),
            )
            .where(timers.c.tenant_id == tenant_id, timers.c.due_at < milliseconds(clock))
            .order_by(timers.c.due_at)
            .limit(_AT_ONCE_LOOKED_AT)
        )
        async with self._ports.read_store.reading() as connection:
            found = (await connection.execute(query)).all()
            known = await known_signals(connection, tenant_id, [key for key, _body in found])
        return [(key, body, known[key]) for key, body in found]


def _look(
    tenant_id: str,
    found: Due,
    organisation: Organisation,
    settings: DeadlineSettings,
    clock: datetime,
) -> Looked:
    key, body, known = found
    row: OpportunityProcess = PROCESSES.decode(body)
    watch_clock = WatchClock(
        now=clock, live_at=organisation.live_at, imported_until=row.imported_until
    )
    subject = Subject(
        tenant_id=tenant_id, kind="opportunity", subject_id=key, customer_id=row.customer_id
    )
    every = deadlines(row, settings)
    commands = verdicts(subject, every, known, watch_clock)
    due = earliest_due(every, after=clock)
    return Looked(
        key=key,
        body=body,
        known=known_after(known, commands),
        next_due_at=NEVER if due is None else milliseconds(due),
        commands=commands,
    )


def known_after(
    known: dict[str, KnownSignal], commands: Sequence[SignalCommand]
) -> list[KnownSignal]:
    """The signals of a subject as they stand when the commands are done; retracted ones are not
    kept, raising them again meets their stream."""
    after = dict(known)
    for command in commands:
        match command:
            case RaiseSignal():
                after[command.signal_id] = KnownSignal(
                    signal_id=command.signal_id, due_at=command.due_at, state="raised"
                )
            case ResolveSignal():
                after[command.signal_id] = KnownSignal(
                    signal_id=command.signal_id,
                    due_at=after[command.signal_id].due_at,
                    state="resolved",
                    ended_at=command.ended_at,
                )
            case RetractSignal():
                after.pop(command.signal_id, None)
    return list(after.values())


async def _remember(
    connection: AsyncConnection, tenant_id: str, looked: Sequence[Looked], clock: datetime
) -> None:
    """An opportunity that has changed since it was looked at is looked at again at once."""
    rows, timers = PROCESSES.rows, PROCESSES.deadlines
    now_stored: dict[str, bytes] = {}
    for start in range(0, len(looked), 500):
        keys = [each.key for each in looked[start : start + 500]]
        query = select(rows.c.key, rows.c.body).where(
            rows.c.tenant_id == tenant_id, rows.c.key.in_(keys)
        )
        found = (await connection.execute(query)).all()
        now_stored.update((key, body) for key, body in found)
    statement = (
        timers.update()
        .where(timers.c.tenant_id == tenant_id, timers.c.key == bindparam("of_key"))
        .values(
            due_at=bindparam("next_due_at"),
            watched_until=milliseconds(clock),
            known=bindparam("now_known"),
        )
    )
    await connection.execute(
        statement,
        [
            {
                "of_key": each.key,
                "next_due_at": (
                    each.next_due_at if now_stored.get(each.key) == each.body else AT_ONCE
                ),
                "now_known": _ENCODE(each.known),
            }
            for each in looked
        ],
    )


async def send(
    ports: Ports, commands: CommandHandling, tenant_id: str, wanted: Sequence[SignalCommand]
) -> None:
    """To the signals' streams, each signal's commands in order; repeated they add nothing."""
    by_signal: dict[str, list[Step]] = {}
    for command in wanted:
        step = Step(command, _context(tenant_id, command), ports.new_id())
        by_signal.setdefault(command.signal_id, []).append(step)
    if by_signal:
        runs = [Run(signal_id, steps) for signal_id, steps in by_signal.items()]
        for refusals in await commands.handle_runs(SIGNAL, runs):
            for refusal in filter(None, refusals):
                raise refusal


def _context(tenant_id: str, command: SignalCommand) -> CommandContext:
    match command:
        case RaiseSignal():
            occurred_at = command.raised_at
        case ResolveSignal():
            occurred_at = command.ended_at
        case RetractSignal():
            occurred_at = command.retracted_at
    return CommandContext(
        tenant_id=tenant_id,
        actor_id=None,
        occurred_at=occurred_at,
        correlation_id=command.signal_id,
        caller=WATCHER,
        origin=Origin.LIVE,
    )


class WorkshopWatch:
    """Proposes workshops when a week is over, and again looks at weeks that late actions may have
    changed: all of them on the history clock, the last ones when live, at most once an hour."""

    def __init__(self, ports: Ports, commands: CommandHandling) -> None:
        self._ports = ports
        self._commands = commands
        self._judged: dict[str, tuple[int, datetime, str]] = {}

    async def step(self, now: datetime) -> bool:
        did = False
        head = sum(
            [
                await self._ports.event_store.head("opportunities", partition)
                for partition in range(self._ports.event_store.partitions)
            ]
        )
        for organisation in await self._ports.organisations.with_clock():
            tenant_id = organisation.tenant_id
            if self._is_needed(tenant_id, organisation, head, now):
                did = await self._judge(tenant_id, organisation, organisation.clock(now)) or did
                week = week_of(organisation.clock(now), organisation.zone()).name
                self._judged[tenant_id] = (head, now, week)
        return did

    def _is_needed(
        self, tenant_id: str, organisation: Organisation, head: int, now: datetime
    ) -> bool:
        if tenant_id not in self._judged:
            return True
        judged_head, judged_at, judged_week = self._judged[tenant_id]
        if week_of(organisation.clock(now), organisation.zone()).name != judged_week:
            return True
        is_patient = organisation.is_live and now - judged_at < _BETWEEN_LOOKS
        return head != judged_head and not is_patient

    async def _judge(self, tenant_id: str, organisation: Organisation, clock: datetime) -> bool:
        since = clock - _LOOKED_BACK if organisation.is_live else None
        async with self._ports.read_store.reading() as connection:
            weeks = await ended_weeks(connection, tenant_id, organisation, clock, since)
            known = await known_proposals(connection, tenant_id)
            sick = [each for each in weeks if is_unhealthy(organisation, each)]
            fresh = to_be_proposed(tenant_id, sick, known)
            if fresh:
                count = int(organisation.number_setting("workshop_worst_opportunities", clock))
                fresh = await with_worst(connection, tenant_id, fresh, count)
        watch_clock = WatchClock(now=clock, live_at=organisation.live_at)
        wanted: list[SignalCommand] = []
        for each in fresh + [week for week in weeks if not is_unhealthy(organisation, week)]:
            settings = health_settings(organisation, each.week.ends)
            wanted += workshop_verdicts(tenant_id, [each], known, settings, watch_clock)
        await send(self._ports, self._commands, tenant_id, wanted)
        return bool(wanted)
