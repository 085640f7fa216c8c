"""How far what boards show is behind what was recorded."""

import asyncio
from math import ceil

from services.projections.queries.read_models import PROCESSES
from shared.ports import Ports


async def seconds_behind(ports: Ports) -> int:
    """Since the oldest event of opportunities that the boards do not show yet; 0: none is."""
    followed = ports.progress.subscriptions.get(PROCESSES.name)
    if followed is None:
        return 0
    store, now = ports.event_store, ports.clock()
    behind = 0.0
    for partition in range(store.partitions):
        reached = await followed.position(partition)
        if reached < await store.head(followed.log, partition):
            [*waiting] = await store.read_log(followed.log, partition, reached, 1)
            for event in waiting:
                behind = max(behind, (now - event.recorded_at).total_seconds())
    return ceil(behind)


async def caught_up(ports: Ports, seconds: float) -> None:
    """Until the boards show what is recorded by now, or so much time has passed."""
    followed = ports.progress.subscriptions.get(PROCESSES.name)
    if followed is None:
        return
    store = ports.event_store
    deadline = asyncio.get_running_loop().time() + seconds
    for partition in range(store.partitions):
        head = await store.head(followed.log, partition)
        while await followed.position(partition) < head:
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return
            await followed.wait_until_moved(left)
