"""What stands in the logs of a running system."""

from shared.envelope import RecordedEvent
from shared.ports import Ports

_AT_MOST = 100_000


async def events_of(ports: Ports, log: str) -> list[RecordedEvent]:
    """Of all partitions, one after the other."""
    store = ports.event_store
    found: list[RecordedEvent] = []
    for partition in range(store.partitions):
        stored = await store.read_log(log, partition, 0, _AT_MOST)
        found += [ports.codec.decode(each) for each in stored]
    return found
