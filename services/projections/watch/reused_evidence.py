"""Looks at photos and recordings that prove more than one action, whenever that changed (O5)."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.projections.domain.opportunity_row import OpportunityProcess
from services.projections.domain.reused_evidence import RULE, EvidenceUses, verdicts
from services.projections.domain.watching import KnownSignal, WatchClock
from services.projections.queries.read_models import EVIDENCE, PROCESSES, SIGNALS
from services.projections.watch.sending import send
from shared.arming import AT_ONCE, NEVER
from shared.clock import milliseconds
from shared.command_handling import CommandHandling
from shared.organisation import Organisation
from shared.ports import Ports

_AT_ONCE_LOOKED_AT = 200
_IDS_A_QUERY = 500

Due = tuple[str, bytes]
"""A content's hash and its row."""


class ReusedEvidenceWatch:
    """Signals first, then the timers: killed in between, it says the same again to no effect."""

    def __init__(self, ports: Ports, commands: CommandHandling) -> None:
        self._ports = ports
        self._commands = commands

    async def step(self, now: datetime) -> bool:
        did = False
        for organisation in await self._ports.organisations.with_clock():
            did = await self._watch(organisation, organisation.clock(now)) or did
        return did

    async def _watch(self, organisation: Organisation, now: datetime) -> bool:
        tenant_id = organisation.tenant_id
        clock = WatchClock(now=now, live_at=organisation.live_at)
        async with self._ports.read_store.reading() as connection:
            due = await _due(connection, tenant_id, now)
            wanted = []
            for _sha256, body in due:
                uses = EVIDENCE.decode(body)
                processes = await _processes(connection, tenant_id, uses)
                known = await _known(connection, tenant_id, uses)
                wanted += verdicts(tenant_id, uses, processes, known, clock)
        if not due:
            return False
        await send(self._ports, self._commands, tenant_id, wanted)
        async with self._ports.read_store.transaction() as connection:
            await _remember(connection, tenant_id, due, now)
        return True


async def _due(connection: AsyncConnection, tenant_id: str, now: datetime) -> list[Due]:
    timers, rows = EVIDENCE.deadlines, EVIDENCE.rows
    same = (rows.c.tenant_id == timers.c.tenant_id) & (rows.c.key == timers.c.key)
    query = (
        select(timers.c.key, rows.c.body)
        .join_from(timers, rows, same)
        .where(timers.c.tenant_id == tenant_id, timers.c.due_at < milliseconds(now))
        .order_by(timers.c.due_at, timers.c.key)
        .limit(_AT_ONCE_LOOKED_AT)
    )
    return [(key, body) for key, body in await connection.execute(query)]


async def _processes(
    connection: AsyncConnection, tenant_id: str, uses: EvidenceUses
) -> dict[str, OpportunityProcess]:
    rows = PROCESSES.rows
    wanted = sorted({proof.opportunity_id for proof in uses.proofs})
    found: dict[str, OpportunityProcess] = {}
    for start in range(0, len(wanted), _IDS_A_QUERY):
        part = wanted[start : start + _IDS_A_QUERY]
        query = select(rows.c.key, rows.c.body).where(
            rows.c.tenant_id == tenant_id, rows.c.key.in_(part)
        )
        for key, body in await connection.execute(query):
            found[key] = PROCESSES.decode(body)
    return found


async def _known(
    connection: AsyncConnection, tenant_id: str, uses: EvidenceUses
) -> dict[str, KnownSignal]:
    """What was said of this content and not taken back."""
    rows = SIGNALS.rows
    found: dict[str, KnownSignal] = {}
    for start in range(0, len(uses.opportunity_ids), _IDS_A_QUERY):
        query = select(rows.c.body).where(
            rows.c.tenant_id == tenant_id,
            rows.c.subject_id.in_(uses.opportunity_ids[start : start + _IDS_A_QUERY]),
            rows.c.subject_kind == "opportunity",
            rows.c.rule == RULE,
            rows.c.state != "retracted",
        )
        for body in (await connection.execute(query)).scalars():
            row = SIGNALS.decode(body)
            if row.facts.get("sha256") == uses.sha256:
                found[row.signal_id] = KnownSignal(
                    signal_id=row.signal_id, due_at=row.due_at, state=row.state
                )
    return found


async def _remember(
    connection: AsyncConnection, tenant_id: str, looked: Sequence[Due], now: datetime
) -> None:
    """What has changed since it was looked at is looked at again at once."""
    rows, timers = EVIDENCE.rows, EVIDENCE.deadlines
    query = select(rows.c.key, rows.c.body).where(
        rows.c.tenant_id == tenant_id, rows.c.key.in_([key for key, _body in looked])
    )
    stored: dict[str, bytes] = {}
    stored.update((key, body) for key, body in await connection.execute(query))
    statement = (
        timers.update()
        .where(timers.c.tenant_id == tenant_id, timers.c.key == bindparam("of_key"))
        .values(due_at=bindparam("next_due_at"), watched_until=milliseconds(now))
    )
    await connection.execute(
        statement,
        [
            {"of_key": key, "next_due_at": NEVER if stored.get(key) == body else AT_ONCE}
            for key, body in looked
        ],
    )
