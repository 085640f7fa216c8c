"""The read models of notifications and the questions of its runners to them."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    String,
    Table,
    and_,
    bindparam,
    select,
    update,
)

from services.notifications.domain.escalation_list import ESCALATION_LIST, EscalationRow
from services.notifications.domain.message_list import MESSAGE_LIST, MessageRow
from shared.clock import milliseconds
from shared.command_handling import CommandContext
from shared.envelope import RecordedEvent
from shared.events.notifications import AttemptEnded, AttemptStarted
from shared.ports import Ports
from shared.projecting import AT_ONCE, NEVER, JournalReadModel, RowReadModel
from shared.read_store import METADATA, ReadStore

LOG_NAME = "notifications"

Due = tuple[str, str, int]
"""Tenant, key and the bound (ms) at which it was found: what may be due."""

ESCALATIONS: RowReadModel[EscalationRow] = RowReadModel(
    LOG_NAME,
    LOG_NAME,
    ESCALATION_LIST,
    columns=(
        ("status", String(16)),
        ("rule", String(64)),
        ("subject_id", String(64)),
        ("unit_id", String(64)),
        ("owner_id", String(64)),
        ("holder_id", String(64)),
        ("told", String),
        ("opened_at", BigInteger),
        ("due_at", BigInteger),
    ),
    indexes=(
        ("status", "opened_at"),
        ("opened_at", "key"),
        ("due_at", "key"),
        ("rule", "due_at", "key"),
    ),
)

MESSAGES: RowReadModel[MessageRow] = RowReadModel(
    LOG_NAME,
    LOG_NAME,
    MESSAGE_LIST,
    columns=(
        ("status", String(16)),
        ("person_id", String(64)),
        ("in_inbox", Integer),
        ("is_read", Integer),
        ("queued_at", BigInteger),
        ("urgency", Integer),
    ),
    indexes=(("person_id", "in_inbox", "queued_at"), ("status", "queued_at")),
)

ATTEMPTS_TABLE = Table(
    "notifications_attempts_v1",
    METADATA,
    Column("tenant_id", String(64), primary_key=True),
    Column("message_id", String(64), primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("what", String(8), primary_key=True),
    Column("channel", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("outcome", String(16), nullable=True),
    Column("retry_at", BigInteger, nullable=True),
    Index("notifications_attempts_v1_channel", "tenant_id", "channel", "what", "at"),
)


def _attempt_entries(recorded: RecordedEvent) -> Sequence[Mapping[str, Any]]:
    event = recorded.event
    if not isinstance(event, AttemptStarted | AttemptEnded):
        return ()
    ended = isinstance(event, AttemptEnded)
    at = event.ended_at if isinstance(event, AttemptEnded) else event.started_at
    retry_at = event.retry_at if isinstance(event, AttemptEnded) else None
    return (
        {
            "tenant_id": recorded.tenant_id,
            "message_id": event.message_id,
            "attempt": event.attempt,
            "what": "ended" if ended else "started",
            "channel": event.channel,
            "at": milliseconds(at),
            "outcome": event.outcome if isinstance(event, AttemptEnded) else None,
            "retry_at": None if retry_at is None else milliseconds(retry_at),
        },
    )


ATTEMPTS = JournalReadModel(LOG_NAME, LOG_NAME, "attempts", 1, ATTEMPTS_TABLE, _attempt_entries)


async def due_keys(ports: Ports, model: RowReadModel[Any], now: datetime, limit: int) -> list[Due]:
    """What may be due by now: the bounds are never too late."""
    table = model.deadlines
    query = (
        select(table.c.tenant_id, table.c.key, table.c.due_at)
        .where(
            table.c.tenant_id.in_(await ports.organisations.tenants()),
            table.c.due_at <= milliseconds(now),
        )
        .order_by(table.c.due_at, table.c.tenant_id, table.c.key)
        .limit(limit)
    )
    async with ports.read_store.reading() as connection:
        rows = await connection.execute(query)
        return [(row.tenant_id, row.key, row.due_at) for row in rows]


async def due_messages(ports: Ports, now: datetime, limit: int) -> list[Due]:
    """Messages for which something may be due by now, the most urgent first, then the oldest."""
    rows, deadlines = MESSAGES.rows, MESSAGES.deadlines
    same = and_(rows.c.tenant_id == deadlines.c.tenant_id, rows.c.key == deadlines.c.key)
    query = (
        select(deadlines.c.tenant_id, deadlines.c.key, deadlines.c.due_at)
        .join(rows, same)
        .where(
            deadlines.c.tenant_id.in_(await ports.organisations.tenants()),
            deadlines.c.due_at <= milliseconds(now),
        )
        .order_by(rows.c.urgency.desc(), rows.c.queued_at, rows.c.key)
        .limit(limit)
    )
    async with ports.read_store.reading() as connection:
        found = await connection.execute(query)
        return [(row.tenant_id, row.key, row.due_at) for row in found]


async def rearm(
    reads: ReadStore, model: RowReadModel[Any], times: Mapping[Due, datetime | None]
) -> None:
    """Look again at these times, or never; left alone where an event has moved the bound
    meanwhile."""
    if not times:
        return
    table = model.deadlines
    moved = (
        update(table)
        .where(
            table.c.tenant_id == bindparam("b_tenant_id"),
            table.c.key == bindparam("b_key"),
            table.c.due_at == bindparam("b_bound"),
        )
        .values(due_at=bindparam("b_due_at"))
    )
    rows = [
        {
            "b_tenant_id": tenant_id,
            "b_key": key,
            "b_bound": bound,
            "b_due_at": NEVER if due_at is None else milliseconds(due_at),
        }
        for (tenant_id, key, bound), due_at in times.items()
    ]
    async with reads.transaction() as connection:
        await connection.execute(moved, rows)


async def look_again(reads: ReadStore, model: RowReadModel[Any], overtaken: Sequence[Due]) -> None:
    """Something happened while these were looked at."""
    if not overtaken:
        return
    table = model.deadlines
    at_once = (
        update(table)
        .where(table.c.tenant_id == bindparam("b_tenant_id"), table.c.key == bindparam("b_key"))
        .values(due_at=AT_ONCE)
    )
    rows = [{"b_tenant_id": tenant_id, "b_key": key} for tenant_id, key, _bound in overtaken]
    async with reads.transaction() as connection:
        await connection.execute(at_once, rows)


def by_the_clock(
    tenant_id: str, now: datetime, correlation_id: str, trace_context: str | None = None
) -> CommandContext:
    """Context of what time brought. The deciders themselves recognise a repeat."""
    return CommandContext(
        tenant_id=tenant_id,
        actor_id=None,
        occurred_at=now,
        correlation_id=correlation_id,
        trace_context=trace_context,
    )
