"""What an event costs where there are 10 thousand aggregates, and where there are a million.

    python -m benchmarks.scaled_growth

The same worker as in `scaled_projection`; 10,000 aggregates get events, all others have a row
already. Both tables are compared with the oracle before a figure is given. BENCH_SCALE=0.1 takes a
tenth of the events and of the million. About five minutes.
"""

import asyncio
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import msgspec

from benchmarks.figure import Figure, table, told
from benchmarks.scaled.contest import Run, compete
from benchmarks.scaled.our_worker import empty_store, our_worker, with_heads
from benchmarks.scaled.servers import Servers, servers, versions
from benchmarks.scaled.size import scaled
from benchmarks.scaled.stage_model import MODEL, LatestStage
from benchmarks.scaled.stages import BEGUN, TENANT, Stages
from shared.adapters.postgres_read_store import open_postgres_read_store
from shared.bulk_writing import upsert_tuples
from shared.clock import iso

EVENTS = 1_000_000
FEW = 10_000
MANY = 1_000_000
_STAGE = "first_contact"


def measure() -> Iterator[Figure]:
    """Raises AssertionError where a table differs from the oracle."""
    folder = Path(tempfile.mkdtemp(prefix="pulsetrail-scaled-growth-"))
    try:
        with servers() as running:
            yield from told(_measure(running, folder))
    finally:
        shutil.rmtree(folder)


def _measure(running: Servers, folder: Path) -> Iterator[Figure]:
    few = scaled(FEW)
    costs = []
    for apart in (1, MANY // FEW):
        stages, run = asyncio.run(_run(running, folder, few, apart))
        cost = run.cpu_seconds / stages.events * 1e6
        costs.append(cost)
        yield Figure(
            name=f"{few * apart:,} aggregates, {stages.events:,} events of {few:,} of them",
            value=stages.events / run.seconds,
            unit="events/s",
            compared_with=f"{cost:.2f} µs CPU an event; {versions(running)}",
        )
    grown = costs[1] / costs[0]
    yield Figure(
        name="CPU an event, a hundred times the aggregates / as few",
        value=grown,
        unit="ratio",
        target="<= 1.15",
        met=grown <= 1.15,
    )


async def _run(running: Servers, folder: Path, few: int, apart: int) -> tuple[Stages, Run]:
    template, log_id = await empty_store(running)
    stages = Stages(
        prefix=f"bench-{uuid.uuid4().hex[:8]}",
        log_id=log_id,
        events=scaled(EVENTS, at_least=few),
        keys=few,
        apart=apart,
    )
    await stages.produce(running)
    url = await with_heads(running, template, stages)
    at = iso(BEGUN)
    known = {f"O-{key:07}": (_STAGE, at) for key in range(few * apart)}
    await _fill(url, sorted(known))
    run = await compete(our_worker(running, url, stages), known | stages.latest, folder)
    return stages, run


async def _fill(url: str, keys: list[str]) -> None:
    """Rows as they were after an earlier event of each."""
    body = msgspec.json.encode(LatestStage(to_stage=_STAGE, changed_at=BEGUN))
    rows = [(TENANT, key, _STAGE, iso(BEGUN), False, body) for key in keys]
    reads = open_postgres_read_store(url)
    MODEL.tables  # noqa: B018  # asked for, they are declared
    await reads.create_tables()
    async with reads.transaction() as connection:
        await upsert_tuples(connection, MODEL.rows, rows)
    await reads.close()
    connection = await asyncpg.connect(url)
    await connection.execute("VACUUM ANALYZE")
    await connection.close()


if __name__ == "__main__":
    print(table(measure()))
