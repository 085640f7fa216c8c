"""The product's own read models of the opportunities' log, one worker: each alone, all together.

    python -m benchmarks.scaled_own_models

Each by a subscription of its own through Kafka into PostgreSQL, fsync on, in one process. What all
hold in the end is compared with a fold of the log in one thread before any figure is given. About
ten minutes.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figure import Figure, table
from benchmarks.scaled.following import follow
from benchmarks.scaled.own_log import LOG, own_log
from benchmarks.scaled.servers import Servers, servers
from benchmarks.scaled.size import scaled
from tests.system.chaos.comparing import Oracle

EVENTS = 200_000


def measure() -> Iterator[Figure]:
    """Raises AssertionError where a read model holds anything else than the fold says."""
    with tempfile.TemporaryDirectory(prefix="pulsetrail-models-") as folder, servers() as on:
        yield from asyncio.run(_measure(on, Path(folder)))


async def _measure(on: Servers, folder: Path) -> list[Figure]:
    async with own_log(on, folder, scaled(EVENTS, at_least=1_000)) as log:
        models = [
            each
            for service in log.hosting.services
            for each in service.read_models
            if each.log == LOG
        ]
        alone = {each.name: await follow(log, [each]) for each in models}
        together = await follow(log, models)
        await Oracle(log.hosting.ports).compare_read_models()
        events = await log.events()
    figures = [
        Figure(
            name=f"{name}, alone",
            value=events / took.seconds,
            unit="events/s",
            compared_with=f"{took.cpu_seconds / events * 1e6:.1f} µs CPU an event",
        )
        for name, took in alone.items()
    ]
    seconds = sum(took.seconds for took in alone.values())
    used = sum(took.cpu_seconds for took in alone.values())
    return [
        *figures,
        Figure(
            name=f"all {len(models)} together, {events:,} events",
            value=events / together.seconds,
            unit="events/s",
            compared_with=f"{together.cpu_seconds / events * 1e6:.1f} µs CPU an event",
        ),
        _at_most("all together / sum of each alone, time", together.seconds / seconds),
        _at_most("all together / sum of each alone, CPU", together.cpu_seconds / used),
    ]


def _at_most(name: str, value: float) -> Figure:
    return Figure(name=name, value=value, unit="ratio", target="<= 1.10", met=value <= 1.1)


if __name__ == "__main__":
    print(table(measure()))
