"""Who is yet to be told of which escalation: from the step reached until its message is queued."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    String,
    Table,
    and_,
    bindparam,
    delete,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications.domain.message_list import INBOX
from services.notifications.queries.read_models import LOG_NAME
from shared.clock import milliseconds, moment
from shared.envelope import RecordedEvent
from shared.events.notifications import EscalationStepReached, MessageQueued
from shared.projecting import Content, Flaw
from shared.read_store import METADATA, ReadStore, upsert

OUT = "out"
"""The way of everything but the inbox: one message over the first channel that takes it."""


class PendingNotice(NamedTuple):
    escalation_id: str
    level: int
    channels: tuple[str, ...]
    reached_at: datetime
    beside_inbox: bool


class Recipient(NamedTuple):
    """One person by one way; what is pending for them is told together."""

    tenant_id: str
    person_id: str
    way: str


class Settled(NamedTuple):
    """What became of one recipient's notices: no longer pending, or ready at a later time."""

    recipient: Recipient
    gone: Sequence[PendingNotice]
    waiting: Sequence[tuple[PendingNotice, datetime]]


def _table(name: str) -> Table:
    if name in METADATA.tables:
        return METADATA.tables[name]
    return Table(
        name,
        METADATA,
        Column("tenant_id", String(64), primary_key=True),
        Column("person_id", String(64), primary_key=True),
        Column("way", String(8), primary_key=True),
        Column("escalation_id", String(64), primary_key=True),
        Column("level", Integer, nullable=False),
        Column("channels", String, nullable=False),
        Column("beside_inbox", Integer, nullable=False),
        Column("reached_at", BigInteger, nullable=False),
        Column("ready_at", BigInteger, nullable=False),
        Index(f"{name}_ready", "ready_at"),
    )


@dataclass(frozen=True)
class PendingNotices:
    """A step reached adds its people, a message queued takes away what it holds."""

    suffix: str = ""

    log = LOG_NAME
    version = 1

    @property
    def name(self) -> str:
        return f"{LOG_NAME}.pending_notices{self.suffix}"

    @property
    def reads(self) -> tuple[type[Any], ...]:
        return (object,)

    @property
    def table(self) -> Table:
        return _table(f"{LOG_NAME}_pending_notices_v{self.version}{self.suffix}")

    @property
    def tables(self) -> Sequence[Table]:
        return (self.table,)

    @property
    def contents(self) -> Sequence[Content]:
        """None: what nobody has to be told of any more is taken away without an event."""
        return ()

    def beside(self) -> "PendingNotices":
        return PendingNotices("_beside")

    async def apply(
        self, connection: AsyncConnection, events: Sequence[RecordedEvent]
    ) -> list[Flaw]:
        """What a batch comes to for each notice: there as told last, or gone."""
        after: dict[tuple[Recipient, str], dict[str, Any] | None] = {}
        for recorded in events:
            tenant_id = recorded.tenant_id
            match recorded.event:
                case EscalationStepReached() as reached:
                    for row in _rows(tenant_id, reached):
                        recipient = Recipient(tenant_id, row["person_id"], row["way"])
                        after[recipient, row["escalation_id"]] = row
                case MessageQueued() as queued if queued.person_id and queued.escalation_ids:
                    way = INBOX if queued.channels == (INBOX,) else OUT
                    recipient = Recipient(tenant_id, queued.person_id, way)
                    after |= {(recipient, each): None for each in queued.escalation_ids}
                case _:
                    continue
        await upsert(connection, self.table, [row for row in after.values() if row is not None])
        await _remove(connection, self.table, [key for key, row in after.items() if row is None])
        return []

    async def refold(
        self, connection: AsyncConnection, events: Sequence[RecordedEvent]
    ) -> list[Flaw]:
        """What was told meanwhile is recognised when it is about to be told again."""
        return await self.apply(connection, events)

    async def mark_incomplete(
        self, connection: AsyncConnection, events: Sequence[RecordedEvent]
    ) -> None:
        """A notice lacks nothing: it is there or it is not."""


def _rows(tenant_id: str, reached: EscalationStepReached) -> list[dict[str, Any]]:
    others = tuple(channel for channel in reached.channels if channel != INBOX)
    ways = {INBOX: (INBOX,), OUT: others}
    in_inbox = INBOX in reached.channels
    return [
        {
            "tenant_id": tenant_id,
            "person_id": person_id,
            "way": way,
            "escalation_id": reached.escalation_id,
            "level": reached.level,
            "channels": "|".join(channels),
            "beside_inbox": int(in_inbox),
            "reached_at": milliseconds(reached.reached_at),
            "ready_at": milliseconds(reached.reached_at),
        }
        for person_id in reached.person_ids
        for way, channels in ways.items()
        if (way == OUT and others) or (way == INBOX and in_inbox)
    ]


def _of(table: Table) -> Any:
    """One person's notice of one escalation by one way, as `_named` names it."""
    return and_(
        table.c.tenant_id == bindparam("b_tenant_id"),
        table.c.person_id == bindparam("b_person_id"),
        table.c.way == bindparam("b_way"),
        table.c.escalation_id == bindparam("b_escalation_id"),
    )


def _named(recipient: Recipient, escalation_id: str) -> dict[str, Any]:
    return {
        "b_tenant_id": recipient.tenant_id,
        "b_person_id": recipient.person_id,
        "b_way": recipient.way,
        "b_escalation_id": escalation_id,
    }


async def _remove(
    connection: AsyncConnection, table: Table, keys: Sequence[tuple[Recipient, str]]
) -> None:
    if keys:
        await connection.execute(delete(table).where(_of(table)), [_named(*key) for key in keys])


PENDING_NOTICES = PendingNotices()


async def ready_recipients(reads: ReadStore, now: datetime, limit: int) -> list[Recipient]:
    """Who may have something ready to be told; the bounds are never too late."""
    table = PENDING_NOTICES.table
    query = (
        select(table.c.tenant_id, table.c.person_id, table.c.way)
        .where(table.c.ready_at <= milliseconds(now))
        .distinct()
        .order_by(table.c.tenant_id, table.c.person_id, table.c.way)
        .limit(limit)
    )
    async with reads.reading() as connection:
        return [Recipient(*row) for row in await connection.execute(query)]


async def notices_for(
    reads: ReadStore, recipients: Sequence[Recipient]
) -> dict[Recipient, list[PendingNotice]]:
    """All that is pending for them, for each in the order of the escalations."""
    table = PENDING_NOTICES.table
    found: dict[Recipient, list[PendingNotice]] = {each: [] for each in recipients}
    people: dict[tuple[str, str], list[str]] = {}
    for tenant_id, person_id, way in recipients:
        people.setdefault((tenant_id, way), []).append(person_id)
    async with reads.reading() as connection:
        for (tenant_id, way), person_ids in people.items():
            query = (
                select(table)
                .where(
                    table.c.tenant_id == tenant_id,
                    table.c.person_id.in_(person_ids),
                    table.c.way == way,
                )
                .order_by(table.c.person_id, table.c.escalation_id)
            )
            for row in await connection.execute(query):
                notice = PendingNotice(
                    escalation_id=row.escalation_id,
                    level=row.level,
                    channels=tuple(row.channels.split("|")),
                    reached_at=moment(row.reached_at),
                    beside_inbox=bool(row.beside_inbox),
                )
                found[Recipient(tenant_id, row.person_id, way)].append(notice)
    return found


async def settle(reads: ReadStore, settled: Sequence[Settled]) -> None:
    """Take away what nobody has to be told of any more; look at the others when they are ready."""
    table = PENDING_NOTICES.table
    at_level = and_(_of(table), table.c.level == bindparam("b_level"))
    gone = [
        {**_named(recipient, notice.escalation_id), "b_level": notice.level}
        for recipient, notices, _waiting in settled
        for notice in notices
    ]
    waiting = [
        {
            **_named(recipient, notice.escalation_id),
            "b_level": notice.level,
            "b_ready_at": milliseconds(ready_at),
        }
        for recipient, _gone, notices in settled
        for notice, ready_at in notices
    ]
    if not gone and not waiting:
        return
    async with reads.transaction() as connection:
        if gone:
            await connection.execute(delete(table).where(at_level), gone)
        if waiting:
            later = update(table).where(at_level).values(ready_at=bindparam("b_ready_at"))
            await connection.execute(later, waiting)
