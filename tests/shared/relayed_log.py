"""A log in memory with several partitions, as the relay reads it, and what it leaves in a topic."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete

from shared.adapters.kafka_messages import MessageCodec, Taken
from shared.adapters.kafka_topics import Topic, create_topics, log_topic
from shared.envelope import StoredEvent
from shared.errors import StoreAway

LOG = "opportunities"
LOG_ID = "5f0c"
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def an_event(
    partition: int, offset: int, payload: bytes = b"{}", hash_byte: int = 1
) -> StoredEvent:
    """The only event of its stream."""
    return StoredEvent(
        log=LOG,
        partition=partition,
        offset=offset,
        stream=f"acme/opportunity/P{partition}-{offset}",
        version=1,
        event_id=UUID(int=partition * 1_000_000 + offset),
        type="opportunities.action_logged.v1",
        schema_version=1,
        tenant_id="acme",
        actor_id="p1",
        occurred_at=NOW,
        raw_occurred_at=None,
        sent_at=None,
        entered_at=None,
        origin="live",
        recorded_at=NOW + timedelta(milliseconds=offset),
        correlation_id="c1",
        causation_id=None,
        command_id=None,
        trace_context=None,
        payload=payload,
        hash=bytes([hash_byte]) * 32,
    )


class MemoryLog:
    """`recorded_until` tells a time that grows with every question."""

    def __init__(self, partitions: int = 2, log_id: str = LOG_ID) -> None:
        self.partitions = partitions
        self.generation = 0
        self.heads_asked = 0
        self.is_away = False
        self._log_id = log_id
        self._of_log = 0
        self._events: list[list[StoredEvent]] = [[] for _ in range(partitions)]
        self._asked = 0
        self._grown = asyncio.Event()

    def add(
        self, partition: int, count: int, payload: bytes = b"{}", *, hash_byte: int = 1
    ) -> None:
        events = self._events[partition]
        events.extend(an_event(partition, len(events), payload, hash_byte) for _ in range(count))
        self._of_log += 1
        self.add_elsewhere()

    def add_elsewhere(self) -> None:
        """Another log has grown."""
        self.generation += 1
        self._grown.set()
        self._grown = asyncio.Event()

    def lose(self, partition: int, offset: int) -> StoredEvent:
        return self._events[partition].pop(offset)

    def put_back(self, event: StoredEvent) -> None:
        self._events[event.partition].insert(event.offset, event)

    def cut(self, partition: int, events: int) -> None:
        """As a backup would bring it back."""
        del self._events[partition][events:]

    async def log_id(self, log: str) -> str:
        self._answer(log)
        return self._log_id

    async def heads(self, log: str) -> Sequence[int]:
        self._answer(log)
        self.heads_asked += 1
        return [events[-1].offset + 1 if events else 0 for events in self._events]

    async def recorded_until(self, log: str, partition: int) -> datetime:
        self._answer(log)
        self._asked += 1
        return NOW + timedelta(hours=1, seconds=self._asked)

    async def read_log(
        self, log: str, partition: int, from_offset: int, limit: int
    ) -> list[StoredEvent]:
        self._answer(log)
        found = [event for event in self._events[partition] if event.offset >= from_offset]
        return found[:limit]

    def generation_of(self, log: str) -> int:
        return self._of_log if log == LOG else 0

    async def wait_beyond(self, generation: int, seconds: float) -> None:
        if self.generation == generation:
            try:
                await asyncio.wait_for(self._grown.wait(), seconds)
            except TimeoutError:
                return

    def _answer(self, log: str) -> None:
        assert log == LOG
        if self.is_away:
            raise StoreAway("the store is away")


async def create_topic(bootstrap: str, prefix: str, partitions: int = 2) -> str:
    name = log_topic(LOG, prefix)
    await create_topics(bootstrap, [Topic(name=name, partitions=partitions)])
    return name


async def topic_content(bootstrap: str, topic: str, partition: int = 0) -> Taken:
    """All that a partition holds now, in order."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        where = TopicPartition(topic, partition)
        consumer.assign([where])
        end = (await consumer.end_offsets([where]))[where]
        consumer.seek(where, 0)
        records = []
        while await consumer.position(where) < end:
            for found in (await consumer.getmany(timeout_ms=500)).values():
                records.extend(found)
        return MessageCodec(LOG, LOG_ID, partition).read(records)
    finally:
        await consumer.stop()


async def delete_topic_content(bootstrap: str, topic: str, partitions: int = 2) -> None:
    """As the retention does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        everything = RecordsToDelete(before_offset=-1)
        places = [TopicPartition(topic, each) for each in range(partitions)]
        await admin.delete_records(dict.fromkeys(places, everything))
    finally:
        await admin.close()


def offsets(taken: Taken) -> list[int]:
    return [event.offset for event in taken.events]
