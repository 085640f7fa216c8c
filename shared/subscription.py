"""Following a log in the event store itself: embedded, and when read models are rebuilt."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.errors import CannotGoOn, DomainError
from shared.event_store import EventStore
from shared.feed import BATCH, Feed, SubscriptionStopped
from shared.intake import Batch, Intake
from shared.reaction import Reaction
from shared.read_model import ReadModel
from shared.read_store import ReadStore

__all__ = ["Feed", "Following", "Kept", "Reaction", "Subscription", "SubscriptionStopped", "run"]

LOG = structlog.get_logger(__name__)

_UNSTORED_AT_MOST = 1_000
_RETRY_SECONDS = (0.1, 0.5, 2.0, 5.0)


class Following(Protocol):
    """Who follows a log for a read model or reaction: here from the store, there from a source, or
    in another process altogether."""

    @property
    def target(self) -> ReadModel | Reaction: ...

    @property
    def name(self) -> str: ...

    @property
    def log(self) -> str: ...

    @property
    def outcomes(self) -> Counter[str]:
        """What became of the events that this process took."""
        ...

    @property
    def stopped(self) -> Mapping[int, str]:
        """Partitions that are not followed any further by this process, and why."""
        ...

    async def position(self, partition: int) -> int:
        """The offset of the event that comes next."""
        ...

    async def at_head(self) -> bool: ...

    async def wait_until_moved(self, seconds: float) -> None:
        """Until the next batch is committed, at the longest `seconds`."""
        ...


Transaction = Callable[[], AbstractAsyncContextManager[AsyncConnection]]


class Kept(Following, Protocol):
    """One whose rows and checkpoint somebody else may change, while it stands still."""

    async def parked(self) -> set[str]:
        """The streams that it has put aside."""
        ...

    def standing_still(self) -> AbstractAsyncContextManager[Transaction]:
        """Nobody takes a batch meanwhile; what is changed is changed in the transaction that is
        answered, and found afterwards."""
        ...


class Subscription:
    """One read model or reaction on one log, all its partitions."""

    def __init__(
        self, target: ReadModel | Reaction, feed: Feed, reads: ReadStore, suffix: str = ""
    ) -> None:
        self.target = target
        self.log = target.log
        self._intake = Intake(target, feed, reads, suffix)
        self._feed = feed
        self._reads = reads
        self._moved = asyncio.Event()
        self._turn = asyncio.Lock()

    @property
    def name(self) -> str:
        return self._intake.name

    @property
    def outcomes(self) -> Counter[str]:
        return self._intake.outcomes

    @property
    def stopped(self) -> Mapping[int, str]:
        """Whatever stops it stops it on all partitions."""
        return {}

    async def wait_until_moved(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._moved.wait(), seconds)
        except TimeoutError:
            return

    async def position(self, partition: int) -> int:
        return (await self._intake.standing(partition)).place.next_offset

    async def parked(self) -> set[str]:
        await self._intake.standing(0)
        return self._intake.parked

    async def at_head(self) -> bool:
        store = self._feed.store
        for partition in range(store.partitions):
            if await self.position(partition) < await store.head(self.log, partition):
                return False
        return True

    async def step(self, up_to: Sequence[int] | None = None) -> bool:
        """Take one batch of what the partitions hold; False when there was nothing to take.

        `up_to`: per partition the offset before which to stop.
        """
        async with self._turn:
            batches: list[Batch] = []
            room = BATCH
            for partition in range(self._feed.store.partitions):
                position = await self.position(partition)
                limit = room if up_to is None else min(room, up_to[partition] - position)
                if limit <= 0:
                    continue
                events = await self._feed.read(self.log, partition, position, limit)
                if events:
                    batches.append(Batch(partition, events))
                    room -= len(events)
            if batches:
                await self._intake.take(batches, postponed_at_most=_UNSTORED_AT_MOST)
                self._moved.set()
                self._moved = asyncio.Event()
        return bool(batches)

    @asynccontextmanager
    async def standing_still(self) -> AsyncIterator[Transaction]:
        async with self._turn:
            try:
                yield self._reads.transaction
            finally:
                self.forget()

    async def store_place(self) -> None:
        """Also what concerned nobody is not read again. Raises Fenced."""
        async with self._turn:
            await self._intake.store_places()

    async def follow(self, stopping: asyncio.Event) -> None:
        await run(self, self._feed.store, stopping)

    def forget(self) -> None:
        """Read the checkpoint anew before the next batch (a rebuild has moved it)."""
        self._intake.forget()


async def run(subscription: Subscription, store: EventStore, stopping: asyncio.Event) -> None:
    """Follow the log until told to stop; what passes by itself is tried again with back-off.

    Raises SubscriptionStopped and CannotGoOn, after which only an operator can help.
    """
    failures = 0
    while not stopping.is_set():
        generation = store.generation
        try:
            took = not await subscription.at_head() and await subscription.step()
            failures = 0
        except (SubscriptionStopped, CannotGoOn):
            raise
        except Exception as failure:
            subscription.forget()
            failures += 1
            await retry_later(subscription, failure, failures)
            continue
        if not took:
            await store.wait_beyond(generation, 1.0)


async def retry_later(subscription: Following, failure: Exception, failures: int) -> None:
    """Say why, and wait the longer the more often it has failed."""
    subscription.outcomes["retried"] += 1
    LOG.warning(
        "subscription_retries",
        subscription=subscription.name,
        why=failure.code if isinstance(failure, DomainError) else "bug",
        exc_info=None if isinstance(failure, DomainError) else failure,
    )
    await asyncio.sleep(_RETRY_SECONDS[min(failures, len(_RETRY_SECONDS)) - 1])
