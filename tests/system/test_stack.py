"""`make stack`: one address, a killed worker started again, nothing left behind."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import rmtree
from time import monotonic, sleep
from typing import Any

import httpx
import pytest

from stack.kafka_server import free_port

pytestmark = [pytest.mark.postgres, pytest.mark.kafka, pytest.mark.timeout(400)]

_PATIENCE_SECONDS = 120.0
_ON_ITS_WAY = (503, 504)
CHECKOUT = Path(__file__).parents[2]


class Stack:
    """The supervisor as a person starts it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.said = data.parent / f"{data.name}.said"
        self.port = free_port()
        with self.said.open("wb") as said:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "stack", "--without-demo"),
                    *("--port", str(self.port), "--data", str(data)),
                ],
                stdout=said,
                stderr=said,
                cwd=CHECKOUT,
            )

    @property
    def words(self) -> str:
        return self.said.read_text(encoding="utf-8")

    def told(self, wanted: str) -> str:
        """The end of the line that says it, once it is said."""
        ends = monotonic() + _PATIENCE_SECONDS
        while monotonic() < ends:
            for line in self.words.splitlines():
                if wanted in line:
                    return line.partition(wanted)[2].strip()
            assert self.process.poll() is None, self.words
            sleep(0.1)
        raise AssertionError(f"{wanted!r} was never said: {self.words}")

    def descendants(self) -> dict[int, str]:
        """Command lines of all processes below it, by process id."""
        found: dict[int, str] = {}
        waiting = [self.process.pid]
        while waiting:
            for pid in _children(waiting.pop()):
                found[pid] = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
                waiting.append(pid)
        return found

    def asked(self, method: str, path: str, key: str, **more: Any) -> httpx.Response:
        """Asked again while a store, or a read model on its way, says so."""
        ends = monotonic() + _PATIENCE_SECONDS
        headers = {"Authorization": f"Bearer {key}"} | more.pop("headers", {})
        address = f"http://127.0.0.1:{self.port}/api/v1{path}"
        while True:
            answer = httpx.request(method, address, headers=headers, timeout=20, **more)
            if answer.status_code not in _ON_ITS_WAY:
                assert answer.is_success, answer.text
                return answer
            assert monotonic() < ends, answer.text

    def silent(self, key: str, wait_for: str) -> list[str]:
        headers = {"Pulsetrail-Wait-For": wait_for}
        board = self.asked("GET", "/boards/silence?limit=500", key, headers=headers).json()
        return sorted(row["opportunity_id"] for row in board["rows"])

    def opened(self, key: str, opportunity_id: str) -> str:
        """The position of what was written."""
        body = {"opportunity_id": opportunity_id, "customer_id": "C1"}
        answer = self.asked("POST", "/opportunities", key, json=body)
        return answer.headers["Pulsetrail-Position"]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def _children(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(each) for thread in threads for each in (thread / "children").read_text().split()]


@pytest.fixture
def data() -> Iterator[Path]:
    """Where PostgreSQL's own user gets through too."""
    folder = Path(tempfile.mkdtemp(prefix="pulsetrail-stack-"))
    folder.chmod(0o755)
    yield folder / "data"
    rmtree(folder, ignore_errors=True)


def test_what_was_written_outlives_a_killed_worker_and_a_second_start(data: Path) -> None:
    stack = Stack(data)
    try:
        administrator = stack.told("Administrator's key of tenant default, shown once:")
        assert stack.told("Sign in, once, as director of tenant default:")
        stack.told("Stop with Ctrl-C")
        grant = {"role": "director", "unit_id": "company"}
        key = stack.asked("POST", "/keys", administrator, json=grant).json()["key"]
        assert stack.silent(key, stack.opened(key, "O1")) == ["O1"]

        [worker] = [pid for pid, line in stack.descendants().items() if "worker directory" in line]
        os.kill(worker, signal.SIGKILL)
        stack.told("worker ended (SIGKILL)")
        assert stack.silent(key, stack.opened(key, "O2")) == ["O1", "O2"]

        everybody = stack.descendants()
        assert len(everybody) >= 7
        assert stack.stop() == 0, stack.words
        assert [line for pid, line in everybody.items() if Path(f"/proc/{pid}").exists()] == []
        assert administrator not in (data / "logs" / "api.log").read_text(encoding="utf-8")

        stack = Stack(data)
        stack.told("Stop with Ctrl-C")
        assert stack.silent(key, stack.opened(key, "O3")) == ["O1", "O2", "O3"]
        assert "shown once" not in stack.words
        assert stack.stop() == 0, stack.words
    finally:
        if stack.process.poll() is None:
            stack.stop()


def test_a_port_that_is_taken_is_said_in_one_line_before_anything_starts(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "stack", "--port", str(port), "--data", str(data)],
            capture_output=True,
            check=False,
            encoding="utf-8",
            cwd=CHECKOUT,
            timeout=60,
        )
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1
    assert f"port {port}: Address already in use" in done.stderr
    assert not (data / "postgres").exists()
