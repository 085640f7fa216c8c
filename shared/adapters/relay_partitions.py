"""The partitions of a log that one relay holds: taken, kept, advanced, lost."""

import time
from collections.abc import Mapping, Sequence
from typing import Protocol

import structlog

from shared.errors import CannotGoOn, StoreAway
from shared.relay_leases import Advance, Lease, RelayLeases

LOG = structlog.get_logger(__name__)

_KEEP_SECONDS = 2.5
"""How often leases are renewed and free ones taken: four times within the life of one."""


class RelayStopped(CannotGoOn):
    """It cannot go on without an operator; the message is one line with cause and remedy."""


class LeasedLog(Protocol):
    @property
    def partitions(self) -> int: ...

    async def log_id(self, log: str) -> str: ...

    async def heads(self, log: str) -> Sequence[int]:
        """Per partition the offset that the next event will get."""
        ...


class RelayPartitions:
    """`holder` names this relay among all that there are."""

    def __init__(self, log: str, store: LeasedLog, leases: RelayLeases, holder: str) -> None:
        self._log = log
        self._store = store
        self._leases = leases
        self._holder = holder
        self._held: dict[int, Lease] = {}
        self.look_again_at = 0.0
        """Of time.monotonic()."""

    @property
    def held(self) -> Mapping[int, Lease]:
        return self._held

    async def keep(self) -> None:
        """From time to time: renews what is held, takes what is free. Raises RelayStopped for a
        partition that was relayed from another log, StoreAway."""
        now = time.monotonic()
        if now < self.look_again_at:
            return
        self._keep_only(list(await self._leases.renew(self._held.values())))
        wanted = set(range(self._store.partitions)) - self._held.keys()
        if wanted:
            log_id = await self._store.log_id(self._log)
            taken = await self._leases.take(self._log, log_id, wanted, self._holder)
            heads = await self._store.heads(self._log) if taken else []
            for lease in taken:
                self._refuse_foreign(lease, log_id, heads[lease.partition])
                self._held[lease.partition] = lease
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

    def _refuse_foreign(self, lease: Lease, log_id: str, head: int) -> None:
        place = f"{self._log}/{lease.partition}"
        anew = (
            "delete the topic, the log's rows in `relays` and the read models, and run"
            " `pulsetrail topics`"
        )
        if lease.log_id != log_id:
            raise RelayStopped(
                f"{place}: its topic was filled from another log of this name, the store was"
                f" replaced: {anew}"
            )
        if lease.next_offset > head:
            raise RelayStopped(
                f"{place}: {lease.next_offset} events were relayed, the store has {head}, it was"
                f" restored from before: restore a newer backup, or {anew}"
            )
