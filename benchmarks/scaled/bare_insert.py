"""The very rows that our commands stored, inserted by nothing but COPY: what a server can take."""

import asyncio
from time import monotonic
from typing import Any

import asyncpg

from benchmarks.scaled.servers import Servers
from services.scaled import SERVICES
from shared.adapters.migrations import migrate_event_stores

_LOG = "opportunities"
_TABLES = ("events", "commands")


async def inserted_bare(
    on: Servers, url: str, partitions: int, writers: int
) -> tuple[float, float]:
    """How many events a commit of ours had, and how many a second are stored by inserting the rows
    alone: events and remembered commands, commit by commit, on `writers` connections."""
    source = await asyncpg.connect(url)
    commits: dict[str, dict[str, list[Any]]] = {}
    for name in _TABLES:
        rows = await source.fetch(f"SELECT xmin::text AS committed, * FROM {_LOG}.{name}")
        for row in rows:
            commits.setdefault(row[0], {}).setdefault(name, []).append(tuple(row)[1:])
    await source.close()
    fresh = on.url(await on.database())
    await migrate_event_stores(fresh, SERVICES, partitions)
    work = [commits[name] for name in sorted(commits, key=int)]
    events = sum(len(each.get("events", ())) for each in work)
    connections = [await asyncpg.connect(fresh) for _ in range(writers)]

    async def insert(connection: "asyncpg.Connection[Any]") -> None:
        while work:
            rows = work.pop(0)
            async with connection.transaction():
                for name, records in rows.items():
                    await connection.copy_records_to_table(name, schema_name=_LOG, records=records)

    number = len(work)
    begun = monotonic()
    await asyncio.gather(*(insert(each) for each in connections))
    seconds = monotonic() - begun
    found = await connections[0].fetchval(f"SELECT count(*) FROM {_LOG}.events")
    assert found == events
    for each in connections:
        await each.close()
    return events / number, events / seconds
