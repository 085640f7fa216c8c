"""Questions about attempts: what a robot's limits are reckoned from, and how well channels do."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import case, func, select

from services.notifications.domain.message_commands import (
    Outcome,
)
from services.notifications.queries.read_models import ATTEMPTS_TABLE as TABLE
from shared.clock import milliseconds, moment
from shared.read_store import ReadStore


class DeliveryRate(NamedTuple):
    """`rate` = accepted ÷ ended attempts; None where none ended (N5)."""

    ended: int
    accepted: int

    @property
    def rate(self) -> float | None:
        return self.accepted / self.ended if self.ended else None


async def sent_since(
    reads: ReadStore, tenant_id: str, channel_id: str, since: datetime
) -> list[datetime]:
    """When attempts on the channel left, oldest first."""
    query = (
        select(TABLE.c.at)
        .where(
            TABLE.c.tenant_id == tenant_id,
            TABLE.c.channel == channel_id,
            TABLE.c.what == "started",
            TABLE.c.at > milliseconds(since),
        )
        .order_by(TABLE.c.at)
    )
    async with reads.reading() as connection:
        return [moment(at) for at in (await connection.execute(query)).scalars()]


async def held_until(
    reads: ReadStore, tenant_id: str, channel_id: str, now: datetime
) -> datetime | None:
    """Until when the channel asked us to wait."""
    query = select(func.max(TABLE.c.retry_at)).where(
        TABLE.c.tenant_id == tenant_id,
        TABLE.c.channel == channel_id,
        TABLE.c.what == "ended",
        TABLE.c.retry_at > milliseconds(now),
    )
    async with reads.reading() as connection:
        latest = (await connection.execute(query)).scalar()
    return None if latest is None else moment(latest)


async def delivery_rates(
    reads: ReadStore, tenant_id: str, since: datetime
) -> Mapping[str, DeliveryRate]:
    """By channel, over the attempts that ended since; limited ones are neither."""
    accepted = case((TABLE.c.outcome == Outcome.ACCEPTED.value, 1), else_=0)
    query = (
        select(TABLE.c.channel, func.count().label("ended"), func.sum(accepted).label("accepted"))
        .where(
            TABLE.c.tenant_id == tenant_id,
            TABLE.c.what == "ended",
            TABLE.c.outcome != Outcome.LIMITED.value,
            TABLE.c.at >= milliseconds(since),
        )
        .group_by(TABLE.c.channel)
    )
    async with reads.reading() as connection:
        return {
            row.channel: DeliveryRate(row.ended, row.accepted)
            for row in await connection.execute(query)
        }
