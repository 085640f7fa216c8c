"""Read models brought to the head of their log by the product's subscriptions, in this process."""

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import delete

from benchmarks.scaled.own_log import LOG, PARTITIONS, OwnLog
from shared.delivered_subscription import DeliveredSubscription
from shared.feed import Feed
from shared.read_model import ReadModel
from shared.read_store import CHECKPOINTS

_LOOK_SECONDS = 0.05


class Took(NamedTuple):
    seconds: float
    cpu_seconds: float


async def follow(log: OwnLog, models: Sequence[ReadModel]) -> Took:
    """From the first batch of any to the head of all; what they held before is forgotten."""
    await _emptied(log, models)
    ports = log.hosting.ports
    feed = Feed(ports.event_store, ports.codec)
    subscriptions = [
        DeliveredSubscription(each, feed, ports.read_store, log.open_source) for each in models
    ]
    end = await log.events()
    stopping = asyncio.Event()
    following = [asyncio.create_task(each.follow(stopping)) for each in subscriptions]
    while not all(len(each.assigned_partitions) == PARTITIONS for each in subscriptions):  # noqa: ASYNC110  # others make it true
        await asyncio.sleep(_LOOK_SECONDS / 10)
    begun, used = time.monotonic(), time.process_time()
    while any(each.outcomes["applied"] < end for each in subscriptions):
        for task in following:
            if task.done():
                task.result()
        await asyncio.sleep(_LOOK_SECONDS)
    took = Took(time.monotonic() - begun, time.process_time() - used)
    stopping.set()
    await asyncio.gather(*following)
    return took


async def _emptied(log: OwnLog, models: Sequence[ReadModel]) -> None:
    reads = log.hosting.ports.read_store
    async with reads.transaction() as connection:
        for model in models:
            assert model.log == LOG
            for each in model.tables:
                await connection.exec_driver_sql(f'TRUNCATE TABLE "{each.name}"')
            name = f"{model.name}.v{model.version}"
            await connection.execute(delete(CHECKPOINTS).where(CHECKPOINTS.c.subscription == name))
