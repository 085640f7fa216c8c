"""News of a log for those of the demonstration who act on what the system concludes."""

from collections.abc import Sequence

from services.cli.demonstration.planned import DEMO_TENANT
from shared.envelope import RecordedEvent
from shared.event_type import event_type_of
from shared.ports import Ports

_BATCH = 5_000


class LogReading:
    """From the log's beginning, each event once."""

    def __init__(self, ports: Ports, log: str, reads: type) -> None:
        self._ports = ports
        self._log = log
        self._type = event_type_of(reads).name
        self._next = [0] * ports.event_store.partitions

    async def news(self) -> Sequence[RecordedEvent]:
        store, codec = self._ports.event_store, self._ports.codec
        found: list[RecordedEvent] = []
        for partition in range(store.partitions):
            while stored := await store.read_log(
                self._log, partition, self._next[partition], _BATCH
            ):
                self._next[partition] = stored[-1].offset + 1
                found += [
                    codec.decode(each)
                    for each in stored
                    if each.type == self._type and each.tenant_id == DEMO_TENANT
                ]
        return found
