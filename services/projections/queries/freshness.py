"""How far what boards show is behind what was recorded."""

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
    return round(behind)
