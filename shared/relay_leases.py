"""The port of the relay's leases: who relays a log partition, and how far it was relayed."""

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol


class Lease(NamedTuple):
    """One relay's right to a partition. `epoch` grows with each holder; `next_offset` is the
    checkpoint when it was taken or last advanced: the first event not known to be relayed."""

    log: str
    partition: int
    log_id: str
    epoch: int
    next_offset: int


class Advance(NamedTuple):
    """All before `to_offset` has been acknowledged by Kafka."""

    lease: Lease
    to_offset: int


class RelayLeases(Protocol):
    """Same promises on every adapter, by tests/contracts/test_relay_leases.py.

    A lease that is not renewed for its time may be taken by another holder, and by the same one at
    any moment; whoever held it before can neither renew nor advance it. All raise StoreAway.
    """

    async def take(
        self, log: str, log_id: str, partitions: Collection[int], holder: str
    ) -> Sequence[Lease]:
        """Those of the partitions that are free, expired or this holder's, each with a new epoch.

        A partition never relayed begins at 0. `log_id` is kept from the first time on: a lease
        whose `log_id` is another belongs to a log that was replaced.
        """
        ...

    async def renew(self, leases: Collection[Lease]) -> Collection[Lease]:
        """Those that are still the holder's, now for the whole time again."""
        ...

    async def advance(self, advances: Collection[Advance]) -> Collection[Lease]:
        """Compare and set, renewing too: the leases with their new checkpoints, without those that
        were taken by others or stand elsewhere."""
        ...

    async def release(self, leases: Collection[Lease]) -> None:
        """Free at once for others; what is not held any more is left alone."""
        ...

    async def checkpoints(self, log: str) -> dict[int, int]:
        """How far each partition was relayed, whoever holds it."""
        ...
