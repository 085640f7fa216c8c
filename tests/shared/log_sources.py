"""A source that reads the store and may be told to misbehave as brokers and networks do."""

import asyncio
from collections.abc import Mapping
from datetime import datetime

from shared.envelope import StoredEvent
from shared.event_store import EventStore
from shared.log_source import Delivered, PartitionOwner, StartingPoint

_AT_ONCE = 3


class ScriptedSource:
    """One partition of the directory's log. Source offsets are ten times the log's, and one."""

    def __init__(self, store: EventStore) -> None:
        self.store = store
        self.owner: PartitionOwner | None = None
        self.started_at: list[StartingPoint] = []
        self.sought: list[StartingPoint] = []
        self.repeat = 0
        self.lose: int | None = None
        self.tick: datetime | None = None
        self.failures: list[Exception] = []
        self.closed = False
        self.stopped: dict[int, str] = {}
        self.reported: dict[int, int] = {}
        self._next = 0

    async def start(self, owner: PartitionOwner) -> None:
        self.owner = owner
        await self.assign()

    async def assign(self) -> None:
        assert self.owner is not None
        start = (await self.owner.assigned([0]))[0]
        self.started_at.append(start)
        self._go_to(start)

    async def revoke(self) -> None:
        assert self.owner is not None
        await self.owner.revoked([0])

    def _go_to(self, start: StartingPoint) -> None:
        self._next = 0 if start.source_offset is None else (start.source_offset - 1) // 10

    async def seek(self, partition: int, start: StartingPoint) -> None:
        self.sought.append(start)
        self._go_to(start)

    async def fetch(self, seconds: float) -> list[Delivered]:
        if self.failures:
            raise self.failures.pop()
        begin = max(0, self._next - self.repeat)
        events: list[StoredEvent] = await self.store.read_log(
            "directory", 0, begin, _AT_ONCE + self.repeat
        )
        if not events or events[-1].offset < self._next:
            events = []
        if not events and self.tick is None:
            await asyncio.sleep(min(seconds, 0.01))
            return []
        if events:
            self._next = events[-1].offset + 1
        else:
            await asyncio.sleep(0.005)
        brought = [each for each in events if each.offset != self.lose]
        return [Delivered(0, brought, self._next * 10 + 1, self.tick)]

    async def lag(self) -> Mapping[int, int]:
        return {0: await self.store.head("directory", 0) - self._next}

    async def report(self, source_offsets: Mapping[int, int]) -> None:
        self.reported.update(source_offsets)

    async def close(self) -> None:
        self.closed = True
