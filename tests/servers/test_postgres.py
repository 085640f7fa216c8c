"""Where a server comes from, and what is said where none can be had."""

import asyncio
from typing import Any, NoReturn

import asyncpg
import pytest

from stack.postgres_server import PostgresServer
from tests.servers import postgres


def missing() -> NoReturn:
    raise FileNotFoundError("no binary")


@pytest.fixture
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_ADDRESS", None)
    monkeypatch.setattr(postgres, "_own_process", missing)
    monkeypatch.setattr(postgres, "_container", missing)


@pytest.mark.usefixtures("_no_server")
def test_without_a_server_tests_are_left_out_and_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_REQUIRED", False)
    with pytest.raises(pytest.skip.Exception, match=r"no PostgreSQL.*no binary"):
        postgres.found_server()


@pytest.mark.usefixtures("_no_server")
def test_where_servers_are_required_a_missing_one_is_a_failure(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgres, "_REQUIRED", True)
    with pytest.raises(pytest.fail.Exception, match=r"no PostgreSQL.*no binary"):
        postgres.found_server()


def test_a_server_that_is_named_is_the_one_that_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_ADDRESS", "postgresql://somewhere/db")
    address, _stop = postgres.found_server()
    assert address == "postgresql://somewhere/db"


@pytest.mark.postgres
def test_what_was_committed_is_there_after_a_kill_and_after_a_stop() -> None:
    server = PostgresServer(durable=True)
    server.start()
    try:
        asked(server, "CREATE TABLE kept (number integer)")
        server.kill()
        server.start()
        asked(server, "INSERT INTO kept VALUES (1)")
        server.stop()
        server.start()
        assert asked(server, "SELECT number FROM kept") == [(1,)]
        assert asked(server, "SHOW fsync") == [("on",)]
    finally:
        server.close()
    assert not server.folder.exists()


def asked(server: PostgresServer, statement: str) -> list[Any]:
    async def ask() -> list[Any]:
        connection = await asyncpg.connect(server.url())
        try:
            return [tuple(row) for row in await connection.fetch(statement)]
        finally:
            await connection.close()

    return asyncio.run(ask())
