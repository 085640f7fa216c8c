"""The partitions of a log that one relay holds: taken, kept, advanced, lost."""

import time
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

import structlog

from shared.envelope import StoredEvent
from shared.errors import CannotGoOn, StoreAway
from shared.event_store import UnreadableEvent
from shared.relay_leases import Advance, Lease, RelayLeases

LOG = structlog.get_logger(__name__)

_KEEP_SECONDS = 2.5
"""How often leases are renewed and free ones taken: four times within the life of one."""


class RelayStopped(CannotGoOn):
    """It cannot go on without an operator; the message is one line with cause and remedy."""


class PartitionStopped(Exception):
    """One partition cannot be relayed any further without an operator, the others can."""


class LeasedLog(Protocol):
    @property
    def partitions(self) -> int: ...

    async def recorded_until(self, log: str, partition: int) -> datetime:
        """A moment before which no event of the partition will be recorded any more."""
        ...

    async def log_id(self, log: str) -> str: ...

    async def heads(self, log: str) -> Sequence[int]:
        """Per partition the offset that the next event will get."""
        ...

    async def read_log(
        self, log: str, partition: int, from_offset: int, limit: int
    ) -> list[StoredEvent]: ...


class TopicEnd(NamedTuple):
    """How many events of its log a topic's partition has had, and the hash of the last of them,
    empty before the first."""

    next_position: int
    last_hash: bytes


class RelayedTopic(Protocol):
    async def ends(self, log_id: str, partitions: Collection[int]) -> Mapping[int, TopicEnd]:
        """Of those partitions that hold anything. Raises RelayStopped where they hold another log
        of this name, StoreAway."""
        ...


class RelayPartitions:
    """`holder` names this relay among all that there are."""

    def __init__(
        self, log: str, store: LeasedLog, topic: RelayedTopic, leases: RelayLeases, holder: str
    ) -> None:
        self._log = log
        self._store = store
        self._topic = topic
        self._leases = leases
        self._holder = holder
        self._held: dict[int, Lease] = {}
        self._stopped: dict[int, str] = {}
        self.look_again_at = 0.0
        """Of time.monotonic()."""

    @property
    def held(self) -> Mapping[int, Lease]:
        return self._held

    @property
    def stopped(self) -> Mapping[int, str]:
        """Why a partition is not relayed; each time leases are taken it is tried again."""
        return self._stopped

    def stop(self, partition: int, why: PartitionStopped) -> None:
        self._held.pop(partition, None)
        if self._stopped.get(partition) != str(why):
            LOG.error("relay_stopped_partition", log=self._log, partition=partition, why=str(why))
            self._stopped[partition] = str(why)

    def goes_on(self, partition: int) -> None:
        self._stopped.pop(partition, None)

    async def keep(self) -> None:
        """From time to time: renews what is held, takes what is free. Raises RelayStopped for a
        partition that was relayed from another log, or further than this one goes, StoreAway."""
        now = time.monotonic()
        if now < self.look_again_at:
            return
        self._keep_only(list(await self._leases.renew(self._held.values())))
        wanted = set(range(self._store.partitions)) - self._held.keys()
        if wanted:
            log_id = await self._store.log_id(self._log)
            taken = await self._leases.take(self._log, log_id, wanted, self._holder)
            if taken:
                self._held = {**self._held, **await self._compared(taken, log_id)}
        self.look_again_at = now + _KEEP_SECONDS

    async def advance(self, relayed: Mapping[int, int]) -> None:
        """`relayed`: per partition how many events more Kafka has acknowledged."""
        advances = [
            Advance(self._held[partition], self._held[partition].next_offset + events)
            for partition, events in relayed.items()
            if events
        ]
        if advances:
            moving = {each.lease.partition for each in advances}
            still = [lease for lease in self._held.values() if lease.partition not in moving]
            self._keep_only([*still, *await self._leases.advance(advances)])

    def forget(self) -> None:
        """Whether the last change came through is not known: everything is taken anew."""
        self._held = {}
        self.look_again_at = 0.0

    async def release(self) -> None:
        """Others may take over at once."""
        held = list(self._held.values())
        self.forget()
        try:
            await self._leases.release(held)
        except StoreAway as failure:
            LOG.info("relay_leases_expire", log=self._log, why=failure.detail)

    def _keep_only(self, leases: Sequence[Lease]) -> None:
        kept = {lease.partition: lease for lease in leases}
        for partition in self._held.keys() - kept.keys():
            LOG.warning("relay_lost_partition", log=self._log, partition=partition)
        self._held = kept

    async def _compared(self, taken: Sequence[Lease], log_id: str) -> Mapping[int, Lease]:
        """What was relayed with what the store has: a backup takes log and checkpoints back
        together, and only the topic knows what was relayed after it."""
        for lease in taken:
            if lease.log_id != log_id:
                raise self._foreign(
                    lease,
                    "its topic was filled from another log of this name, the store was replaced",
                )
        # Before the heads: whoever held them before may be sending what came meanwhile.
        ends = await self._topic.ends(log_id, [lease.partition for lease in taken])
        heads = await self._store.heads(self._log)
        alike: dict[int, Lease] = {}
        for lease in taken:
            end = ends.get(lease.partition, TopicEnd(0, b""))
            relayed, head = max(lease.next_offset, end.next_position), heads[lease.partition]
            if relayed > head:
                # A store that numbers by itself knows everything when it has told this.
                await self._store.recorded_until(self._log, lease.partition)
                head = (await self._store.heads(self._log))[lease.partition]
            if relayed > head:
                raise self._foreign(
                    lease,
                    f"{relayed} events were relayed, the store has {head}, it was restored from"
                    " before: restore a newer backup, or else",
                )
            try:
                known_hash = await self.last_hash(lease.partition, end.next_position)
            except PartitionStopped as why:
                self.stop(lease.partition, why)
                continue
            if end.last_hash != known_hash:
                raise self._foreign(
                    lease,
                    f"of its {end.next_position} events in the topic the last is not that of the"
                    " store, which was restored from before and has gone on",
                )
            alike[lease.partition] = lease
        return alike

    async def last_hash(self, partition: int, next_offset: int) -> bytes:
        """Of the event before that offset, empty where there is none. Raises PartitionStopped,
        StoreAway."""
        if next_offset == 0:
            return b""
        [event] = await self.read(partition, next_offset - 1, 1)
        return event.hash

    async def read(self, partition: int, start: int, at_most: int) -> list[StoredEvent]:
        """What is known to be there. Raises PartitionStopped where something is missing or cannot
        be read, StoreAway."""
        try:
            events = await self._store.read_log(self._log, partition, start, at_most)
        except UnreadableEvent as flaw:
            raise PartitionStopped(
                f"{self._log}/{partition} cannot be read from {start} on: {flaw};"
                " run `pulsetrail verify`"
            ) from flaw
        found = [event.offset for event in events]
        following = range(start, start + max(1, len(events)))
        if found != list(following):
            missing = next(offset for offset in following if offset not in found)
            raise PartitionStopped(
                f"{self._log}/{partition} has a hole at {missing}: run `pulsetrail verify`"
            )
        return events

    def _foreign(self, lease: Lease, why: str) -> RelayStopped:
        return RelayStopped(
            f"{self._log}/{lease.partition}: {why}: stop all processes, delete the topics and the"
            " schema `read_models`, and run `pulsetrail migrate` and `pulsetrail topics`"
        )
