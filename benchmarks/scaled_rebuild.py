"""A rebuild of the largest read model from the store, beside the same one followed live.

    python -m benchmarks.scaled_rebuild

Live: through Kafka by one worker's subscription. The rebuild folds the same log from the store and
takes the place of what was built live; both are compared with a fold in one thread. Events of one
opportunity lie far apart in the log, as in life. About ten minutes.
"""

import asyncio
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figure import Figure, table
from benchmarks.scaled.following import Took, follow
from benchmarks.scaled.own_log import own_log
from benchmarks.scaled.servers import Servers, servers
from benchmarks.scaled.size import scaled
from services.projections.queries.read_models import PROCESSES
from shared.rebuilding import rebuild
from tests.system.chaos.comparing import Oracle

EVENTS = 500_000
PARTS = 5
"""Time must grow as the log does: a log of a fifth of the size is rebuilt too."""


def measure() -> Iterator[Figure]:
    """Raises AssertionError where anything differs from the fold."""
    with tempfile.TemporaryDirectory(prefix="pulsetrail-rebuild-") as folder, servers() as on:
        yield from asyncio.run(_measure(on, Path(folder)))


async def _measure(on: Servers, folder: Path) -> list[Figure]:
    events = scaled(EVENTS, at_least=1_000)
    small, _ = await _rebuilt(on, folder, events // PARTS)
    large, live = await _rebuilt(on, folder, events)
    faster = live.seconds / large.seconds
    growth = large.cpu_seconds / small.cpu_seconds / PARTS
    cpu = [took.cpu_seconds / events * 1e6 for took in (live, large)]
    return [
        Figure(
            name=f"{PROCESSES.name} live, {events:,} events",
            value=events / live.seconds,
            unit="events/s",
            compared_with=f"{cpu[0]:.1f} µs CPU an event",
        ),
        Figure(
            name=f"{PROCESSES.name} rebuilt",
            value=events / large.seconds,
            unit="events/s",
            compared_with=f"{cpu[1]:.1f} µs CPU an event",
        ),
        Figure(name="rebuild / live", value=faster, unit="ratio", target=">= 2.0", met=faster >= 2),
        Figure(
            name=f"CPU of a rebuild, {PARTS} times the log / ({PARTS} × the log)",
            value=growth,
            unit="ratio",
            target="<= 1.15",
            met=growth <= 1.15,
        ),
    ]


async def _rebuilt(on: Servers, folder: Path, events: int) -> tuple[Took, Took]:
    """What the rebuild took, and what following live took before."""
    async with own_log(on, folder, events) as log:
        ports = log.hosting.ports
        live = await follow(log, [PROCESSES])
        oracle = Oracle(ports)
        await oracle.compare_read_models()
        begun, used = time.monotonic(), time.process_time()
        await rebuild(ports, PROCESSES, compare=False)
        took = Took(time.monotonic() - begun, time.process_time() - used)
        await oracle.compare_read_models()
        return took, live


if __name__ == "__main__":
    print(table(measure()))
