"""What is wrong with servers, topics and schemas: one line that says so, an end or a way back."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg
import httpx
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.records_to_delete import RecordsToDelete

from services.cli.exit_codes import FOUND_SOMETHING
from stack.postgres_server import PostgresServer
from tests.system.chaos.servers import Servers, own_servers
from tests.system.scaled import Part, ScaledSystem, scaled_system

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.timeout(300)]

BACK_AT_WORK_SECONDS = 30.0
PARTITIONS = 2
STARTED_SECONDS = 60.0
SERVER_AWAY = "cannot be (read|written)|Kafka at .* does not answer"
PARTS = ("api", "relay", "worker", "watch")


@asynccontextmanager
async def system_on(
    folder: Path, database: str, kafka: str, prefix: str
) -> AsyncIterator[ScaledSystem]:
    async with scaled_system(folder, database, kafka, prefix, PARTITIONS) as system:
        yield system


async def missing(system: ScaledSystem, part: Part) -> dict[str, str]:
    """What keeps it from its work; it must be up."""
    assert part.process is not None
    ends = monotonic() + STARTED_SECONDS
    while monotonic() < ends:
        assert part.process.poll() is None, f"{part.name} ended: {part.words[-2000:]}"
        try:
            answer = await system.http.get(f"{part.address}/readyz")
        except (httpx.HTTPError, httpx.UnsupportedProtocol):
            await asyncio.sleep(0.2)
            continue
        found: dict[str, str] = answer.json()["missing"]
        assert (answer.status_code == 503) == bool(found)
        return found
    raise AssertionError(f"{part.name} does not answer: {part.words[-2000:]}")


async def until_missing(system: ScaledSystem, part: Part, words: str) -> None:
    ends = monotonic() + STARTED_SECONDS
    while not re.search(words, found := str(await missing(system, part))):
        assert monotonic() < ends, f"{part.name}: {found}"
        await asyncio.sleep(0.2)


async def back_at_work(system: ScaledSystem, *parts: Part) -> None:
    """Ready, each the same process as before, within what is promised."""
    began = monotonic()
    for part in parts:
        while found := await missing(system, part):
            assert monotonic() < began + BACK_AT_WORK_SECONDS, f"{part.name}: {found}"
            await asyncio.sleep(0.2)


async def ends_by_itself(part: Part, *words: str) -> None:
    """Not with 0, and with one line that holds the words, the last that it says to a person."""
    assert part.process is not None
    code = await asyncio.to_thread(part.process.wait, STARTED_SECONDS)
    said = [line for line in part.words.splitlines() if all(each in line for each in words)]
    assert code == FOUND_SOMETHING, part.words[-3000:]
    assert any(not line.startswith("{") for line in said), part.words[-3000:]
    assert "Traceback" not in part.words


async def asked(database: str, *statements: str) -> Any:
    connection = await asyncpg.connect(database)
    try:
        for statement in statements:
            found = await connection.fetchval(statement)
        return found
    finally:
        await connection.close()


async def someone_joins(system: ScaledSystem) -> None:
    """Events in the directory's log, applied by the worker."""
    for part in ("api", "relay", "worker"):
        system.add(part)
    await system.ready()
    key = await system.first_key()
    for number in range(4):
        person = {"person_id": f"P{number}", "name": "Li Na", "unit_id": "company"}
        told = await system.told("/people", person, key)
    await system.shown("/people", key, told["position"])
    opened = {"opportunity_id": "O1", "customer_id": "C1"}
    grant = {"role": "director", "unit_id": "company"}
    director = (await system.told("/keys", grant, key))["key"]
    told = await system.told("/opportunities", opened, director)
    await system.shown("/boards/silence", director, told["position"])


async def test_a_topic_with_other_partitions_ends_a_worker_with_one_line(
    tmp_path: Path, database: str, kafka: str, topic_prefix: str
) -> None:
    async with system_on(tmp_path, database, kafka, topic_prefix) as system:
        admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
        await admin.start()
        name = f"{topic_prefix}.leads"
        await admin.delete_topics([name])
        await asyncio.sleep(1)
        await admin.create_topics([NewTopic(name, PARTITIONS + 1, 1)])
        await admin.close()
        told = f"topic {name} has {PARTITIONS + 1} partitions, its log has {PARTITIONS}"
        await ends_by_itself(system.add("worker"), told, "pulsetrail topics")


async def test_what_kafka_has_deleted_before_it_was_read_ends_a_worker_with_one_line(
    tmp_path: Path, database: str, kafka: str, topic_prefix: str
) -> None:
    async with system_on(tmp_path, database, kafka, topic_prefix) as system:
        await someone_joins(system)
        await system.parts["worker"].stop()
        key = await system.first_key()
        await _joined(system, key, "P8")
        await _all_relayed(database)
        await _delete_records(kafka, f"{topic_prefix}.directory")
        fell_behind = system.add("worker", called="worker-2")
        await ends_by_itself(fell_behind, "Kafka has deleted", "pulsetrail rebuild")

        assert re.search(r"took [1-9]\d* events from the log", system.command("rebuild"))
        system.add("worker", called="worker-3")
        await system.ready("worker-3")
        told = await _joined(system, key, "P9")
        people = await system.shown("/people", key, told["position"])
        assert {"P8", "P9"} <= {each["person_id"] for each in people["rows"]}


async def _all_relayed(database: str) -> None:
    query = (
        "SELECT bool_and(kept.next_offset = relayed.next_offset) AND sum(kept.next_offset) > 0"
        " FROM directory.partitions kept"
        " LEFT JOIN read_models.relays relayed ON relayed.log = 'directory'"
        " AND relayed.partition = kept.partition"
    )
    ends = monotonic() + STARTED_SECONDS
    while not await asked(database, query):
        assert monotonic() < ends, "the relay does not get to the head"
        await asyncio.sleep(0.2)


async def _stopped(system: ScaledSystem) -> None:
    for part in system.parts.values():
        if part.process is not None and part.process.poll() is None:
            await part.stop()


async def _joined(system: ScaledSystem, key: str, person_id: str) -> dict[str, Any]:
    person = {"person_id": person_id, "name": "Li Na", "unit_id": "company"}
    return await system.told("/people", person, key)


async def _delete_topics(kafka: str, prefix: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        ours = [each for each in await admin.list_topics() if each.startswith(f"{prefix}.")]
        await admin.delete_topics(ours)
        while set(ours) & set(await admin.list_topics()):  # noqa: ASYNC110  # no event is set
            await asyncio.sleep(0.2)
    finally:
        await admin.close()


@asynccontextmanager
async def copied(database: str, backup: str) -> AsyncIterator[None]:
    """A backup as of now, while nobody is connected."""
    names = [each.rsplit("/", 1)[1] for each in (database, backup)]
    server = database.rsplit("/", 1)[0] + "/postgres"
    await asked(server, f'CREATE DATABASE "{names[1]}" TEMPLATE "{names[0]}"')
    try:
        yield
    finally:
        await asked(server, f'DROP DATABASE "{names[1]}" WITH (FORCE)')


async def _delete_records(kafka: str, topic: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await admin.delete_records(
            {
                TopicPartition(topic, each): RecordsToDelete(before_offset=-1)
                for each in range(PARTITIONS)
            }
        )
    finally:
        await admin.close()


@pytest.fixture
async def servers() -> AsyncIterator[Servers]:
    async with own_servers() as running:
        yield running


async def test_servers_that_are_away_at_the_start_and_later_are_waited_for(
    tmp_path: Path, servers: Servers
) -> None:
    async with system_on(tmp_path, servers.database, servers.kafka_address, "away") as system:
        await _both(servers.kafka.stop, servers.postgres.stop)
        parts = [system.add(each) for each in PARTS]
        for part in parts:
            await until_missing(system, part, SERVER_AWAY)
        await _both(servers.kafka.start, servers.postgres.start)
        await back_at_work(system, *parts)
        key = await system.first_key()

        await _both(servers.kafka.kill, servers.postgres.kill)
        for part in parts:
            await until_missing(system, part, SERVER_AWAY)
        await asyncio.sleep(5)
        await _both(servers.kafka.start, servers.postgres.start)
        await back_at_work(system, *parts)
        director = {"role": "director", "unit_id": "company"}
        asking = (await system.told("/keys", director, key))["key"]
        opened = {"opportunity_id": "O1", "customer_id": "C1"}
        told = await system.told("/opportunities", opened, asking)
        board = await system.shown("/boards/silence", asking, told["position"])
        assert board["total"] == 1


async def test_wrong_partitions_end_whoever_was_started_while_the_database_was_away(
    tmp_path: Path, servers: Servers
) -> None:
    async with system_on(tmp_path, servers.database, servers.kafka_address, "split") as system:
        await asyncio.to_thread(servers.postgres.stop)
        system.environment["LOG_PARTITIONS"] = str(PARTITIONS + 1)
        parts = [system.add(each) for each in ("api", "worker", "watch")]
        for part in parts:
            await until_missing(system, part, SERVER_AWAY)
        await asyncio.to_thread(servers.postgres.start)
        for part in parts:
            await ends_by_itself(part, f"set LOG_PARTITIONS={PARTITIONS}")


async def _both(*work: Any) -> None:
    await asyncio.gather(*(asyncio.to_thread(each) for each in work))


async def test_a_kafka_that_is_away_for_long_is_waited_for(
    tmp_path: Path, servers: Servers
) -> None:
    async with system_on(tmp_path, servers.database, servers.kafka_address, "away") as system:
        parts = [system.add(each) for each in PARTS]
        await system.ready()
        await asyncio.to_thread(servers.kafka.kill)
        await until_missing(system, system.parts["relay"], "Kafka")
        await asyncio.sleep(25)
        await asyncio.to_thread(servers.kafka.start)
        await back_at_work(system, *parts)
        key = await system.first_key()
        director = {"role": "director", "unit_id": "company"}
        asking = (await system.told("/keys", director, key))["key"]
        began = monotonic()
        told = await system.told(
            "/opportunities", {"opportunity_id": "O1", "customer_id": "C1"}, asking
        )
        await system.eventually("/boards/silence", asking, lambda board: board["total"] == 1)
        assert monotonic() < began + BACK_AT_WORK_SECONDS
        assert told["position"]


async def test_a_schema_of_another_version_is_waited_for(
    tmp_path: Path, database: str, kafka: str, topic_prefix: str
) -> None:
    async with system_on(tmp_path, database, kafka, topic_prefix) as system:
        known = await asked(
            database,
            "UPDATE leads.alembic_version SET version_num = '0' WHERE false",
            "SELECT version_num FROM leads.alembic_version",
        )
        await asked(database, "UPDATE leads.alembic_version SET version_num = '0'")
        parts = [system.add(each) for each in PARTS]
        for part in parts:
            await until_missing(system, part, "the schema leads is of version 0")
            await until_missing(system, part, "run `pulsetrail migrate`")
        await asked(database, f"UPDATE leads.alembic_version SET version_num = '{known}'")
        await back_at_work(system, *parts)


FULL = """
CREATE FUNCTION public.no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
END $$
"""
"""As the server says it when it has no room for a row more."""
WRITTEN = ("opportunities.events", "read_models.checkpoints", "read_models.relays")


async def test_a_full_disk_is_waited_for_and_nothing_is_lost(
    tmp_path: Path, database: str, kafka: str, topic_prefix: str
) -> None:
    async with system_on(tmp_path, database, kafka, topic_prefix) as system:
        parts = [system.add(each) for each in ("api", "relay", "worker")]
        await system.ready()
        director = await a_director(system)
        await asked(database, FULL)
        for table in WRITTEN:
            await asked(
                database,
                f"CREATE TRIGGER full_disk BEFORE INSERT OR UPDATE ON {table}"
                " EXECUTE FUNCTION public.no_room()",
            )
        headers = {"Authorization": f"Bearer {director}", "Idempotency-Key": "the-first"}
        opening = f"{parts[0].address}/api/v1/opportunities"
        opened = {"opportunity_id": "O1", "customer_id": "C1"}
        refused = await system.http.post(opening, json=opened, headers=headers)
        assert refused.status_code == 503, refused.text
        assert refused.headers["Retry-After"].isdigit()
        assert "make room on the server's disk" in refused.json()["detail"]
        for part in parts:
            await until_missing(system, part, "make room on the server's disk")
        for table in WRITTEN:
            await asked(database, f"DROP TRIGGER full_disk ON {table}")
        await back_at_work(system, *parts)
        again = await system.http.post(opening, json=opened, headers=headers)
        assert again.status_code == 201, again.text
        board = await system.shown(
            "/boards/silence", director, again.headers["Pulsetrail-Position"]
        )
        assert board["total"] == 1


async def a_director(system: ScaledSystem) -> str:
    grant = {"role": "director", "unit_id": "company"}
    return str((await system.told("/keys", grant, await system.first_key()))["key"])


async def test_a_store_with_a_hole_restored_or_replaced_ends_whoever_was_further(
    tmp_path: Path, database: str, kafka: str, topic_prefix: str
) -> None:
    async with system_on(tmp_path, database, kafka, topic_prefix) as system:
        await someone_joins(system)
        await _all_relayed(database)
        for part in ("worker", "relay", "api"):
            await system.parts[part].stop()
        await asked(
            database,
            "DELETE FROM directory.events WHERE log_offset = 1",
            "UPDATE read_models.relays SET next_offset = 0 WHERE log = 'directory'",
        )
        relay = system.add("relay", called="relay-1")
        await until_missing(system, relay, "directory/. has a hole at 1: run `pulsetrail verify`")
        await relay.stop()
        await asked(
            database,
            "UPDATE read_models.relays SET next_offset = 9 WHERE log = 'directory'",
            "DELETE FROM directory.commands",
            "DELETE FROM directory.events",
            "UPDATE directory.partitions SET next_offset = 0",
        )
        for part in ("worker", "api", "watch"):
            ended = system.add(part, called=f"{part}-2")
            await ends_by_itself(ended, "restored or replaced", "delete the read models'")
        await ends_by_itself(system.add("relay", called="relay-2"), "restored from before")
        await asked(database, "UPDATE directory.log SET log_id = 'another'")
        await ends_by_itself(system.add("worker", called="worker-3"), "restored or replaced")
        await ends_by_itself(system.add("relay", called="relay-3"), "the store was replaced")


async def test_a_backup_of_the_whole_database_behind_kafka_is_told_and_gone_on_from(
    tmp_path: Path, database: str, kafka: str, topic_prefix: str
) -> None:
    async with system_on(tmp_path, database, kafka, topic_prefix) as system:
        for part in ("api", "relay"):
            system.add(part)
        await system.ready()
        key = await system.first_key()
        await _joined(system, key, "before")
        await _all_relayed(database)
        await _stopped(system)
        backup = f"{database}_backup"
        async with copied(database, backup):
            for part in ("api", "relay"):
                system.add(part)
            await system.ready("api", "relay")
            await _joined(system, key, "vanished")
            await _all_relayed(database)
            await _stopped(system)

            system.environment["DATABASE_URL"] = backup
            system.add("api")
            await system.ready("api")
            await _joined(system, key, "instead")
            relay = system.add("relay", called="relay-2")
            await ends_by_itself(relay, "restored from before", "delete the topics")

            await _stopped(system)
            await _delete_topics(kafka, topic_prefix)
            await asked(backup, "DROP SCHEMA read_models CASCADE")
            await asyncio.to_thread(system.command, "migrate")
            await asyncio.to_thread(system.command, "topics")
            for part in ("api", "relay", "worker"):
                system.add(part)
            await system.ready("api", "relay", "worker")
            told = await _joined(system, key, "after")
            people = (await system.shown("/people", key, told["position"]))["rows"]
            shown = {each["person_id"] for each in people}
            assert {"before", "instead", "after"} <= shown
            assert "vanished" not in shown


async def test_wrong_credentials_are_waited_for(
    tmp_path: Path, kafka: str, topic_prefix: str
) -> None:
    server = PostgresServer(passwords=True)
    await asyncio.to_thread(server.start)
    try:
        own = server.url("guarded")
        await asked(server.url(), "CREATE DATABASE guarded")
        async with system_on(tmp_path, own, kafka, topic_prefix) as system:
            await asked(
                own, "CREATE ROLE pulsetrail_all LOGIN SUPERUSER PASSWORD 'another than given'"
            )
            address = own.replace("postgres@", "pulsetrail_all:given@")
            system.environment["DATABASE_URL"] = address
            parts = [system.add(each) for each in PARTS]
            for part in parts:
                await until_missing(system, part, "check user and password in the address")
                assert "given" not in part.words
            await asked(own, "ALTER ROLE pulsetrail_all PASSWORD 'given'")
            await back_at_work(system, *parts)
    finally:
        await asyncio.to_thread(server.close)
