"""Events at a steady rate: how long each takes until a worker of ours has committed it."""

import asyncio
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

import asyncpg

from benchmarks.scaled.contest import CannotCompete, Running, compare, launched
from benchmarks.scaled.our_worker import our_worker, with_heads
from benchmarks.scaled.servers import Servers
from benchmarks.scaled.stage_model import MODEL
from benchmarks.scaled.stages import PARTITIONS, Stages
from shared.adapters.kafka_messages import Message
from shared.adapters.kafka_outlet import KafkaOutlet

_TICK_SECONDS = 0.02
_LOOK_SECONDS = 0.01
_PATIENCE_SECONDS = 60.0
_PLACES = "SELECT partition, next_offset FROM read_models.checkpoints WHERE subscription = $1"


class Late(NamedTuple):
    """From when an event was due to be sent until it was seen committed."""

    p50_seconds: float
    p99_seconds: float


class _Sent(NamedTuple):
    """All of a partition before `end` were due by then."""

    end: int
    events: int
    due: float


class _Feeding:
    def __init__(self, stages: Stages, seconds: float) -> None:
        self._messages = list(stages.messages())
        self._seconds = seconds
        self._topic = stages.topic
        self._ends = [0] * PARTITIONS
        self.waiting: list[deque[_Sent]] = [deque() for _ in range(PARTITIONS)]

    async def feed(self, outlet: KafkaOutlet) -> None:
        """Whoever comes too late makes what follows no later: it counts from when it was due."""
        begun, sent = monotonic(), 0
        while sent < len(self._messages):
            due = min(monotonic(), begun + self._seconds)
            until = round(len(self._messages) * (due - begun) / self._seconds)
            parts: list[list[Message]] = [[] for _ in range(PARTITIONS)]
            for partition, message in self._messages[sent:until]:
                parts[partition].append(message)
            middle = begun + self._seconds * (sent + until) / 2 / len(self._messages)
            sent = until
            for partition, part in enumerate(parts):
                self._ends[partition] += len(part)
                self.waiting[partition].append(_Sent(self._ends[partition], len(part), middle))
            await asyncio.gather(
                *(outlet.send(self._topic, each, part) for each, part in enumerate(parts) if part)
            )
            await asyncio.sleep(_TICK_SECONDS)

    def committed(self, places: Sequence[Any]) -> list[tuple[float, int]]:
        """Seconds, and of how many events, of what has been committed since."""
        now = monotonic()
        took: list[tuple[float, int]] = []
        for partition, next_offset in places:
            waiting = self.waiting[partition]
            while waiting and waiting[0].end <= next_offset:
                done = waiting.popleft()
                took.append((now - done.due, done.events))
        return took


async def followed_live(
    servers: Servers, template: str, stages: Stages, seconds: float, folder: Path
) -> Late:
    """The events of `stages` in so many seconds. Raises AssertionError where the table differs from
    the oracle, CannotCompete where they are not committed."""
    await stages.create_topics(servers)
    feeding = _Feeding(stages, seconds)
    url = await with_heads(servers, template, stages)
    contestant = our_worker(servers, url, stages)
    connection = await asyncpg.connect(url)
    outlet = KafkaOutlet(servers.bootstrap)
    running = launched(contestant, folder / "live.said")
    try:
        await _until_it_follows(connection, running)
        feed = asyncio.create_task(feeding.feed(outlet))
        took: list[tuple[float, int]] = []
        ends = monotonic() + seconds + _PATIENCE_SECONDS
        while not feed.done() or any(feeding.waiting):
            running.refuse_ended()
            if monotonic() > ends:
                raise CannotCompete(running.said.read_text()[-1000:])
            took += feeding.committed(await connection.fetch(_PLACES, _subscription()))
            await asyncio.sleep(_LOOK_SECONDS)
        await feed
        await compare(connection, contestant, stages.latest)
    finally:
        running.kill()
        await outlet.discard()
        await connection.close()
    return Late(_percentile(took, 0.5), _percentile(took, 0.99))


async def _until_it_follows(connection: "asyncpg.Connection[Any]", running: Running) -> None:
    ends = monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            if len(await connection.fetch(_PLACES, _subscription())) == PARTITIONS:
                return
        except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
            pass  # it makes them when it starts
        running.refuse_ended()
        assert monotonic() < ends, "the worker follows nothing"
        await asyncio.sleep(0.1)


def _subscription() -> str:
    return f"{MODEL.name}.v{MODEL.version}"


def _percentile(took: Sequence[tuple[float, int]], share: float) -> float:
    """Every event counts once."""
    left = share * sum(events for _seconds, events in took)
    for seconds, events in sorted(took):
        left -= events
        if left <= 0:
            return seconds
    raise AssertionError("nothing was committed")
