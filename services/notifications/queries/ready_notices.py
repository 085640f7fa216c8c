"""Who can be told of what by now, and what became of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Table, and_, bindparam, delete, select, update

from services.notifications.queries.pending_notices import PENDING_NOTICES
from shared.clock import milliseconds, moment
from shared.read_store import ReadStore


class PendingNotice(NamedTuple):
    escalation_id: str
    level: int
    version: int
    """Of the step's event in the escalation's stream."""
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
                    table.c.ready_at.is_not(None),
                )
                .order_by(table.c.person_id, table.c.escalation_id)
            )
            for row in await connection.execute(query):
                notice = PendingNotice(
                    escalation_id=row.escalation_id,
                    level=row.level,
                    version=row.version,
                    channels=tuple(row.channels.split("|")),
                    reached_at=moment(row.reached_at),
                    beside_inbox=bool(row.beside_inbox),
                )
                found[Recipient(tenant_id, row.person_id, way)].append(notice)
    return found


async def last_letters(reads: ReadStore, recipients: Sequence[Recipient]) -> dict[Recipient, int]:
    """The numbers of the last ones, 0 for whoever has had none."""
    table = PENDING_NOTICES.letters
    found = dict.fromkeys(recipients, 0)
    tenants: dict[str, set[str]] = {}
    for tenant_id, person_id, _way in recipients:
        tenants.setdefault(tenant_id, set()).add(person_id)
    async with reads.reading() as connection:
        for tenant_id, person_ids in tenants.items():
            query = select(table).where(
                table.c.tenant_id == tenant_id, table.c.person_id.in_(sorted(person_ids))
            )
            for row in await connection.execute(query):
                found[Recipient(tenant_id, row.person_id, row.way)] = row.last_letter
    return found


async def settle(reads: ReadStore, settled: Sequence[Settled]) -> None:
    """Take away what nobody has to be told of any more; look at the others when they are ready."""
    table = PENDING_NOTICES.table
    at_step = and_(_of(table), table.c.version == bindparam("b_version"))
    gone = [
        {**_named(recipient, notice.escalation_id), "b_version": notice.version}
        for recipient, notices, _waiting in settled
        for notice in notices
    ]
    waiting = [
        {
            **_named(recipient, notice.escalation_id),
            "b_version": notice.version,
            "b_ready_at": milliseconds(ready_at),
        }
        for recipient, _gone, notices in settled
        for notice, ready_at in notices
    ]
    if not gone and not waiting:
        return
    async with reads.transaction() as connection:
        if gone:
            await connection.execute(delete(table).where(at_step), gone)
        if waiting:
            later = update(table).where(at_step).values(ready_at=bindparam("b_ready_at"))
            await connection.execute(later, waiting)
