"""`pulsetrail topics` and `pulsetrail relay` as processes, on real PostgreSQL and Kafka."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from services.cli.exit_codes import DONE, FOUND_SOMETHING, REFUSED
from shared.adapters.kafka_consumer import KafkaLogSource
from shared.adapters.postgres_event_store import open_postgres_event_store
from shared.clock import wall_clock
from shared.log_source import Delivered
from tests.contracts.event_stores import an_append
from tests.shared.test_kafka_consumer import Owner
from tests.system import warm_start

pytestmark = [pytest.mark.kafka, pytest.mark.postgres]

PARTITIONS = 4
LOGS = ("directory", "leads", "opportunities", "scoring", "projections", "notifications")


@pytest.fixture
def environment(database: str, kafka: str, topic_prefix: str) -> dict[str, str]:
    """With every schema made and no topic."""
    settings = {
        "DATABASE_URL": database,
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "KAFKA_TOPIC_PREFIX": topic_prefix,
        "LOG_PARTITIONS": str(PARTITIONS),
        "PYTHONUTF8": "1",
    }
    environment = os.environ | settings
    assert pulsetrail(environment, "migrate").returncode == DONE
    return environment


def pulsetrail(environment: dict[str, str], *command: str) -> subprocess.CompletedProcess[str]:
    return warm_start.run(*command, environment=environment)


@contextmanager
def relay(
    environment: dict[str, str], *services: str, ends_by: signal.Signals = signal.SIGTERM
) -> Iterator[str]:
    """Where a relay's health is; in the end it gets the signal, and ends as it must."""
    arguments = [sys.executable, "-m", "services.cli", "relay", *services, "--port", "0"]
    process = subprocess.Popen(arguments, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        address = re.search(r"http://\S+", process.stderr.readline())
        assert address is not None
        yield address.group()
        process.send_signal(ends_by)
        assert process.wait(20) == (DONE if ends_by is signal.SIGTERM else -ends_by)
    finally:
        process.kill()
        process.communicate()


async def ready(address: str) -> httpx.Response:
    async with httpx.AsyncClient() as client, asyncio.timeout(40):
        while True:
            answer = await client.get(f"{address}/readyz")
            if answer.status_code == 200:
                return answer
            await asyncio.sleep(0.2)


async def arrived(environment: dict[str, str], log_id: str, count: int) -> list[Delivered]:
    """What a reader of all partitions gets, until it has `count` events and a tick behind them."""
    source = KafkaLogSource(
        "leads",
        log_id,
        PARTITIONS,
        environment["KAFKA_BOOTSTRAP_SERVERS"],
        group=None,
        prefix=environment["KAFKA_TOPIC_PREFIX"],
    )
    found: list[Delivered] = []
    await source.start(Owner())
    try:
        async with asyncio.timeout(40):
            while sum(len(each.events) for each in found) < count or not any(
                each.recorded_until for each in found
            ):
                found += await source.fetch(0.5)
    finally:
        await source.close()
    return found


async def test_what_is_committed_reaches_the_topic_across_a_kill_of_the_relay(
    environment: dict[str, str],
) -> None:
    made = pulsetrail(environment, "topics")
    assert made.returncode == DONE, made.stderr
    store = await open_postgres_event_store(
        environment["DATABASE_URL"], LOGS, wall_clock, PARTITIONS
    )
    try:
        for number in range(1, 41):
            await store.append([an_append(f"acme/lead/L{number}", 0, number, log="leads")])
        with relay(environment, "leads", ends_by=signal.SIGKILL) as address:
            await ready(address)
        for number in range(41, 81):
            await store.append([an_append(f"acme/lead/L{number}", 0, number, log="leads")])
        with relay(environment, "leads") as address:
            found = await arrived(environment, await store.log_id("leads"), 80)
            await ready(address)
            async with httpx.AsyncClient() as client:
                metrics = (await client.get(f"{address}/metrics")).text
        came = [event.whole() for each in found for event in each.events]
        stored = [
            event
            for partition in range(PARTITIONS)
            for event in await store.read_log("leads", partition, 0, 100)
        ]
        assert sorted(came) == stored
    finally:
        await store.close()
    assert 'pulsetrail_relay_lag_events{log="leads"} 0' in metrics
    assert f'pulsetrail_relay_partitions{{log="leads"}} {PARTITIONS}' in metrics


async def test_topics_are_made_once_and_then_kept(environment: dict[str, str]) -> None:
    first, second = pulsetrail(environment, "topics"), pulsetrail(environment, "topics")
    prefix = environment["KAFKA_TOPIC_PREFIX"]
    assert re.search(rf"{prefix}\.leads +4 +yes", first.stdout)
    assert re.search(rf"{prefix}\.leads +4 +no", second.stdout)
    assert re.search(rf"{prefix}\.control +1 +no", second.stdout)


async def test_a_topic_with_other_partitions_is_refused_in_one_line_by_both_commands(
    environment: dict[str, str],
) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=environment["KAFKA_BOOTSTRAP_SERVERS"])
    await admin.start()
    name = f"{environment['KAFKA_TOPIC_PREFIX']}.leads"
    await admin.create_topics([NewTopic(name, 3, 1)])
    await admin.close()
    told = f"topic {name} has 3 partitions, its log has 4"
    topics = pulsetrail(environment, "topics")
    assert (topics.returncode, topics.stderr.count("\n")) == (REFUSED, 1)
    assert topics.stderr.startswith(told)
    relayed = pulsetrail(environment, "relay", "leads", "--port", "0")
    assert relayed.returncode == FOUND_SOMETHING
    assert relayed.stderr.splitlines()[-1].startswith(told)


async def test_a_log_with_other_partitions_is_refused_in_one_line(
    environment: dict[str, str],
) -> None:
    for process in ("relay", "api", "worker", "watch"):
        refused = pulsetrail(environment | {"LOG_PARTITIONS": "8"}, process, "--port", "0")
        assert refused.returncode != DONE, process
        [line] = refused.stderr.splitlines()[-1:]
        assert "set LOG_PARTITIONS=4" in line
        assert "Traceback" not in refused.stderr


async def test_a_relay_that_kafka_does_not_answer_stays_up_and_is_not_ready(
    environment: dict[str, str],
) -> None:
    with relay(environment | {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}, "leads") as address:
        async with httpx.AsyncClient() as client, asyncio.timeout(30):
            while True:
                answer = await client.get(f"{address}/readyz")
                if "Kafka at 127.0.0.1:1" in answer.json()["missing"].get("leads", ""):
                    break
                await asyncio.sleep(0.2)
            assert answer.status_code == 503
            assert (await client.get(f"{address}/healthz")).status_code == 200
