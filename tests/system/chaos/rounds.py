"""A round: servers and processes of its own, faults under load, comparisons in between."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from time import monotonic

from pydantic import SecretStr

from services.scaled import Parts, open_scaled
from shared.adapters.postgres_event_store import PostgresEventStore
from shared.settings import ScaledSettings
from tests.oracle.leads import flaws, standing, told_by
from tests.oracle.live import Recorded
from tests.system.chaos.comparing import Oracle
from tests.system.chaos.faults import Chaos, Fault, kills_of
from tests.system.chaos.floor import PARTITIONS, Floor, running_floor
from tests.system.chaos.messages import compare_arrivals, undelivered, unheard, untold
from tests.system.test_kill import compare_answers

_STANDSTILL_SECONDS = 90.0
_ANSWERS = (5, 40)
_SETTLED_SECONDS = 90.0

Tell = Callable[[str], None]


@dataclass
class Round:
    """`kills`: those that have been followed by a comparison; `pending`: not yet."""

    chaos: Chaos
    oracle: Oracle
    random: Random
    tell: Tell
    kills: int = 0
    pending: int = 0
    slowest: float = 0.0

    @property
    def floor(self) -> Floor:
        return self.chaos.floor

    async def strike(self, *faults: Fault) -> None:
        """All at once, under load; then it goes on for a while."""
        self.floor.load.is_open.set()
        await self._under_load()
        done = await asyncio.gather(*(fault(self.chaos, self.random) for fault in faults))
        for what in done:
            self.floor.happened.append(what)
            self.pending += kills_of(what)
            self.tell(what)
        await self._under_load()

    async def compare(self) -> None:
        """With nobody posting: everything is applied before long, and is what it must be."""
        await self._hold_posts()
        took = await self.oracle.caught_up()
        self.slowest = max(self.slowest, took)
        before = len(self.floor.hook.arrived)
        logged = await self.oracle.compare_signals(_STANDSTILL_SECONDS)
        events = [each.event for each in logged]
        compare_answers(events, self.floor.load.answered, whole=False)
        await self.oracle.compare_read_models()
        compare_arrivals(events, self.floor.hook, before)
        self.kills, self.pending = self.kills + self.pending, 0
        answered, repeated = len(self.floor.load.answered), self.floor.load.repeated
        self.tell(
            f"  = compared at {len(events)} events, {answered} answers ({repeated} asked again);"
            f" caught up in {took:.1f} s"
        )

    async def finish(self) -> None:
        """Whatever must still be said has been said, once."""
        self.floor.load.is_open.set()
        self.floor.load.stopped = True
        await asyncio.wait_for(asyncio.gather(*self.floor.clients), _STANDSTILL_SECONDS)
        await self.oracle.caught_up()
        events, before = await self._settled()
        assert standing(told_by(events)), "no lead was captured"
        compare_answers(events, self.floor.load.answered, whole=True)
        await self.oracle.caught_up()
        await self.oracle.compare_read_models()
        arrived = compare_arrivals(events, self.floor.hook, before)
        assert arrived, "nobody was told of anything"
        self.tell(f"  = asked again: {dict(self.floor.load.reasons)}")
        self.kills, self.pending = self.kills + self.pending, 0
        begun_anew = dict(self.floor.ended)
        self.tell(f"  = settled: {len(events)} events, {arrived} messages arrived; {begun_anew=}")

    async def _under_load(self) -> None:
        """Until some posts more have been accepted."""
        wanted = len(self.floor.load.answered) + self.random.randint(*_ANSWERS)
        ends = monotonic() + _STANDSTILL_SECONDS
        while len(self.floor.load.answered) < wanted:
            self.floor.raise_failures()
            assert monotonic() < ends, f"no post is accepted: {self.floor.load.reasons}"
            await asyncio.sleep(0.05)

    async def _hold_posts(self) -> None:
        """What is on its way is answered, or asked again later."""
        self.floor.load.pause()
        self.floor.raise_failures()

    async def _settled(self) -> tuple[list[Recorded], int]:
        """The logs, and how many messages had arrived when they were read: a silence that is due
        only now is told of meanwhile."""
        ends = monotonic() + _SETTLED_SECONDS
        while True:
            before = len(self.floor.hook.arrived)
            logged = await self.oracle.compare_signals(_STANDSTILL_SECONDS)
            events = [each.event for each in logged]
            missing = (unheard(events), untold(events), undelivered(events), flaws(told_by(events)))
            if not any(missing):
                return events, before
            assert monotonic() < ends, f"unheard, untold, undelivered, leads: {missing}"
            await asyncio.sleep(0.5)


@asynccontextmanager
async def round_of_chaos(seed: str, tell: Tell, mutant: str = "") -> AsyncIterator[Round]:
    """What fails in it fails with the last words of all processes."""
    random = Random(seed)
    with tempfile.TemporaryDirectory(prefix="pulsetrail-chaos-") as folder:
        async with (
            running_floor(Path(folder), seed, mutant) as floor,
            open_scaled(_past_the_proxies(floor), Parts()) as hosting,
        ):
            store = hosting.ports.event_store
            assert isinstance(store, PostgresEventStore)
            chaos = Chaos(floor, store)
            try:
                yield Round(chaos, Oracle(hosting.ports), random, tell)
            except Exception as failure:
                failure.add_note(f"seed {seed}; {floor.happened}\n{floor.last_words}")
                raise


def _past_the_proxies(floor: Floor) -> ScaledSettings:
    return ScaledSettings(
        database_url=SecretStr(floor.servers.direct_database),
        kafka_bootstrap_servers=floor.servers.kafka_address,
        kafka_topic_prefix="chaos",
        log_partitions=PARTITIONS,
    )
