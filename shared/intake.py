"""What one read model or reaction makes of batches of a log, wherever they come from."""

import asyncio
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, count
from time import perf_counter
from typing import NamedTuple

from shared.checkpoints import Checkpoints, Place
from shared.envelope import RecordedEvent
from shared.event_type import types_passed_over
from shared.feed import Feed, SubscriptionStopped, arrived_of
from shared.parking import (
    PoisonLimit,
    Taken,
    park,
    parked_streams,
    tell_what_is_parked,
    unreadable,
    unspoiled,
)
from shared.projecting import RowReadModel
from shared.reaction import Reaction
from shared.read_model import Flaw, ReadModel, keep_first
from shared.read_store import ReadStore
from shared.row_memory import RowMemory
from shared.telemetry import BATCH_EVENTS, BATCH_SECONDS
from shared.tracing import batch_span, tracing


class Batch(NamedTuple):
    """Events of one partition, each once and in order, beginning where the subscription stands;
    with them, where they came through a source, its place after them and its clock."""

    partition: int
    events: Sequence[RecordedEvent | Flaw]
    source_offset: int | None = None
    recorded_until: int | None = None


@dataclass(slots=True)
class Standing:
    """How far one subscription is on one partition.

    `stored` may be behind: what lies between concerns nobody and can be read again.
    """

    place: Place
    stored: Place


@dataclass(slots=True)
class _Step:
    """One batch on its way: what is good of it, and where it leads."""

    batch: Batch
    standing: Standing
    good: list[RecordedEvent]
    after: Place = field(init=False)

    def __post_init__(self) -> None:
        place = self.standing.place
        self.after = Place(
            place.next_offset + len(self.batch.events),
            place.source_offset if self.batch.source_offset is None else self.batch.source_offset,
            latest(place.recorded_until, self.batch.recorded_until),
            place.epoch,
        )


class Intake:
    """Folds or reacts, parks poison and moves the checkpoint, all in one transaction."""

    def __init__(
        self, target: ReadModel | Reaction, feed: Feed, reads: ReadStore, suffix: str = ""
    ) -> None:
        self.target = target
        self.name = f"{target.name}.v{target.version}{suffix}"
        self.log = target.log
        self.outcomes: Counter[str] = Counter()
        self.feed = feed
        self._reads = reads
        self._checkpoints = Checkpoints(self.name, target.log, reads)
        self._poison = PoisonLimit(self.name, target.log, feed)
        self._memory = RowMemory()
        self._folding = (
            target.remembering(self._memory) if isinstance(target, RowReadModel) else target
        )
        self._standings: dict[int, Standing] = {}
        self._parked: set[str] = set()
        self._passed_over = types_passed_over(target.reads)
        self._recalling = asyncio.Lock()

    @property
    def parked(self) -> set[str]:
        return self._parked

    async def standing(self, partition: int) -> Standing:
        return (await self.standings([partition]))[partition]

    async def standings(self, partitions: Collection[int]) -> dict[int, Standing]:
        """Recalled from the checkpoints where they are not known. Raises WrongLog."""
        async with self._recalling:  # who waits for a write asks while the first batch is taken
            unknown = [each for each in partitions if each not in self._standings]
            if unknown:
                from_beginning = getattr(self.target, "from_beginning", True)
                places = await self._checkpoints.recalled(
                    self.feed.store, unknown, from_beginning=from_beginning
                )
                async with self._reads.reading() as connection:
                    self._parked |= await parked_streams(connection, self.name)
                self._standings |= {each: Standing(at, at) for each, at in places.items()}
            return {each: self._standings[each] for each in partitions}

    def forget(self, partitions: Iterable[int] | None = None) -> None:
        """Read the checkpoints anew before the next batch, and the rows: somebody may have moved
        them."""
        self.forget_places(list(self._standings) if partitions is None else partitions)
        self._memory.forget()

    def forget_places(self, partitions: Iterable[int]) -> None:
        """Of partitions that others follow."""
        for partition in partitions:
            self._standings.pop(partition, None)
        if not self._standings:
            self._parked = set()

    async def take(self, batches: Sequence[Batch], *, postponed_at_most: int) -> None:
        """All of them or none. Where nothing concerns the target and only so many events have
        passed since the last time, the checkpoints stay where they are for now.

        Raises SubscriptionStopped (Fenced when somebody else has moved a checkpoint) or whatever
        else went wrong; then the standings are to be forgotten.
        """
        await self._poison.refuse_too_much(self._parked)
        flaws: dict[str, Flaw] = {}
        steps: list[_Step] = []
        standings = await self.standings([batch.partition for batch in batches])
        for batch in batches:
            standing = standings[batch.partition]
            self._refuse_holes(standing, batch)
            keep_first(flaws, unreadable(batch.events, self._parked, self._passed_over))
            steps.append(_Step(batch, standing, unspoiled(batch.events, self._parked, flaws)))
        events = sum(len(batch.events) for batch in batches)
        begun = perf_counter()
        with batch_span(f"take {self.name}", self._causes(steps), {"events": events}):
            if isinstance(self.target, Reaction):
                keep_first(flaws, await self.target.take(_together(steps)))
            letters = 0
            if flaws or not self._concern_nobody(steps, postponed_at_most):
                letters = await self._write(steps, flaws)
        for step in steps:
            step.standing.place = step.after
        tell_what_is_parked(self.name, flaws)
        self._parked |= flaws.keys()
        self.outcomes["applied"] += events - letters
        self.outcomes["dead_lettered"] += letters
        if events:
            BATCH_EVENTS.record(events, self.name)
            BATCH_SECONDS.record(perf_counter() - begun, self.name)
        await self._poison.refuse_too_much(self._parked)

    async def _write(self, steps: Sequence[_Step], flaws: dict[str, Flaw]) -> int:
        moves = {step.batch.partition: (step.standing.stored, step.after) for step in steps}
        letters = 0
        try:
            async with self._reads.transaction() as connection:
                await self._checkpoints.advance(connection, moves)
                if not isinstance(self._folding, Reaction):
                    keep_first(flaws, await self._folding.apply(connection, _together(steps)))
                    await self._folding.mark_incomplete(connection, await self._spoiled(flaws))
                for step in steps:
                    batch = step.batch
                    taken = Taken(self.name, batch.partition, self._parked, batch.events)
                    letters += await park(connection, taken, flaws)
        except BaseException:
            self._memory.forget()
            raise
        if flaws:
            self._memory.forget()
        for step in steps:
            step.standing.stored = step.after
        return letters

    def _causes(self, steps: Sequence[_Step]) -> Iterable[str | None]:
        """The traces of what is read here; not looked for where nobody is told of them."""
        if tracing() is None:
            return ()
        reads = self.target.reads
        return (
            each.arrived.trace_context
            for step in steps
            for each in step.good
            if each.arrived.trace_context and isinstance(each.event, reads)
        )

    def _concern_nobody(self, steps: Sequence[_Step], at_most: int) -> bool:
        """A batch without an event that is read here needs no commit, for a while."""
        if self._parked and any(step.batch.events for step in steps):
            return False
        if any(
            step.after.next_offset - step.standing.stored.next_offset > at_most for step in steps
        ):
            return False
        reads = self.target.reads
        return not any(isinstance(each.event, reads) for step in steps for each in step.good)

    @property
    def has_unstored(self) -> bool:
        return any(each.place != each.stored for each in self._standings.values())

    async def store_places(self) -> None:
        """Move the checkpoints to where the subscription stands. Raises Fenced."""
        moved = {
            partition: standing
            for partition, standing in self._standings.items()
            if standing.place != standing.stored
        }
        if not moved:
            return
        async with self._reads.transaction() as connection:
            await self._checkpoints.advance(
                connection,
                {each: (at.stored, at.place) for each, at in moved.items()},
            )
        for standing in moved.values():
            standing.stored = standing.place

    def _refuse_holes(self, standing: Standing, batch: Batch) -> None:
        expected = standing.place.next_offset
        last = arrived_of(batch.events[-1]).offset if batch.events else expected - 1
        if last == expected + len(batch.events) - 1:
            return
        found = {arrived_of(each).offset for each in batch.events}
        missing = next(offset for offset in count(expected) if offset not in found)
        raise SubscriptionStopped(
            f"{self.name}: event {missing} of {self.log}/{batch.partition} is missing;"
            " run `pulsetrail verify`"
        )

    async def _spoiled(self, flaws: Mapping[str, Flaw]) -> list[RecordedEvent]:
        """What can be read of newly parked streams: it tells the rows that lack something now."""
        found: list[RecordedEvent] = []
        for stream, flaw in flaws.items():
            for stored in await self.feed.store.read_stream(stream):
                if stored.version <= flaw.recorded.stored.version:
                    read = self.feed.decoded(stored)
                    found += [] if isinstance(read, Flaw) else [read]
        return found


def _together(steps: Sequence[_Step]) -> list[RecordedEvent]:
    return list(chain.from_iterable(step.good for step in steps))


def latest(one: int | None, other: int | None) -> int | None:
    return max((each for each in (one, other) if each is not None), default=None)
