"""Event stores made and brought forward; the number of a log's partitions is fixed for ever."""

import uuid
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.adapters.migrations.running import bring_forward, changing
from shared.adapters.postgres_schemas import PartitionsAreFixed

__all__ = ["PartitionsAreFixed", "migrate_event_stores"]


async def migrate_event_stores(url: str, logs: Sequence[str], partitions: int) -> list[str]:
    """The logs that were changed, all in one transaction.

    Raises PartitionsAreFixed for a log that was made with another number, and StoreAway.
    """
    changed = []
    async with changing(url) as connection:
        for log in logs:
            if await bring_forward(connection, "event_store", log):
                changed.append(log)
            await _make_log(connection, log, partitions)
    return changed


async def _make_log(connection: AsyncConnection, log: str, partitions: int) -> None:
    made = await connection.scalar(text(f'SELECT partitions FROM "{log}".log'))
    if made is None:
        await connection.execute(
            text(f'INSERT INTO "{log}".log (log_id, partitions) VALUES (:log_id, :partitions)'),
            {"log_id": uuid.uuid4().hex, "partitions": partitions},  # noqa: TID251  # names a log
        )
        await connection.execute(
            text(
                f'INSERT INTO "{log}".partitions (partition, next_offset, recorded_at)'
                " SELECT number, 0, 0 FROM generate_series(0, :last) AS number"
            ),
            {"last": partitions - 1},
        )
    elif made != partitions:
        raise PartitionsAreFixed(log, made, partitions)
