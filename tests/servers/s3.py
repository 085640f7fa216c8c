"""A bucket for tests that ask for one: moto's server for the run, a bucket for the test."""

import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from typing import NamedTuple

import pytest

_START_SECONDS = 30.0

# One request at a time: what moto writes on a condition, it does not write atomically.
_SERVE = """
import sys
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
dispatcher = DomainDispatcherApplication(create_backend_app)
run_simple("127.0.0.1", int(sys.argv[1]), dispatcher, threaded=False)
"""


class Bucket(NamedTuple):
    endpoint: str
    name: str

    @property
    def url(self) -> str:
        return f"s3://{self.name}"


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    endpoint = f"http://127.0.0.1:{port}"
    try:
        _await(endpoint)
        yield endpoint
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def bucket(s3_endpoint: str) -> Bucket:
    """An empty bucket of the test's own."""
    name = f"test-{uuid.uuid4().hex}"
    _ask(f"{s3_endpoint}/{name}", method="PUT")
    return Bucket(s3_endpoint, name)


def _await(endpoint: str) -> None:
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            _ask(f"{endpoint}/moto-api/")
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


def _ask(url: str, method: str = "GET") -> None:
    with urllib.request.urlopen(urllib.request.Request(url, method=method)) as answer:
        answer.read()
