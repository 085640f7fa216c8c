"""What a rebuild takes of time and memory where the log is ten times as long.

    python -m benchmarks.scaled_rebuild_growth

The largest read model of the same opportunities, from a log of 1 million events and from one of 10
million; both are compared with a fold in one thread before a figure is given. BENCH_SCALE=0.1 takes
a tenth of the opportunities and of the events. About an hour.
"""

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

from benchmarks.figure import Figure, table
from benchmarks.scaled.own_log import own_log
from benchmarks.scaled.servers import Servers, servers, versions
from benchmarks.scaled.size import scaled
from services.projections.queries.read_models import PROCESSES
from shared.rebuilding import rebuild
from tests.system.chaos.comparing import Oracle

OPPORTUNITIES = 40_000
FEW_EACH = 25
MORE = 10
"""Times as many events of each."""
_LOOK_SECONDS = 0.02
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


class Rebuilt(NamedTuple):
    """`memory_bytes`: by how much the process grew meanwhile, at most."""

    events: int
    seconds: float
    cpu_seconds: float
    memory_bytes: int


def measure() -> Iterator[Figure]:
    """Raises AssertionError where anything differs from the fold."""
    with (
        tempfile.TemporaryDirectory(prefix="pulsetrail-rebuild-") as folder,
        servers(with_kafka=False) as on,
    ):
        few = asyncio.run(_rebuilt(on, Path(folder), FEW_EACH))
        many = asyncio.run(_rebuilt(on, Path(folder), FEW_EACH * MORE))
        told = versions(on)
    for each in (few, many):
        yield Figure(
            name=f"{PROCESSES.name} rebuilt, {each.events:,} events",
            value=each.events / each.seconds,
            unit="events/s",
            compared_with=f"{each.cpu_seconds / each.events * 1e6:.1f} µs CPU an event; {told}",
        )
    yield _at_most(f"CPU, {MORE} times the log", many.cpu_seconds / few.cpu_seconds / MORE, 1.15)
    for each in (few, many):
        name = f"memory taken by it, {each.events:,} events of {_opportunities():,}"
        yield Figure(name=name, value=each.memory_bytes / 2**20, unit="MiB")
    yield _at_most(f"memory, {MORE} times the log", many.memory_bytes / few.memory_bytes, 1.5)


def _at_most(what: str, ratio: float, most: float) -> Figure:
    return Figure(name=what, value=ratio, unit="ratio", target=f"<= {most:g}", met=ratio <= most)


def _opportunities() -> int:
    return scaled(OPPORTUNITIES, at_least=100)


async def _rebuilt(on: Servers, folder: Path, each: int) -> Rebuilt:
    events = _opportunities() * each
    async with own_log(on, folder, events, each=each, with_kafka=False) as log:
        ports = log.hosting.ports
        before, grew = _resident_bytes(), _Peak()
        begun, used = time.monotonic(), time.process_time()
        with grew:
            await rebuild(ports, PROCESSES, compare=False)
        seconds, cpu_seconds = time.monotonic() - begun, time.process_time() - used
        await Oracle(ports).compare_read_models()
        return Rebuilt(events, seconds, cpu_seconds, grew.bytes - before)


class _Peak:
    """The most memory that this process holds while it is entered."""

    def __init__(self) -> None:
        self.bytes = 0
        self._ended = Event()
        self._looking = Thread(target=self._look, daemon=True)

    def __enter__(self) -> None:
        self._looking.start()

    def __exit__(self, *_failure: object) -> None:
        self._ended.set()
        self._looking.join()

    def _look(self) -> None:
        while not self._ended.wait(_LOOK_SECONDS):
            self.bytes = max(self.bytes, _resident_bytes())


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE_BYTES


if __name__ == "__main__":
    print(table(measure()))
