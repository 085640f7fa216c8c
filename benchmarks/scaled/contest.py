"""One contestant as a process of its own: watched until its table is complete, killed half way."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import asyncpg

_PATIENCE_SECONDS = float(os.environ.get("BENCH_PATIENCE_SECONDS", "900"))
_SAMPLED = 200
_TICKS = os.sysconf("SC_CLK_TCK")


class CannotCompete(Exception):
    """A contestant that ended by itself, or never became right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contestant:
    """`arguments` start it. `columns`: key, stage, moment as its `table` names them. `within`:
    seconds between looks at the table, which cost the database."""

    name: str
    arguments: Sequence[str]
    table: str
    url: str
    columns: tuple[str, str, str] = ("opportunity_id", "to_stage", "changed_at")
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        _key, stage, moment = self.columns
        return f"SELECT sum(hashtext({moment} || {stage})) FROM {self.table}"

    @property
    def everything(self) -> str:
        return f"SELECT {', '.join(self.columns)} FROM {self.table}"

    @property
    def sample(self) -> str:
        key, _stage, moment = self.columns
        return f"SELECT {key}, {moment} FROM {self.table} WHERE {key} = ANY($1)"


@dataclass(kw_only=True)
class Run:
    """`seconds` from the first fetch (where it says so, else from when it was ready) to the last
    row; `cpu_seconds` in between; `from_launch` with the start. Of a killed one `still_seconds`
    from the kill until rows change again, `older` the sampled keys that showed an older value."""

    seconds: float
    from_launch: float
    cpu_seconds: float
    resident_bytes: int
    still_seconds: float = 0.0
    older: int = 0


@dataclass
class Running:
    process: "subprocess.Popen[bytes]"
    said: Path
    launched: float

    def begun(self) -> tuple[float, float] | None:
        """When the first of it began, and how much processor all had used when they began."""
        lines = self.said.read_text(errors="replace").splitlines()
        told = [line.split()[1:] for line in lines if line.startswith("begun ")]
        if not told:
            return None
        return min(float(at) for at, _used in told), sum(float(used) for _at, used in told)

    def cpu_seconds(self) -> float:
        """Of the process and all its children."""
        return sum(cpu_seconds(each) for each in _family(self.process.pid))

    def resident_bytes(self) -> int:
        return sum(_peak(each) for each in _family(self.process.pid))

    def refuse_ended(self) -> None:
        if self.process.poll() is not None:
            raise CannotCompete(self.said.read_text(errors="replace")[-3000:])

    def kill(self) -> None:
        for each in reversed(_family(self.process.pid)):
            with suppress(ProcessLookupError):
                os.kill(each, 9)
        self.process.wait()


def launched(contestant: Contestant, said: Path) -> Running:
    said.unlink(missing_ok=True)
    begun = monotonic()
    with said.open("ab") as out:
        process = subprocess.Popen(
            contestant.arguments,
            stdout=out,
            stderr=out,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **contestant.environment},
        )
    return Running(process, said, begun)


async def compete(
    contestant: Contestant, oracle: Mapping[str, tuple[str, str]], folder: Path
) -> Run:
    """From nothing to the complete table. Raises CannotCompete, AssertionError where the table
    differs from the oracle."""
    connection = await asyncpg.connect(contestant.url)
    running = launched(contestant, folder / f"{contestant.name}.said")
    try:
        wanted = await _wanted(connection, oracle)
        await _until(connection, contestant, running, wanted, len(oracle))
        ended = monotonic()
        at, used = running.begun() or (running.launched, 0.0)
        run = Run(
            seconds=ended - at,
            from_launch=ended - running.launched,
            cpu_seconds=running.cpu_seconds() - used,
            resident_bytes=running.resident_bytes(),
        )
        await compare(connection, contestant, oracle)
        return run
    finally:
        running.kill()
        await connection.close()


async def compete_killed(
    contestant: Contestant,
    oracle: Mapping[str, tuple[str, str]],
    folder: Path,
    *,
    after_seconds: float,
) -> Run:
    """The same, but killed -9 after so long and started again at once; looked at all the time."""
    connection = await asyncpg.connect(contestant.url)
    said = folder / f"{contestant.name}-killed.said"
    running = launched(contestant, said)
    watch = _Watch(contestant, sorted(oracle)[:: max(1, len(oracle) // _SAMPLED)])
    try:
        wanted = await _wanted(connection, oracle)
        while (begun := running.begun()) is None or monotonic() < begun[0] + after_seconds:
            running.refuse_ended()
            await watch.look(connection)
            await asyncio.sleep(0.05)
        running.kill()
        killed = monotonic()
        before = await _digest(connection, contestant)
        assert before != wanted, "it was killed too late: everything was done"
        first = running.launched
        running = launched(contestant, said)
        while await _digest(connection, contestant) == before:
            running.refuse_ended()
            await asyncio.sleep(0.05)
        again = monotonic()
        await _until(connection, contestant, running, wanted, len(oracle), watch)
        ended = monotonic()
        await compare(connection, contestant, oracle)
        return Run(
            seconds=ended - first,
            from_launch=ended - first,
            cpu_seconds=running.cpu_seconds(),
            resident_bytes=running.resident_bytes(),
            still_seconds=again - killed,
            older=len(watch.older),
        )
    finally:
        running.kill()
        await connection.close()


class _Watch:
    """Whether a key ever shows a moment before one that it has shown."""

    def __init__(self, contestant: Contestant, keys: Sequence[str]) -> None:
        self._contestant = contestant
        self._keys = keys
        self._shown: dict[str, str] = {}
        self.older: set[str] = set()

    async def look(self, connection: "asyncpg.Connection[Any]") -> None:
        with suppress(asyncpg.UndefinedTableError):
            for key, moment in await connection.fetch(self._contestant.sample, self._keys):
                if moment < self._shown.get(key, ""):
                    self.older.add(key)
                self._shown[key] = moment


async def _until(  # what is waited for, and who is watched meanwhile
    connection: "asyncpg.Connection[Any]",
    contestant: Contestant,
    running: Running,
    wanted: int,
    keys: int,
    watch: _Watch | None = None,
) -> None:
    pause = 0.1 if keys <= 100_000 else 1.0
    ends = monotonic() + _PATIENCE_SECONDS
    while await _digest(connection, contestant) != wanted:
        running.refuse_ended()
        if monotonic() > ends:
            raise CannotCompete(
                f"{contestant.name} never became right: {running.said.read_text()[-1000:]}"
            )
        if watch is not None:
            await watch.look(connection)
        await asyncio.sleep(pause)


async def _wanted(
    connection: "asyncpg.Connection[Any]", oracle: Mapping[str, tuple[str, str]]
) -> int:
    texts = [moment + stage for stage, moment in oracle.values()]
    query = "SELECT sum(hashtext(row)) FROM unnest($1::text[]) AS row"
    return int(await connection.fetchval(query, texts))


async def _digest(connection: "asyncpg.Connection[Any]", contestant: Contestant) -> int | None:
    try:
        found = await connection.fetchval(contestant.digest)
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        return None
    return None if found is None else int(found)


async def compare(
    connection: "asyncpg.Connection[Any]",
    contestant: Contestant,
    oracle: Mapping[str, tuple[str, str]],
) -> None:
    shown = {
        key: (stage, moment) for key, stage, moment in await connection.fetch(contestant.everything)
    }
    assert shown == oracle, f"{contestant.name}: the table differs from the oracle"


def _family(process_id: int) -> list[int]:
    found = [process_id]
    children = Path(f"/proc/{process_id}/task/{process_id}/children")
    if sys.platform == "linux" and children.exists():
        for child in children.read_text().split():
            found += _family(int(child))
    return found


def cpu_seconds(process_id: int) -> float:
    """User and system, and what was waited for of its children."""
    fields = Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()
    return sum(map(int, fields[11:15])) / _TICKS


def _peak(process_id: int) -> int:
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0
