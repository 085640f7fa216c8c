"""Where a topic's partitions end: how far their log has come there, and with which event."""

import asyncio
from collections.abc import Collection, Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.adapters.kafka_messages import AnotherLog, MessageCodec, Taken
from shared.adapters.relay_partitions import RelayStopped, TopicEnd
from shared.errors import StoreAway

_LOOKED_BACK = 20
"""Messages: among so many at the end at least one is ours, and not of a relay that was frozen."""
_ANSWER_SECONDS = 10.0


class KafkaTopicEnds:
    """Of one log's topic, read by a consumer that lives as long as the question."""

    def __init__(self, bootstrap: str, log: str, topic: str) -> None:
        self._bootstrap = bootstrap
        self._log = log
        self._topic = topic

    async def ends(self, log_id: str, partitions: Collection[int]) -> Mapping[int, TopicEnd]:
        """Of those partitions that hold anything. Raises RelayStopped where they hold another log
        of this name, StoreAway."""
        found: dict[int, TopicEnd] = {}
        for partition, taken in (await self._last_messages(log_id, partitions)).items():
            of_events = [TopicEnd(each.offset + 1, each.whole().hash) for each in taken.events[-1:]]
            of_ticks = [TopicEnd(each.next_position, each.last_hash) for each in taken.ticks]
            if of_events or of_ticks:
                found[partition] = max(of_events + of_ticks)
        return found

    async def _last_messages(self, log_id: str, partitions: Collection[int]) -> Mapping[int, Taken]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap, enable_auto_commit=False, auto_offset_reset="none"
        )
        try:
            async with asyncio.timeout(_ANSWER_SECONDS):
                await consumer.start()
                return await self._read(consumer, log_id, partitions)
        except AnotherLog as flaw:
            raise RelayStopped(
                f"{self._topic}: {flaw}: the store was replaced: delete the topic, the schema"
                " `read_models`, and run `pulsetrail migrate` and `pulsetrail topics`"
            ) from flaw
        except (KafkaError, OSError, TimeoutError) as failure:
            raise StoreAway(f"Kafka at {self._bootstrap} cannot be read: {failure!r}") from failure
        finally:
            await consumer.stop()

    async def _read(
        self, consumer: AIOKafkaConsumer, log_id: str, partitions: Collection[int]
    ) -> Mapping[int, Taken]:
        places = [TopicPartition(self._topic, each) for each in partitions]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        begins = await consumer.beginning_offsets(places)
        for where in places:
            consumer.seek(where, max(begins[where], ends[where] - _LOOKED_BACK))
        found: dict[int, Taken] = {each: Taken() for each in partitions}
        unread = {where for where in places if begins[where] < ends[where]}
        while unread:
            fetched = await consumer.getmany(*unread, timeout_ms=500)
            for where, records in fetched.items():
                taken = MessageCodec(self._log, log_id, where.partition).read(records)
                found[where.partition].events += taken.events
                found[where.partition].ticks += taken.ticks
            unread = {where for where in unread if await consumer.position(where) < ends[where]}
        return found
