"""From a post to the silence board through every process: store, relay, Kafka, worker, read model.

    python -m benchmarks.scaled_post_to_board

The five processes of `make stack` on real servers with fsync on, one client on this machine. The
sustainable load is measured first; at half of it probes wait until the board shows them. In the end
the whole board is compared with a walk over the stored events.
"""

import asyncio
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import asyncpg
import httpx

from benchmarks.figure import Figure, table
from benchmarks.post_to_board import (
    FLAT_OUT_SECONDS,
    HALF_LOAD_SECONDS,
    Bench,
    at_half,
    caught_up,
    compare,
    figures,
    flat_out,
    furnish,
)
from benchmarks.scaled.servers import Servers, servers
from benchmarks.scaled.size import SCALE
from services.scaled import SERVICES
from tests.oracle.live import Recorded
from tests.system.scaled import ScaledSystem, scaled_system

_SETTLE_SECONDS = 2.0
_FOLLOWED_TOGETHER = ("directory", "leads", "opportunities", "scoring", "projections")


def measure() -> Iterator[Figure]:
    """Raises AssertionError where the board at the end is not what the log says."""
    with tempfile.TemporaryDirectory(prefix="pulsetrail-scaled-board-") as folder, servers() as on:
        yield from asyncio.run(_measure(on, Path(folder)))


async def _measure(on: Servers, folder: Path) -> list[Figure]:
    url = on.url(await on.database())
    async with scaled_system(folder, url, on.bootstrap, "bench") as system:
        system.environment["PULSETRAIL_REQUESTS_A_MINUTE"] = "100000000"
        for part in ("api", "relay", "watch"):
            system.add(part)
        system.add("worker", *_FOLLOWED_TOGETHER)
        system.add("worker", "notifications", called="worker-of-notifications")
        await system.ready()
        administrator, key = await _keys(system)
        pool = await asyncpg.create_pool(url, min_size=1, max_size=4)
        base = f"{system.parts['api'].address}/api/v1"
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=base, headers=headers, timeout=30) as http:
            await furnish(http, administrator)

            async def is_stored(event_id: UUID) -> bool:
                query = "SELECT 1 FROM opportunities.events WHERE event_id = $1"
                return await pool.fetchval(query, event_id) is not None

            bench = Bench(http, is_stored)
            sustainable = await flat_out(bench, max(2.0, FLAT_OUT_SECONDS * SCALE))
            await asyncio.sleep(_SETTLE_SECONDS)
            await at_half(bench, sustainable / 2, max(4.0, HALF_LOAD_SECONDS * SCALE))
            compare(await caught_up(bench), await _log(pool))
        await pool.close()
    return figures(bench, sustainable)


async def _keys(system: ScaledSystem) -> tuple[str, str]:
    """An administrator's, and that of a director of the whole company."""
    administrator = await system.first_key()
    key = await system.told("/keys", {"role": "director", "unit_id": "company"}, administrator)
    return administrator, str(key["key"])


async def _log(pool: "asyncpg.Pool[asyncpg.Record]") -> list[Recorded]:
    """Every event of every log, in the order of each stream."""
    found: list[Recorded] = []
    for log in SERVICES:
        rows = await pool.fetch(
            "SELECT stream, version, event_id, type, command_id, payload"
            f' FROM "{log}".events ORDER BY partition, log_offset'
        )
        for stream, version, event_id, type_name, key, payload in rows:
            known = (log, stream, version, str(event_id), type_name, key)
            found.append(Recorded(*known, json.loads(payload)))
    return found


if __name__ == "__main__":
    print(table(measure()))
