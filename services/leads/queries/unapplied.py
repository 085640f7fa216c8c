"""Events that a read model has not taken in yet: what was committed a moment ago counts already."""

from collections.abc import AsyncIterator

from shared.envelope import RecordedEvent
from shared.event_type import event_type_of
from shared.ports import Ports

_BATCH = 2_000


async def unapplied(
    ports: Ports, log: str, read_model: str, tenant_id: str, wanted: tuple[type, ...]
) -> AsyncIterator[RecordedEvent]:
    """Of the tenant and of the classes wanted, with what is personal in them withheld."""
    names = frozenset(event_type_of(each).name for each in wanted)
    follower = ports.progress.subscriptions.get(read_model)
    store = ports.event_store
    for partition in range(store.partitions):
        offset = 0 if follower is None else await follower.position(partition)
        while stored := await store.read_log(log, partition, offset, _BATCH):
            for each in stored:
                if each.tenant_id == tenant_id and each.type in names:
                    yield ports.codec.decode(each)
            offset = stored[-1].offset + 1
