"""The library `eventsourcing` beside our commands: on the same server, with as many writing
connections, in one process; what it stores is compared with what it was told before a rate is
given."""

import asyncio
from pathlib import Path
from typing import NamedTuple

import asyncpg

from benchmarks.figure import Figure
from benchmarks.peers.environment import PeerIsAbsent, python_of
from benchmarks.scaled.servers import Servers

_VERSION = "9.5.6"
_SCRIPT = Path(__file__).parent.parent / "peers" / "run_eventsourcing.py"


class Load(NamedTuple):
    """`lot` aggregates in one save, `rounds` times for each of `savers`; then one aggregate a save,
    `posts` times for each of `clients`."""

    lot: int
    rounds: int
    savers: int
    posts: int
    clients: int
    connections: int

    @property
    def in_lots(self) -> int:
        return self.lot * self.rounds * self.savers

    @property
    def single(self) -> int:
        return self.posts * self.clients

    @property
    def events(self) -> int:
        """With those that open what is acted on."""
        return self.in_lots + self.lot * self.savers + self.single + self.clients


async def measure_peer(on: Servers, load: Load) -> list[Figure]:
    """Raises AssertionError where it has stored something else."""
    name = f"eventsourcing {_VERSION}"
    try:
        python = await asyncio.to_thread(
            python_of, "eventsourcing", f"eventsourcing[postgres]=={_VERSION}"
        )
    except PeerIsAbsent as absent:
        return [Figure(name=name, value=0, unit="absent", compared_with=str(absent))]
    url = on.url(await on.database())
    run = await asyncio.create_subprocess_exec(
        *(str(python), str(_SCRIPT), url, *map(str, load)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, failure = await run.communicate()
    assert run.returncode == 0, failure.decode()[-2_000:]
    in_lots, single = map(float, said.split())
    await _compare(url, load.events)
    told = "no HTTP, no idempotency keys"
    return [
        Figure(
            name=f"{name}, {load.lot:,} a save",
            value=load.in_lots / in_lots,
            unit="commands/s",
            compared_with=told,
        ),
        Figure(
            name=f"{name}, single saves of {load.clients} threads",
            value=load.single / single,
            unit="commands/s",
            compared_with=told,
        ),
    ]


async def _compare(url: str, events: int) -> None:
    connection = await asyncpg.connect(url)
    stored = await connection.fetchval("SELECT count(*) FROM opportunities_events")
    gaps = await connection.fetchval(
        "SELECT count(*) FROM (SELECT FROM opportunities_events GROUP BY originator_id"
        " HAVING max(originator_version) <> count(*)) AS streams"
    )
    await connection.close()
    assert (stored, gaps) == (events, 0)
