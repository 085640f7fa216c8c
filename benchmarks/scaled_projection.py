"""Events to one read model in PostgreSQL, exactly once, one worker: ours, limits and peers.

    python -m benchmarks.scaled_projection

The latest stage of each opportunity out of 3 million events of 300 B, of 20,000 and of a million
opportunities, on real servers with fsync on; each killed -9 half way too. Every table is compared
with the oracle before a figure is given. About 30 minutes and 8 GB of disk, the first time some
minutes more for the peers' environments; BENCH_SCALE=0.1 takes a tenth of the events.
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
from benchmarks.peers.environment import PeerIsAbsent
from benchmarks.scaled import peers
from benchmarks.scaled.contest import Contestant, Run, compete, compete_killed
from benchmarks.scaled.live import followed_live
from benchmarks.scaled.our_worker import empty_store, our_worker, with_heads
from benchmarks.scaled.servers import Servers, servers, versions
from benchmarks.scaled.size import SCALE, scaled
from benchmarks.scaled.stages import Stages

EVENTS = 3_000_000
FEW_KEYS = 20_000
MANY_KEYS = 1_000_000
AGENT_EVENTS = 100_000
"""A Faust agent and Quix would take many minutes for all of them."""
LIVE_SECONDS = 60.0
_COMMITS = "synchronous_commit off, as our read store has it; on for the peers, their default"


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
        ours = self._compete(self._ours, stages)
        rate = events / ours.seconds
        yield _rate(f"{what}: consume and decode alone", events, *consumed)
        yield _rate(f"{what}: PostgreSQL merging the same rows alone", events, *merged)
        yield _of(f"{what}: ours", events, ours, f"{self._versions}; {_COMMITS}")
        if keys == FEW_KEYS:
            yield _ratio("ours / consume and decode alone", rate / (events / consumed[0]), 0.40)
        else:
            yield _ratio("ours / PostgreSQL merging alone", rate / (events / merged[0]), 0.50)
        yield from self._killed("ours", self._ours, stages, ours)
        yield from self._against(stages, what, ours)
        if keys == FEW_KEYS:
            two = self._compete(lambda of: self._ours(of, 2), stages)
            yield _of(f"{what}: ours, two processes", events, two, "disjoint partitions")
            yield _ratio("two processes / one", ours.seconds / two.seconds, 1.7)
            yield from self._live(rate / 2)

    def _against(self, stages: Stages, what: str, ours: Run) -> Iterator[Figure]:
        few = stages.keys == FEW_KEYS
        runs: dict[str, Run] = {}
        for name, peer, least, how in (
            (peers.PATHWAY, self._pathway, 1.8 if few else 1.0, "commits 1 s, persistence"),
            (peers.FLINK, self._flink, 1.0, "warm, mini-batch, checkpoints 5 s"),
        ):
            try:
                theirs = runs[name] = self._compete(peer, stages)
            except PeerIsAbsent as absence:
                yield _absent(f"{what}: {name}", absence)
                continue
            yield _of(f"{what}: {name}", stages.events, theirs, how)
            yield _ratio(f"ours / {name}", theirs.seconds / ours.seconds, least)
            yield _ratio(f"ours / {name}, from launch", theirs.from_launch / ours.from_launch)
            yield from self._killed(name, peer, stages, theirs)
        if runs:
            least_cpu = min(each.cpu_seconds for each in runs.values())
            share = ours.cpu_seconds / least_cpu
            yield under("CPU of ours / of the better peer", share, "ratio", 0.5)
        if peers.FLINK in runs:
            share = ours.resident_bytes / runs[peers.FLINK].resident_bytes
            yield under(f"memory of ours / of {peers.FLINK}", share, "ratio", 0.2)

    def _killed(
        self, name: str, contestant: "Callable[[Stages], Contestant]", stages: Stages, alive: Run
    ) -> Iterator[Figure]:
        run = asyncio.run(
            compete_killed(
                contestant(stages), stages.latest, self._folder, after_seconds=alive.seconds / 2
            )
        )
        label = f"{stages.keys:,} keys: {name}, killed -9 half way"
        if name == "ours":
            yield under(f"{label}: stood still", run.still_seconds, "s", 15)
            yield under(f"{label}: keys that showed an older value", run.older, "keys", 0.5)
        else:
            yield Figure(name=f"{label}: stood still", value=run.still_seconds, unit="s")
            yield Figure(name=f"{label}: keys that showed an older value", value=run.older, unit="")

    def _live(self, rate: float) -> Iterator[Figure]:
        seconds = max(5.0, LIVE_SECONDS * SCALE)
        stages = self._stages(round(rate * seconds), FEW_KEYS)
        late = asyncio.run(
            followed_live(self._servers, self._template, stages, seconds, self._folder)
        )
        what = f"live, {rate:,.0f} events/s for {seconds:.0f} s"
        yield Figure(name=f"{what}: committed, p50", value=late.p50_seconds, unit="s")
        yield under(f"{what}: committed, p99", late.p99_seconds, "s", 1.0)

    def agents(self) -> Iterator[Figure]:
        events = scaled(AGENT_EVENTS)
        stages = asyncio.run(self._produced(events, min(FEW_KEYS, events)))
        what = f"{events:,} events"
        run = self._compete(lambda of: peers.faust_agent(self._servers, of), stages)
        yield _of(f"{what}: a plain Faust agent, batches by take()", events, run, "")
        try:
            run = self._compete(lambda of: peers.quix(self._servers, of), stages)
        except PeerIsAbsent as absence:
            yield _absent(f"{what}: {peers.QUIX}", absence)
            return
        yield _of(f"{what}: {peers.QUIX}", events, run, "PostgreSQL sink, upsert")

    async def _produced(self, events: int, keys: int) -> Stages:
        stages = self._stages(events, keys)
        print(f"  {events:,} events into Kafka", file=sys.stderr, flush=True)
        await stages.produce(self._servers)
        return stages

    def _stages(self, events: int, keys: int) -> Stages:
        prefix = f"bench-{uuid.uuid4().hex[:8]}"
        return Stages(prefix=prefix, log_id=self._log_id, events=events, keys=keys)

    def _compete(self, contestant: "Callable[[Stages], Contestant]", stages: Stages) -> Run:
        return asyncio.run(compete(contestant(stages), stages.latest, self._folder))

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
        return peers.pathway(self._servers, stages, self._folder)

    def _flink(self, stages: Stages) -> Contestant:
        return peers.flink(self._servers, stages, self._folder)


def _absent(name: str, absence: PeerIsAbsent) -> Figure:
    return Figure(name=name, value=0, unit="absent", compared_with=str(absence))


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
