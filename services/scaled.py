"""Host: parts of the services in a process of several, on PostgreSQL and Kafka."""

import asyncio
import os
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from services.embedded import LOGS, build
from services.event_stores import open_event_store
from services.identity import identity_provider
from shared.adapters.faust_worker import FaustWorker
from shared.adapters.kafka_consumer import KafkaLogSource
from shared.adapters.kafka_topics import control_topic
from shared.adapters.local_object_store import LocalObjectStore
from shared.adapters.postgres_event_store import PostgresEventStore
from shared.adapters.postgres_key_store import open_postgres_key_store
from shared.adapters.postgres_read_store import open_postgres_read_store
from shared.adapters.postgres_runner_lease import PostgresRunnerLease
from shared.adapters.s3_object_store import open_s3_object_store
from shared.clock import Clock, wall_clock  # noqa: TID251  # the host has the clock
from shared.codec import Codec
from shared.errors import StoreAway
from shared.hosting import Hosting
from shared.log_source import LogSource
from shared.object_store import ObjectStore
from shared.orders import Order, Orders, written
from shared.organisations import Organisations
from shared.outbound import Outbound
from shared.ports import Ports
from shared.progress import Progress
from shared.running import Lease
from shared.scaled_hosting import ScaledHosting
from shared.settings import InstallationSettings, ScaledSettings

LOG = structlog.get_logger(__name__)

SERVICES = LOGS
_RETRY_SECONDS = 2.0
WATCHING = "projections"
"""Its runners are the watch, a process of its own; those of others run in their workers."""


class Parts(NamedTuple):
    """By names of services: whose routes a process shows, whose logs it follows for them, whose
    clockwork it runs."""

    serves: Collection[str] = ()
    follows: Collection[str] = ()
    runs: Collection[str] = ()


def api_of(services: Collection[str]) -> Parts:
    return Parts(serves=services)


def worker_of(services: Collection[str]) -> Parts:
    return Parts(follows=services, runs=[each for each in services if each != WATCHING])


WATCH = Parts(runs=(WATCHING,))


@asynccontextmanager
async def open_scaled(
    scaled: ScaledSettings,
    parts: Parts,
    *,
    installation: InstallationSettings | None = None,
    clock: Clock = wall_clock,
) -> AsyncIterator[ScaledHosting]:
    """Opened also while a server is away: then whatever needs it raises StoreAway until that has
    passed. Nothing runs by itself yet. Raises PartitionsAreFixed."""
    async with AsyncExitStack() as stack:
        ports = await stack.enter_async_context(_opened_ports(scaled, installation, clock))
        lease = PostgresRunnerLease(scaled.database_url.get_secret_value())
        stack.push_async_callback(lease.close)

        async def open_source(log: str, subscription: str) -> LogSource:
            return KafkaLogSource(
                log,
                await ports.event_store.log_id(log),
                scaled.partitions,
                scaled.kafka_bootstrap_servers,
                group=subscription,
                prefix=scaled.kafka_topic_prefix,
            )

        hosting = ScaledHosting(
            ports, build(ports), **parts._asdict(), open_source=open_source, lease=lease
        )
        stack.push_async_callback(hosting.stop)
        yield hosting


class Alone(NamedTuple):
    """`recorded_until`: of a log's partition, the earliest moment at which something can still be
    recorded in it."""

    hosting: Hosting
    recorded_until: Callable[[str, int], Awaitable[datetime]]
    lease: Lease


@asynccontextmanager
async def open_alone(scaled: ScaledSettings, *, clock: Clock) -> AsyncIterator[Alone]:
    """All services in this process on PostgreSQL, whose logs it follows itself, without Kafka: for
    work that is done before any other process starts. Raises StoreAway, PartitionsAreFixed."""
    async with AsyncExitStack() as stack:
        ports = await stack.enter_async_context(_opened_ports(scaled, None, clock))
        lease = PostgresRunnerLease(scaled.database_url.get_secret_value())
        stack.push_async_callback(lease.close)
        assert isinstance(ports.event_store, PostgresEventStore)
        hosting = Hosting(ports, build(ports))
        stack.push_async_callback(hosting.stop)
        await hosting.create_tables()
        yield Alone(hosting, ports.event_store.recorded_until, lease)


@asynccontextmanager
async def _opened_ports(
    scaled: ScaledSettings, installation: InstallationSettings | None, clock: Clock
) -> AsyncIterator[Ports]:
    async with AsyncExitStack() as stack:
        store = await open_event_store(scaled, LOGS, clock)
        stack.push_async_callback(store.close)
        address = scaled.database_url.get_secret_value()
        reads = open_postgres_read_store(address, connections=scaled.database_connections)
        stack.push_async_callback(reads.close)
        keys = await open_postgres_key_store(address)
        stack.push_async_callback(keys.close)
        chosen = installation or InstallationSettings()
        codec = Codec(keys)
        yield Ports(
            event_store=store,
            read_store=reads,
            key_store=keys,
            object_store=_object_store(scaled),
            codec=codec,
            clock=clock,
            new_id=uuid.uuid4,  # noqa: TID251  # the host is where chance comes from
            random_bytes=os.urandom,
            settings=chosen,
            organisations=Organisations(store, codec),
            progress=Progress(store),
            outbound=Outbound(allowed_hosts=frozenset(chosen.allowed_outbound_hosts)),
            identity_provider=identity_provider(clock),
        )


def _object_store(scaled: ScaledSettings) -> ObjectStore:
    address = urlsplit(scaled.object_store_url)
    if address.scheme == "s3":
        return open_s3_object_store(scaled.object_store_url, endpoint=scaled.object_store_endpoint)
    return LocalObjectStore(Path(unquote(address.path)))


@asynccontextmanager
async def follow_on_faust(
    scaled: ScaledSettings, hosting: ScaledHosting
) -> AsyncIterator[FaustWorker]:
    """The hosting's work as services of a Faust app, begun as soon as Kafka is there; in the end
    told to stop, and what is in hand finished."""
    orders = Orders(hosting)
    instance = uuid.uuid4().hex  # noqa: TID251
    while True:
        worker = FaustWorker(
            scaled.kafka_bootstrap_servers,
            scaled.kafka_topic_prefix,
            instance,
            hosting.work(),
            orders.obey,
        )
        try:
            await worker.start()
            break
        except (KafkaError, OSError) as failure:
            LOG.warning("waiting_for_kafka", why=repr(failure))
            await worker.stop()
            await asyncio.sleep(_RETRY_SECONDS)
    try:
        yield worker
    finally:
        hosting.tell_to_stop()
        await worker.stop()


async def send_order(scaled: ScaledSettings, order: Order) -> None:
    """To every worker that runs now. Raises StoreAway."""
    producer = AIOKafkaProducer(bootstrap_servers=scaled.kafka_bootstrap_servers, acks="all")
    try:
        await producer.start()
        await producer.send_and_wait(control_topic(scaled.kafka_topic_prefix), written(order))
    except (KafkaError, OSError) as failure:
        raise StoreAway(f"the order cannot be sent: {failure!r}") from failure
    finally:
        await producer.stop()
