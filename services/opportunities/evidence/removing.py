"""Evidence that nothing refers to in time is removed: first said, then done (O5)."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, func, select

from services.opportunities.domain.evidence_object import EVIDENCE, RemoveEvidence
from services.opportunities.domain.evidence_waiting import EVIDENCE_WAITING
from services.opportunities.evidence.keeping import KEEPING_SUBSCRIPTION
from services.opportunities.evidence.sealing import LOG_NAME, address, key_name
from shared.clock import milliseconds, moment
from shared.command_handling import CommandContext, CommandHandling, Run, Step
from shared.envelope import RecordedEvent
from shared.events.opportunities import EvidenceRemoved
from shared.ports import Ports
from shared.projecting import RowReadModel
from shared.read_store import PARKED_STREAMS
from shared.service import Runner
from shared.subscription import Reaction

WAITING = RowReadModel(
    service="opportunities",
    log=LOG_NAME,
    projection=EVIDENCE_WAITING,
    columns=(("awaited_at", BigInteger),),
    indexes=(("awaited_at",),),
)
_REMOVING = "opportunities.removing_evidence"
_AT_ONCE = 500


class EvidenceRemoving:
    """Says what is to go. Its stream decides, so that a reference that comes at the same time is
    either there first, and it stays, or is refused. It is called while what refers to evidence is
    known up to the head of the log."""

    def __init__(self, ports: Ports, commands: CommandHandling) -> None:
        self._ports = ports
        self._commands = commands

    async def step(self, now: datetime) -> bool:
        """By the clock that uploads are stamped with; that of a tenant's history is another one."""
        did = False
        for tenant_id, awaited_at in await self._longest_waiting():
            organisation = await self._ports.organisations.of(tenant_id)
            hours = organisation.number_setting("evidence_kept_unreferred_hours", now)
            limit = timedelta(hours=hours)
            if awaited_at < now - limit:
                did = await self._remove(tenant_id, limit, now) or did
        return did

    async def _longest_waiting(self) -> Sequence[tuple[str, datetime]]:
        """By tenant; nothing goes while a stream that may refer to evidence cannot be read."""
        table, parked = WAITING.rows, PARKED_STREAMS.c.subscription
        query = select(table.c.tenant_id, func.min(table.c.awaited_at)).group_by(table.c.tenant_id)
        unread = select(parked).where(parked == KEEPING_SUBSCRIPTION).limit(1)
        async with self._ports.read_store.reading() as connection:
            if (await connection.execute(unread)).first() is not None:
                return []
            found = (await connection.execute(query)).all()
        return [(tenant_id, moment(awaited_at)) for tenant_id, awaited_at in found]

    async def _remove(self, tenant_id: str, limit: timedelta, now: datetime) -> bool:
        table = WAITING.rows
        until = milliseconds(now - limit)
        overdue = (
            select(table.c.key)
            .where(table.c.tenant_id == tenant_id, table.c.awaited_at < until)
            .order_by(table.c.awaited_at)
            .limit(_AT_ONCE)
        )
        async with self._ports.read_store.reading() as connection:
            found = (await connection.execute(overdue)).scalars().all()
        runs = [self._run(tenant_id, sha256, limit, now) for sha256 in found]
        await self._commands.handle_runs(EVIDENCE, runs)
        return bool(runs)

    def _run(self, tenant_id: str, sha256: str, limit: timedelta, now: datetime) -> Run:
        command = RemoveEvidence(sha256=sha256, limit=limit, now=now)
        context = CommandContext(
            tenant_id=tenant_id,
            actor_id=None,
            occurred_at=now,
            correlation_id=str(self._ports.new_id()),
            caller=_REMOVING,
        )
        return Run(sha256, [Step(command, context, self._ports.new_id())])


def runner(ports: Ports, commands: CommandHandling) -> Runner:
    return Runner(name=_REMOVING, step=EvidenceRemoving(ports, commands).step)


def reaction(ports: Ports) -> Reaction:
    """What was said is done, and done again where it was not finished: of that generation only."""

    async def remove(events: Sequence[RecordedEvent]) -> None:
        for recorded in events:
            event: EvidenceRemoved = recorded.event
            sha256, generation = event.sha256, event.generation
            await ports.key_store.erase(recorded.tenant_id, key_name(sha256, generation))
            await ports.object_store.delete(recorded.tenant_id, address(sha256, generation))

    return Reaction(name=_REMOVING, log=LOG_NAME, reads=(EvidenceRemoved,), react=remove)
