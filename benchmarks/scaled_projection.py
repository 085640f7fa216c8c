"""Events to one read model in PostgreSQL, exactly once, one worker: ours, limits and peers.

    python -m benchmarks.scaled_projection

The latest stage of each opportunity out of 3 million events of 300 B, of 20,000 and of a million
opportunities, on real servers with fsync on; BENCH_SCALE=0.1 takes a tenth of the events. Every
table is compared with the oracle before a figure is given.
"""

import asyncio
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.figure import Figure, table, told, under
from benchmarks.peers.environment import PeerIsAbsent, python_of
from benchmarks.scaled.contest import Contestant, Run, compete, compete_killed
from benchmarks.scaled.our_worker import empty_store, our_worker, with_heads
from benchmarks.scaled.servers import Servers, servers, versions
from benchmarks.scaled.size import scaled
from benchmarks.scaled.stages import Stages

EVENTS = 3_000_000
FEW_KEYS = 20_000
MANY_KEYS = 1_000_000
AGENT_EVENTS = 100_000
"""A Faust agent and Quix would take many minutes for all of them."""

_PEERS = Path(__file__).parent / "peers"


def measure() -> Iterator[Figure]:
    """Raises AssertionError where any table differs from the oracle."""
    folder = Path(tempfile.mkdtemp(prefix="pulsetrail-scaled-projection-"))
    try:
        with servers() as running:
            bench = _Bench(running, folder)
            yield from told(bench.backlog(FEW_KEYS))
            yield from told(bench.backlog(MANY_KEYS))
            yield from told(bench.agents())
    finally:
        shutil.rmtree(folder)


class _Bench:
    def __init__(self, running: Servers, folder: Path) -> None:
        self._servers = running
        self._folder = folder
        self._versions = versions(running)
        self._template, self._log_id = asyncio.run(empty_store(running))

    def backlog(self, keys: int) -> Iterator[Figure]:
        events = scaled(EVENTS)
        stages = asyncio.run(self._produced(events, keys))
        what = f"{events:,} events of {stages.bytes_an_event:.0f} B, {keys:,} keys"
        consumed = self._limit("consume", stages)
        merged = self._limit("merge", stages)
        ours = asyncio.run(compete(self._ours(stages), stages.latest, self._folder))
        rate = events / ours.seconds
        yield _rate(f"{what}: consume and decode alone", events, *consumed)
        yield _rate(f"{what}: PostgreSQL merging the same rows alone", events, *merged)
        yield _of(f"{what}: ours", events, ours, self._versions)
        if keys == FEW_KEYS:
            yield _ratio("ours / consume and decode alone", rate / (events / consumed[0]), 0.40)
        else:
            yield _ratio("ours / PostgreSQL merging alone", rate / (events / merged[0]), 0.50)
        yield from self._against(stages, what, ours, 1.8 if keys == FEW_KEYS else 1.0)
        if keys == FEW_KEYS:
            yield from self._killed("ours", self._ours, stages, ours, exact=True)
            two = asyncio.run(compete(self._ours(stages, 2), stages.latest, self._folder))
            yield _of(f"{what}: ours, two processes", events, two, "disjoint partitions")
            yield _ratio("two processes / one", ours.seconds / two.seconds, 1.7)

    def _against(self, stages: Stages, what: str, ours: Run, least: float) -> Iterator[Figure]:
        try:
            theirs = asyncio.run(compete(self._pathway(stages), stages.latest, self._folder))
        except PeerIsAbsent as absence:
            yield Figure(
                name=f"{what}: Pathway", value=0, unit="absent", compared_with=str(absence)
            )
            return
        yield _of(f"{what}: Pathway 0.33.0", stages.events, theirs, "commits 1 s, persistence")
        yield _ratio("ours / Pathway", theirs.seconds / ours.seconds, least)
        yield _ratio("ours / Pathway, from launch", theirs.from_launch / ours.from_launch)
        yield under("CPU of ours / of Pathway", ours.cpu_seconds / theirs.cpu_seconds, "ratio", 0.5)
        if stages.keys == FEW_KEYS:
            yield from self._killed("Pathway", self._pathway, stages, theirs, exact=False)

    def _killed(
        self,
        name: str,
        contestant: "Callable[[Stages], Contestant]",
        stages: Stages,
        alive: Run,
        *,
        exact: bool,
    ) -> Iterator[Figure]:
        run = asyncio.run(
            compete_killed(
                contestant(stages), stages.latest, self._folder, after_seconds=alive.seconds / 2
            )
        )
        label = f"{name}, killed -9 half way"
        if exact:
            yield under(f"{label}: stood still", run.still_seconds, "s", 15)
            yield under(f"{label}: keys that showed an older value", run.older, "keys", 0.5)
        else:
            yield Figure(name=f"{label}: stood still", value=run.still_seconds, unit="s")
            yield Figure(name=f"{label}: keys that showed an older value", value=run.older, unit="")

    def agents(self) -> Iterator[Figure]:
        events = scaled(AGENT_EVENTS)
        stages = asyncio.run(self._produced(events, min(FEW_KEYS, events)))
        what = f"{events:,} events"
        run = asyncio.run(compete(self._faust(stages), stages.latest, self._folder))
        yield _of(f"{what}: a plain Faust agent, batches by take()", events, run, "")
        try:
            quix = self._quix(stages)
        except PeerIsAbsent as absence:
            yield Figure(name="Quix Streams", value=0, unit="absent", compared_with=str(absence))
            return
        run = asyncio.run(compete(quix, stages.latest, self._folder))
        yield _of(f"{what}: Quix Streams 3.28.1", events, run, "PostgreSQL sink, upsert")

    async def _produced(self, events: int, keys: int) -> Stages:
        prefix = f"bench-{uuid.uuid4().hex[:8]}"
        stages = Stages(prefix=prefix, log_id=self._log_id, events=events, keys=keys)
        print(f"  {events:,} events into Kafka", file=sys.stderr, flush=True)
        await stages.produce(self._servers)
        return stages

    def _limit(self, what: str, stages: Stages) -> tuple[float, float]:
        """Seconds, and CPU seconds."""
        url = self._servers.url(asyncio.run(self._servers.database()))
        print(f"  {what} alone", file=sys.stderr, flush=True)
        done = subprocess.run(
            [
                *(sys.executable, "-m", "benchmarks.scaled.stage_limits", what, "--url", url),
                *("--bootstrap", self._servers.bootstrap, "--topic", stages.topic),
                *("--events", str(stages.events), "--keys", str(stages.keys)),
            ],
            check=True,
            capture_output=True,
            encoding="utf-8",
        )
        _events, seconds, cpu = done.stdout.split()
        return float(seconds), float(cpu)

    def _ours(self, stages: Stages, processes: int = 1) -> Contestant:
        url = asyncio.run(with_heads(self._servers, self._template, stages))
        return our_worker(self._servers, url, stages, processes=processes)

    def _pathway(self, stages: Stages) -> Contestant:
        python = python_of("pathway", "pathway==0.33.0")
        url = self._servers.url(asyncio.run(self._servers.database()))
        kept = self._folder / f"pathway-{uuid.uuid4().hex[:8]}"
        # With the group of before it stands still after a kill: each start has one of its own.
        script = f'exec "{python}" "{_PEERS / "run_pathway.py"}" "$@" "group-$$" "{kept}"'
        return Contestant(
            name="pathway",
            arguments=("sh", "-c", script, "sh", self._servers.bootstrap, stages.topic, url),
            table="latest_stage",
            url=url,
        )

    def _faust(self, stages: Stages) -> Contestant:
        url = self._servers.url(asyncio.run(self._servers.database()))
        return Contestant(
            name="faust-agent",
            arguments=(
                *(sys.executable, str(_PEERS / "run_faust.py")),
                *(self._servers.bootstrap, stages.topic, url, "faust-agent"),
            ),
            table="latest_stage",
            url=url,
        )

    def _quix(self, stages: Stages) -> Contestant:
        python = python_of("quix", "quixstreams[postgresql]==3.28.1")
        url = self._servers.url(asyncio.run(self._servers.database()))
        return Contestant(
            name="quix",
            arguments=(
                *(str(python), str(_PEERS / "run_quix.py")),
                *(self._servers.bootstrap, stages.topic, url, "quix"),
            ),
            table="latest_stage",
            url=url,
        )


def _of(name: str, events: int, run: Run, against: str) -> Figure:
    told = (
        f"{run.cpu_seconds / events * 1e6:.2f} µs CPU an event,"
        f" {run.resident_bytes / 1e6:.0f} MB, {run.from_launch:.1f} s from launch"
    )
    return Figure(
        name=name,
        value=events / run.seconds,
        unit="events/s",
        compared_with=f"{told}; {against}" if against else told,
    )


def _rate(name: str, events: int, seconds: float, cpu: float) -> Figure:
    told = f"{cpu / events * 1e6:.2f} µs CPU an event"
    return Figure(name=name, value=events / seconds, unit="events/s", compared_with=told)


def _ratio(name: str, value: float, least: float | None = None) -> Figure:
    if least is None:
        return Figure(name=name, value=value, unit="ratio")
    return Figure(
        name=name, value=value, unit="ratio", target=f">= {least:.2f}", met=value >= least
    )


if __name__ == "__main__":
    print(table(measure()))
