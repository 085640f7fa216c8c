"""What fell due of opportunities: stalled, overdue, unanswered (O1, O6, O14)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.projections.domain.deadlines import deadlines, next_look
from services.projections.domain.limit_spans import DeadlineSettings
from services.projections.domain.opportunity_row import (
    OpportunityProcess,
)
from services.projections.domain.signal import (
    RaiseSignal,
    ResolveSignal,
    RetractSignal,
    SignalCommand,
)
from services.projections.domain.watching import (
    KnownSignal,
    Subject,
    WatchClock,
    verdicts,
    withdrawn,
)
from services.projections.queries.deadline_settings import deadline_settings
from services.projections.queries.known_signals import as_logged, known_signals
from services.projections.queries.read_models import LOG_NAME, PROCESSES, SIGNALS
from services.projections.watch import sending
from shared.arming import hold
from shared.clock import milliseconds
from shared.command_handling import CommandHandling
from shared.organisation import Organisation
from shared.own_writes import OwnWrites
from shared.ports import Ports
from shared.projecting import AT_ONCE, NEVER

_AT_ONCE_LOOKED_AT = 1_000
_ENCODE = msgspec.json.Encoder().encode
_DECODE = msgspec.json.Decoder(list[KnownSignal]).decode

Due = tuple[str, bytes | None, dict[str, KnownSignal]]
"""An opportunity to be looked at: its id, its row (None: it was withdrawn), its signals that are
not retracted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One opportunity as it was looked at, and what came of it."""

    key: str
    body: bytes | None
    known: list[KnownSignal]
    next_due_at: int
    commands: Sequence[SignalCommand]


class OpportunityWatch:
    """Reads the deadlines by their index, recomputes each from its row, writes the signals."""

    def __init__(self, ports: Ports, commands: CommandHandling) -> None:
        self._ports = ports
        self._commands = commands
        self._signals = OwnWrites(ports, LOG_NAME, SIGNALS.name)

    async def step(self, now: datetime) -> bool:
        if not await self._signals.are_shown():
            return False
        try:
            return await self._watch_all(now)
        except BaseException:
            self._signals.wrote()  # and has perhaps not remembered it
            raise

    async def _watch_all(self, now: datetime) -> bool:
        did = False
        for organisation in await self._ports.organisations.with_clock():
            clock = organisation.clock(now)
            did = await self._watch(organisation.tenant_id, organisation, clock) or did
        return did

    async def _watch(self, tenant_id: str, organisation: Organisation, clock: datetime) -> bool:
        due = await self._due(tenant_id, clock)
        if not due:
            return False
        settings = deadline_settings(organisation)
        looked = [_look(tenant_id, row, organisation, settings, clock) for row in due]
        commands = [command for each in looked for command in each.commands]
        await sending.send(self._ports, self._commands, tenant_id, commands)
        async with self._ports.read_store.transaction() as connection:
            # Days or settings that came in meanwhile had every deadline looked at again: with what
            # was worked out from the former ones that must not be forgotten.
            latest = await self._ports.organisations.of(tenant_id)
            is_overtaken = deadline_settings(latest) != settings
            await _remember(connection, tenant_id, looked, clock, is_overtaken=is_overtaken)
        return True

    async def _due(self, tenant_id: str, clock: datetime) -> list[Due]:
        """With the signals as they stand in the log: those remembered here, and those that the
        list has, since a watch that was killed after it wrote some may not have remembered them,
        and what caused them may be gone by now."""
        timers, rows = PROCESSES.deadlines, PROCESSES.rows
        query = (
            select(timers.c.key, rows.c.body, timers.c.known)
            .join_from(
                timers,
                rows,
                (rows.c.tenant_id == timers.c.tenant_id) & (rows.c.key == timers.c.key),
                isouter=True,
            )
            .where(timers.c.tenant_id == tenant_id, timers.c.due_at < milliseconds(clock))
            .order_by(timers.c.due_at)
            .limit(_AT_ONCE_LOOKED_AT)
        )
        async with self._ports.read_store.reading() as connection:
            found = (await connection.execute(query)).all()
            known = await known_signals(connection, tenant_id, [row.key for row in found])
        for row in found:
            known[row.key] |= {each.signal_id: each for each in _DECODE(row.known)}
        known = await as_logged(self._ports, tenant_id, known)
        return [(row.key, row.body, known[row.key]) for row in found]


def _look(
    tenant_id: str,
    found: Due,
    organisation: Organisation,
    settings: DeadlineSettings,
    clock: datetime,
) -> Looked:
    key, body, known = found
    if body is None:
        commands = withdrawn(known, clock)
        return Looked(key=key, body=None, known=[], next_due_at=NEVER, commands=commands)
    row: OpportunityProcess = PROCESSES.decode(body)
    watch_clock = WatchClock(
        now=clock, live_at=organisation.live_at, imported_until=row.imported_until
    )
    subject = Subject(
        tenant_id=tenant_id, kind="opportunity", subject_id=key, customer_id=row.customer_id
    )
    every = deadlines(row, settings)
    commands = verdicts(subject, every, known, watch_clock)
    due = next_look(every, clock)
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
    connection: AsyncConnection,
    tenant_id: str,
    looked: Sequence[Looked],
    clock: datetime,
    *,
    is_overtaken: bool,
) -> None:
    """An opportunity that has changed since it was looked at is looked at again at once."""
    rows, timers = PROCESSES.rows, PROCESSES.deadlines
    now_stored: dict[str, bytes] = {}
    for start in range(0, len(looked), 500):
        keys = [each.key for each in looked[start : start + 500]]
        await hold(connection, timers, tenant_id, keys)
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
                    AT_ONCE
                    if is_overtaken or now_stored.get(each.key) != each.body
                    else each.next_due_at
                ),
                "now_known": _ENCODE(each.known),
            }
            for each in looked
        ],
    )
