"""A subscription's reader on a real Kafka: each event once, in order, or a loud stop."""

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from aiokafka.structs import TopicPartition
from structlog.testing import capture_logs

from shared.adapters.kafka_consumer import KafkaLogSource
from shared.adapters.kafka_messages import Message, MessageCodec, Tick
from shared.adapters.kafka_outlet import KafkaOutlet
from shared.errors import StoreAway
from shared.feed import SubscriptionStopped
from shared.log_source import StartingPoint
from shared.watchdog import Hangs, Watchdog
from stack.kafka_server import KafkaServer
from tests.shared.relayed_log import LOG, LOG_ID, NOW, an_event, create_topic

pytestmark = pytest.mark.kafka

BEGINNING = StartingPoint(0, None)


class Owner:
    """Keeps what a subscription would: where each partition goes on, and what has come."""

    def __init__(self) -> None:
        self.starts: dict[int, StartingPoint] = {}
        self.mine: set[int] = set()
        self.came: list[tuple[int, int]] = []
        self.ticks: list[int] = []
        self.behind: dict[int, int] = {}
        self.failures: list[Exception] = []

    async def assigned(self, partitions: Collection[int]) -> Mapping[int, StartingPoint]:
        if self.failures:
            raise self.failures.pop()
        self.mine |= set(partitions)
        return {each: self.starts.get(each, BEGINNING) for each in partitions}

    async def revoked(self, partitions: Collection[int]) -> None:
        self.mine -= set(partitions)

    async def take(self, source: KafkaLogSource, seconds: float = 0.5) -> None:
        for partition, events, next_source, until, behind, _again in await source.fetch(seconds):
            self.behind[partition] = behind
            self.came.extend((partition, event.offset) for event in events)
            if until is not None:
                self.ticks.append(int((until - NOW).total_seconds()))
            position = self.starts.get(partition, BEGINNING).next_offset + len(events)
            self.starts[partition] = StartingPoint(position, next_source)

    async def take_until(self, source: KafkaLogSource, count: int) -> None:
        async with asyncio.timeout(40):
            while len(self.came) < count:
                await self.take(source)


class Bench:
    """A topic that the test fills, and readers of it."""

    def __init__(self, bootstrap: str, prefix: str, topic: str) -> None:
        self.bootstrap = bootstrap
        self.topic = topic
        self._prefix = prefix
        self._outlet = KafkaOutlet(bootstrap)
        self._sources: list[KafkaLogSource] = []

    def source(self, group: str | None = "silence", partitions: int = 2) -> KafkaLogSource:
        source = KafkaLogSource(
            LOG, LOG_ID, partitions, self.bootstrap, group=group, prefix=self._prefix
        )
        self._sources.append(source)
        return source

    async def send(self, offsets: Iterable[int], partition: int = 0, log_id: str = LOG_ID) -> None:
        codec = MessageCodec(LOG, log_id, partition)
        await self.put([codec.message(an_event(partition, each)) for each in offsets], partition)

    async def tick(self, next_position: int, seconds: int, partition: int = 0) -> None:
        tick = Tick(NOW + timedelta(seconds=seconds), next_position)
        await self.put([MessageCodec(LOG, LOG_ID, partition).tick(tick)], partition)

    async def put(self, messages: Sequence[Message], partition: int = 0) -> None:
        await self._outlet.send(self.topic, partition, messages)

    async def delete_before(self, offset: int) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        await admin.delete_records({TopicPartition(self.topic, 0): RecordsToDelete(offset)})
        await admin.close()

    async def close(self) -> None:
        for source in self._sources:
            await source.close()
        await self._outlet.discard()


@pytest.fixture
async def bench(kafka: str, topic_prefix: str) -> AsyncIterator[Bench]:
    bench = Bench(kafka, topic_prefix, await create_topic(kafka, topic_prefix))
    yield bench
    await bench.close()


@pytest.fixture(params=["silence", None], ids=["in a group", "without a group"])
def group(request: pytest.FixtureRequest) -> str | None:
    return str(request.param) if request.param else None


async def test_all_partitions_are_read_from_the_beginning(bench: Bench, group: str | None) -> None:
    await bench.send(range(5), 0)
    await bench.send(range(3), 1)
    owner, source = Owner(), bench.source(group)
    await source.start(owner)
    await owner.take_until(source, 8)
    assert sorted(owner.came) == [*[(0, each) for each in range(5)], *[(1, e) for e in range(3)]]


async def test_a_fetch_tells_how_much_stands_behind_it(bench: Bench, group: str | None) -> None:
    events = 8_000  # more than a fetch brings
    await bench.send(range(events))
    owner, source = Owner(), bench.source(group)
    await source.start(owner)
    left: list[int] = []
    while len(owner.came) < events:
        await owner.take(source)
        if owner.came:
            assert len(owner.came) + owner.behind[0] == events
            left.append(owner.behind[0])
    assert left[0] > 0
    assert left[-1] == 0


async def test_after_a_rebalance_amid_a_seek_the_owner_is_asked_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the partition would be read, and its owner would not know that it is theirs."""
    await bench.send(range(5))
    owner, source = Owner(), bench.source()
    await source.start(owner)
    await owner.take_until(source, 5)
    consumer = source._running()
    ask = consumer.beginning_offsets

    async def rebalanced_meanwhile(places: Any) -> Any:
        monkeypatch.undo()
        everything = list(consumer.assignment())
        await source.on_partitions_revoked(everything)
        source.on_partitions_assigned(everything)
        return await ask(places)

    monkeypatch.setattr(consumer, "beginning_offsets", rebalanced_meanwhile)
    await source.seek(0, StartingPoint(0, 0))
    assert owner.mine == set()
    await bench.send(range(5, 8))
    await owner.take_until(source, 8)
    assert owner.mine == {0, 1}
    assert owner.came == [(0, each) for each in range(8)]


async def test_what_comes_later_comes_too(bench: Bench, group: str | None) -> None:
    owner, source = Owner(), bench.source(group)
    await source.start(owner)
    await owner.take(source)
    await bench.send(range(3))
    await owner.take_until(source, 3)
    await bench.send(range(3, 6))
    await owner.take_until(source, 6)
    assert owner.came == [(0, each) for each in range(6)]


async def test_stored_offsets_rule_and_not_what_was_reported(bench: Bench) -> None:
    await bench.send(range(6))
    owner, first = Owner(), bench.source()
    await first.start(owner)
    await owner.take_until(first, 6)
    await first.report({0: 6})
    await first.close()
    again = Owner()
    again.starts[0] = StartingPoint(2, 2)
    second = bench.source()
    await second.start(again)
    await again.take_until(second, 4)
    assert again.came == [(0, 2), (0, 3), (0, 4), (0, 5)]


async def test_an_owner_that_fails_is_asked_again_and_nothing_comes_before(bench: Bench) -> None:
    await bench.send(range(4))
    earlier, source = Owner(), bench.source()
    await source.start(earlier)
    await earlier.take_until(source, 4)
    await source.report({0: 4})
    await source.close()
    owner, source = Owner(), bench.source()
    owner.failures = [StoreAway("the offsets cannot be read")]
    await source.start(owner)
    with pytest.raises(StoreAway, match="the offsets cannot be read"):
        await _fetch_until_it_fails(source)
    await owner.take_until(source, 4)
    assert owner.came == [(0, each) for each in range(4)]


async def test_a_seek_brings_again_what_was_fetched(bench: Bench, group: str | None) -> None:
    await bench.send(range(5))
    owner, source = Owner(), bench.source(group)
    await source.start(owner)
    await owner.take_until(source, 5)
    await source.seek(0, StartingPoint(3, 3))
    owner.came.clear()
    await owner.take_until(source, 2)
    assert owner.came == [(0, 3), (0, 4)]


async def test_an_event_that_comes_twice_is_delivered_once(bench: Bench) -> None:
    await bench.send([0, 1, 2, 0, 1, 2, 3, 4, 1, 2])
    await bench.send([5])
    owner, source = Owner(), bench.source()
    await source.start(owner)
    await owner.take_until(source, 6)
    assert owner.came == [(0, each) for each in range(6)]


async def test_without_a_source_offset_known_events_are_skipped(bench: Bench) -> None:
    await bench.send(range(6))
    owner, source = Owner(), bench.source()
    owner.starts[0] = StartingPoint(4, None)
    await source.start(owner)
    await owner.take_until(source, 2)
    assert owner.came == [(0, 4), (0, 5)]


async def test_the_latest_tick_is_told_even_alone(bench: Bench) -> None:
    await bench.send(range(2))
    await bench.tick(2, seconds=10)
    await bench.tick(2, seconds=20)
    owner, source = Owner(), bench.source()
    await source.start(owner)
    await owner.take_until(source, 2)
    await bench.tick(2, seconds=30)
    while 30 not in owner.ticks:
        await owner.take(source)
    assert 20 in owner.ticks
    assert owner.starts[0] == StartingPoint(2, 5)


async def test_a_hole_stops_its_partition_and_the_others_go_on(bench: Bench) -> None:
    await bench.send([0, 1])
    owner, source = Owner(), bench.source()
    await source.start(owner)
    await owner.take_until(source, 2)
    with capture_logs() as logs:
        await bench.send([4, 5])
        await _take_until_stopped(owner, source)
    assert "events 2 to 3 are missing in the midst of the topic" in source.stopped[0]
    assert [(log["event"], log["log_level"], log["partition"]) for log in logs] == [
        ("partition_stopped", "error", 0)
    ]
    await bench.send(range(3), partition=1)
    await bench.send([6])
    await owner.take_until(source, 5)
    assert owner.came == [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2)]
    assert 0 not in await source.lag(), "else it would be taken for one that hangs"


async def test_past_a_hole_it_goes_on_where_a_rebuild_has_come_to(bench: Bench) -> None:
    await bench.send([0, 1, 4])
    owner, source = Owner(), bench.source()
    await source.start(owner)
    await _take_until_stopped(owner, source)
    await source.seek(0, StartingPoint(4, 2))
    await owner.take_until(source, 1)
    assert (owner.came, source.stopped) == ([(0, 4)], {})


async def test_a_hole_at_the_end_is_told_by_the_tick(bench: Bench) -> None:
    await bench.send([0, 1])
    await bench.tick(3, seconds=10)
    owner, source = Owner(), bench.source()
    await source.start(owner)
    await _take_until_stopped(owner, source)
    assert "events 2 to 2 are missing in the midst" in source.stopped[0]


async def test_a_late_tick_of_a_relay_that_was_overtaken_turns_no_clock_back(bench: Bench) -> None:
    await bench.send(range(4))
    await bench.tick(4, seconds=20)
    owner, source = Owner(), bench.source()
    await source.start(owner)
    await owner.take_until(source, 4)
    await bench.tick(2, seconds=10)
    while len(owner.ticks) < 2:
        await owner.take(source)
    assert set(owner.ticks) == {20}


async def test_a_log_whose_beginning_kafka_has_deleted_stops_the_reader(bench: Bench) -> None:
    await bench.send(range(6))
    await bench.delete_before(4)
    with pytest.raises(
        SubscriptionStopped,
        match=r"events 0 to 3 are not in the topic any more.*rebuild it from the store",
    ):
        await _read_until_stopped(bench, Owner())


async def test_a_stored_offset_that_kafka_has_deleted_stops_the_reader(bench: Bench) -> None:
    await bench.send(range(6))
    await bench.delete_before(4)
    owner = Owner()
    owner.starts[0] = StartingPoint(2, 2)
    with pytest.raises(
        SubscriptionStopped, match=r"events 2 to 3 are not in the topic any more: Kafka has deleted"
    ):
        await _read_until_stopped(bench, owner)


async def test_what_kafka_has_deleted_is_no_loss_to_who_has_it_already(bench: Bench) -> None:
    await bench.send(range(4))
    await bench.tick(4, seconds=10)
    await bench.send(range(4, 6))
    await bench.delete_before(4)
    owner, source = Owner(), bench.source()
    owner.starts[0] = StartingPoint(4, 2)
    await source.start(owner)
    await owner.take_until(source, 2)
    assert owner.came == [(0, 4), (0, 5)]


async def test_who_is_overtaken_by_the_retention_goes_on_where_nothing_is_missing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bench.send(range(3))
    owner, source = Owner(), bench.source()
    await source.start(owner)
    await owner.take_until(source, 3)

    async def overtaken(**_asked: Any) -> None:
        monkeypatch.undo()
        raise OffsetOutOfRangeError({TopicPartition(bench.topic, 0): 3})

    await bench.send(range(3, 5))
    await bench.delete_before(3)
    monkeypatch.setattr(source._running(), "getmany", overtaken)
    await owner.take_until(source, 5)
    assert owner.came == [(0, each) for each in range(5)]


@pytest.mark.parametrize("source_offset", [4, 9], ids=["too late in it", "beyond its end"])
async def test_a_topic_that_was_made_anew_is_read_from_its_beginning(
    bench: Bench, source_offset: int
) -> None:
    await bench.send(range(6))
    owner, source = Owner(), bench.source()
    owner.starts[0] = StartingPoint(3, source_offset)
    await source.start(owner)
    await owner.take_until(source, 3)
    assert owner.came == [(0, 3), (0, 4), (0, 5)]


async def test_another_log_of_this_name_stops_the_reader(bench: Bench) -> None:
    await bench.send(range(2), log_id="77aa")
    with pytest.raises(SubscriptionStopped, match="the store or the topic was replaced"):
        await _read_until_stopped(bench, Owner())


async def test_a_foreign_record_is_named_and_left_out(bench: Bench) -> None:
    await bench.put([Message(b"k", b"who knows", [])])
    await bench.send(range(2))
    owner, source = Owner(), bench.source()
    await source.start(owner)
    with capture_logs() as logs:
        await owner.take_until(source, 2)
    assert [(log["event"], log["record"]) for log in logs] == [
        ("record_left_out", "offset 0: not a record of this system")
    ]
    assert owner.came == [(0, 0), (0, 1)]


async def test_a_topic_with_other_partitions_stops_the_reader(bench: Bench) -> None:
    with pytest.raises(SubscriptionStopped, match="has 2 partitions, its log has 4"):
        await bench.source(partitions=4).start(Owner())


async def test_a_missing_topic_may_still_come(kafka: str, topic_prefix: str) -> None:
    source = KafkaLogSource(LOG, LOG_ID, 2, kafka, group="silence", prefix=topic_prefix)
    with pytest.raises(StoreAway, match="is missing: run `pulsetrail topics`"):
        await source.start(Owner())


async def test_a_broker_that_is_away_may_come_back() -> None:
    source = KafkaLogSource(LOG, LOG_ID, 2, "127.0.0.1:1", group="silence")
    with pytest.raises(StoreAway, match="does not answer"):
        await source.start(Owner())


async def test_two_of_a_group_share_the_partitions_and_hand_over(bench: Bench) -> None:
    one, two = Owner(), Owner()
    first, second = bench.source(), bench.source()
    await first.start(one)
    while one.mine != {0, 1}:
        await one.take(first, 0.2)
    await second.start(two)
    while not (one.mine and two.mine and one.mine | two.mine == {0, 1}):
        await asyncio.gather(one.take(first, 0.2), two.take(second, 0.2))
    assert one.mine & two.mine == set()
    await first.close()
    two.starts = one.starts | two.starts
    while two.mine != {0, 1}:
        await two.take(second, 0.2)


async def test_lag_is_what_has_not_been_fetched(bench: Bench) -> None:
    owner, source = Owner(), bench.source(None)
    await source.start(owner)
    await owner.take(source)
    assert await source.lag() == {0: 0, 1: 0}
    await bench.send(range(3))
    assert (await source.lag())[0] in {0, 3}  # it fetches ahead, but hands over only on fetch
    await owner.take_until(source, 3)
    assert await source.lag() == {0: 0, 1: 0}


async def test_behind_a_reader_without_a_place_is_all_that_came(bench: Bench) -> None:
    owner, source = Owner(), bench.source(None)
    await source.start(owner)
    owner.failures = [StoreAway("the database")]
    await bench.send(range(3))
    with pytest.raises(StoreAway):
        await owner.take(source)
    assert await source.lag() == {0: 3, 1: 0}
    await owner.take_until(source, 3)
    assert await source.lag() == {0: 0, 1: 0}


async def test_a_reader_that_begins_anew_has_no_place_until_its_group_gives_it_one(
    bench: Bench,
) -> None:
    owner, source = Owner(), bench.source()
    await bench.send(range(3))
    await source.start(owner)
    await owner.take_until(source, 3)
    assert (await source.lag())[0] == 0
    await source.close()
    await source.start(owner)
    assert await source.lag() == {0: 3, 1: 0}


class Watched:
    """What the watchdog asks of a subscription, of a reader that takes nothing any more."""

    name = "silence"
    is_paused = False
    taken = 0

    def __init__(self, source: KafkaLogSource) -> None:
        self.outcomes: Counter[str] = Counter()
        self._source = source

    async def lag(self) -> int:
        return sum((await self._source.lag()).values())

    async def found(self) -> None:
        followed: Any = self
        await Watchdog([followed], patience_seconds=1, look_seconds=0.2).watch()


async def test_who_has_fallen_out_of_its_group_and_does_not_come_back_hangs(bench: Bench) -> None:
    class HangsWhenRevoked(Owner):
        """As a batch does that waits for a database which does not answer any more."""

        async def revoked(self, partitions: Collection[int]) -> None:
            await super().revoked(partitions)
            await released.wait()

    released = asyncio.Event()
    lost, other = HangsWhenRevoked(), Owner()
    first, second = bench.source(), bench.source()
    await first.start(lost)
    while lost.mine != {0, 1}:
        await lost.take(first, 0.2)
    assert await first.lag() == {0: 0, 1: 0}
    await second.start(other)
    while lost.mine:
        await lost.take(first, 0.2)
    found = asyncio.create_task(Watched(first).found())
    async with asyncio.timeout(20):
        for offset in itertools.count():
            await bench.send([offset])
            await asyncio.wait([found], timeout=0.2)
            if found.done():
                break
    released.set()
    with pytest.raises(Hangs, match="not moving"):
        await found


async def test_a_member_for_whom_no_partition_is_left_does_not_hang(bench: Bench) -> None:
    owners = [Owner(), Owner(), Owner()]
    sources = [bench.source() for _ in owners]
    for owner, source in zip(owners, sources, strict=True):
        await source.start(owner)

    async def take() -> None:
        await asyncio.gather(*map(Owner.take, owners, sources, [0.2] * 3))

    async with asyncio.timeout(40):
        while sorted(map(len, (owner.mine for owner in owners))) != [0, 1, 1]:
            await take()
    spare = next(source for owner, source in zip(owners, sources, strict=True) if not owner.mine)
    found = asyncio.create_task(Watched(spare).found())
    for offset in range(10):
        await bench.send([offset])
        await take()
    assert not found.done()
    assert await spare.lag() == {}
    found.cancel()


async def test_a_restarted_broker_is_read_on(own_kafka: KafkaServer, topic_prefix: str) -> None:
    topic = await create_topic(own_kafka.bootstrap, topic_prefix)
    bench = Bench(own_kafka.bootstrap, topic_prefix, topic)
    await bench.send(range(3))
    owner, source = Owner(), bench.source()
    await source.start(owner)
    await owner.take_until(source, 3)
    await asyncio.to_thread(own_kafka.stop)
    await owner.take(source)
    await asyncio.to_thread(own_kafka.start)
    await bench.send(range(3, 6))
    await owner.take_until(source, 6)
    await bench.close()
    assert owner.came == [(0, each) for each in range(6)]


async def _take_until_stopped(owner: Owner, source: KafkaLogSource) -> None:
    async with asyncio.timeout(20):
        while not source.stopped:
            await owner.take(source, 0.1)


async def _read_until_stopped(bench: Bench, owner: Owner) -> None:
    source = bench.source()
    await source.start(owner)
    async with asyncio.timeout(20):
        while True:
            await owner.take(source)


async def _fetch_until_it_fails(source: KafkaLogSource) -> None:
    async with asyncio.timeout(20):
        while True:
            assert await source.fetch(0.2) == []


async def test_a_consumer_that_only_fails_any_more_is_replaced(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner, source = Owner(), bench.source()
    await bench.send(range(3))
    await source.start(owner)
    await owner.take_until(source, 3)
    broken = source._consumer

    async def fails(**_asked: Any) -> None:
        raise KafkaError("the task within the group has failed")

    monkeypatch.setattr(broken, "getmany", fails)
    await bench.send(range(3, 5))
    for _ in range(3):
        with pytest.raises(StoreAway):
            await owner.take(source)
    await owner.take_until(source, 5)

    assert owner.came == [(0, each) for each in range(5)]
    assert source._consumer is not broken
