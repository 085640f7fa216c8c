"""Relay leases as rows beside the read models, one per log partition."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    String,
    Table,
    and_,
    case,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.bulk_writing import insert_missing
from shared.read_store import METADATA, ReadStore
from shared.relay_leases import Advance, Lease

RELAYS = Table(
    "relays",
    METADATA,
    Column("log", String(32), primary_key=True),
    Column("partition", BigInteger, primary_key=True, autoincrement=False),
    Column("log_id", String(64), nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("holder", String(64), nullable=False),
    Column("held_until", BigInteger, nullable=False),
)

_NOW = {
    "postgresql": "(extract(epoch FROM clock_timestamp()) * 1000)::bigint",
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
}
"""Milliseconds by the database's clock: it is the one that all relays share."""

_LEASE = (
    RELAYS.c.log,
    RELAYS.c.partition,
    RELAYS.c.log_id,
    RELAYS.c.epoch,
    RELAYS.c.next_offset,
)


class SqlRelayLeases:
    """`lease_seconds`: after so long without a sign of the holder others take over."""

    def __init__(self, reads: ReadStore, lease_seconds: float = 10.0) -> None:
        self._reads = reads
        self._lasts = int(lease_seconds * 1000)

    async def take(
        self, log: str, log_id: str, partitions: Collection[int], holder: str
    ) -> Sequence[Lease]:
        if not partitions:
            return []
        new = [
            {
                "log": log,
                "partition": partition,
                "log_id": log_id,
                "next_offset": 0,
                "epoch": 0,
                "holder": "",
                "held_until": 0,
            }
            for partition in sorted(partitions)
        ]
        async with self._reads.transaction() as connection:
            await insert_missing(connection, RELAYS, new)
            now = _now(connection)
            free = or_(RELAYS.c.held_until < now, RELAYS.c.holder == holder)
            asked = and_(RELAYS.c.log == log, RELAYS.c.partition.in_(sorted(partitions)))
            found = await connection.execute(
                update(RELAYS)
                .where(asked, free)
                .values(epoch=RELAYS.c.epoch + 1, holder=holder, held_until=now + self._lasts)
                .returning(*_LEASE)
            )
            return _leases(found)

    async def renew(self, leases: Collection[Lease]) -> Collection[Lease]:
        return await self._set(leases, lambda now: {"held_until": now + self._lasts})

    async def advance(self, advances: Collection[Advance]) -> Collection[Lease]:
        reached = [(_is_at(each.lease), each.to_offset) for each in advances]
        return await self._set(
            [each.lease for each in advances],
            lambda now: {
                "held_until": now + self._lasts,
                "next_offset": case(*reached, else_=RELAYS.c.next_offset),
            },
        )

    async def release(self, leases: Collection[Lease]) -> None:
        await self._set(leases, lambda _now: {"held_until": 0, "holder": ""})

    async def checkpoints(self, log: str) -> dict[int, int]:
        query = select(RELAYS.c.partition, RELAYS.c.next_offset).where(RELAYS.c.log == log)
        async with self._reads.reading() as connection:
            return {row.partition: row.next_offset for row in await connection.execute(query)}

    async def _set(
        self,
        leases: Collection[Lease],
        values: Callable[[ColumnElement[int]], dict[str, Any]],
    ) -> Sequence[Lease]:
        if not leases:
            return []
        async with self._reads.transaction() as connection:
            found = await connection.execute(
                update(RELAYS)
                .where(or_(*(_is_at(lease) for lease in leases)))
                .values(values(_now(connection)))
                .returning(*_LEASE)
            )
            return _leases(found)


def _is_at(lease: Lease) -> ColumnElement[bool]:
    return and_(
        RELAYS.c.log == lease.log,
        RELAYS.c.partition == lease.partition,
        RELAYS.c.epoch == lease.epoch,
        RELAYS.c.next_offset == lease.next_offset,
    )


def _now(connection: AsyncConnection) -> ColumnElement[int]:
    return literal_column(_NOW[connection.dialect.name], BigInteger)


def _leases(rows: Iterable[Any]) -> list[Lease]:
    return sorted(Lease(*row) for row in rows)
