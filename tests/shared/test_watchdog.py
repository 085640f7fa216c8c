"""A subscription that hangs ends its process; one that works, waits or rests does not."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from shared.errors import StoreAway
from shared.watchdog import Hangs, Watchdog


class Followed:
    """What the watchdog asks of a subscription; its lag grows by one whenever it is asked."""

    name = "staff.headcount.v1"

    def __init__(self, *, grows: int = 1, moves: int = 0, ticks: int = 0) -> None:
        self.outcomes: Counter[str] = Counter()
        self.taken = 0
        self.is_paused = False
        self.failure: Exception | None = None
        self._grows, self._moves, self._ticks, self._lag = grows, moves, ticks, 5

    async def lag(self) -> int:
        if self.failure is not None:
            raise self.failure
        self._lag += self._grows
        self.outcomes["applied"] += self._moves
        self.taken += self._ticks
        return self._lag


async def watched(followed: Any) -> None:
    watchdog = Watchdog([followed], patience_seconds=0.05, look_seconds=0.01)
    await asyncio.wait_for(watchdog.watch(), 0.3)


async def test_what_falls_behind_and_does_not_move_hangs() -> None:
    with pytest.raises(
        Hangs, match=r"staff.headcount.v1: up to \d+ messages behind and not moving"
    ):
        await watched(Followed())


async def test_what_falls_behind_but_moves_does_not_hang() -> None:
    with pytest.raises(TimeoutError):
        await watched(Followed(moves=1))


async def test_what_takes_nothing_but_the_clock_of_its_source_does_not_hang() -> None:
    with pytest.raises(TimeoutError):
        await watched(Followed(ticks=1))


async def test_what_has_nothing_new_does_not_hang() -> None:
    with pytest.raises(TimeoutError):
        await watched(Followed(grows=0))


async def test_what_is_paused_does_not_hang() -> None:
    followed = Followed()
    followed.is_paused = True
    with pytest.raises(TimeoutError):
        await watched(followed)


async def test_while_the_broker_is_away_nothing_hangs() -> None:
    followed = Followed()
    followed.failure = StoreAway("no broker")
    with pytest.raises(TimeoutError):
        await watched(followed)
