"""One subscription's reader of a log's topic: a group's share of it, or all of it without one."""

import asyncio
from collections.abc import Iterable, Mapping

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from shared.adapters.kafka_messages import MessageCodec
from shared.adapters.kafka_reading import REMEDY, PartitionReading
from shared.adapters.kafka_topics import PREFIX, TopicIsUnfit, log_topic, missing_topics
from shared.errors import StoreAway
from shared.feed import WrongLog
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
        self._group = None if group is None else f"{prefix}.{group}"
        self._consumer: AIOKafkaConsumer | None = None
        self._owner: PartitionOwner | None = None
        self._readings: dict[int, PartitionReading] = {}
        self._unplaced: set[int] = set()
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
        if self._group is None:
            everything = [self._at(each) for each in range(self._partitions)]
            consumer.assign(everything)
            self.on_partitions_assigned(everything)
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
        except OffsetOutOfRangeError as flaw:
            raise self._out_of_range(flaw) from flaw
        except (KafkaError, OSError) as failure:
            raise self._away(failure) from failure
        self._failures = 0
        assigned = consumer.assignment()
        return [
            reading.delivered(records, consumer.highwater(where) if where in assigned else None)
            for where, records in fetched.items()
            if (reading := self._readings.get(where.partition)) is not None
        ]

    async def _begin_anew(self, owner: PartitionOwner) -> None:
        """A consumer whose task within the group has failed raises that for ever."""
        LOG.warning("consumer_begins_anew", group=self._group, failures=self._failures)
        await self.close()
        partitions = list(self._readings)
        self._readings.clear()
        self._unplaced.clear()
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
        try:
            ends = await consumer.end_offsets(list(consumer.assignment()))
            return {
                where.partition: end - await consumer.position(where)
                for where, end in ends.items()
                if where.partition in self._readings
            }
        except (KafkaError, OSError) as failure:
            raise self._away(failure) from failure

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
        self._rebalances += 1
        self._running().pause(*partitions)
        self._readings.clear()
        self._unplaced = {where.partition for where in partitions}

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        partitions = [where.partition for where in revoked]
        self._rebalances += 1
        self._unplaced.difference_update(partitions)
        for partition in partitions:
            self._readings.pop(partition, None)
        if partitions and self._owner is not None:
            await self._owner.revoked(partitions)

    # ------------------------------------------------------------------ placing

    async def _place_unplaced(self, consumer: AIOKafkaConsumer) -> None:
        unplaced, rebalances = set(self._unplaced), self._rebalances
        if unplaced and self._owner is not None:
            starts = await self._owner.assigned(unplaced)
            await self._place(consumer, starts, rebalances)

    async def _place(
        self, consumer: AIOKafkaConsumer, starts: Mapping[int, StartingPoint], rebalances: int
    ) -> None:
        """Nothing, where partitions have been assigned or revoked since: these starting points are
        out of date, and the owner would not know of what is placed."""
        places = [self._at(each) for each in starts]
        try:
            first = await consumer.beginning_offsets(places)
            end = await consumer.end_offsets(places)
        except (KafkaError, OSError) as failure:
            raise self._away(failure) from failure
        if rebalances != self._rebalances:
            return
        assigned = consumer.assignment()
        for where in places:
            start = starts[where.partition]
            offset = first[where] if start.source_offset is None else start.source_offset
            self._refuse_outside(where, offset, first[where], end[where])
            if where in assigned:
                consumer.seek(where, offset)
                consumer.resume(where)
                codec = MessageCodec(self._log, self._log_id, where.partition)
                self._readings[where.partition] = PartitionReading(
                    self._name,
                    self.topic,
                    codec,
                    start.next_offset,
                    has_begun=start.source_offset is not None,
                )
                self._unplaced.discard(where.partition)

    def _refuse_outside(self, where: TopicPartition, offset: int, first: int, end: int) -> None:
        place = f"{self._name} of {where.topic}/{where.partition}"
        if offset < first:
            raise WrongLog(
                f"{place}: Kafka has deleted what comes next ({offset}, it begins at {first});"
                f" {REMEDY}"
            )
        if offset > end:
            raise WrongLog(
                f"{place}: it stands at {offset}, the topic ends at {end}: Kafka lost messages or"
                f" the topic was created anew; {REMEDY}"
            )

    def _out_of_range(self, flaw: OffsetOutOfRangeError) -> WrongLog:
        return WrongLog(
            f"{self._name}: Kafka has deleted what comes next, this subscription was too slow for"
            f" the topic's retention ({flaw.args[0]}); {REMEDY}"
        )

    # ------------------------------------------------------------------ small things

    async def _check_topic(self) -> None:
        try:
            missing = await missing_topics(self._bootstrap, {self.topic: self._partitions})
        except TopicIsUnfit as flaw:
            raise WrongLog(str(flaw)) from flaw
        if missing:
            raise StoreAway(f"topic {self.topic} is missing: run `pulsetrail topics`")

    @property
    def _name(self) -> str:
        return self._group or "a reader without a group"

    def _at(self, partition: int) -> TopicPartition:
        return TopicPartition(self.topic, partition)

    def _running(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            raise StoreAway(f"the reader of {self.topic} is not started")
        return self._consumer

    def _away(self, failure: Exception) -> StoreAway:
        self._failures += 1
        return StoreAway(f"Kafka at {self._bootstrap} cannot be read: {failure!r}")
