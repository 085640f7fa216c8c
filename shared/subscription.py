"""Events from a log to those who fold or react to them, each counted once."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count

import structlog
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.envelope import RecordedEvent
from shared.errors import DomainError, PoisonMessage
from shared.event_store import EventStore
from shared.feed import BATCH, Feed, SubscriptionStopped, stored_of
from shared.parking import Taken, park, unreadable, unspoiled
from shared.read_model import Flaw, ReadModel, keep_first
from shared.read_store import CHECKPOINTS, PARKED_STREAMS, ReadStore

__all__ = ["Feed", "Reaction", "Standing", "Subscription", "SubscriptionStopped", "run"]

LOG = structlog.get_logger(__name__)

_REACTIONS_A_BATCH = 1_000
_UNSTORED_AT_MOST = 1_000
_PARKED_AT_MOST = 100
_RETRY_SECONDS = (0.1, 0.5, 2.0, 5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """A side effect on the events of a log that it reads: `react` gets them in batches and sends
    commands, which are recognised when they come again (their ids derive from the events'). A new
    one starts at the head of the log unless `from_beginning`. It may raise PoisonMessage, after
    which the batch comes again event by event; anything else is tried again as it is."""

    name: str
    log: str
    react: Callable[[Sequence[RecordedEvent]], Awaitable[None]]
    reads: tuple[type, ...]
    from_beginning: bool = True
    version: int = 1


@dataclass(slots=True)
class Standing:
    """How far one subscription is on one partition, and what became of the events.

    `stored_offset` may be behind: what lies between concerns nobody and can be read again.
    """

    next_offset: int
    stored_offset: int
    parked: set[str]
    outcomes: Counter[str] = field(default_factory=Counter)


class Subscription:
    """One read model or reaction on one log, all its partitions."""

    def __init__(
        self, target: ReadModel | Reaction, feed: Feed, reads: ReadStore, suffix: str = ""
    ) -> None:
        self.target = target
        self.name = f"{target.name}.v{target.version}{suffix}"
        self.log = target.log
        self._feed = feed
        self._reads = reads
        self._reads_types = target.reads
        self._standings: dict[int, Standing] = {}
        self._moved = asyncio.Event()
        self._turn = asyncio.Lock()
        self._recalling = asyncio.Lock()

    async def wait_until_moved(self, seconds: float) -> None:
        """Until the next batch is committed, at the longest `seconds`."""
        try:
            await asyncio.wait_for(self._moved.wait(), seconds)
        except TimeoutError:
            return

    @property
    def outcomes(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for standing in self._standings.values():
            total.update(standing.outcomes)
        return total

    async def position(self, partition: int) -> int:
        """The offset of the event that comes next."""
        return (await self._standing(partition)).next_offset

    async def parked(self) -> set[str]:
        return (await self._standing(0)).parked

    async def at_head(self) -> bool:
        store = self._feed.store
        for partition in range(store.partitions):
            if await self.position(partition) < await store.head(self.log, partition):
                return False
        return True

    async def step(self, up_to: Sequence[int] | None = None) -> bool:
        """Take one batch per partition; False when there was nothing to take.

        `up_to`: per partition the offset before which to stop.
        """
        took = False
        async with self._turn:
            for partition in range(self._feed.store.partitions):
                standing = await self._standing(partition)
                limit = BATCH
                if up_to is not None:
                    limit = min(limit, up_to[partition] - standing.next_offset)
                    if limit <= 0:
                        continue
                batch = await self._feed.read(self.log, partition, standing.next_offset, limit)
                if batch:
                    await self._take(partition, standing, batch)
                    took = True
        return took

    @asynccontextmanager
    async def standing_still(self) -> AsyncIterator[None]:
        """Nobody takes a batch meanwhile; afterwards the checkpoint is read anew."""
        async with self._turn:
            try:
                yield
            finally:
                self.forget()

    async def _take(
        self, partition: int, standing: Standing, batch: Sequence[RecordedEvent | Flaw]
    ) -> None:
        self._refuse_holes(partition, standing, batch)
        self._refuse_too_much_poison(standing)
        flaws: dict[str, Flaw] = {}
        keep_first(flaws, unreadable(batch, standing.parked))
        good = unspoiled(batch, standing.parked, flaws)
        if isinstance(self.target, Reaction):
            keep_first(flaws, await self._react(self.target, good))
        after = standing.next_offset + len(batch)
        if not flaws and self._concerns_nobody(standing, good, after):
            self._moved_to(standing, after, len(batch), 0)
            return
        async with self._reads.transaction() as connection:
            await self._advance(connection, partition, standing.stored_offset, after)
            if not isinstance(self.target, Reaction):
                keep_first(flaws, await self.target.apply(connection, good))
                await self.target.mark_incomplete(connection, await self._spoiled(flaws))
            taken = Taken(self.name, partition, standing.parked, batch)
            letters = await park(connection, taken, flaws)
        standing.stored_offset = after
        standing.parked |= flaws.keys()
        self._moved_to(standing, after, len(batch) - letters, letters)
        self._refuse_too_much_poison(standing)

    def _concerns_nobody(
        self, standing: Standing, good: Sequence[RecordedEvent], after: int
    ) -> bool:
        """A batch without an event that is read here needs no commit, for a while."""
        if standing.parked or after - standing.stored_offset > _UNSTORED_AT_MOST:
            return False
        return not any(isinstance(each.event, self._reads_types) for each in good)

    def _moved_to(self, standing: Standing, after: int, applied: int, letters: int) -> None:
        standing.next_offset = after
        standing.outcomes["applied"] += applied
        standing.outcomes["dead_lettered"] += letters
        self._moved.set()
        self._moved = asyncio.Event()

    def _refuse_holes(
        self, partition: int, standing: Standing, batch: Sequence[RecordedEvent | Flaw]
    ) -> None:
        expected = standing.next_offset
        if stored_of(batch[-1]).offset == expected + len(batch) - 1:
            return
        found = {stored_of(each).offset for each in batch}
        missing = next(offset for offset in count(expected) if offset not in found)
        raise SubscriptionStopped(
            f"{self.name}: event {missing} of {self.log}/{partition} is missing;"
            " run `pulsetrail verify`"
        )

    def _refuse_too_much_poison(self, standing: Standing) -> None:
        if len(standing.parked) > _PARKED_AT_MOST:
            raise SubscriptionStopped(
                f"{self.name}: {len(standing.parked)} streams are parked; see its dead letters for"
                " the reasons, mend them and `pulsetrail rebuild`"
            )

    async def _react(self, reaction: Reaction, events: Sequence[RecordedEvent]) -> list[Flaw]:
        flaws: dict[str, Flaw] = {}
        wanted = [each for each in events if isinstance(each.event, reaction.reads)]
        for start in range(0, len(wanted), _REACTIONS_A_BATCH):
            part = wanted[start : start + _REACTIONS_A_BATCH]
            unparked = [each for each in part if each.stored.stream not in flaws]
            keep_first(flaws, await self._react_together(reaction, unparked))
        return list(flaws.values())

    async def _react_together(
        self, reaction: Reaction, events: Sequence[RecordedEvent]
    ) -> list[Flaw]:
        """Where one is poison, each by itself."""
        flaws: dict[str, Flaw] = {}
        try:
            if events:
                await reaction.react(events)
        except PoisonMessage as flaw:
            if len(events) == 1:
                return [Flaw(events[0], str(flaw))]
            for each in events:
                if each.stored.stream not in flaws:
                    keep_first(flaws, await self._react_together(reaction, [each]))
        return list(flaws.values())

    async def _advance(
        self, connection: AsyncConnection, partition: int, expected: int, after: int
    ) -> None:
        """Compare and set: a zombie owner, or a second process, is fenced here."""
        moved = await connection.execute(
            update(CHECKPOINTS)
            .where(
                CHECKPOINTS.c.subscription == self.name,
                CHECKPOINTS.c.partition == partition,
                CHECKPOINTS.c.next_offset == expected,
            )
            .values(next_offset=after)
        )
        if moved.rowcount != 1:
            raise SubscriptionStopped(f"{self.name}: another process owns this subscription")

    async def _spoiled(self, flaws: Mapping[str, Flaw]) -> list[RecordedEvent]:
        """What can be read of newly parked streams: it tells the rows that lack something now."""
        found: list[RecordedEvent] = []
        for stream, flaw in flaws.items():
            for stored in await self._feed.store.read_stream(stream):
                if stored.version <= flaw.recorded.stored.version:
                    read = self._feed.decoded(stored)
                    found += [] if isinstance(read, Flaw) else [read]
        return found

    async def _standing(self, partition: int) -> Standing:
        async with self._recalling:  # who waits for a write asks while the first batch is taken
            standing = self._standings.get(partition)
            if standing is None:
                standing = self._standings[partition] = await self._recalled(partition)
            return standing

    def forget(self) -> None:
        """Read the checkpoint anew before the next batch (a rebuild has moved it)."""
        self._standings.clear()

    async def _recalled(self, partition: int) -> Standing:
        store = self._feed.store
        log_id = await store.log_id(self.log)
        head = await store.head(self.log, partition)
        async with self._reads.transaction() as connection:
            row = (
                await connection.execute(
                    select(CHECKPOINTS.c.log_id, CHECKPOINTS.c.next_offset).where(
                        CHECKPOINTS.c.subscription == self.name,
                        CHECKPOINTS.c.partition == partition,
                    )
                )
            ).one_or_none()
            if row is None:
                from_beginning = getattr(self.target, "from_beginning", True)
                start = 0 if from_beginning else head
                await connection.execute(
                    insert(CHECKPOINTS).values(
                        subscription=self.name,
                        partition=partition,
                        log=self.log,
                        log_id=log_id,
                        next_offset=start,
                    )
                )
                return Standing(start, start, set())
            if row.log_id != log_id or row.next_offset > head:
                raise SubscriptionStopped(
                    f"{self.name}: its checkpoint {row.next_offset} does not belong to this log"
                    f" (head {head}): the store was restored or replaced; delete the read models'"
                    " file, they are built again from the log"
                )
            parked = await connection.execute(
                select(PARKED_STREAMS.c.stream).where(PARKED_STREAMS.c.subscription == self.name)
            )
            return Standing(row.next_offset, row.next_offset, set(parked.scalars()))


async def run(subscription: Subscription, store: EventStore, stopping: asyncio.Event) -> None:
    """Follow the log until told to stop; what passes by itself is tried again with back-off.

    Raises SubscriptionStopped, after which only an operator can help.
    """
    failures = 0
    while not stopping.is_set():
        generation = store.generation
        try:
            took = not await subscription.at_head() and await subscription.step()
            failures = 0
        except SubscriptionStopped:
            raise
        except Exception as failure:
            subscription.forget()
            failures += 1
            LOG.warning(
                "subscription_retries",
                subscription=subscription.name,
                why=failure.code if isinstance(failure, DomainError) else "bug",
                exc_info=None if isinstance(failure, DomainError) else failure,
            )
            await asyncio.sleep(_RETRY_SECONDS[min(failures, len(_RETRY_SECONDS)) - 1])
            continue
        if not took:
            await store.wait_beyond(generation, 1.0)
