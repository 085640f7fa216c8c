"""The relay on a real Kafka: everything arrives in order, whoever is killed, frozen or away."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from datetime import datetime

import pytest
from structlog.testing import capture_logs

from shared.adapters import kafka_outlet, kafka_relay, relay_partitions
from shared.adapters.kafka_messages import Message
from shared.adapters.kafka_outlet import KafkaOutlet
from shared.adapters.kafka_relay import LogRelay, run_relay
from shared.adapters.kafka_topics import TopicIsUnfit
from shared.adapters.postgres_schemas import PartitionsAreFixed
from shared.adapters.relay_partitions import RelayStopped
from shared.errors import StoreAway
from shared.relay_leases import Advance, Lease
from stack.kafka_server import KafkaServer
from tests.contracts.relay_leases import MemoryRelayLeases
from tests.shared.relayed_log import (
    LOG,
    LOG_ID,
    MemoryLog,
    create_topic,
    delete_topic_content,
    offsets,
    topic_content,
)

pytestmark = pytest.mark.kafka


class Bench:
    """A log, its topic, the leases, and the relays that a test starts."""

    def __init__(self, bootstrap: str, prefix: str, topic: str) -> None:
        self.bootstrap = bootstrap
        self.topic = topic
        self.log = MemoryLog()
        self.time = 0.0
        self.leases = MemoryRelayLeases(lambda: self.time)
        self._prefix = prefix
        self._outlets: list[KafkaOutlet] = []

    def relay(self, holder: str = "one", outlet: KafkaOutlet | None = None) -> LogRelay:
        outlet = outlet or KafkaOutlet(self.bootstrap)
        self._outlets.append(outlet)
        return LogRelay(LOG, self.log, self.leases, outlet, holder=holder, prefix=self._prefix)

    def let_leases_expire(self) -> None:
        self.time += 60

    async def arrived(self, partition: int = 0) -> list[int]:
        return offsets(await topic_content(self.bootstrap, self.topic, partition))

    async def close(self) -> None:
        for outlet in self._outlets:
            await outlet.discard()


@pytest.fixture
async def bench(kafka: str, topic_prefix: str) -> AsyncIterator[Bench]:
    bench = Bench(kafka, topic_prefix, await create_topic(kafka, topic_prefix))
    yield bench
    await bench.close()


@asynccontextmanager
async def running(*relays: LogRelay) -> AsyncIterator[asyncio.Event]:
    stopping = asyncio.Event()
    task = asyncio.create_task(run_relay(relays, stopping))
    yield stopping
    stopping.set()
    await task


async def eventually(holds: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> None:
    deadline = asyncio.get_running_loop().time() + seconds
    while not await holds():
        assert asyncio.get_running_loop().time() < deadline, "it did not come true"
        await asyncio.sleep(0.1)


async def test_each_partition_arrives_whole_and_in_order(bench: Bench) -> None:
    bench.log.add(0, 5)
    bench.log.add(1, 3)
    assert await bench.relay().step() == 8
    assert await bench.arrived(0) == [0, 1, 2, 3, 4]
    assert await bench.arrived(1) == [0, 1, 2]
    assert await bench.leases.checkpoints(LOG) == {0: 5, 1: 3}


async def test_what_was_relayed_is_not_relayed_again(bench: Bench) -> None:
    relay = bench.relay()
    bench.log.add(0, 5)
    await relay.step()
    bench.log.add(0, 2)
    assert await relay.step() == 2
    assert await relay.step() == 0
    assert await bench.arrived() == [0, 1, 2, 3, 4, 5, 6]


async def test_more_than_a_batch_and_large_events_arrive_in_order(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_relay, "BATCH", 7)
    bench.log.add(0, 3, payload=b"x" * 1_500_000)
    bench.log.add(0, 20)
    relay = bench.relay()
    assert [await relay.step() for _ in range(5)] == [7, 7, 7, 2, 0]
    assert await bench.arrived() == list(range(23))


async def test_commits_to_other_logs_cost_it_no_question(bench: Bench) -> None:
    relay = bench.relay()
    async with running(relay):
        bench.log.add(0, 5)
        await eventually(lambda: _has_relayed(relay, 5))
        await asyncio.sleep(0.1)
        asked = bench.log.heads_asked
        for _ in range(50):
            bench.log.add_elsewhere()
            await asyncio.sleep(0.01)
        assert bench.log.heads_asked - asked <= 3  # for ticks, once a second
        bench.log.add(1, 2)
        await eventually(lambda: _has_relayed(relay, 7))


class Killed(BaseException):
    """The process ends here."""


class KilledBeforeAdvance(MemoryRelayLeases):
    killed = False

    async def advance(self, advances: Collection[Advance]) -> Collection[Lease]:
        if advances and not self.killed:
            self.killed = True
            raise Killed
        return await super().advance(advances)


async def test_a_kill_between_acknowledgement_and_checkpoint_doubles_but_loses_nothing(
    bench: Bench,
) -> None:
    bench.leases = KilledBeforeAdvance(lambda: bench.time)
    bench.log.add(0, 3)
    with pytest.raises(Killed):
        await bench.relay().step()
    bench.log.add(0, 2)
    bench.let_leases_expire()
    await bench.relay("two").step()
    assert await bench.arrived() == [0, 1, 2, 0, 1, 2, 3, 4]


class KilledBeforeSending(KafkaOutlet):
    async def send(self, topic: str, partition: int, messages: object) -> None:
        raise Killed


async def test_the_checkpoint_never_moves_before_kafka_has_acknowledged(bench: Bench) -> None:
    bench.log.add(0, 3)
    with pytest.raises(Killed):
        await bench.relay(outlet=KilledBeforeSending(bench.bootstrap)).step()
    assert await bench.leases.checkpoints(LOG) == {0: 0, 1: 0}
    bench.let_leases_expire()
    await bench.relay("two").step()
    assert await bench.arrived() == [0, 1, 2]


class Frozen(KafkaOutlet):
    """Stands still before it sends, as SIGSTOP would have it, until told to go on."""

    def __init__(self, bootstrap: str) -> None:
        super().__init__(bootstrap)
        self.stands_still = asyncio.Event()
        self.goes_on = asyncio.Event()

    async def send(self, topic: str, partition: int, messages: object) -> None:
        self.stands_still.set()
        await self.goes_on.wait()
        await super().send(topic, partition, messages)  # type: ignore[arg-type]


async def test_a_zombie_moves_no_checkpoint_and_reorders_nothing(bench: Bench) -> None:
    outlet = Frozen(bench.bootstrap)
    zombie = bench.relay("zombie", outlet)
    bench.log.add(0, 4)
    frozen = asyncio.create_task(zombie.step())
    await outlet.stands_still.wait()
    bench.let_leases_expire()
    bench.log.add(0, 4)
    await bench.relay("two").step()
    outlet.goes_on.set()
    await frozen
    assert 0 not in zombie.partitions.held
    assert await bench.leases.checkpoints(LOG) == {0: 8, 1: 0}
    assert await bench.arrived() == [0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3]


async def test_a_second_relay_stands_by_and_takes_over_when_the_first_stops(bench: Bench) -> None:
    first, second = bench.relay("one"), bench.relay("two")
    await first.step()
    await second.step()
    assert (len(first.partitions.held), len(second.partitions.held)) == (2, 0)
    await first.partitions.release()
    second.partitions.look_again_at = 0.0
    await second.step()
    assert len(second.partitions.held) == 2


async def test_a_tick_follows_all_that_was_recorded_before_it(bench: Bench) -> None:
    bench.log.add(0, 5)
    await bench.relay().step()
    taken = await topic_content(bench.bootstrap, bench.topic, 0)
    assert [tick.next_position for tick in taken.ticks] == [5]
    assert taken.ticks[0].recorded_until > taken.events[-1].whole().recorded_at
    empty = await topic_content(bench.bootstrap, bench.topic, 1)
    assert [tick.next_position for tick in empty.ticks] == [0]


async def test_a_tick_waits_until_a_backlog_is_in_the_topic(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_relay, "BATCH", 2)
    bench.log.add(0, 5)
    relay = bench.relay()
    await relay.step()
    assert (await topic_content(bench.bootstrap, bench.topic)).ticks == []
    await relay.step()
    await relay.step()
    ticks = (await topic_content(bench.bootstrap, bench.topic)).ticks
    assert [tick.next_position for tick in ticks] == [5]


async def test_ticks_come_though_nothing_happens(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_relay, "TICK_SECONDS", 0.1)

    async def three_ticks() -> bool:
        moments = [
            t.recorded_until for t in (await topic_content(bench.bootstrap, bench.topic)).ticks
        ]
        assert moments == sorted(moments)
        return len(moments) >= 3

    async with running(bench.relay()):
        await eventually(three_ticks)


async def test_a_commit_wakes_the_relay(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_relay, "TICK_SECONDS", 3_600.0)
    relay = bench.relay()
    async with running(relay):
        await eventually(lambda: _is_at_work(relay))
        started = asyncio.get_running_loop().time()
        bench.log.add(0, 1)
        await eventually(lambda: _has_relayed(relay, 1))
        assert asyncio.get_running_loop().time() - started < 2.0  # leases are kept every 2.5 s


async def test_a_store_that_is_away_is_waited_for(bench: Bench) -> None:
    relay = bench.relay()
    bench.log.is_away = True
    bench.log.add(0, 3)
    async with running(relay):
        await eventually(lambda: _has_problem(relay, "the store is away"))
        bench.log.is_away = False
        await eventually(lambda: _has_relayed(relay, 3))
        assert relay.problem is None


async def test_a_log_with_other_partitions_ends_the_relay_though_the_store_was_away(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    relay = bench.relay()
    bench.log.is_away = True
    ending = asyncio.create_task(run_relay([relay], asyncio.Event()))
    await eventually(lambda: _has_problem(relay, "the store is away"))

    async def differs(_log: str) -> str:
        raise PartitionsAreFixed(LOG, made=4, configured=2)

    monkeypatch.setattr(bench.log, "log_id", differs)
    with pytest.raises(PartitionsAreFixed, match="set LOG_PARTITIONS=4"):
        await asyncio.wait_for(ending, 20)


async def test_a_missing_topic_is_waited_for(kafka: str, topic_prefix: str) -> None:
    bench = Bench(kafka, topic_prefix, f"{topic_prefix}.{LOG}")
    relay = bench.relay()
    bench.log.add(0, 3)
    async with running(relay):
        await eventually(lambda: _has_problem(relay, "is missing: run `pulsetrail topics`"))
        await create_topic(kafka, topic_prefix)
        await eventually(lambda: _has_relayed(relay, 3))
    assert await bench.arrived() == [0, 1, 2]


async def test_a_broker_that_is_away_is_waited_for(
    own_kafka: KafkaServer, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_outlet, "_ANSWER_SECONDS", 2)
    topic = await create_topic(own_kafka.bootstrap, topic_prefix)
    bench = Bench(own_kafka.bootstrap, topic_prefix, topic)
    relay = bench.relay()
    bench.log.add(0, 3)
    async with running(relay):
        await eventually(lambda: _has_relayed(relay, 3))
        await asyncio.to_thread(own_kafka.stop)
        bench.log.add(0, 3)
        await eventually(lambda: _has_problem(relay, "Kafka at"))
        await asyncio.to_thread(own_kafka.start)
        await eventually(lambda: _has_relayed(relay, 6))
    arrived = await bench.arrived()
    assert [offset for at, offset in enumerate(arrived) if offset not in arrived[:at]] == list(
        range(6)
    )


async def test_a_graceful_stop_frees_the_partitions(bench: Bench) -> None:
    relay = bench.relay("one")
    async with running(relay):
        await eventually(lambda: _is_at_work(relay))
    assert len(await bench.leases.take(LOG, "5f0c", [0, 1], "two")) == 2


async def test_a_topic_with_other_partitions_ends_the_relay(kafka: str, topic_prefix: str) -> None:
    await create_topic(kafka, topic_prefix, partitions=3)
    bench = Bench(kafka, topic_prefix, "")
    with pytest.raises(TopicIsUnfit, match="has 3 partitions, its log has 2"):
        await run_relay([bench.relay()], asyncio.Event())


async def test_a_store_behind_its_checkpoint_ends_the_relay(bench: Bench) -> None:
    bench.log.add(0, 5)
    await bench.relay("one").step()
    bench.log.cut(0, 3)
    with pytest.raises(RelayStopped, match="0: 5 events were relayed, the store has 3"):
        await run_relay([bench.relay("one")], asyncio.Event())


async def test_a_log_that_was_replaced_ends_the_relay(bench: Bench) -> None:
    await bench.relay("one").step()
    bench.log = MemoryLog(log_id="77aa")
    with pytest.raises(RelayStopped, match="filled from another log of this name"):
        await run_relay([bench.relay("one")], asyncio.Event())


async def restored(bench: Bench, events: int) -> None:
    """Log and leases as a backup of one moment brings them back; the topic is as it was."""
    bench.log.cut(0, events)
    bench.leases = MemoryRelayLeases(lambda: bench.time)
    lease = (await bench.leases.take(LOG, LOG_ID, [0], "before"))[0]
    await bench.leases.release(await bench.leases.advance([Advance(lease, events)]))


async def test_a_store_restored_with_its_checkpoints_ends_the_relay(bench: Bench) -> None:
    bench.log.add(0, 5)
    await bench.relay("one").step()
    await restored(bench, 3)
    with pytest.raises(RelayStopped, match="0: 5 events were relayed, the store has 3"):
        await run_relay([bench.relay("two")], asyncio.Event())


@pytest.mark.parametrize("events_since", [2, 7])
@pytest.mark.parametrize("ticks_since", [0, 30], ids=["an event last", "ticks last"])
async def test_a_restored_store_that_went_on_otherwise_ends_the_relay(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, events_since: int, ticks_since: int
) -> None:
    """Else what is in the topic already would be taken for what the store has now."""
    monkeypatch.setattr(kafka_relay, "TICK_SECONDS", 0.0 if ticks_since else 3_600.0)
    relay = bench.relay("one")
    bench.log.add(0, 3)
    await relay.step()
    bench.log.add(0, 2)
    for _ in range(1 + ticks_since):
        await relay.step()
    ticks = (await topic_content(bench.bootstrap, bench.topic)).ticks
    assert len(ticks) == (ticks_since + 2 if ticks_since else 1)
    await restored(bench, 3)
    bench.log.add(0, events_since, hash_byte=2)
    with pytest.raises(RelayStopped, match="restored from before and has gone on"):
        await run_relay([bench.relay("two")], asyncio.Event())
    assert await bench.arrived() == [0, 1, 2, 3, 4]


async def test_a_store_that_is_a_moment_behind_is_not_taken_for_a_restored_one(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that numbers by itself knows what others have relayed only when it has caught up."""
    bench.log.add(0, 5)
    await bench.relay("one").step()
    bench.let_leases_expire()
    settle = bench.log.recorded_until

    async def behind(_log: str) -> list[int]:
        return [3, 0]

    async def caught_up(log: str, partition: int) -> datetime:
        monkeypatch.undo()
        return await settle(log, partition)

    monkeypatch.setattr(bench.log, "heads", behind)
    monkeypatch.setattr(bench.log, "recorded_until", caught_up)
    relay = bench.relay("two")
    await relay.step()
    assert sorted(relay.partitions.held) == [0, 1]


async def test_a_topic_of_another_log_ends_a_relay_that_knows_nothing_of_it(bench: Bench) -> None:
    bench.log.add(0, 2)
    await bench.relay("one").step()
    bench.log, bench.leases = MemoryLog(log_id="77aa"), MemoryRelayLeases(lambda: bench.time)
    with pytest.raises(RelayStopped, match="the store was replaced"):
        await run_relay([bench.relay("two")], asyncio.Event())


async def test_a_topic_that_holds_nothing_any_more_says_nothing(bench: Bench) -> None:
    bench.log.add(0, 5)
    await bench.relay("one").step()
    await delete_topic_content(bench.bootstrap, bench.topic)
    bench.log.add(0, 2)
    bench.let_leases_expire()
    assert await bench.relay("two").step() == 2


async def test_a_hole_in_the_store_stops_its_partition_until_it_is_mended(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_partitions, "_KEEP_SECONDS", 0.1)
    bench.log.add(0, 5)
    lost = bench.log.lose(0, 2)
    bench.log.add(1, 3)
    relay = bench.relay()
    async with running(relay):
        with capture_logs() as logs:
            await eventually(lambda: _has_problem(relay, "0 has a hole at 2: run `pulsetrail"))
            await asyncio.sleep(0.5)
        assert [log["event"] for log in logs] == ["relay_stopped_partition"]
        assert list(relay.partitions.stopped) == [0]
        bench.log.add(1, 2)
        await eventually(lambda: _has_relayed(relay, 5))
        assert await bench.arrived() == []
        bench.log.put_back(lost)
        await eventually(lambda: _has_relayed(relay, 10))
        await eventually(lambda: _is_at_work(relay))
    assert await bench.arrived() == [0, 1, 2, 3, 4]


async def test_one_that_cannot_go_on_stops_the_others_gracefully(bench: Bench) -> None:
    standing_by, broken = bench.relay("one"), bench.relay("two")
    await standing_by.step()

    async def stop_at_once() -> int:
        raise RelayStopped("it cannot go on")

    broken.step = stop_at_once  # type: ignore[method-assign]
    with pytest.raises(RelayStopped, match="it cannot go on"):
        await run_relay([standing_by, broken], asyncio.Event())
    assert len(await bench.leases.take(LOG, "5f0c", [0, 1], "three")) == 2


async def test_an_outlet_tells_when_kafka_does_not_take_it() -> None:
    outlet = KafkaOutlet("127.0.0.1:1")
    with pytest.raises(StoreAway, match="does not take nowhere/0"):
        await outlet.send("nowhere", 0, [Message(None, b"x", [])])
    await outlet.discard()


async def _is_at_work(relay: LogRelay) -> bool:
    return relay.problem is None


async def _has_relayed(relay: LogRelay, events: int) -> bool:
    return relay.relayed == events


async def _has_problem(relay: LogRelay, what: str) -> bool:
    return relay.problem is not None and what in relay.problem
