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
    delete,
    or_,
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
        for recorded in events:
            match recorded.event:
                case EscalationStepReached() as reached:
                    await upsert(connection, self.table, _rows(recorded.tenant_id, reached))
                case MessageQueued() as queued if queued.person_id and queued.escalation_ids:
                    way = INBOX if queued.channels == (INBOX,) else OUT
                    recipient = Recipient(recorded.tenant_id, queued.person_id, way)
                    await _remove(connection, self.table, recipient, queued.escalation_ids)
                case _:
                    continue
        return []

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


def _of(table: Table, recipient: Recipient) -> Any:
    return and_(
        table.c.tenant_id == recipient.tenant_id,
        table.c.person_id == recipient.person_id,
        table.c.way == recipient.way,
    )


async def _remove(
    connection: AsyncConnection,
    table: Table,
    recipient: Recipient,
    escalation_ids: Sequence[str],
) -> None:
    for start in range(0, len(escalation_ids), 500):
        part = escalation_ids[start : start + 500]
        await connection.execute(
            delete(table).where(_of(table, recipient), table.c.escalation_id.in_(part))
        )


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


async def notices_for(reads: ReadStore, recipient: Recipient) -> list[PendingNotice]:
    table = PENDING_NOTICES.table
    query = select(table).where(_of(table, recipient)).order_by(table.c.escalation_id)
    async with reads.reading() as connection:
        return [
            PendingNotice(
                escalation_id=row.escalation_id,
                level=row.level,
                channels=tuple(row.channels.split("|")),
                reached_at=moment(row.reached_at),
                beside_inbox=bool(row.beside_inbox),
            )
            for row in await connection.execute(query)
        ]


async def settle(
    reads: ReadStore,
    recipient: Recipient,
    gone: Sequence[PendingNotice],
    ready_at: Sequence[tuple[PendingNotice, datetime]],
) -> None:
    """Take away what nobody has to be told of any more; look at the others when they are ready."""
    table = PENDING_NOTICES.table
    async with reads.transaction() as connection:
        for start in range(0, len(gone), 200):
            these = [
                and_(
                    table.c.escalation_id == notice.escalation_id,
                    table.c.level == notice.level,
                )
                for notice in gone[start : start + 200]
            ]
            await connection.execute(delete(table).where(_of(table, recipient), or_(*these)))
        for notice, at in ready_at:
            await connection.execute(
                update(table)
                .where(
                    _of(table, recipient),
                    table.c.escalation_id == notice.escalation_id,
                    table.c.level == notice.level,
                )
                .values(ready_at=milliseconds(at))
            )
