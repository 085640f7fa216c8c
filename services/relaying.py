"""Host: the topics on Kafka, and the relay that fills them from the event store."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from services.embedded import LOGS
from services.event_stores import open_event_store
from shared.adapters.kafka_outlet import KafkaOutlet
from shared.adapters.kafka_relay import LogRelay, run_relay
from shared.adapters.kafka_topics import (
    Topic,
    control_topic,
    create_topics,
    log_topic,
)
from shared.adapters.postgres_read_store import open_postgres_read_store
from shared.adapters.sql_relay_leases import SqlRelayLeases
from shared.clock import Clock, wall_clock  # noqa: TID251  # the host has the clock
from shared.service import Gauge
from shared.settings import ScaledSettings

_CONNECTIONS = 4


class MadeTopic(NamedTuple):
    topic: str
    partitions: int
    made: bool


async def make_topics(scaled: ScaledSettings) -> list[MadeTopic]:
    """A topic for each log, and one for orders.

    Again changes nothing but the retention. Raises TopicIsUnfit, StoreAway.
    """
    prefix = scaled.kafka_topic_prefix
    named = {log_topic(log, prefix): scaled.partitions for log in LOGS}
    named[control_topic(prefix)] = 1
    topics = [
        Topic(
            name=name,
            partitions=partitions,
            replication=scaled.kafka_replication,
            retention=timedelta(hours=scaled.kafka_retention_hours),
        )
        for name, partitions in named.items()
    ]
    made = await create_topics(scaled.kafka_bootstrap_servers, topics)
    return [MadeTopic(each.name, each.partitions, each.name in made) for each in topics]


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaying:
    """The relays of one process, one a log."""

    relays: Sequence[LogRelay]

    async def run(self, stopping: asyncio.Event) -> None:
        """Raises RelayStopped, TopicIsUnfit."""
        await run_relay(self.relays, stopping)

    @property
    def problems(self) -> dict[str, str]:
        """By log, what keeps it from being relayed."""
        return {each.log: each.problem for each in self.relays if each.problem is not None}

    def gauges(self) -> list[Gauge]:
        return [
            Gauge(name, {"log": each.log}, value)
            for each in self.relays
            for name, value in (
                ("pulsetrail_relayed_events_total", each.relayed),
                ("pulsetrail_relay_lag_events", each.behind),
                ("pulsetrail_relay_partitions", len(each.partitions.held)),
                ("pulsetrail_relay_stopped_partitions", len(each.partitions.stopped)),
            )
        ]


@asynccontextmanager
async def open_relay(
    scaled: ScaledSettings, logs: Collection[str] = LOGS, *, clock: Clock = wall_clock
) -> AsyncIterator[Relaying]:
    """Opened also while a server is away. Nothing runs by itself yet. Raises PartitionsAreFixed."""
    holder = uuid.uuid4().hex  # noqa: TID251  # the host is where chance comes from
    async with AsyncExitStack() as stack:
        store = await open_event_store(scaled, LOGS, clock)
        stack.push_async_callback(store.close)
        reads = open_postgres_read_store(
            scaled.database_url.get_secret_value(), connections=_CONNECTIONS
        )
        stack.push_async_callback(reads.close)
        leases = SqlRelayLeases(reads)
        yield Relaying(
            relays=[
                LogRelay(
                    log,
                    store,
                    leases,
                    KafkaOutlet(scaled.kafka_bootstrap_servers),
                    holder=holder,
                    prefix=scaled.kafka_topic_prefix,
                )
                for log in logs
            ]
        )
