"""Questions about messages: what one says, what lies in an inbox, what was sent, what was not."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, select

from services.notifications.domain.message import MESSAGE
from services.notifications.domain.message_commands import (
    Ending,
)
from services.notifications.domain.message_list import MessageRow
from services.notifications.queries.pages import Cursor, next_cursor
from services.notifications.queries.read_models import ATTEMPTS_TABLE, MESSAGES
from shared.envelope import stream_name
from shared.event_type import PersonalText
from shared.events.notifications import MessageQueued
from shared.ports import Ports

Texts = Mapping[str, tuple[PersonalText, PersonalText]]
"""Title and body by message."""


async def texts_of(ports: Ports, tenant_id: str, message_ids: Sequence[str]) -> Texts:
    """Opened from the log: no read model holds them."""
    streams = [stream_name(tenant_id, MESSAGE.name, each) for each in message_ids]
    stored = await ports.event_store.read_streams(streams)
    queued = [ports.codec.decode(events[0]) for events in stored.values() if events]
    opened = [each.event for each in await ports.codec.open(queued)]
    return {
        event.message_id: (event.title, event.body)
        for event in opened
        if isinstance(event, MessageQueued)
    }


async def shown(ports: Ports, tenant_id: str, message_id: str) -> tuple[str, str]:
    """Title and body as they will be sent; a dash for what was erased meanwhile."""
    title, body = (await texts_of(ports, tenant_id, (message_id,)))[message_id]
    return title if isinstance(title, str) else "—", body if isinstance(body, str) else "—"


async def inbox_page(
    ports: Ports,
    tenant_id: str,
    person_id: str,
    limit: int,
    cursor: Cursor | None,
    *,
    is_read: bool | None = None,
) -> tuple[list[MessageRow], str | None]:
    """The person's delivered inbox messages, the latest first; `is_read` None: all of them."""
    wanted = _delivered_to(person_id)
    if is_read is not None:
        wanted.append(MESSAGES.rows.c.is_read == int(is_read))
    return await _page(ports, tenant_id, wanted, limit, cursor)


async def unread_of(ports: Ports, tenant_id: str, person_id: str) -> int:
    """How many wait in the person's inbox."""
    rows = MESSAGES.rows
    counting = select(func.count()).where(
        rows.c.tenant_id == tenant_id, *_delivered_to(person_id), rows.c.is_read == 0
    )
    async with ports.read_store.reading() as connection:
        return int((await connection.execute(counting)).scalar_one())


def _delivered_to(person_id: str) -> list[ColumnElement[bool]]:
    rows = MESSAGES.rows
    return [
        rows.c.person_id == person_id,
        rows.c.in_inbox == 1,
        rows.c.status == Ending.DELIVERED.value,
    ]


async def with_the_operator(
    ports: Ports, tenant_id: str, limit: int, cursor: Cursor | None
) -> tuple[list[MessageRow], str | None]:
    """What no channel would take."""
    wanted = [MESSAGES.rows.c.status == Ending.OPERATOR.value]
    return await _page(ports, tenant_id, wanted, limit, cursor)


async def everything_sent(
    ports: Ports,
    tenant_id: str,
    limit: int,
    cursor: Cursor | None,
    *,
    person_id: str | None = None,
    channel_id: str | None = None,
) -> tuple[list[MessageRow], str | None]:
    """Every message of the tenant, whatever became of it, the latest first: all of them, or those
    to one person, those tried on one channel."""
    rows, tried = MESSAGES.rows, ATTEMPTS_TABLE
    wanted: list[Any] = [] if person_id is None else [rows.c.person_id == person_id]
    if channel_id is not None:
        on_channel = select(tried.c.message_id).where(
            tried.c.tenant_id == tenant_id, tried.c.channel == channel_id
        )
        wanted.append(rows.c.key.in_(on_channel))
    return await _page(ports, tenant_id, wanted, limit, cursor)


async def message_row(ports: Ports, tenant_id: str, message_id: str) -> MessageRow | None:
    table = MESSAGES.rows
    query = select(table.c.body).where(table.c.tenant_id == tenant_id, table.c.key == message_id)
    async with ports.read_store.reading() as connection:
        body = (await connection.execute(query)).scalar()
    return None if body is None else MESSAGES.decode(body)


async def _page(
    ports: Ports,
    tenant_id: str,
    wanted: Sequence[Any],
    limit: int,
    cursor: Cursor | None,
) -> tuple[list[MessageRow], str | None]:
    table = MESSAGES.rows
    query = select(table.c.key, table.c.queued_at, table.c.body).where(
        table.c.tenant_id == tenant_id, *wanted
    )
    if cursor is not None:
        at, key = cursor
        query = query.where(
            or_(table.c.queued_at < at, and_(table.c.queued_at == at, table.c.key > key))
        )
    query = query.order_by(table.c.queued_at.desc(), table.c.key).limit(limit + 1)
    async with ports.read_store.reading() as connection:
        rows = (await connection.execute(query)).all()
    after = next_cursor([(row.queued_at, row.key) for row in rows], limit)
    return [MESSAGES.decode(row.body) for row in rows[:limit]], after
