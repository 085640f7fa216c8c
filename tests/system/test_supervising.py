"""The supervisor of `make stack`: who ends is started again, who fails is named."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stack.supervised_process import SupervisedProcess
from stack.supervised_server import ServerCannotStart, SupervisedServer

STAYS = "import time; time.sleep(60)"


async def eventually(is_so: Callable[[], bool]) -> None:
    for _ in range(1_000):
        if is_so():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never came to that")


class Told:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        self.lines.append(line)

    async def until(self, wanted: str, times: int = 1) -> None:
        await eventually(lambda: sum(wanted in line for line in self.lines) >= times)


class Server:
    """Starts as often as it may, then says why not."""

    def __init__(self, may_start: int = 1) -> None:
        self.is_running = False
        self.starts = 0
        self._may_start = may_start

    def start(self) -> None:
        if self.starts == self._may_start:
            raise RuntimeError("PostgreSQL did not start:\n\nsomething else\nFATAL: no room\n")
        self.starts += 1
        self.is_running = True

    def stop(self) -> None:
        self.is_running = False


@pytest.fixture
def told() -> Told:
    return Told()


def process(script: str, log: Path, told: Told) -> SupervisedProcess:
    return SupervisedProcess("worker", (sys.executable, "-u", "-c", script), {}, log, told)


async def test_who_ends_is_started_again_and_said_why_and_where(tmp_path: Path, told: Told) -> None:
    log = tmp_path / "worker.log"
    worker = process("print('no partition is free'); raise SystemExit(3)", log, told)
    running = asyncio.create_task(worker.run())
    await told.until("worker ended (exit code 3): no partition is free", times=2)
    await worker.stop()
    await running
    assert "started again in 0.5 s" in told.lines[0]
    assert "started again in 1 s" in told.lines[1]
    assert str(log) in told.lines[0]
    assert log.read_text().count("no partition is free") >= 2


async def test_whoever_is_told_to_stop_is_not_started_again(tmp_path: Path, told: Told) -> None:
    worker = process(
        f"print('pulsetrail worker: http://127.0.0.1:1'); {STAYS}", tmp_path / "x", told
    )
    running = asyncio.create_task(worker.run())
    await eventually(lambda: worker.address != "")
    assert worker.address == "http://127.0.0.1:1"
    await worker.stop()
    await running
    assert told.lines == []


async def test_who_does_not_stop_in_time_is_ended(
    tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stack.supervised_process._STOP_SECONDS", 0.2)
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    worker = process(
        f"{deaf}; print('pulsetrail worker: http://127.0.0.1:1'); {STAYS}", tmp_path / "x", told
    )
    running = asyncio.create_task(worker.run())
    await eventually(lambda: worker.address != "")
    await worker.stop()
    await running
    assert [line.partition(";")[0] for line in told.lines] == ["worker did not stop in time"]


async def test_keys_and_links_are_told_to_people_and_kept_out_of_the_log(
    tmp_path: Path, told: Told
) -> None:
    key = "Administrator's key of tenant default, shown once: pt_secret"
    link = "Sign in, once, as director of tenant default: http://127.0.0.1/sign-in?code=secret"
    log = tmp_path / "api.log"
    api = process(f"print({key!r}); print({link!r}); print('furnished'); {STAYS}", log, told)
    running = asyncio.create_task(api.run())
    await told.until("Sign in")
    await api.stop()
    await running
    assert told.lines == [key, link]
    assert "secret" not in log.read_text()


async def test_a_server_that_cannot_start_is_told_in_one_line(tmp_path: Path, told: Told) -> None:
    log = tmp_path / "server.log"
    log.touch()
    with pytest.raises(ServerCannotStart) as refused:
        await SupervisedServer("PostgreSQL", Server(0), log, told).start()
    assert str(refused.value) == (
        f"PostgreSQL: PostgreSQL did not start: … FATAL: no room (its log: {log})"
    )


async def test_a_server_that_ends_is_started_again(
    tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stack.supervised_server._LOOK_SECONDS", 0.01)
    server = Server(2)
    supervised = SupervisedServer("Kafka", server, tmp_path / "kafka.log", told)
    await supervised.start()
    keeping = asyncio.create_task(supervised.keep_up())
    server.is_running = False
    await told.until("Kafka ended and is started again")
    await eventually(lambda: server.starts == 2)
    server.is_running = False
    await told.until("Kafka: PostgreSQL did not start")
    keeping.cancel()
