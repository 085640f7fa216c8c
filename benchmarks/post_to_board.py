"""From a post to the silence board: when it is answered, and when the board shows it.

    python -m benchmarks.post_to_board

One served folder and one client on this machine. The sustainable load is measured first: posts as
fast as they are answered, until the board has caught up with the last. At half of it every answer
is looked for in the store's file, and probes wait until the board shows them.
"""

import asyncio
import sqlite3
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import UUID

import httpx

from benchmarks.figure import Figure, table, under
from tests.oracle.live import Recorded, moment, read_log, silence_rows
from tests.system.command import Json
from tests.system.serving import Serving

OPPORTUNITIES = 300
CLIENTS = 16
FLAT_OUT_SECONDS = 8
HALF_LOAD_SECONDS = 20
PROBE_EVERY_SECONDS = 0.2
P50_MILLISECONDS = 50
P99_MILLISECONDS = 250


@dataclass
class Bench:
    """`answers` and `sights` are milliseconds from sending to answer and to sight."""

    http: httpx.AsyncClient
    is_stored: Callable[[UUID], Awaitable[bool]]
    answers: list[float] = field(default_factory=list)
    sights: list[float] = field(default_factory=list)
    posted: int = 0
    latest: str = ""

    async def log_action(self) -> httpx.Response:
        number = self.posted
        self.posted += 1
        body = {"type": "call", "summary": f"call number {number}"}
        path = f"/opportunities/O-{number % OPPORTUNITIES}/log-action"
        answer = await self.http.post(path, json=body)
        assert answer.status_code == 200, answer.text
        self.latest = answer.headers["Pulsetrail-Position"]
        return answer

    async def timed_action(self) -> None:
        """Raises AssertionError where the event that was answered is not in the file by then."""
        begin = perf_counter()
        answer = await self.log_action()
        self.answers.append((perf_counter() - begin) * 1000)
        await self._assert_stored(answer.json())

    async def _assert_stored(self, answered: Json) -> None:
        for event_id in answered["events"]:
            stored = await self.is_stored(UUID(event_id))
            assert stored, f"{event_id} was answered before it was stored"

    async def probe(self, number: int) -> None:
        """A new opportunity of a rep of its own, until the board of this rep shows it."""
        opportunity_id = f"P-{number}"
        body = {"opportunity_id": opportunity_id, "customer_id": "C-probe", "owner_id": "prober"}
        begin = perf_counter()
        answer = await self.http.post("/opportunities", json=body)
        assert answer.status_code == 201, answer.text
        token = answer.headers["Pulsetrail-Position"]
        while True:
            rows = await self._rows_of_prober(token)
            if opportunity_id in {row["opportunity_id"] for row in rows}:
                break
        self.sights.append((perf_counter() - begin) * 1000)
        lost = await self.http.post(f"/opportunities/{opportunity_id}/lose", json={"reason": "-"})
        assert lost.status_code == 200, lost.text

    async def _rows_of_prober(self, token: str) -> list[Json]:
        answer = await self.http.get(
            "/boards/silence",
            params={"rep": "prober"},
            headers={"Pulsetrail-Wait-For": token},
        )
        if answer.status_code == 504:  # it goes on waiting, and its time counts
            return []
        assert answer.status_code == 200, answer.text
        rows: list[Json] = answer.json()["rows"]
        return rows


def measure() -> Iterator[Figure]:
    """Raises AssertionError where the board at the end is not what the log says."""
    with tempfile.TemporaryDirectory(prefix="pulsetrail-post-to-board-") as scratch:
        yield from asyncio.run(_measure(Path(scratch)))


async def _measure(scratch: Path) -> list[Figure]:
    serving = Serving(scratch / "data", {"PULSETRAIL_REQUESTS_A_MINUTE": "100000000"})
    key = serving.command.json("keys", "create", "--role", "director")["key"]
    administrator = serving.command.json("keys", "create", "--role", "administrator")["key"]
    serving.start()
    stored = sqlite3.connect(f"file:{serving.folder / 'events.db'}?mode=ro", uri=True)
    try:
        await serving.ready()
        base = f"{serving.address}/api/v1"
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=30) as http:
            await furnish(http, administrator)

            async def is_stored(event_id: UUID) -> bool:
                query = "SELECT 1 FROM events WHERE event_id = ?"
                return stored.execute(query, (event_id.bytes,)).fetchone() is not None

            bench = Bench(http, is_stored)
            sustainable = await flat_out(bench)
            await at_half(bench, sustainable / 2)
            compare(await caught_up(bench), read_log(serving.folder))
    finally:
        stored.close()
        serving.stop()
    return figures(bench, sustainable)


async def furnish(http: httpx.AsyncClient, administrator: str) -> None:
    headers = {"Authorization": f"Bearer {administrator}"}
    person = {"person_id": "prober", "unit_id": "company"}
    answer = await http.post("/people", json=person, headers=headers)
    assert answer.status_code == 201, answer.text
    for number in range(OPPORTUNITIES):
        body = {"opportunity_id": f"O-{number}", "customer_id": f"C-{number}"}
        answer = await http.post("/opportunities", json=body)
        assert answer.status_code == 201, answer.text


async def flat_out(bench: Bench, seconds: float = FLAT_OUT_SECONDS) -> float:
    """Posts a second, the time until the board contains the last one included."""
    begin = perf_counter()
    ends = begin + seconds

    async def client() -> None:
        while perf_counter() < ends:
            await bench.log_action()

    await asyncio.gather(*(client() for _ in range(CLIENTS)))
    await caught_up(bench)
    return bench.posted / (perf_counter() - begin)


async def caught_up(bench: Bench) -> Json:
    """The board with everything that was answered so far: one more post comes after all of it."""
    await bench.log_action()
    while True:
        headers = {"Pulsetrail-Wait-For": bench.latest}
        answer = await bench.http.get("/boards/silence", params={"limit": 500}, headers=headers)
        if answer.status_code == 200:
            board: Json = answer.json()
            return board
        assert answer.status_code == 504, answer.text


async def at_half(bench: Bench, rate: float, seconds: float = HALF_LOAD_SECONDS) -> None:
    """Posts at even intervals whether or not the last was answered, and probes among them."""
    begin = perf_counter()
    running: set[asyncio.Task[Any]] = set()
    probes = 0
    for number in range(int(rate * seconds)):
        await asyncio.sleep(max(0.0, begin + number / rate - perf_counter()))
        running.add(asyncio.create_task(bench.timed_action()))
        if perf_counter() - begin > probes * PROBE_EVERY_SECONDS:
            running.add(asyncio.create_task(bench.probe(probes)))
            probes += 1
        running -= {task for task in running if task.done() and task.result() is None}
    await asyncio.gather(*running)


def compare(board: Json, log: Iterable[Recorded]) -> None:
    """The whole board against a walk over the log."""
    expected = silence_rows(log, moment(board["as_of"]))
    shown = [(row["opportunity_id"], moment(row["last_activity_at"])) for row in board["rows"]]
    assert shown == [(row["opportunity_id"], row["last_activity_at"]) for row in expected]
    assert board["total"] == len(expected) == OPPORTUNITIES


def figures(bench: Bench, sustainable: float) -> list[Figure]:
    half = f"at half load ({sustainable / 2:,.0f} posts/s)"
    seen50, seen99 = share(bench.sights, 0.5), share(bench.sights, 0.99)
    return [
        Figure(name="sustainable load", value=sustainable, unit="posts/s"),
        Figure(name=f"post answered {half}: p50", value=share(bench.answers, 0.5), unit="ms"),
        Figure(name=f"post answered {half}: p99", value=share(bench.answers, 0.99), unit="ms"),
        under(f"post sent to board {half}: p50", seen50, "ms", P50_MILLISECONDS),
        under(f"post sent to board {half}: p99", seen99, "ms", P99_MILLISECONDS),
    ]


def share(durations: list[float], share: float) -> float:
    return sorted(durations)[int(len(durations) * share)]


if __name__ == "__main__":
    print(table(measure()))
