"""Changes of stage as the relay sends them, and what the latest stage of each key comes to."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from random import Random
from uuid import UUID

from benchmarks.scaled.servers import Servers
from shared.adapters.kafka_messages import Message, MessageCodec
from shared.adapters.kafka_outlet import KafkaOutlet
from shared.adapters.kafka_topics import Topic, create_topics, log_topic
from shared.envelope import StoredEvent
from shared.event_store import partition_of

LOG = "opportunities"
PARTITIONS = 4
TENANT = "default"

BEGUN = datetime(2026, 1, 5, tzinfo=UTC)
_STAGES = ("first_contact", "needs", "proposal", "contract", "payment")
_SEALED = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJCrze8SNFZ4kA=="
_PAYLOAD = (
    '{{"opportunity_id":"{key}","from_stage":"{before}","to_stage":"{stage}",'
    '"direction":"forward","reason":{{"sealed":"{sealed}","erased":false}},'
    '"subject":"customer/C-{key}","violations":[],"changed_at":"{at}"}}'
)


@dataclass(kw_only=True)
class Stages:
    """`latest`: stage and moment of the last event of each key, the oracle. `counts`: events a
    partition. `apart`: how many aggregates there are for each that has events."""

    prefix: str
    log_id: str
    events: int
    keys: int
    apart: int = 1
    latest: dict[str, tuple[str, str]] = field(default_factory=dict)
    counts: list[int] = field(default_factory=lambda: [0] * PARTITIONS)
    bytes_an_event: float = 0.0

    @property
    def topic(self) -> str:
        return log_topic(LOG, self.prefix)

    async def create_topics(self, servers: Servers) -> None:
        topics = [
            Topic(name=self.topic, partitions=PARTITIONS),
            Topic(name=f"{self.prefix}.control", partitions=1),
        ]
        await create_topics(servers.bootstrap, topics)

    def messages(self) -> Iterator[tuple[int, Message]]:
        """Partition and record of each, with every header."""
        codecs = [MessageCodec(LOG, self.log_id, each) for each in range(PARTITIONS)]
        for event in self.stored():
            yield event.partition, codecs[event.partition].message(event)

    async def produce(self, servers: Servers) -> None:
        """As the relay: acknowledged, idempotent, in order."""
        await self.create_topics(servers)
        outlet = KafkaOutlet(servers.bootstrap)
        size = 0
        parts: list[list[Message]] = [[] for _ in range(PARTITIONS)]
        for number, (of, message) in enumerate(self.messages(), start=1):
            size += len(message.value)
            parts[of].append(message)
            if number % 50_000 == 0 or number == self.events:
                await asyncio.gather(
                    *(
                        outlet.send(self.topic, partition, messages)
                        for partition, messages in enumerate(parts)
                    )
                )
                parts = [[] for _ in range(PARTITIONS)]
        await outlet.discard()
        self.bytes_an_event = size / self.events

    def stored(self) -> Iterator[StoredEvent]:
        """As a store numbers them; keys in no order, each key's moments ascending."""
        random = Random(1)
        versions: dict[int, int] = {}
        places = {
            key: partition_of(self._stream(key), PARTITIONS)
            for key in range(0, self.keys * self.apart, self.apart)
        }
        for number in range(self.events):
            key = random.randrange(self.keys) * self.apart
            version = versions[key] = versions.get(key, 0) + 1
            name = f"O-{key:07}"
            moment = BEGUN + timedelta(milliseconds=number)
            at = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"
            stage = _STAGES[version % len(_STAGES)]
            before = _STAGES[(version - 1) % len(_STAGES)]
            payload = _PAYLOAD.format(
                key=name, before=before, stage=stage, at=at, sealed=_SEALED
            ).encode()
            self.latest[name] = (stage, at)
            partition = places[key]
            offset = self.counts[partition]
            self.counts[partition] += 1
            yield StoredEvent(
                log=LOG,
                partition=partition,
                offset=offset,
                stream=self._stream(key),
                version=version,
                event_id=UUID(int=number + 1),
                type="opportunities.stage_changed.v1",
                schema_version=1,
                tenant_id=TENANT,
                actor_id="rep-1",
                occurred_at=moment,
                raw_occurred_at=None,
                sent_at=None,
                entered_at=None,
                origin="live",
                recorded_at=moment,
                correlation_id=f"correlation-{number}",
                causation_id=None,
                command_id=f"command-{number}",
                trace_context=None,
                payload=payload,
                hash=_NO_HASH,
            )

    @staticmethod
    def _stream(key: int) -> str:
        return f"{TENANT}/opportunity/O-{key:07}"


_NO_HASH = sha256(b"").digest()
