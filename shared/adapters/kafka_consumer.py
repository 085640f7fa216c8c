"""One subscription's reader of a log's topic: a group's share of it, or all of it without one."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

import structlog
from aiokafka import (
    AIOKafkaConsumer,
    ConsumerRebalanceListener,
    ConsumerRecord,
    TopicPartition,
)
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from shared.adapters.kafka_messages import MessageCodec
from shared.adapters.kafka_reading import Misplaced, PartitionReading
from shared.adapters.kafka_topics import PREFIX, TopicIsUnfit, log_topic, missing_topics
from shared.errors import StoreAway
from shared.feed import SubscriptionStopped, WrongLog
from shared.log_source import Delivered, PartitionOwner, StartingPoint

LOG = structlog.get_logger(__name__)

SESSION_SECONDS = 8.0
"""How long after a kill others take over; also the longest that a batch may take at a hand-over."""

_PARTITION_BYTES = 2 * 1024 * 1024
"""What comes in one go is in memory three times; what is smaller stays in the processor's."""
_FETCH_BYTES = 32 * 1024 * 1024
_ANSWER_MILLISECONDS = 10_000
_FAILURES = 3
"""In a row, after which a consumer is not waited for any longer but replaced."""
_PAUSED_AT_MOST_MILLISECONDS = 30 * 24 * 3600 * 1000
"""Who is paused fetches nothing, and keeps its partitions all the same; one that hangs is found by
the watchdog."""


class KafkaLogSource(ConsumerRebalanceListener):  # type: ignore[misc]  # it has no types
    """A LogSource. `group`: who shares the partitions; None: all of them, for a rebuild.

    Placing happens in `fetch`, and what is not placed is paused: what goes wrong in a rebalance
    listener would be logged by aiokafka and forgotten, and it would go on from Kafka's own offsets.
    """

    def __init__(
        self,
        log: str,
        log_id: str,
        partitions: int,
        bootstrap: str,
        *,
        group: str | None,
        prefix: str = PREFIX,
    ) -> None:
        self.topic = log_topic(log, prefix)
        self._log = log
        self._log_id = log_id
        self._partitions = partitions
        self._bootstrap = bootstrap
        self._reader = group or "a reader without a group"
        self._group = None if group is None else f"{prefix}.{group}"
        self._consumer: AIOKafkaConsumer | None = None
        self._owner: PartitionOwner | None = None
        self._readings: dict[int, PartitionReading] = {}
        self._unplaced: set[int] = set()
        self._misplaced: set[int] = set()
        """Whose stored place is not to be believed any more."""
        self._stopped: dict[int, str] = {}
        self._has_share = False
        """What the group has given it, which may be nothing; False while it is outside."""
        self._rebalances = 0
        self._failures = 0

    async def start(self, owner: PartitionOwner) -> None:
        await self._check_topic()
        self._owner = owner
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            group_id=self._group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=_PARTITION_BYTES,
            fetch_max_bytes=_FETCH_BYTES,
            fetch_max_wait_ms=100,
            request_timeout_ms=_ANSWER_MILLISECONDS,
            session_timeout_ms=int(SESSION_SECONDS * 1000),
            heartbeat_interval_ms=int(SESSION_SECONDS * 1000 / 4),
            max_poll_interval_ms=_PAUSED_AT_MOST_MILLISECONDS,
        )
        try:
            await consumer.start()
        except BaseException as failure:
            await consumer.stop()
            if isinstance(failure, KafkaError | OSError):
                raise self._away(failure) from failure
            raise
        self._consumer = consumer
        self._has_share = False
        if self._group is None:
            consumer.assign(self._everything)
            self.on_partitions_assigned(self._everything)
        else:
            consumer.subscribe([self.topic], listener=self)

    async def fetch(self, seconds: float) -> list[Delivered]:
        if self._owner is not None and (self._consumer is None or self._failures >= _FAILURES):
            await self._begin_anew(self._owner)
        consumer = self._running()
        await self._place_unplaced(consumer)
        try:
            # Shut out of a group, getmany waits for its way back however long that takes.
            async with asyncio.timeout(seconds + 0.1):
                fetched = await consumer.getmany(timeout_ms=int(seconds * 1000))
        except TimeoutError:
            return []
        except NoOffsetForPartitionError:
            return []  # of one not placed yet: Kafka's own offsets are none of ours
        except OffsetOutOfRangeError as overtaken:
            self._place_anew(consumer, overtaken.args[0])
            return []
        except (KafkaError, OSError) as failure:
            raise self._away(failure) from failure
        self._failures = 0
        found = [self._delivered(consumer, *each) for each in fetched.items()]
        return [each for each in found if each is not None]

    def _delivered(
        self, consumer: AIOKafkaConsumer, where: TopicPartition, records: Sequence[ConsumerRecord]
    ) -> Delivered | None:
        reading = self._readings.get(where.partition)
        if reading is None:
            return None
        end = consumer.highwater(where) if where in consumer.assignment() else None
        try:
            return reading.delivered(records, end)
        except Misplaced:
            self._misplaced.add(where.partition)
            self._place_anew(consumer, [where])
        except WrongLog:
            raise
        except SubscriptionStopped as hole:
            consumer.pause(where)
            del self._readings[where.partition]
            self._stopped[where.partition] = str(hole)
            LOG.error("partition_stopped", partition=where.partition, why=str(hole))
        return None

    @property
    def stopped(self) -> Mapping[int, str]:
        return self._stopped

    async def _begin_anew(self, owner: PartitionOwner) -> None:
        """A consumer whose task within the group has failed raises that for ever."""
        LOG.warning("consumer_begins_anew", group=self._group, failures=self._failures)
        await self.close()
        partitions = [*self._readings, *self._stopped]
        self._readings.clear()
        self._unplaced.clear()
        self._stopped.clear()
        self._rebalances += 1
        if partitions:
            await owner.revoked(partitions)
        self._failures = 0
        await self.start(owner)

    async def seek(self, partition: int, start: StartingPoint) -> None:
        consumer = self._running()
        # What is not placed yet came anew: its owner is asked where it begins by then.
        if self._at(partition) in consumer.assignment() and partition not in self._unplaced:
            await self._place(consumer, {partition: start}, self._rebalances)

    async def lag(self) -> Mapping[int, int]:
        consumer = self._running()
        share = list(consumer.assignment()) if self._has_share else self._everything
        try:
            ends = await consumer.end_offsets(share)
            return {
                where.partition: end - await self._fetched(consumer, where)
                for where, end in ends.items()
                if where.partition not in self._stopped
            }
        except (KafkaError, OSError) as failure:
            raise self._away(failure) from failure

    async def _fetched(self, consumer: AIOKafkaConsumer, where: TopicPartition) -> int:
        is_placed = self._has_share and where.partition in self._readings
        return int(await consumer.position(where)) if is_placed else 0

    async def report(self, source_offsets: Mapping[int, int]) -> None:
        consumer = self._running()
        assigned = consumer.assignment()
        offsets = {
            where: offset
            for partition, offset in source_offsets.items()
            if (where := self._at(partition)) in assigned
        }
        if self._group is None or not offsets:
            return
        try:
            await consumer.commit(offsets)
        except KafkaError as failure:
            LOG.info("lag_not_shown", group=self._group, why=type(failure).__name__)

    async def close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer is None:
            return
        try:
            async with asyncio.timeout(SESSION_SECONDS):
                await consumer.stop()
        except (KafkaError, OSError, TimeoutError) as failure:
            LOG.info("group_not_left", group=self._group, why=type(failure).__name__)

    # ------------------------------------------------------------------ as listener

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        partitions = list(assigned)
        self._has_share = True
        self._rebalances += 1
        self._running().pause(*partitions)
        self._readings.clear()
        self._unplaced = {where.partition for where in partitions}
        self._misplaced.clear()
        self._stopped.clear()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        partitions = [where.partition for where in revoked]
        self._has_share = False
        self._rebalances += 1
        self._unplaced.difference_update(partitions)
        for partition in partitions:
            self._readings.pop(partition, None)
            self._stopped.pop(partition, None)
        if partitions and self._owner is not None:
            await self._owner.revoked(partitions)

    # ------------------------------------------------------------------ placing

    def _place_anew(self, consumer: AIOKafkaConsumer, places: Iterable[TopicPartition]) -> None:
        """Before the next fetch its owner is asked again where it goes on."""
        for where in consumer.assignment() & set(places):
            consumer.pause(where)
            self._readings.pop(where.partition, None)
            self._unplaced.add(where.partition)

    async def _place_unplaced(self, consumer: AIOKafkaConsumer) -> None:
        unplaced, rebalances = set(self._unplaced), self._rebalances
        if unplaced and self._owner is not None:
            starts = await self._owner.assigned(unplaced)
            await self._place(consumer, starts, rebalances)

    async def _place(
        self, consumer: AIOKafkaConsumer, starts: Mapping[int, StartingPoint], rebalances: int
    ) -> None:
        """Nothing, where partitions have been assigned or revoked since: these starting points are
        out of date, and the owner would not know of what is placed.

        A stored place that the topic does not have any more is no loss by itself: what stands
        there may have been ticks, or applied already. The positions of the events tell.
        """
        places = [self._at(each) for each in starts]
        try:
            first = await consumer.beginning_offsets(places)
            end = await consumer.end_offsets(places)
        except (KafkaError, OSError) as failure:
            raise self._away(failure) from failure
        if rebalances != self._rebalances:
            return
        for where in consumer.assignment() & set(places):
            start = starts[where.partition]
            stored = start.source_offset
            is_there = stored is not None and first[where] <= stored <= end[where]
            is_believed = is_there and where.partition not in self._misplaced
            consumer.seek(where, stored if is_believed else first[where])
            consumer.resume(where)
            self._readings[where.partition] = PartitionReading(
                self._reader,
                self.topic,
                MessageCodec(self._log, self._log_id, where.partition),
                start.next_offset,
                is_tried=not is_believed,
            )
            self._unplaced.discard(where.partition)
            self._misplaced.discard(where.partition)
            self._stopped.pop(where.partition, None)

    # ------------------------------------------------------------------ small things

    async def _check_topic(self) -> None:
        try:
            missing = await missing_topics(self._bootstrap, {self.topic: self._partitions})
        except TopicIsUnfit as flaw:
            raise WrongLog(str(flaw)) from flaw
        if missing:
            raise StoreAway(f"topic {self.topic} is missing: run `pulsetrail topics`")

    @property
    def _everything(self) -> list[TopicPartition]:
        return [self._at(each) for each in range(self._partitions)]

    def _at(self, partition: int) -> TopicPartition:
        return TopicPartition(self.topic, partition)

    def _running(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise StoreAway(f"the reader of {self.topic} is not started")
        return self._consumer

    def _away(self, failure: Exception) -> StoreAway:
        self._failures += 1
        return StoreAway(f"Kafka at {self._bootstrap} cannot be read: {failure!r}")
