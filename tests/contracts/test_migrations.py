"""Schemas on PostgreSQL: made once, brought forward only, and who may do what in them."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Connection, String, Table, make_url
from sqlalchemy.ext.asyncio import create_async_engine

from services.embedded import LOGS, open_embedded
from services.embedded import build as build_services
from services.schemas import READERS, migrate
from shared.adapters.migrations import (
    grant_roles,
    migrate_event_stores,
    migrate_key_store,
    migrate_read_store,
)
from shared.adapters.migrations.running import revisions
from shared.adapters.postgres_event_store import PostgresEventStore, open_postgres_event_store
from shared.adapters.postgres_key_store import open_postgres_key_store
from shared.adapters.postgres_read_store import open_postgres_read_store
from shared.adapters.postgres_schemas import (
    EVENT_STORE_VERSION,
    KEY_STORE_VERSION,
    READ_STORE_VERSION,
    PartitionsAreFixed,
)
from shared.adapters.sql_relay_leases import RELAYS
from shared.errors import StoreAway
from shared.event_store import Verdict
from shared.read_store import CHECKPOINTS, DEAD_LETTERS, METADATA, PARKED_STREAMS
from shared.settings import DatabasePasswords, ScaledSettings
from stack.postgres_server import PostgresServer
from tests.contracts.event_stores import NOW, an_append
from tests.system import warm_start

VERSIONS = {
    "event_store": EVENT_STORE_VERSION,
    "key_store": KEY_STORE_VERSION,
    "read_store": READ_STORE_VERSION,
}
STREAM = "acme/opportunity/O1"


def settings_for(address: str, partitions: int = 4) -> ScaledSettings:
    return ScaledSettings.model_validate({"database_url": address, "log_partitions": partitions})


# -------------------------------------------------------------------------------- revisions


@pytest.mark.parametrize("component", VERSIONS)
def test_revisions_follow_one_another_forward_only_up_to_what_the_program_is_for(
    component: str,
) -> None:
    found = list(revisions(component).walk_revisions())
    numbers = [f"{number:04}" for number in range(VERSIONS[component], 0, -1)]
    assert [each.revision for each in found] == numbers
    assert [each.down_revision for each in found] == [*numbers[1:], None]
    assert not [each.revision for each in found if hasattr(each.module, "downgrade")]


@pytest.mark.postgres
async def test_migrating_makes_everything_once(database: str) -> None:
    first = await migrate(settings_for(database), DatabasePasswords())
    again = await migrate(settings_for(database), DatabasePasswords())
    assert first.schemas == first.changed == (*LOGS_IN_ORDER, "read_models", "keys")
    assert again.changed == ()


LOGS_IN_ORDER = ("directory", "leads", "opportunities", "scoring", "projections", "notifications")


@pytest.mark.postgres
async def test_of_many_who_migrate_at_once_one_does_it(database: str) -> None:
    changed = await asyncio.gather(
        *(migrate_event_stores(database, ["leads"], 4) for _ in range(4)),
    )
    assert sorted(changed) == [[], [], [], ["leads"]]


@pytest.mark.postgres
async def test_the_number_of_partitions_is_never_changed(database: str) -> None:
    await migrate_event_stores(database, ["leads"], 4)
    with pytest.raises(PartitionsAreFixed, match="LOG_PARTITIONS=4"):
        await migrate_event_stores(database, ["opportunities", "leads"], 8)
    assert await migrate_event_stores(database, ["opportunities"], 4) == ["opportunities"]


@pytest.mark.postgres
async def test_the_tables_that_are_migrated_are_those_that_the_program_declares(
    database: str,
) -> None:
    await migrate_read_store(database)
    tables = {each.name: each for each in (CHECKPOINTS, PARKED_STREAMS, DEAD_LETTERS, RELAYS)}

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(
            connection,
            opts={
                "compare_type": True,
                "include_object": lambda _object, name, kind, _reflected, _to: (
                    name in tables if kind == "table" else True
                ),
            },
        )
        return list(compare_metadata(context, CHECKPOINTS.metadata))

    engine = create_async_engine(
        make_url(database).set(drivername="postgresql+asyncpg"),
        connect_args={"server_settings": {"search_path": "read_models"}},
    )
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()


@pytest.mark.postgres
async def test_the_version_before_works_on_while_and_after_something_is_added(
    database_with_partitions: str,
) -> None:
    store = await open_postgres_event_store(
        database_with_partitions, ("opportunities", "leads"), lambda: NOW
    )
    running = True

    async def write() -> int:
        version = 0
        while running:
            numbers = range(version, version + 40)  # some commits by COPY, some by arrays
            size = 40 if version % 80 else 1
            [outcome] = await store.append([an_append(STREAM, version, *numbers[:size])])
            assert outcome.verdict is Verdict.DONE
            version += size
        return version

    writing = asyncio.create_task(write())
    await migrate_event_stores(database_with_partitions, ["opportunities", "leads"], 16)
    connection = await asyncpg.connect(database_with_partitions)
    for table in ("events", "commands", "snapshots", "partitions", "log"):
        await connection.execute(f"ALTER TABLE opportunities.{table} ADD COLUMN added text")
        await asyncio.sleep(0.05)
    await connection.execute("UPDATE opportunities.alembic_version SET version_num = '0002'")
    await store.check()
    await store.save_snapshot(STREAM, "opportunity.v1", 1, b"state")
    assert await store.load_snapshot(STREAM, "opportunity.v1") == (1, b"state")
    running = False
    written = await writing
    assert written > 41
    assert len(await store.read_stream(STREAM)) == written
    await store.close()
    assert await migrate_event_stores(database_with_partitions, ["opportunities"], 16) == []
    await connection.close()


# -------------------------------------------------------------------------------- roles


def test_every_log_says_who_reads_it() -> None:
    assert tuple(READERS) == LOGS
    assert all(readers <= set(LOGS) for readers in READERS.values())


async def test_whoever_follows_a_log_may_read_it(tmp_path: Path) -> None:
    async with open_embedded(tmp_path) as hosting:
        for service in build_services(hosting.ports):
            followed = {each.log for each in service.read_models}
            followed |= {each.log for each in service.reactions}
            for log in followed - {service.name}:
                assert service.name in READERS[log]


LOGINS = (*LOGS, "relay", "api")


@pytest.fixture(scope="module")
def server_with_passwords() -> Iterator[PostgresServer]:
    server = PostgresServer(passwords=True, settings={"log_statement": "all"})
    server.start()
    asyncio.run(prepared(server.url()))
    yield server
    server.close()


async def prepared(address: str) -> None:
    await migrate_event_stores(address, LOGS, 4)
    await migrate_key_store(address)
    await migrate_read_store(address)
    for _ in range(2):
        await grant_roles(address, READERS, {name: f"secret of {name}" for name in LOGINS})


def address_of(server: PostgresServer, service: str, password: str | None = None) -> str:
    secret = (password or f"secret of {service}").replace(" ", "%20")
    return server.url(user=f"pulsetrail_{service}:{secret}")


async def opened(server: PostgresServer, service: str) -> PostgresEventStore:
    return await open_postgres_event_store(address_of(server, service), LOGS, lambda: NOW, 4)


@pytest.mark.postgres
async def test_a_service_writes_its_own_log_and_reads_those_it_follows(
    server_with_passwords: PostgresServer,
) -> None:
    ours = await opened(server_with_passwords, "opportunities")
    [outcome] = await ours.append([an_append(STREAM, 0, 1)])
    assert outcome.verdict is Verdict.DONE
    assert len(await ours.read_stream(STREAM)) == 1
    assert await ours.head("directory", 0) == 0
    with pytest.raises(ValueError, match="no log that may be written is named leads"):
        await ours.append([an_append("acme/lead/L1", 0, 2, log="leads")])
    with pytest.raises(ValueError, match="no log is named notifications"):
        await ours.read_log("notifications", 0, 0, 10)
    await ours.close()


@pytest.mark.postgres
@pytest.mark.parametrize("service", LOGINS)
async def test_nobody_changes_or_takes_away_what_is_stored(
    server_with_passwords: PostgresServer, service: str
) -> None:
    connection = await asyncpg.connect(address_of(server_with_passwords, service))
    for log in LOGS:
        for statement in (
            f"UPDATE {log}.events SET tenant_id = 'zeta'",
            f"DELETE FROM {log}.events",
            f"TRUNCATE {log}.events",
            f"UPDATE {log}.commands SET answer = ''",
            f"DELETE FROM {log}.partitions",
            f"UPDATE {log}.log SET partitions = 1",
            f"UPDATE {log}.alembic_version SET version_num = '0'",
            f"DROP TABLE {log}.events",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    await connection.close()


@pytest.mark.postgres
async def test_the_relay_reads_and_ticks_every_log_and_writes_none(
    server_with_passwords: PostgresServer,
) -> None:
    relay = await opened(server_with_passwords, "relay")
    for log in LOGS:
        assert await relay.recorded_until(log, 0) == NOW
    with pytest.raises(ValueError, match="no log that may be written"):
        await relay.append([an_append("acme/lead/L1", 0, 3, log="leads")])
    await relay.close()


@pytest.mark.postgres
async def test_every_service_seals_with_the_same_keys(
    server_with_passwords: PostgresServer,
) -> None:
    found = []
    for service in ("opportunities", "notifications"):
        keys = await open_postgres_key_store(address_of(server_with_passwords, service))
        await keys.check()
        found.append(await keys.keys("acme", ["customer/C1"]))
        await keys.close()
    assert found[0] == found[1]


@pytest.mark.postgres
async def test_what_one_service_makes_for_its_read_models_another_may_fill_and_take_away(
    server_with_passwords: PostgresServer,
) -> None:
    table = Table("made_by_one_service", METADATA, Column("key", String, primary_key=True))
    stores = [
        open_postgres_read_store(address_of(server_with_passwords, service), connections=2)
        for service in ("leads", "projections", "api")
    ]
    maker, filler, remover = stores
    try:
        await maker.create_tables([table])
        async with filler.transaction() as connection:
            await connection.execute(table.insert().values(key="1"))
        await remover.drop_tables([table])
        with pytest.raises(StoreAway, match="migrate"):
            async with remover.reading() as connection:
                await connection.execute(table.select())
    finally:
        for each in stores:
            await each.close()


@pytest.mark.postgres
async def test_what_processes_made_before_anybody_migrated_is_everybodys_afterwards(
    database: str,
) -> None:
    early = open_postgres_read_store(database, connections=2)
    await early.create_tables([CHECKPOINTS])
    await migrate(settings_for(database), DatabasePasswords())
    connection = await asyncpg.connect(database)
    owner = await connection.fetchval(
        "SELECT tableowner FROM pg_tables WHERE tablename = 'checkpoints'"
    )
    assert owner == "pulsetrail_read_models"
    await connection.close()
    await early.close()


@pytest.mark.postgres
async def test_the_login_of_the_api_may_write_every_log(
    server_with_passwords: PostgresServer,
) -> None:
    api = await opened(server_with_passwords, "api")
    for number, log in enumerate(LOGS):
        [outcome] = await api.append([an_append(f"acme/api/{log}", 0, 900 + number, log=log)])
        assert outcome.verdict is Verdict.DONE
    await api.close()


@pytest.mark.postgres
async def test_a_wrong_password_is_told_and_no_password_is_ever_logged(
    server_with_passwords: PostgresServer,
) -> None:
    wrong = address_of(server_with_passwords, "leads", "wrong")
    store = await open_postgres_event_store(wrong, LOGS, lambda: NOW, 4)
    with pytest.raises(StoreAway, match="check user and password") as told:
        await store.check()
    assert "wrong" not in str(told.value)
    await store.close()
    log = (server_with_passwords.folder / "server.log").read_text()
    assert "ALTER ROLE pulsetrail_leads" in log
    assert "secret of" not in log


# -------------------------------------------------------------------------------- the command


def typed(address: str | None, *arguments: str, **environment: str) -> tuple[int, str, str]:
    found = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    if address is not None:
        found["DATABASE_URL"] = address
    done = warm_start.run("migrate", *arguments, environment=found | environment)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.postgres
def test_the_command_says_what_it_changed(database: str) -> None:
    code, out, _err = typed(database, "--json")
    assert code == 0
    assert {row["changed"] for row in json.loads(out)["rows"]} == {True}
    code, out, _err = typed(database, "--json")
    assert code == 0
    assert {row["changed"] for row in json.loads(out)["rows"]} == {False}


@pytest.mark.postgres
def test_the_command_refuses_another_number_of_partitions(database: str) -> None:
    assert typed(database)[0] == 0
    code, _out, err = typed(database, LOG_PARTITIONS="8")
    assert code == 3
    assert "made with 16 partitions, configured are 8" in err
    assert err.count("\n") == 1


def test_the_command_names_what_is_not_configured_and_what_is_away() -> None:
    code, _out, err = typed(None)
    assert (code, err) == (2, "DATABASE_URL: Field required\n")
    code, _out, err = typed("postgresql://somebody:hidden@127.0.0.1:9/none")
    assert code == 4
    assert "127.0.0.1" in err
    assert "hidden" not in err
    assert err.count("\n") == 1
