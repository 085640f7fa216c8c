"""A subscription that hangs: its lag grows and it does not move."""

import asyncio
from collections.abc import Sequence

import structlog

from shared.delivered_subscription import DeliveredSubscription
from shared.errors import StoreAway

LOG = structlog.get_logger(__name__)

_LOOK_SECONDS = 5.0


class Hangs(Exception):
    """The process must end: whoever takes over begins with fresh connections."""


class Watchdog:
    """Clients of brokers have been seen to hang for good after a broker came back."""

    def __init__(
        self,
        subscriptions: Sequence[DeliveredSubscription],
        *,
        patience_seconds: float = 60.0,
        look_seconds: float = _LOOK_SECONDS,
    ) -> None:
        self._subscriptions = subscriptions
        self._patience = patience_seconds
        self._look_seconds = look_seconds
        self._since: dict[str, tuple[float, int, int]] = {}

    async def watch(self) -> None:
        """Raises Hangs."""
        while True:
            await asyncio.sleep(self._look_seconds)
            for each in self._subscriptions:
                await self._look(each)

    async def _look(self, subscription: DeliveredSubscription) -> None:
        now = asyncio.get_running_loop().time()
        name = subscription.name
        moved = subscription.outcomes.total() + subscription.taken
        try:
            async with asyncio.timeout(self._look_seconds):
                lag = await subscription.lag()
        except (StoreAway, TimeoutError):
            self._since.pop(name, None)  # it is the broker that is away
            return
        since, lag_then, moved_then = self._since.get(name, (now, lag, moved))
        if moved != moved_then or lag < lag_then or subscription.is_paused:
            since, lag_then = now, lag
        self._since[name] = (since, lag_then, moved)
        if lag > lag_then and now - since > self._patience:
            waited = now - since
            raise Hangs(f"{name}: up to {lag} messages behind and not moving for {waited:.0f} s")
