"""The product's worker as a contestant: its store, its database, its processes."""

import sys

import asyncpg

from benchmarks.scaled.contest import Contestant
from benchmarks.scaled.servers import Servers
from benchmarks.scaled.stage_model import TABLE
from benchmarks.scaled.stages import LOG, PARTITIONS, Stages
from shared.adapters.migrations import migrate_event_stores, migrate_key_store
from shared.adapters.postgres_event_store import open_postgres_event_store
from shared.clock import wall_clock


async def empty_store(servers: Servers) -> tuple[str, str]:
    """A database with the stores' schemas, to be copied, and its log's id."""
    name = await servers.database()
    await migrate_event_stores(servers.url(name), [LOG], PARTITIONS)
    await migrate_key_store(servers.url(name))
    store = await open_postgres_event_store(servers.url(name), [LOG], wall_clock, PARTITIONS)
    log_id = await store.log_id(LOG)
    await store.close()
    return name, log_id


async def with_heads(servers: Servers, template: str, stages: Stages) -> str:
    """A store whose log has as many events as the topic; none of them is read from it."""
    url = servers.url(await servers.database(template))
    connection = await asyncpg.connect(url)
    for partition, count in enumerate(stages.counts):
        await connection.execute(
            f"UPDATE {LOG}.partitions SET next_offset = $2 WHERE partition = $1",
            partition,
            count,
        )
    await connection.close()
    return url


def our_worker(servers: Servers, url: str, stages: Stages, *, processes: int = 1) -> Contestant:
    """With several, they share the partitions."""
    one = (sys.executable, "-m", "benchmarks.scaled.stage_worker")
    given = (*one, servers.bootstrap, url, stages.prefix)
    together = " ".join('"$@" &' for _ in range(processes))
    return Contestant(
        name=f"ours-{processes}",
        arguments=given if processes == 1 else ("sh", "-c", f"{together} wait", "sh", *given),
        table=TABLE,
        url=url,
        columns=("key", "to_stage", "changed_at"),
    )
