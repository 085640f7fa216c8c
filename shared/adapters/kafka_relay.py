"""The relay: events from a log to its topic, each partition in order, none left out.

A batch is sent only when everything before it in its partition has been acknowledged, whoever sent
that. So the topic may hold an event twice (its relay was killed before the checkpoint moved, or had
lost its lease without knowing), but all that stands before an event in the log also stands before
its first copy in the topic. The epoch keeps whoever lost a lease from moving the checkpoint.
"""

import asyncio
import time
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar

import structlog

from shared.adapters.kafka_messages import Message, MessageCodec, Tick
from shared.adapters.kafka_outlet import KafkaOutlet
from shared.adapters.kafka_topic_ends import KafkaTopicEnds
from shared.adapters.kafka_topics import PREFIX, log_topic, missing_topics
from shared.adapters.relay_partitions import LeasedLog, PartitionStopped, RelayPartitions
from shared.envelope import StoredEvent
from shared.errors import CannotGoOn, DomainError, StoreAway
from shared.relay_leases import Lease, RelayLeases
from shared.tracing import batch_span

LOG = structlog.get_logger(__name__)

T = TypeVar("T")

TICK_SECONDS = 1.0
BATCH = 2_000
"""Events of a partition in one round."""

_ROUND_SECONDS = 0.005
"""Between rounds that found little: what is committed meanwhile goes together."""
_LISTEN_SECONDS = 1.0
"""How long it may take until a stop is noticed."""
_RETRY_SECONDS = (0.2, 0.5, 1.0, 2.0, 5.0)


class RelayedStore(LeasedLog, Protocol):
    """What the relay asks of an event store."""

    @property
    def generation(self) -> int: ...

    def generation_of(self, log: str) -> int: ...

    async def wait_beyond(self, generation: int, seconds: float) -> None: ...


class DueTick(NamedTuple):
    """To be sent when everything before `head` is in the topic."""

    recorded_until: datetime
    head: int


class LogRelay:
    """Relays the partitions of one log whose leases it gets; the others it stands by for."""

    def __init__(
        self,
        log: str,
        store: RelayedStore,
        leases: RelayLeases,
        outlet: KafkaOutlet,
        *,
        holder: str,
        prefix: str = PREFIX,
    ) -> None:
        self.log = log
        self.topic = log_topic(log, prefix)
        self.relayed = 0
        self.behind = 0
        """Events of its partitions that were committed but not relayed when it last looked."""
        self.problem: str | None = f"{log} has not been relayed yet"
        """Why it is not at work, None when it is (or stands by)."""
        ends = KafkaTopicEnds(outlet.bootstrap, log, self.topic)
        self.partitions = RelayPartitions(log, store, ends, leases, holder)
        self._store = store
        self._outlet = outlet
        self._checked = False
        self._ticks: dict[int, DueTick] = {}
        self._last_events: dict[int, tuple[int, bytes]] = {}
        """By partition, how many events stood before the last tick, and the hash of the last."""
        self._tick_at = 0.0
        self._relayed_generation: int | None = None
        """Of the log, when it was last relayed to its end."""

    async def run(self, stopping: asyncio.Event) -> None:
        """Until told to stop; whatever passes is waited for, with back-off.

        Raises CannotGoOn: RelayStopped, TopicIsUnfit, PartitionsAreFixed.
        """
        failures = 0
        try:
            while not stopping.is_set():
                generation = self._store.generation
                if self._is_idle():
                    await self._store.wait_beyond(generation, self._idle_seconds())
                    continue
                try:
                    relayed = await self._round()
                except CannotGoOn as failure:
                    self.problem = str(failure)
                    raise
                except Exception as failure:
                    await self._failed(failure)
                    await _pause(stopping, _RETRY_SECONDS[min(failures, len(_RETRY_SECONDS) - 1)])
                    failures += 1
                    continue
                failures = 0
                self.problem = "; ".join(self.partitions.stopped.values()) or None
                if relayed < BATCH:
                    await asyncio.sleep(_ROUND_SECONDS)
        finally:
            await self._outlet.discard()
            await self.partitions.release()

    def _is_idle(self) -> bool:
        """Commits to other logs wake it too; they are not its concern."""
        return (
            self._relayed_generation == self._store.generation_of(self.log)
            and self._idle_seconds() > 0
        )

    async def _round(self) -> int:
        generation = self._store.generation_of(self.log)
        relayed = await self.step()
        self._relayed_generation = None if self.behind else generation
        return relayed

    async def step(self) -> int:
        """One round over all partitions held; how many events it relayed."""
        await self._check_topic()
        await self.partitions.keep()
        heads = await self._heads_and_ticks()
        batches = await self._batches(heads)
        held = self.partitions.held.values()
        self.behind = sum(heads[lease.partition] - lease.next_offset for lease in held)
        relayed = sum(map(len, batches.values()))
        causes = (event.trace_context for events in batches.values() for event in events)
        with batch_span(f"relay {self.log}", causes, {"events": relayed}):
            await _all(
                self._outlet.send(self.topic, lease.partition, messages)
                for lease, messages in await self._messages(batches)
            )
            await self.partitions.advance({each: len(events) for each, events in batches.items()})
        self.relayed += relayed
        self.behind -= relayed
        return relayed

    async def _failed(self, failure: Exception) -> None:
        self.problem = str(failure)
        LOG.warning(
            "relay_retries",
            log=self.log,
            why=failure.detail if isinstance(failure, DomainError) else "bug",
            exc_info=None if isinstance(failure, DomainError) else failure,
        )
        self._checked = False
        self._ticks.clear()
        self._last_events.clear()
        self._relayed_generation = None
        self.partitions.forget()
        await self._outlet.discard()

    async def _check_topic(self) -> None:
        if self._checked:
            return
        wanted = {self.topic: self._store.partitions}
        if await missing_topics(self._outlet.bootstrap, wanted):
            raise StoreAway(f"topic {self.topic} is missing: run `pulsetrail topics`")
        self._checked = True

    async def _heads_and_ticks(self) -> Sequence[int]:
        """The heads, read after the moments of the ticks that are due: what is recorded before
        such a moment stands before such a head."""
        now = time.monotonic()
        due: list[int] = []
        if now >= self._tick_at:
            self._tick_at = now + TICK_SECONDS
            due = [each for each in self.partitions.held if each not in self._ticks]
        moments = await _all(self._store.recorded_until(self.log, each) for each in due)
        heads = await self._store.heads(self.log)
        for partition, moment in zip(due, moments, strict=True):
            self._ticks[partition] = DueTick(moment, heads[partition])
        return heads

    def _idle_seconds(self) -> float:
        until = min(self._tick_at, self.partitions.look_again_at) - time.monotonic()
        return min(max(0.0, until), _LISTEN_SECONDS)

    async def _batches(self, heads: Sequence[int]) -> Mapping[int, list[StoredEvent]]:
        batches: dict[int, list[StoredEvent]] = {}

        async def read(lease: Lease) -> None:
            partition = lease.partition
            try:
                if lease.next_offset < heads[partition]:
                    batches[partition] = await self.partitions.read(
                        partition, lease.next_offset, BATCH
                    )
                self.partitions.goes_on(partition)
            except PartitionStopped as why:
                self.partitions.stop(partition, why)

        await _all([read(lease) for lease in self.partitions.held.values()])
        return batches

    async def _messages(
        self, batches: Mapping[int, Sequence[StoredEvent]]
    ) -> list[tuple[Lease, Iterator[Message]]]:
        """What each partition is to be sent: its events, and the tick that they make true."""
        found: list[tuple[Lease, Iterator[Message]]] = []
        for lease in list(self.partitions.held.values()):
            events = batches.get(lease.partition, ())
            try:
                tick = await self._tick_after(lease, events)
            except PartitionStopped as why:
                self.partitions.stop(lease.partition, why)
                continue
            if events or tick:
                codec = MessageCodec(lease.log, lease.log_id, lease.partition)
                found.append((lease, _encoded(codec, events, tick)))
        return found

    async def _tick_after(self, lease: Lease, events: Sequence[StoredEvent]) -> Tick | None:
        """The one that is due, where these reach as far."""
        reached = lease.next_offset + len(events)
        due = self._ticks.get(lease.partition)
        if due is None or reached < due.head:
            return None
        known, last_hash = self._last_events.get(lease.partition, (0, b""))
        if events:
            last_hash = events[-1].hash
        elif known != reached:
            last_hash = await self.partitions.last_hash(lease.partition, reached)
        self._last_events[lease.partition] = reached, last_hash
        del self._ticks[lease.partition]
        return Tick(due.recorded_until, reached, last_hash)


def _encoded(
    codec: MessageCodec, events: Sequence[StoredEvent], tick: Tick | None
) -> Iterator[Message]:
    for event in events:
        yield codec.message(event)
    if tick is not None:
        yield codec.tick(tick)


async def run_relay(relays: Sequence[LogRelay], stopping: asyncio.Event) -> None:
    """All of them until told to stop, or until one cannot go on: then the others are stopped too
    and what ended it is raised (CannotGoOn)."""
    running = [asyncio.create_task(relay.run(stopping)) for relay in relays]
    try:
        await asyncio.wait(running, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        stopping.set()
        await _all(running)


async def _all(work: Iterable[Awaitable[T]]) -> list[T]:
    """All of it is over before the first failure is raised."""
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
    return outcomes  # type: ignore[return-value]


async def _pause(stopping: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stopping.wait(), seconds)
    except TimeoutError:
        return
