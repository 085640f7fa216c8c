"""Commands with expected version and idempotency key, durable: in batches and one by one.

    python -m benchmarks.scaled_commands

One `pulsetrail api` on PostgreSQL with fsync on. Batches are compared with a bare insert of the
very rows, as many a commit and on as many connections; single posts of 64 clients with the same
process whose handlers leave the command out. What is stored is compared with what was sent before
any figure is given; repeated, everything is a duplicate. Beside them the library `eventsourcing`.
About two minutes.
"""

import asyncio
import json
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg

from benchmarks.figure import Figure, table
from benchmarks.scaled.bare_insert import inserted_bare
from benchmarks.scaled.commands_peer import Load, measure_peer
from benchmarks.scaled.contest import cpu_seconds
from benchmarks.scaled.following import Took
from benchmarks.scaled.posting import Connection
from benchmarks.scaled.servers import Servers, servers, versions
from benchmarks.scaled.size import scaled
from tests.system.scaled import ScaledSystem, scaled_system

LINES = 40_000
A_BATCH = 1_000
"""As many opportunities, one line each."""
BATCH_CLIENTS = 4
POSTS = 12_800
CLIENTS = 64
PARTITIONS = 4
WRITERS = 2
"""Connections that one process writes a store with."""


def measure() -> Iterator[Figure]:
    """Raises AssertionError where what is stored is not what was sent."""
    with tempfile.TemporaryDirectory(prefix="pulsetrail-commands-") as folder, servers() as on:
        yield from asyncio.run(_measure(on, Path(folder), versions(on)))


async def _measure(on: Servers, folder: Path, told: str) -> list[Figure]:
    url = on.url(await on.database())
    async with scaled_system(folder, url, on.bootstrap, "bench", PARTITIONS) as system:
        system.environment["PULSETRAIL_REQUESTS_A_MINUTE"] = "100000000"
        for part in ("api", "relay", "worker"):
            system.add(part)
        await system.ready()
        bench = _Bench(system, await _key(system), url)
        await bench.open()
        # Nobody but the api may take processor time, or read what is written.
        for part in ("worker", "relay"):
            await system.parts[part].stop()
        batches = await bench.batches()
        rows_a_commit, bare_rate = await inserted_bare(on, url, PARTITIONS, WRITERS)
        posts = await bench.posts()
        await system.parts["api"].stop()
        system.parts["api"].launched_by = "benchmarks.scaled.api_without_commands"
        system.parts["api"].said.unlink()
        system.parts["api"].start()
        await system.ready("api")
        empty = await bench.posts(left_out=True)
    told = f"{WRITERS} writing connections, {told}"
    return [
        *_figures(told, (batches, bare_rate, rows_a_commit), (posts, empty)),
        *await measure_peer(
            on,
            Load(A_BATCH, _rounds(), BATCH_CLIENTS, _posts_a_client(), CLIENTS, WRITERS),
        ),
    ]


def _rounds() -> int:
    return max(1, scaled(LINES) // A_BATCH // BATCH_CLIENTS)


def _posts_a_client() -> int:
    return max(1, scaled(POSTS) // CLIENTS)


async def _key(system: ScaledSystem) -> str:
    administrator = await system.first_key()
    asked = {"role": "director", "unit_id": "company"}
    return str((await system.told("/keys", asked, administrator))["key"])


class _Bench:
    def __init__(self, system: ScaledSystem, key: str, url: str) -> None:
        self._system = system
        self._key = key
        self._url = url
        self._versions: dict[str, int] = {}

    async def open(self) -> None:
        """What is acted on."""
        client = self._connection()
        for name in range(BATCH_CLIENTS):
            await self._open(client, name)
        for number in range(CLIENTS):
            body = {"opportunity_id": f"S-{number}", "customer_id": f"C-{number}"}
            await self._system.told("/opportunities", body, self._key)

    async def batches(self) -> Took:
        """The first batch is sent again."""
        rounds = _rounds()
        clients = [self._connection() for _ in range(BATCH_CLIENTS)]
        process = self._process_id()
        begun, used = monotonic(), cpu_seconds(process)
        answered = await asyncio.gather(
            *(self._log(each, name, rounds) for name, each in enumerate(clients))
        )
        took = Took(monotonic() - begun, cpu_seconds(process) - used)
        self.lines = rounds * A_BATCH * BATCH_CLIENTS
        # Its first connection may have been idle for too long by now.
        again = await self._send(self._connection(), self._lines(0, 0))
        assert [each["outcome"] for each in again] == ["duplicate"] * A_BATCH
        assert [each["events"] for each in again] == answered[0]
        await self._compare(self.lines)
        return took

    async def posts(self, *, left_out: bool = False) -> Took:
        each = _posts_a_client()
        clients = [self._connection() for _ in range(CLIENTS)]
        process = self._process_id()
        for warm in (True, False):
            begun, used = monotonic(), cpu_seconds(process)
            await asyncio.gather(
                *(
                    self._post(client, number, 5 if warm else each, warm=warm)
                    for number, client in enumerate(clients)
                )
            )
        took = Took(monotonic() - begun, cpu_seconds(process) - used)
        self.posted = each * CLIENTS
        if not left_out:
            await self._compare(self.lines + (each + 5) * CLIENTS)
        return took

    def _connection(self) -> Connection:
        return Connection(self._system.parts["api"].address, self._key)

    def _process_id(self) -> int:
        process = self._system.parts["api"].process
        assert process is not None
        return process.pid

    async def _open(self, client: Connection, name: int) -> None:
        lines = [
            {
                "command": "open-opportunity",
                "id": f"open-{name}-{number}",
                "opportunity_id": f"B-{name}-{number}",
                "customer_id": f"C-{number % 100}",
            }
            for number in range(A_BATCH)
        ]
        for line, answer in zip(lines, await self._send(client, lines), strict=True):
            self._versions[line["opportunity_id"]] = answer["version"]

    def _lines(self, name: int, number: int) -> list[dict[str, Any]]:
        return [
            {
                "command": "log-action",
                "id": f"{opportunity}-{number}",
                "if_match": self._versions[opportunity] + number,
                "opportunity_id": opportunity,
                "type": "call",
                "summary": f"call number {number} about what was offered",
            }
            for opportunity in (f"B-{name}-{each}" for each in range(A_BATCH))
        ]

    async def _log(self, client: Connection, name: int, rounds: int) -> list[Any]:
        first: list[Any] = []
        for number in range(rounds):
            answers = await self._send(client, self._lines(name, number))
            assert all(each["outcome"] == "done" for each in answers), answers[0]
            first = first or [each["events"] for each in answers]
        return first

    async def _send(self, client: Connection, lines: Sequence[Any]) -> list[Any]:
        body = b"\n".join(json.dumps(line).encode() for line in lines)
        kind = {"Content-Type": "application/x-ndjson"}
        answer = await client.post("/api/v1/commands", body, kind)
        assert answer.status == 200, answer.body
        answers = [json.loads(line) for line in answer.body.splitlines()]
        refused = [each for each in answers if each["outcome"] not in ("done", "duplicate")]
        assert not refused, refused[0]
        return answers

    async def _post(self, client: Connection, number: int, posts: int, *, warm: bool) -> None:
        path = f"/api/v1/opportunities/S-{number}/log-action"
        version = 1 if warm else 6
        for count in range(posts):
            body = b'{"type": "call", "summary": "what was said about what was offered"}'
            headers = {
                "Content-Type": "application/json",
                "Idempotency-Key": f"{number}-{warm}-{count}",
                "If-Match": f'"{version + count}"',
            }
            answer = await client.post(path, body, headers)
            assert answer.status in (200, 201), answer.body

    async def _compare(self, actions: int) -> None:
        """Each action once, each stream without a gap."""
        connection = await asyncpg.connect(self._url)
        logged = await connection.fetchval(
            "SELECT count(*) FROM opportunities.events"
            " WHERE type = 'opportunities.action_logged.v1'"
        )
        gaps = await connection.fetchval(
            "SELECT count(*) FROM (SELECT FROM opportunities.events GROUP BY stream"
            " HAVING max(version) <> count(*)) AS streams"
        )
        await connection.close()
        assert (logged, gaps) == (actions, 0)


def _figures(
    told: str, batch: tuple[Took, float, float], single: tuple[Took, Took]
) -> list[Figure]:
    batches, bare_rate, rows_a_commit = batch
    posts, empty = single
    lines = _rounds() * A_BATCH * BATCH_CLIENTS
    posted = _posts_a_client() * CLIENTS
    rate = lines / batches.seconds
    share, of_empty = rate / bare_rate, empty.seconds / posts.seconds
    cpu = batches.cpu_seconds / lines * 1e6
    return [
        Figure(
            name=f"batch endpoint, {BATCH_CLIENTS} clients, {A_BATCH:,} lines each",
            value=rate,
            unit="commands/s",
            compared_with=f"{cpu:.0f} µs CPU a command; {told}",
        ),
        Figure(
            name=f"bare insert of the same rows, {rows_a_commit:,.0f} events a commit",
            value=bare_rate,
            unit="commands/s",
        ),
        _at_least("batch endpoint / bare insert", share, 0.40),
        _single(f"single posts of {CLIENTS} clients", posted, posts),
        _single("the same handler with the command left out", posted, empty),
        _at_least("single posts / command left out", of_empty, 0.45),
    ]


def _single(name: str, posted: int, took: Took) -> Figure:
    cpu = took.cpu_seconds / posted * 1e6
    return Figure(
        name=name,
        value=posted / took.seconds,
        unit="posts/s",
        compared_with=f"{cpu:.0f} µs CPU a post",
    )


def _at_least(name: str, value: float, least: float) -> Figure:
    return Figure(
        name=name, value=value, unit="ratio", target=f">= {least:.2f}", met=value >= least
    )


if __name__ == "__main__":
    print(table(measure()))
