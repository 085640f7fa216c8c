"""Following a log through a source that shares its partitions among several processes."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from time import perf_counter

import structlog

from shared.batch_size import BatchSize
from shared.checkpoints import Fenced, Place
from shared.clock import milliseconds
from shared.envelope import RecordedEvent
from shared.errors import CannotGoOn
from shared.feed import BATCH, Feed, SubscriptionStopped, arrived_of
from shared.intake import Batch, Intake, latest
from shared.log_source import Delivered, LogSource, StartingPoint
from shared.reaction import Reaction
from shared.read_model import Flaw, ReadModel
from shared.read_store import ReadStore
from shared.subscription import retry_later

LOG = structlog.get_logger(__name__)

_FETCH_SECONDS = 0.25
"""Also how late the clock of a subscription without events is stored."""


OpenSource = Callable[[str, str], Awaitable[LogSource]]
"""From a log and the name of a subscription, which is also that of its group."""


class DeliveredSubscription:
    """One read model or reaction, on those partitions of its log that the source assigns to it.

    While one batch is written the next is fetched. Offsets stored with the rows rule: what comes
    again is skipped, and after any failure the source is sent back to them.
    """

    def __init__(
        self, target: ReadModel | Reaction, feed: Feed, reads: ReadStore, open_source: OpenSource
    ) -> None:
        self.target = target
        self.log = target.log
        self._feed = feed
        self._decoding = feed.decoding(target.reads)
        self._intake = Intake(target, feed, reads)
        self._open_source = open_source
        self._opened: LogSource | None = None
        self._assigned: set[int] = set()
        self._turn = asyncio.Lock()
        self._moved = asyncio.Event()
        self._is_paused = False
        self._behind: dict[int, int] = {}
        """By partition how many events stood there when it was last fetched from."""
        self._stored_at = 0.0
        self._size = BatchSize()
        self.taken = 0
        """How many batches it has taken, those of the source's clock alone too."""

    @property
    def name(self) -> str:
        return self._intake.name

    @property
    def outcomes(self) -> Counter[str]:
        return self._intake.outcomes

    @property
    def assigned_partitions(self) -> frozenset[int]:
        return frozenset(self._assigned)

    async def wait_until_moved(self, seconds: float) -> None:
        try:
            await asyncio.wait_for(self._moved.wait(), seconds)
        except TimeoutError:
            return

    async def position(self, partition: int) -> int:
        """Of a partition that another process follows: where that one stood when last asked."""
        if partition not in self._assigned:
            self._intake.forget_places([partition])
        return (await self._intake.standing(partition)).place.next_offset

    async def at_head(self) -> bool:
        """Of what is assigned to this process."""
        store = self._feed.store
        for partition in self.assigned_partitions:
            if await self.position(partition) < await store.head(self.log, partition):
                return False
        return True

    @property
    def stopped(self) -> Mapping[int, str]:
        return {} if self._opened is None else self._opened.stopped

    async def lag(self) -> int:
        """How many messages of its partitions have not been fetched yet, at most."""
        return 0 if self._opened is None else sum((await self._opened.lag()).values())

    @property
    def is_paused(self) -> bool:
        return self._is_paused

    def pause(self) -> None:
        self._is_paused = True

    def resume(self) -> None:
        self._is_paused = False

    # ------------------------------------------------------------------ as owner of partitions

    async def assigned(self, partitions: Collection[int]) -> Mapping[int, StartingPoint]:
        async with self._turn:
            self._intake.forget(partitions)
            standings = await self._intake.standings(sorted(partitions))
            self._assigned |= set(partitions)
        return {each: _starting_point(at.place) for each, at in standings.items()}

    async def revoked(self, partitions: Collection[int]) -> None:
        """A batch being written is finished; if it comes too late it is fenced."""
        async with self._turn:
            self._assigned -= set(partitions)
            self._intake.forget(partitions)
            self._behind.clear()

    # ------------------------------------------------------------------ following

    async def follow(self, stopping: asyncio.Event) -> None:
        """Until told to stop, with what is in hand finished; then its partitions are left.

        Raises SubscriptionStopped and CannotGoOn, after which only an operator can help.
        """
        failures = 0
        try:
            while not stopping.is_set():
                try:
                    self._opened = self._opened or await self._open_source(self.log, self.name)
                    await self._opened.start(self)
                    break
                except (SubscriptionStopped, CannotGoOn):
                    raise
                except Exception as failure:
                    failures += 1
                    await retry_later(self, failure, failures)
            if self._opened is not None:
                await self._fetch_and_take(self._opened, stopping)
        finally:
            if self._opened is not None:
                await self._opened.close()

    async def _fetch_and_take(self, source: LogSource, stopping: asyncio.Event) -> None:
        failures = 0
        taking: asyncio.Task[None] | None = None
        arrived: list[Batch] = []
        while not stopping.is_set():
            try:
                fetched = await self._next(source)
                arrived += fetched
                if taking is not None:
                    is_writing = not taking.done()
                    if (fetched or is_writing) and self._size.is_worth_waiting(
                        arrived, sum(self._behind.values()), is_writing=is_writing
                    ):
                        continue
                    await _result_of(taking)
                taking = asyncio.create_task(self._take(source, arrived))
                arrived = []
                failures = 0
            except Fenced as moved:
                LOG.warning("subscription_fenced", subscription=self.name, why=str(moved))
                taking, arrived = None, []
                await self._go_back(source)
            except (SubscriptionStopped, CannotGoOn):
                raise
            except Exception as failure:
                failures += 1
                if taking is not None:
                    await asyncio.wait([taking])
                taking, arrived = None, []
                await retry_later(self, failure, failures)
                await self._go_back(source)
        if taking is not None:
            await taking
            async with self._turn:
                await self._intake.store_places()

    async def _next(self, source: LogSource) -> list[Batch]:
        """Decoded while the batches before it are being written."""
        if self._is_paused:
            self._behind.clear()
            await asyncio.sleep(_FETCH_SECONDS)
            return []
        fetched = await source.fetch(_FETCH_SECONDS)
        self._behind |= {each.partition: each.behind for each in fetched}
        self.outcomes["skipped"] += sum(each.skipped for each in fetched)
        return [self._decoded(each) for each in fetched]

    def _decoded(self, delivered: Delivered) -> Batch:
        until = delivered.recorded_until
        return Batch(
            delivered.partition,
            self._decoding.all(delivered.events),
            delivered.next_source_offset,
            None if until is None else milliseconds(until),
        )

    async def _take(self, source: LogSource, arrived: Sequence[Batch]) -> None:
        async with self._turn:
            # The others will come to whoever has their partition now.
            ours = [each for each in arrived if each.partition in self._assigned]
            for part in self._size.parts(ours):
                begun, is_full = perf_counter(), self._size.is_reached_by(part)
                await self._take_together(source, await self._fresh(part))
                if is_full:
                    self._size.took(perf_counter() - begun)
            now = asyncio.get_running_loop().time()
            if self._intake.has_unstored and now - self._stored_at >= _FETCH_SECONDS:
                await self._intake.store_places()
                self._stored_at = now

    async def _take_together(self, source: LogSource, batches: Sequence[Batch]) -> None:
        if not batches:
            return
        # Readers wait for a read model's checkpoint, nobody for a reaction's; and where only the
        # clock has moved, that is stored once for all partitions.
        is_waited_for = not isinstance(self.target, Reaction)
        has_events = any(batch.events for batch in batches)
        postponed_at_most = 0 if is_waited_for and has_events else BATCH
        await self._intake.take(batches, postponed_at_most=postponed_at_most)
        self.taken += len(batches)
        self._moved.set()
        self._moved = asyncio.Event()
        at = await self._intake.standings([batch.partition for batch in batches])
        await source.report(
            {each: place for each, s in at.items() if (place := s.stored.source_offset) is not None}
        )

    async def _fresh(self, arrived: Sequence[Batch]) -> list[Batch]:
        """One a partition, with what has not been applied yet."""
        standings = await self._intake.standings({each.partition for each in arrived})
        positions = {each: at.place.next_offset for each, at in standings.items()}
        fresh: dict[int, Batch] = {}
        for each in arrived:
            events = _from(positions[each.partition], each.events)
            self.outcomes["skipped"] += len(each.events) - len(events)
            positions[each.partition] += len(events)
            before = fresh.get(each.partition)
            fresh[each.partition] = each._replace(
                events=events if before is None else [*before.events, *events],
                recorded_until=latest(before and before.recorded_until, each.recorded_until),
            )
        return list(fresh.values())

    async def _go_back(self, source: LogSource) -> None:
        """To what is stored: a COMMIT whose reply was lost is told apart here from one that
        failed, and what others have moved is found."""
        failures = 0
        while True:
            try:
                async with self._turn:
                    self._intake.forget()
                    standings = await self._intake.standings(sorted(self._assigned))
                for partition, standing in standings.items():
                    await source.seek(partition, _starting_point(standing.place))
                return
            except (SubscriptionStopped, CannotGoOn):
                raise
            except Exception as failure:
                failures += 1
                await retry_later(self, failure, failures)


def _from(position: int, events: Sequence[RecordedEvent | Flaw]) -> Sequence[RecordedEvent | Flaw]:
    known = 0
    for each in events:
        if arrived_of(each).offset >= position:
            break
        known += 1
    return events[known:] if known else events


def _starting_point(place: Place) -> StartingPoint:
    return StartingPoint(place.next_offset, place.source_offset)


async def _result_of(taking: "asyncio.Task[None]") -> None:
    """Shielded: who stops waiting does not tear a batch that is being written."""
    await asyncio.shield(taking)
