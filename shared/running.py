"""What a process does by itself: follow logs, and what time brings."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple, Protocol

import structlog

from shared.errors import CannotGoOn, StoreAway
from shared.event_store import EventStore
from shared.feed import SubscriptionStopped, WrongLog
from shared.service import Runner
from shared.subscription import Following

LOG = structlog.get_logger(__name__)

_RETRY_SECONDS = 2.0
_PAUSE_SECONDS = 0.25
"""What time brings can wait that long: under load nobody looks after every single append."""


class Follower(Following, Protocol):
    async def follow(self, stopping: asyncio.Event) -> None:
        """Until told to stop. Raises SubscriptionStopped and CannotGoOn where only an operator can
        help."""
        ...


class Lease(Protocol):
    """Held by one process at a time, as far as that can be known; lost when it ends."""

    async def is_ours(self, name: str) -> bool:
        """Taken if it is free. Raises StoreAway."""
        ...

    async def give_back(self, name: str) -> None:
        """Others may take it at once."""
        ...


class Unleased:
    """For a system of one process."""

    async def is_ours(self, name: str) -> bool:
        return True

    async def give_back(self, name: str) -> None:
        """Nobody else wants it."""


class Work(NamedTuple):
    name: str
    run: Callable[[], Coroutine[Any, Any, None]]


KnownUntil = Callable[[Runner], Awaitable[datetime | None]]
"""The time before which all that was recorded has been applied by whatever a runner looks at; None
while that cannot be said. Lag delays what time brings and never invents it."""


class Running:
    """Followers and runners as tasks. One that stopped is named in `stopped` with the reason."""

    def __init__(  # noqa: PLR0913  # the two kinds of work and what each needs
        self,
        store: EventStore,
        followers: Sequence[Follower],
        runners: Sequence[Runner],
        known_until: KnownUntil,
        *,
        lease: Lease | None = None,
        behind_seconds: float = 0.02,
        poll_seconds_at_most: float = 60.0,
    ) -> None:
        self._store = store
        self._followers = followers
        self._runners = runners
        self._known_until = known_until
        self._lease = lease or Unleased()
        self._behind_seconds = behind_seconds
        self._poll_seconds_at_most = poll_seconds_at_most
        self._idle: dict[str, int] = {}
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.stopped: dict[str, str] = {}
        self.cannot_go_on = asyncio.Event()
        """Set where no waiting helps: the log is not the one that was followed, or not as set."""

    def work(self) -> list[Work]:
        """Each to be run until told to stop."""
        following = [Work(each.name, partial(self._follow, each)) for each in self._followers]
        return following + [Work(each.name, partial(self._repeat, each)) for each in self._runners]

    def start(self) -> None:
        self._tasks = [asyncio.create_task(each.run()) for each in self.work()]

    def tell_to_stop(self) -> None:
        self._stopping.set()

    async def stop(self, grace_seconds: float = 0.0) -> None:
        """What is in hand may be finished within the time given."""
        self.tell_to_stop()
        if grace_seconds and self._tasks:
            await asyncio.wait(self._tasks, timeout=grace_seconds)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    def is_idle(self) -> bool:
        """Every runner has found nothing to do since the last append: one that rests is not woken
        to look again where nothing was appended."""
        generation = self._store.generation
        return all(self._idle.get(each.name) == generation for each in self._runners)

    def give_up(self, name: str, why: Exception) -> None:
        """Nothing but an operator helps: the process is to end."""
        self._name(name, why)
        self.cannot_go_on.set()

    def _name(self, name: str, why: Exception) -> None:
        self.stopped[name] = str(why)
        LOG.error("stopped", what=name, why=str(why))

    async def _follow(self, follower: Follower) -> None:
        try:
            await follower.follow(self._stopping)
        except (WrongLog, CannotGoOn) as end:
            self.give_up(follower.name, end)
        except SubscriptionStopped as stop:
            self._name(follower.name, stop)

    async def _repeat(self, runner: Runner) -> None:
        while not self._stopping.is_set():
            generation = self._store.generation
            try:
                if not await self._lease.is_ours(runner.name):
                    await asyncio.sleep(runner.poll_seconds)
                    continue
                now = await self._known_until(runner)
                did = now is not None and await runner.step(now)
            except StoreAway as failure:
                LOG.warning("runner_waits", runner=runner.name, why=failure.detail)
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            except CannotGoOn as end:
                self.give_up(runner.name, end)
                return
            except Exception as failure:
                LOG.error("runner_failed", runner=runner.name, exc_info=failure)
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            if now is None:
                await asyncio.sleep(_RETRY_SECONDS if self.stopped else self._behind_seconds)
            elif not did:
                self._idle[runner.name] = generation
                longest = min(runner.poll_seconds, self._poll_seconds_at_most)
                await self._store.wait_beyond(generation, longest)
                await asyncio.sleep(_PAUSE_SECONDS)
