"""How far a subscription is, kept beside what it wrote and moved in the same transaction."""

import asyncio
from collections.abc import Collection, Mapping
from typing import NamedTuple

from sqlalchemy import bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.bulk_writing import insert_missing
from shared.event_store import EventStore
from shared.feed import SubscriptionStopped, WrongLog
from shared.read_store import CHECKPOINTS, ReadStore

_SETTLES_SECONDS = 1.0


class Fenced(SubscriptionStopped):
    """Somebody else has moved the checkpoint: nothing of our batch was written."""


class Place(NamedTuple):
    """Where a subscription stands in a partition: the offset that comes next; where its source
    goes on; until when (milliseconds) all that was recorded has been applied. `epoch` grows when a
    rebuild or an operator has changed what is kept."""

    next_offset: int
    source_offset: int | None = None
    recorded_until: int | None = None
    epoch: int = 0


class Checkpoints:
    """Of one subscription, all its partitions."""

    def __init__(self, subscription: str, log: str, reads: ReadStore) -> None:
        self._subscription = subscription
        self._log = log
        self._reads = reads

    async def recalled(
        self, store: EventStore, partitions: Collection[int], *, from_beginning: bool
    ) -> dict[int, Place]:
        """Where it goes on in each; a new one begins at the first event or at the head.

        Raises WrongLog when the store was restored or replaced.
        """
        log_id = await store.log_id(self._log)
        heads = {each: await store.head(self._log, each) for each in partitions}
        async with self._reads.transaction() as connection:
            found = await self._rows(connection)
            missing = [each for each in partitions if each not in found]
            if missing:
                new = [
                    self._row(each, log_id, 0 if from_beginning else heads[each])
                    for each in missing
                ]
                await insert_missing(connection, CHECKPOINTS, new)
                found = await self._rows(connection)
        for partition, head in heads.items():
            known_log, place = found[partition]
            # Where another process moved it since the head was read, that is read again.
            if known_log != log_id or (
                place.next_offset > head
                and place.next_offset > await store.head(self._log, partition, as_stored=True)
            ):
                raise _foreign(self._subscription, place.next_offset, head)
        return {partition: found[partition][1] for partition in partitions}

    def _row(self, partition: int, log_id: str, next_offset: int) -> Mapping[str, object]:
        return {
            "subscription": self._subscription,
            "partition": partition,
            "log": self._log,
            "log_id": log_id,
            "next_offset": next_offset,
            "source_offset": None,
            "recorded_until": None,
            "epoch": 0,
        }

    async def _rows(self, connection: AsyncConnection) -> dict[int, tuple[str, Place]]:
        table = CHECKPOINTS
        query = select(
            table.c.partition,
            table.c.log_id,
            table.c.next_offset,
            table.c.source_offset,
            table.c.recorded_until,
            table.c.epoch,
        ).where(table.c.subscription == self._subscription)
        return {
            partition: (log_id, Place(*place))
            for partition, log_id, *place in await connection.execute(query)
        }

    async def advance(
        self, connection: AsyncConnection, moves: Mapping[int, tuple[Place, Place]]
    ) -> None:
        """Compare and set, per partition from the place believed to be stored.

        First thing in the transaction: a second owner waits here, and is fenced.
        """
        if connection.dialect.name == "sqlite":
            moved = sum([await self._move(connection, *move) for move in moves.items()])
        else:
            moved = await self._move_together(connection, moves)
        if moved != len(moves):
            raise Fenced(f"{self._subscription}: another process owns this subscription")

    async def _move(
        self, connection: AsyncConnection, partition: int, move: tuple[Place, Place]
    ) -> int:
        expected, place = move
        moved = await connection.execute(
            _MOVE,
            {
                "of_subscription": self._subscription,
                "of_partition": partition,
                "expected_offset": expected.next_offset,
                "expected_epoch": expected.epoch,
                **{f"new_{name}": value for name, value in place._asdict().items()},
            },
        )
        return moved.rowcount

    async def _move_together(
        self, connection: AsyncConnection, moves: Mapping[int, tuple[Place, Place]]
    ) -> int:
        rows = [
            (partition, expected.next_offset, *place)
            for partition, (expected, place) in moves.items()
        ]
        columns = (list(values) for values in zip(*rows, strict=True))
        moved = await connection.exec_driver_sql(_MOVE_TOGETHER, (self._subscription, *columns))
        return moved.rowcount


async def refuse_foreign(store: EventStore, reads: ReadStore) -> None:
    """All that are kept, whoever moves them, against the logs that this process may read.

    Raises WrongLog where one does not belong to its log, StoreAway.
    """
    table = CHECKPOINTS
    query = select(
        table.c.log, table.c.log_id, table.c.subscription, table.c.partition, table.c.next_offset
    ).where(table.c.next_offset > 0)
    async with reads.reading() as connection:
        kept = (await connection.execute(query.order_by(table.c.subscription))).all()
    heads: dict[tuple[str, int], int] = {}  # read after the checkpoints, so never before them
    for log, log_id, subscription, partition, next_offset in kept:
        try:
            known_log = await store.log_id(log)
        except ValueError:  # it may not be read here
            continue
        if (log, partition) not in heads:
            heads[log, partition] = await store.head(log, partition, as_stored=True)
        if next_offset > heads[log, partition]:
            # A store that numbers by itself may be a moment behind those who moved it.
            await asyncio.sleep(_SETTLES_SECONDS)
            heads[log, partition] = await store.head(log, partition, as_stored=True)
        if log_id != known_log or next_offset > heads[log, partition]:
            raise _foreign(subscription, next_offset, heads[log, partition])


def _foreign(subscription: str, next_offset: int, head: int) -> WrongLog:
    return WrongLog(
        f"{subscription}: its checkpoint {next_offset} does not belong to this log (head {head}):"
        " the store was restored or replaced; delete the read models' file or schema (and the"
        " topics, if there are any), they are built again from the log"
    )


_MOVE_TOGETHER = """
UPDATE checkpoints AS known SET next_offset = moved.next_offset,
    source_offset = moved.source_offset, recorded_until = moved.recorded_until
FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[])
    AS moved (partition, expected, next_offset, source_offset, recorded_until, epoch)
WHERE known.subscription = $1 AND known.partition = moved.partition
    AND known.next_offset = moved.expected AND known.epoch = moved.epoch
"""

_MOVE = (
    update(CHECKPOINTS)
    .where(
        CHECKPOINTS.c.subscription == bindparam("of_subscription"),
        CHECKPOINTS.c.partition == bindparam("of_partition"),
        CHECKPOINTS.c.next_offset == bindparam("expected_offset"),
        CHECKPOINTS.c.epoch == bindparam("expected_epoch"),
    )
    .values({name: bindparam(f"new_{name}") for name in Place._fields})
)
"""Made once: building it took longer than carrying it out."""
