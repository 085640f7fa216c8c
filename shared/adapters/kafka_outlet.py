"""A producer for one relay: what it is given is acknowledged by Kafka, in order, or told failed."""

import asyncio
from collections.abc import Iterable
from itertools import chain

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from shared.adapters.kafka_messages import Message
from shared.errors import StoreAway

LOG = structlog.get_logger(__name__)

_BATCH_BYTES = 512 * 1024
_ANSWER_SECONDS = 10
_STOP_SECONDS = 15.0


class KafkaOutlet:
    """Acknowledged by all replicas, idempotent. Not started until something is sent."""

    def __init__(self, bootstrap: str) -> None:
        self.bootstrap = bootstrap
        self._producer: AIOKafkaProducer | None = None
        self._opening = asyncio.Lock()

    async def send(self, topic: str, partition: int, messages: Iterable[Message]) -> None:
        """Returns when Kafka has all of them. Each batch waits for the one before it, so that
        nothing ever stands in the topic behind a batch that failed.

        Raises StoreAway: some of them may be in the topic then; `discard` before sending again.
        """
        try:
            producer = await self._opened()
            batch = producer.create_batch()
            for message in messages:
                if not _added(batch, message):
                    await _delivered(producer, batch, topic, partition)
                    batch = producer.create_batch()
                    _added(batch, message)  # an empty batch takes a message of any size
            if batch.record_count():
                await _delivered(producer, batch, topic, partition)
        except (KafkaError, OSError, TimeoutError) as failure:
            raise StoreAway(
                f"Kafka at {self.bootstrap} does not take {topic}/{partition}: {failure!r}"
            ) from failure

    async def discard(self) -> None:
        """A producer that failed has numbered what Kafka has not got: the next begins anew."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        # What is idempotent aiokafka repeats for ever, and its stop() waits for that.
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await producer._sender.close()
                for batch in chain(*producer._message_accumulator._batches.values()):
                    batch.future.cancel()
                await producer.stop()
        except (KafkaError, OSError, TimeoutError) as failure:
            LOG.info("producer_not_stopped", why=type(failure).__name__)

    async def _opened(self) -> AIOKafkaProducer:
        async with self._opening:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self.bootstrap,
                    acks="all",
                    enable_idempotence=True,
                    max_batch_size=_BATCH_BYTES,
                    request_timeout_ms=_ANSWER_SECONDS * 1000,
                )
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer


async def _delivered(
    producer: AIOKafkaProducer, batch: BatchBuilder, topic: str, partition: int
) -> None:
    async with asyncio.timeout(_ANSWER_SECONDS):
        await (await producer.send_batch(batch, topic, partition=partition))


def _added(batch: BatchBuilder, message: Message) -> bool:
    added = batch.append(
        timestamp=None, key=message.key, value=message.value, headers=message.headers
    )
    return added is not None
