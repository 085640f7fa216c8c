"""A runner that looks through a read model at what it wrote itself, or another before it."""

import asyncio
from collections.abc import Sequence

from shared.ports import Ports

_GAP_SECONDS = 2.0
"""Who has not asked for so long may have been relieved by another meanwhile."""


class OwnWrites:
    """Where subscriptions lag behind their log, a runner would do again what it has just done.

    `read_model` by name, on `log`. Where runners start only with everybody at the head, the answer
    is always yes.
    """

    def __init__(self, ports: Ports, log: str, read_model: str) -> None:
        self._ports = ports
        self._log = log
        self._read_model = read_model
        self._until: Sequence[int] | None = None
        self._asked_at = float("-inf")

    def wrote(self) -> None:
        """Or may have: whether it came through need not be known."""
        self._until = None

    async def are_shown(self) -> bool:
        """Does the read model hold whatever was written before? To be asked before every step."""
        store = self._ports.event_store
        partitions = range(store.partitions)
        now = asyncio.get_running_loop().time()
        if self._until is None or now - self._asked_at > _GAP_SECONDS:
            heads = await asyncio.gather(*(store.head(self._log, each) for each in partitions))
            self._until = heads
        self._asked_at = now
        if self._until:
            kept = self._ports.progress.subscriptions[self._read_model]
            reached = await asyncio.gather(*(kept.position(each) for each in partitions))
            if any(at < until for at, until in zip(reached, self._until, strict=True)):
                return False
            self._until = ()
        return True
