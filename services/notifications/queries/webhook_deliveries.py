"""Deliveries to webhooks with their attempts: what waits, what arrived, what failed (G4)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, and_, func, select, update
from sqlalchemy.engine import RowMapping

from services.notifications.queries.pages import Cursor, next_cursor
from shared.bulk_writing import insert_missing
from shared.clock import milliseconds, moment
from shared.read_store import METADATA, ReadStore

DELIVERIES = Table(
    "notifications_webhook_deliveries_v1",
    METADATA,
    Column("tenant_id", String(64), primary_key=True),
    Column("webhook_id", String(64), primary_key=True),
    Column("event_id", String(64), primary_key=True),
    Column("event_type", String(128), nullable=False),
    Column("state", String(16), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Index("notifications_webhook_deliveries_v1_due", "state", "next_at"),
)
"""`state`: waiting, arrived, failed; `tries`: since it was queued or replayed."""

ATTEMPTS = Table(
    "notifications_webhook_attempts_v1",
    METADATA,
    Column("tenant_id", String(64), primary_key=True),
    Column("webhook_id", String(64), primary_key=True),
    Column("event_id", String(64), primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger, nullable=True),
    Column("outcome", String(16), nullable=True),
    Column("detail", String(200), nullable=True),
    Index("notifications_webhook_attempts_v1_at", "tenant_id", "webhook_id", "started_at"),
)
"""`outcome` null: it was under way when the process ended; it may have arrived."""

ARRIVED = "accepted"


class Delivery(NamedTuple):
    tenant_id: str
    webhook_id: str
    event_id: str
    tries: int


def _same(table: Table, delivery: Delivery) -> Any:
    return and_(
        table.c.tenant_id == delivery.tenant_id,
        table.c.webhook_id == delivery.webhook_id,
        table.c.event_id == delivery.event_id,
    )


async def queue(reads: ReadStore, rows: Sequence[Mapping[str, Any]]) -> None:
    """What is queued already stays as it is."""
    if rows:
        async with reads.transaction() as connection:
            await insert_missing(connection, DELIVERIES, rows)


async def due_deliveries(
    reads: ReadStore,
    webhooks: Sequence[tuple[str, str]],
    now: datetime,
    limit: int,
) -> list[Delivery]:
    """Of each of these webhooks (tenant, id) the first that are due."""
    found: list[Delivery] = []
    table = DELIVERIES
    async with reads.reading() as connection:
        for tenant_id, webhook_id in webhooks:
            query = (
                select(table.c.tenant_id, table.c.webhook_id, table.c.event_id, table.c.tries)
                .where(
                    table.c.tenant_id == tenant_id,
                    table.c.webhook_id == webhook_id,
                    table.c.state == "waiting",
                    table.c.next_at <= milliseconds(now),
                )
                .order_by(table.c.next_at, table.c.event_id)
                .limit(limit)
            )
            found += [Delivery(*row) for row in await connection.execute(query)]
    return found


async def begin_attempt(reads: ReadStore, delivery: Delivery, now: datetime) -> int:
    """Stored before the request leaves; answers its number."""
    counted = select(func.coalesce(func.max(ATTEMPTS.c.attempt), 0)).where(
        _same(ATTEMPTS, delivery)
    )
    async with reads.transaction() as connection:
        attempt = int((await connection.execute(counted)).scalar_one()) + 1
        row = {
            "tenant_id": delivery.tenant_id,
            "webhook_id": delivery.webhook_id,
            "event_id": delivery.event_id,
            "attempt": attempt,
            "started_at": milliseconds(now),
        }
        await connection.execute(ATTEMPTS.insert(), row)
    return attempt


class End(NamedTuple):
    """What became of an attempt; `next_at` None where it arrived or has failed for good."""

    outcome: str
    detail: str
    state: str
    next_at: datetime | None


async def end_attempt(
    reads: ReadStore, delivery: Delivery, attempt: int, ended_at: datetime, end: End
) -> None:
    ended = (
        update(ATTEMPTS)
        .where(_same(ATTEMPTS, delivery), ATTEMPTS.c.attempt == attempt)
        .values(ended_at=milliseconds(ended_at), outcome=end.outcome, detail=end.detail[:200])
    )
    at = milliseconds(end.next_at or ended_at)
    moved = (
        update(DELIVERIES)
        .where(_same(DELIVERIES, delivery))
        .values(state=end.state, tries=delivery.tries + 1, next_at=at)
    )
    async with reads.transaction() as connection:
        await connection.execute(ended)
        await connection.execute(moved)


async def failing_since(
    reads: ReadStore, tenant_id: str, webhook_id: str, enabled_at: datetime
) -> datetime | None:
    """The first attempt after the last that arrived, since the webhook was enabled."""
    table = ATTEMPTS
    of_webhook = and_(
        table.c.tenant_id == tenant_id,
        table.c.webhook_id == webhook_id,
        table.c.started_at >= milliseconds(enabled_at),
    )
    latest = select(func.max(table.c.started_at)).where(of_webhook, table.c.outcome == ARRIVED)
    async with reads.reading() as connection:
        arrived = (await connection.execute(latest)).scalar()
        first = select(func.min(table.c.started_at)).where(of_webhook)
        if arrived is not None:
            first = first.where(table.c.started_at > arrived)
        found = (await connection.execute(first)).scalar()
    return None if found is None else moment(found)


class Wanted(NamedTuple):
    """Which deliveries are meant; what is None does not narrow them."""

    state: str | None = None
    event_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self, tenant_id: str, webhook_id: str) -> list[Any]:
        table = DELIVERIES
        found = [table.c.tenant_id == tenant_id, table.c.webhook_id == webhook_id]
        if self.state is not None:
            found.append(table.c.state == self.state)
        if self.event_id is not None:
            found.append(table.c.event_id == self.event_id)
        if self.since is not None:
            found.append(table.c.recorded_at >= milliseconds(self.since))
        if self.until is not None:
            found.append(table.c.recorded_at < milliseconds(self.until))
        return found


async def replay(
    reads: ReadStore, tenant_id: str, webhook_id: str, wanted: Wanted, now: datetime
) -> int:
    """Queued anew under the same ids, so that receivers recognise them; answers how many."""
    again = (
        update(DELIVERIES)
        .where(*wanted.conditions(tenant_id, webhook_id))
        .values(state="waiting", tries=0, next_at=milliseconds(now))
    )
    async with reads.transaction() as connection:
        return (await connection.execute(again)).rowcount


async def deliveries_page(
    reads: ReadStore,
    tenant_id: str,
    webhook_id: str,
    wanted: Wanted,
    limit: int,
    cursor: Cursor | None,
) -> tuple[list[dict[str, Any]], str | None]:
    """The latest events first, each with its attempts."""
    table = DELIVERIES
    query = select(table).where(*wanted.conditions(tenant_id, webhook_id))
    if cursor is not None:
        at, key = cursor
        earlier = table.c.recorded_at < at
        query = query.where(earlier | and_(table.c.recorded_at == at, table.c.event_id > key))
    query = query.order_by(table.c.recorded_at.desc(), table.c.event_id).limit(limit + 1)
    async with reads.reading() as connection:
        found = (await connection.execute(query)).mappings().all()
        rows = found[:limit]
        tried = (
            select(ATTEMPTS)
            .where(
                ATTEMPTS.c.tenant_id == tenant_id,
                ATTEMPTS.c.webhook_id == webhook_id,
                ATTEMPTS.c.event_id.in_([row["event_id"] for row in rows]),
            )
            .order_by(ATTEMPTS.c.event_id, ATTEMPTS.c.attempt)
        )
        attempts: dict[str, list[dict[str, Any]]] = {}
        for row in (await connection.execute(tried)).mappings():
            attempts.setdefault(row["event_id"], []).append(_attempt(row))
    after = next_cursor([(row["recorded_at"], row["event_id"]) for row in found], limit)
    return [_delivery(row, attempts.get(row["event_id"], [])) for row in rows], after


def _attempt(row: RowMapping) -> dict[str, Any]:
    ended_at = row["ended_at"]
    return {
        "attempt": row["attempt"],
        "started_at": moment(row["started_at"]),
        "ended_at": None if ended_at is None else moment(ended_at),
        "outcome": row["outcome"] or "unknown",
        "detail": row["detail"],
    }


def _delivery(row: RowMapping, attempts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {
        "event_id": row["event_id"],
        "event_type": row["event_type"],
        "state": row["state"],
        "recorded_at": moment(row["recorded_at"]),
        "next_try_at": moment(row["next_at"]) if row["state"] == "waiting" else None,
        "attempts": list(attempts),
    }
