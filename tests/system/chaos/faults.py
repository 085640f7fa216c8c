"""The faults, each begun and ended here; which come when is chosen by a seeded generator."""

import asyncio
import signal
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from random import Random
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError

from services.embedded import LOGS
from shared.adapters.kafka_consumer import SESSION_SECONDS
from shared.adapters.kafka_messages import source_of
from shared.adapters.postgres_event_store import PostgresEventStore
from shared.envelope import EncodedEvent, Envelope
from shared.errors import StoreAway
from shared.event_store import Append, EventStore, Verdict
from tests.system.chaos.comparing import POISON
from tests.system.chaos.floor import OURS, PARTITIONS, WORKERS, Floor

_RECORDS = 300
_PATIENCE_SECONDS = 60.0
_HELD_SECONDS = 0.5
_POISONED_AT_MOST = 8
"""Ten parked streams a subscription bears in any log."""


class Chaos(NamedTuple):
    """What faults are done to. `store` is reached past the proxies."""

    floor: Floor
    store: PostgresEventStore


Fault = Callable[[Chaos, Random], Awaitable[str]]
"""Answers what it did; over when whatever it stopped is started again."""


def kills_of(what: str) -> int:
    """How many kill -9 a fault's own words tell of."""
    return what.count("kill ")


async def kill_one(chaos: Chaos, random: Random) -> str:
    return await kill(chaos, random, random.choice(OURS))


async def kill_several(chaos: Chaos, random: Random) -> str:
    chosen = random.sample(OURS, random.randint(2, 3))
    return ", ".join([await kill(chaos, random, each) for each in chosen])


async def kill_one_of_each_kind(chaos: Chaos, random: Random) -> str:
    chosen = ("api", "relay", random.choice(WORKERS), "notifications", "watch")
    return ", ".join([await kill(chaos, random, each) for each in chosen])


async def kill(chaos: Chaos, random: Random, called: str) -> str:
    if called in chaos.floor.down:
        return f"{called} is down"
    part = chaos.floor.parts[called]
    chaos.floor.down.add(called)
    part.kill()
    await asyncio.sleep(random.choice((0.0, random.uniform(0.0, 2.0))))
    part.start()
    chaos.floor.down.discard(called)
    return f"kill {called}"


async def stop_and_continue(chaos: Chaos, random: Random) -> str:
    """Past the end of its session: others have what it had when it goes on."""
    return await pause_process(chaos, random.choice((*WORKERS, "notifications", "relay", "watch")))


async def stop_amid_a_batch(chaos: Chaos, random: Random) -> str:
    """What a worker was about to write when it was stopped it writes when it goes on."""
    called = random.choice(WORKERS)
    process = chaos.floor.parts[called].process
    assert process is not None
    proxy = chaos.floor.servers.postgres_proxy
    proxy.hold_transactions(_ports_of(process.pid))
    try:
        await asyncio.sleep(_HELD_SECONDS)
        return await pause_process(chaos, called)
    finally:
        proxy.release_transactions()


def _ports_of(pid: int) -> set[int]:
    """Of this machine, from which the process has connections."""
    ours = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            ours.add(str(descriptor.readlink()))
    sockets = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {
        int(fields[1].rpartition(":")[2], 16)
        for fields in sockets
        if f"socket:[{fields[9]}]" in ours
    }


async def pause_process(chaos: Chaos, called: str) -> str:
    process = chaos.floor.parts[called].process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    try:
        await asyncio.sleep(SESSION_SECONDS + 4.0)
    finally:
        process.send_signal(signal.SIGCONT)
    return f"stop {called} past its session"


async def rebalance_storm(chaos: Chaos, random: Random) -> str:
    """Workers come and go, some of them killed."""
    floor = chaos.floor
    count = random.randint(1, 2)
    for number in range(count):
        floor.add(f"worker-{number + 3}")
        await asyncio.sleep(random.uniform(0.5, 3.0))
    await asyncio.sleep(random.uniform(3.0, 6.0))
    said = []
    for number in range(count):
        part = floor.remove(f"worker-{number + 3}")
        if random.random() < 0.5:
            part.kill()
            said.append("kill the third worker")
        else:
            await part.stop()
            said.append("a worker leaves")
    return "storm: " + ", ".join(said)


async def restart_kafka(chaos: Chaos, _random: Random) -> str:
    await chaos.floor.servers.restart_kafka()
    return "kill Kafka"


async def restart_postgres(chaos: Chaos, _random: Random) -> str:
    await chaos.floor.servers.restart_postgres()
    return "kill PostgreSQL"


async def cut_connections(chaos: Chaos, random: Random) -> str:
    servers = chaos.floor.servers
    proxy, name = random.choice(
        ((servers.kafka_proxy, "Kafka"), (servers.postgres_proxy, "PostgreSQL"))
    )
    return f"cut {proxy.cut(random, random.choice((0.3, 1.0)))} connections to {name}"


async def lose_commits(chaos: Chaos, random: Random) -> str:
    proxy = chaos.floor.servers.postgres_proxy
    before = proxy.lost_commits
    proxy.commits_to_lose = random.randint(2, 12)
    await asyncio.sleep(random.uniform(1.0, 3.0))
    proxy.commits_to_lose = 0
    return f"lose the replies to {proxy.lost_commits - before} commits"


def patient(fault: Fault) -> Fault:
    """One that needs the servers itself, and they may be away just now."""

    @wraps(fault)
    async def until_done(chaos: Chaos, random: Random) -> str:
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                try:
                    return await fault(chaos, random)
                except (StoreAway, KafkaError, OSError):
                    await asyncio.sleep(0.5)

    return until_done


@patient
async def deliver_again(chaos: Chaos, random: Random) -> str:
    """Old records come once more, some of them late, some out of order."""
    topic = f"chaos.{random.choice(LOGS)}"
    partition = random.randrange(PARTITIONS)
    records = await _records(chaos, TopicPartition(topic, partition), random)
    order = random.choice(("in order", "out of order"))
    if order == "out of order":
        random.shuffle(records)
    await _produce(chaos, topic, partition, records)
    return f"{len(records)} records of {topic}/{partition} again, {order}"


@patient
async def broken_records(chaos: Chaos, random: Random) -> str:
    """Nobody can read them; they stand between those that are whole."""
    log, partition = random.choice(LOGS), random.randrange(PARTITIONS)
    source = source_of(log, await chaos.store.log_id(log), partition)
    headers = [("ce_source", source), ("ce_envelope", b"\xc1")]
    servers = chaos.floor.servers
    producer = AIOKafkaProducer(bootstrap_servers=servers.kafka_address)
    await producer.start()
    try:
        for value, each in ((b"\x00", []), (b"", headers), (b"{}", headers)):
            await producer.send_and_wait(f"chaos.{log}", value, partition=partition, headers=each)
    finally:
        await producer.stop()
    return f"broken records in {log}/{partition}"


@patient
async def poison(chaos: Chaos, _random: Random) -> str:
    """An event that nothing can fold, and one after it that could be."""
    poisoned = sum(each.startswith("poison") for each in chaos.floor.happened)
    if poisoned >= _POISONED_AT_MOST:
        return "no more poison"
    await poisoned_stream(chaos.store)
    return "poison in a stream"


async def poisoned_stream(store: EventStore) -> str:
    """The stream's name."""
    stream = f"default/opportunity{POISON}{uuid.uuid4().hex}"
    for version, payload in enumerate((b'{"opportunity_id": 1}', b"{}")):
        event = EncodedEvent(
            uuid.uuid4(), "opportunities.opportunity_won.v1", 1, payload, _envelope()
        )
        [outcome] = await store.append([Append("opportunities", stream, version, [event])])
        assert outcome.verdict is Verdict.DONE
    return stream


async def _records(chaos: Chaos, where: TopicPartition, random: Random) -> list[ConsumerRecord]:
    consumer = AIOKafkaConsumer(bootstrap_servers=chaos.floor.servers.kafka_address)
    await consumer.start()
    try:
        consumer.assign([where])
        end = (await consumer.end_offsets([where]))[where]
        consumer.seek(where, random.randint(0, max(0, end - _RECORDS)))
        fetched = await consumer.getmany(timeout_ms=1_000, max_records=_RECORDS)
        return list(fetched.get(where, []))
    finally:
        await consumer.stop()


async def _produce(
    chaos: Chaos, topic: str, partition: int, records: Sequence[ConsumerRecord]
) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=chaos.floor.servers.kafka_address)
    await producer.start()
    try:
        for each in records:
            await producer.send(
                topic, each.value, each.key, partition=partition, headers=list(each.headers)
            )
        await producer.flush()
    finally:
        await producer.stop()


def _envelope() -> Envelope:
    return Envelope(
        tenant_id="default",
        actor_id=None,
        occurred_at=datetime.now(UTC).replace(microsecond=0),
        origin="live",
        correlation_id="chaos",
    )


FAULTS: dict[Fault, int] = {
    kill_one: 10,
    kill_several: 6,
    stop_and_continue: 2,
    stop_amid_a_batch: 2,
    rebalance_storm: 2,
    restart_kafka: 1,
    restart_postgres: 1,
    cut_connections: 3,
    lose_commits: 3,
    deliver_again: 2,
    broken_records: 1,
    poison: 1,
}
"""How often each comes among the others."""


def chosen(random: Random) -> Fault:
    [fault] = random.choices(list(FAULTS), list(FAULTS.values()))
    return fault
