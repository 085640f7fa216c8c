"""A KurrentDB for tests: in this process always, a real one where there is one.

`EVENT_STORE_URL=kurrentdb://…` names a server that is there already; a container is started where a
Docker engine answers. Where neither is, the tests that ask for a real one are left out, saying so.
"""

# ruff: noqa: PLC0415  # every run of pytest loads this; what it needs is imported when it is used

import os
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

if TYPE_CHECKING:
    from tests.servers.kurrentdb_in_process import KurrentDbServer

_ADDRESS = os.environ.get("EVENT_STORE_URL", "")
_SCHEMES = ("kurrentdb://", "kurrentdb+discover://", "esdb://", "esdb+discover://")
_IMAGE = "kurrentplatform/kurrentdb:latest"
_PORT = 2113


class KurrentDbPlace(NamedTuple):
    """A server, and what the names of the test's own streams begin with."""

    url: str
    installation: str


def a_place(url: str) -> KurrentDbPlace:
    return KurrentDbPlace(url, f"test-{uuid.uuid4().hex}")


@pytest.fixture
def kurrentdb_in_process() -> "Iterator[KurrentDbServer]":
    from tests.servers.kurrentdb_in_process import KurrentDbServer

    server = KurrentDbServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def kurrentdb_place(kurrentdb_in_process: "KurrentDbServer") -> KurrentDbPlace:
    return a_place(kurrentdb_in_process.url)


@pytest.fixture
def kurrentdb_at_address() -> KurrentDbPlace:
    return a_place(_ADDRESS)


@pytest.fixture(scope="session")
def kurrentdb_container() -> Iterator[str]:
    from testcontainers.core.container import DockerContainer
    from testcontainers.core.wait_strategies import HttpWaitStrategy

    container = (
        DockerContainer(_IMAGE)
        .with_env("KURRENTDB_INSECURE", "true")
        .with_env("KURRENTDB_MEM_DB", "true")
        .with_exposed_ports(_PORT)
        .waiting_for(HttpWaitStrategy(_PORT, "/health/live").for_status_code(204))
    )
    with container:
        address = f"{container.get_container_host_ip()}:{container.get_exposed_port(_PORT)}"
        yield f"kurrentdb://{address}?tls=false"


@pytest.fixture
def kurrentdb_in_container(kurrentdb_container: str) -> KurrentDbPlace:
    return a_place(kurrentdb_container)


def why_not_at_address() -> str | None:
    return None if _ADDRESS.startswith(_SCHEMES) else "EVENT_STORE_URL names none"


@cache
def why_not_in_container() -> str | None:
    """Asked at most once a run, and only where a Docker engine may be."""
    socket = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
    if socket.startswith("unix://") and not Path(socket.removeprefix("unix://")).exists():
        return "no Docker engine answers"
    import docker

    try:
        docker.from_env(timeout=5).ping()
    except Exception as why:  # whatever keeps the engine from answering
        return f"no Docker engine answers: {why}"
    return None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """By which of the three ways the adapter was proved in this run."""
    tests = [
        report.nodeid
        for report in terminalreporter.getreports("passed")
        if "test_event_store.py" in report.nodeid
    ]
    if not any("[kurrentdb-in-process" in each for each in tests):
        return
    for way, why in (
        ("in-process", None),
        ("in-container", why_not_in_container()),
        ("at-address", why_not_at_address()),
    ):
        passed = sum(f"[kurrentdb-{way}" in each for each in tests)
        told = f"{passed} tests passed" if passed or why is None else f"left out: {why}"
        terminalreporter.write_line(f"KurrentDB {way.replace('-', ' ')}: {told}")
