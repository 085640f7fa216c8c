"""Relay leases in memory: what the relay's own tests hold it against."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from shared.relay_leases import Advance, Lease


@dataclass
class Held:
    lease: Lease
    holder: str
    until: float


class MemoryRelayLeases:
    def __init__(self, now: Callable[[], float], lease_seconds: float = 10.0) -> None:
        self._now = now
        self._lasts = lease_seconds
        self._held: dict[tuple[str, int], Held] = {}

    async def take(
        self, log: str, log_id: str, partitions: Collection[int], holder: str
    ) -> Sequence[Lease]:
        taken = []
        for partition in sorted(partitions):
            new = Held(Lease(log, partition, log_id, 0, 0), "", float("-inf"))
            held = self._held.setdefault((log, partition), new)
            if held.until < self._now() or held.holder == holder:
                held.lease = held.lease._replace(epoch=held.lease.epoch + 1)
                held.holder, held.until = holder, self._now() + self._lasts
                taken.append(held.lease)
        return taken

    async def renew(self, leases: Collection[Lease]) -> Collection[Lease]:
        return await self.advance([Advance(lease, lease.next_offset) for lease in leases])

    async def advance(self, advances: Collection[Advance]) -> Collection[Lease]:
        kept = []
        for lease, to_offset in advances:
            held = self._held[lease.log, lease.partition]
            if held.lease == lease:
                held.lease = lease._replace(next_offset=to_offset)
                held.until = self._now() + self._lasts
                kept.append(held.lease)
        return kept

    async def release(self, leases: Collection[Lease]) -> None:
        for lease in leases:
            held = self._held[lease.log, lease.partition]
            if held.lease == lease:
                held.holder, held.until = "", float("-inf")

    async def checkpoints(self, log: str) -> dict[int, int]:
        return {
            partition: held.lease.next_offset
            for (of, partition), held in self._held.items()
            if of == log
        }
