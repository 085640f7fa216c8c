"""Events that come through a source count once: repeats, holes, fences, lost answers, kills."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from structlog.testing import capture_logs

from shared.adapters.kafka_consumer import KafkaLogSource
from shared.adapters.kafka_messages import MessageCodec
from shared.adapters.kafka_outlet import KafkaOutlet
from shared.adapters.kafka_topics import Topic, create_topics, log_topic
from shared.checkpoints import Checkpoints
from shared.clock import milliseconds
from shared.delivered_subscription import DeliveredSubscription
from shared.errors import StoreAway
from shared.feed import Feed, SubscriptionStopped, WrongLog
from shared.intake import Batch, Intake
from shared.ports import Ports
from shared.read_store import CHECKPOINTS, DEAD_LETTERS, PARKED_STREAMS
from tests.shared.installation import opened
from tests.shared.log_sources import ScriptedSource
from tests.shared.reading import (
    append_unreadable,
    catch_up,
    following,
    happen,
    headcounts,
    rows_of,
    staff_rows,
)
from tests.shared.staff import NOW, NOWHERE, Join, Leave, Move, headcount_model


@pytest.fixture
async def ports(tmp_path: Path, read_models: str | None) -> AsyncIterator[Ports]:
    async with opened(tmp_path, read_models=read_models) as ports:
        own = headcount_model().tables
        await ports.read_store.create_tables([CHECKPOINTS, PARKED_STREAMS, DEAD_LETTERS, *own])
        yield ports


class Worker:
    """What one process follows the headcount with."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports
        self.source = ScriptedSource(ports.event_store)
        feed = Feed(ports.event_store, ports.codec)

        async def open_source(_log: str, _subscription: str) -> ScriptedSource:
            return self.source

        self.subscription = DeliveredSubscription(
            headcount_model(), feed, ports.read_store, open_source
        )
        self.stopping = asyncio.Event()

    @asynccontextmanager
    async def working(self) -> AsyncIterator["Worker"]:
        task = asyncio.create_task(self.subscription.follow(self.stopping))
        try:
            yield self
        finally:
            self.stopping.set()
            await asyncio.wait_for(task, 10)


async def until(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    """Until `condition` answers something true, or the test fails."""
    ends = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < ends:
        answer = condition()
        if asyncio.iscoroutine(answer):
            answer = await answer
        if answer:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen in time")


async def checkpoint(ports: Ports) -> dict[str, Any]:
    rows = await rows_of(ports, CHECKPOINTS)
    return rows[0] if rows else {"next_offset": None}


def at(ports: Ports, offset: int) -> Callable[[], Any]:
    async def condition() -> bool:
        return bool((await checkpoint(ports))["next_offset"] == offset)

    return condition


async def test_rows_offset_and_place_in_the_source_are_stored_together(ports: Ports) -> None:
    await happen(ports, *(Join(person_id=f"P{n}") for n in range(7)))
    async with Worker(ports).working():
        await until(at(ports, 7))
    stored = await checkpoint(ports)
    assert (stored["next_offset"], stored["source_offset"]) == (7, 71)
    assert await headcounts(ports, headcount_model()) == [("u1", 0, 7)]


async def test_what_comes_again_is_skipped(ports: Ports) -> None:
    await happen(ports, *(Join(person_id=f"P{n}") for n in range(8)))
    worker = Worker(ports)
    worker.source.repeat = 2
    async with worker.working():
        await until(at(ports, 8))
        await happen(ports, Leave(person_id="P0", now=NOW + timedelta(days=1)))
        await until(at(ports, 9))
    assert await headcounts(ports, headcount_model()) == [
        ("u1", 0, 8),
        ("u1", 24 * 3600 * 1000, -1),
    ]
    assert worker.subscription.outcomes["skipped"] > 0
    assert worker.subscription.outcomes["applied"] == 9


@pytest.mark.kafka
async def test_what_a_relay_sent_twice_is_counted_as_skipped(
    ports: Ports, kafka: str, topic_prefix: str
) -> None:
    await happen(ports, *(Join(person_id=f"P{n}") for n in range(3)))
    store, outlet = ports.event_store, KafkaOutlet(kafka)
    topic = log_topic("directory", topic_prefix)
    await create_topics(kafka, [Topic(name=topic, partitions=store.partitions)])
    log_id = await store.log_id("directory")
    codec = MessageCodec("directory", log_id, 0)
    messages = [codec.message(each) for each in await store.read_log("directory", 0, 0, 10)]
    await outlet.send(topic, 0, [*messages[:2], *messages])
    await outlet.discard()

    async def open_source(log: str, subscription: str) -> KafkaLogSource:
        partitions = store.partitions
        return KafkaLogSource(
            log, log_id, partitions, kafka, group=subscription, prefix=topic_prefix
        )

    feed = Feed(store, ports.codec)
    worker = Worker(ports)
    worker.subscription = DeliveredSubscription(
        headcount_model(), feed, ports.read_store, open_source
    )
    async with worker.working():
        await until(at(ports, 3), seconds=30)
    outcomes = worker.subscription.outcomes
    assert (outcomes["applied"], outcomes["skipped"]) == (3, 2)


async def test_a_process_that_was_frozen_while_another_moved_on_takes_no_store_for_replaced(
    ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    await happen(ports, Join(person_id="P1"), Join(person_id="P2"))
    async with Worker(ports).working():
        await until(at(ports, 2))
    store = ports.event_store
    head = store.head

    async def head_before(log: str, partition: int, *, as_stored: bool = False) -> int:
        return await head(log, partition, as_stored=True) if as_stored else 0

    monkeypatch.setattr(store, "head", head_before)
    known = Checkpoints(f"{headcount_model().name}.v1", headcount_model().log, ports.read_store)
    assert (await known.recalled(store, [0], from_beginning=True))[0].next_offset == 2

    async with ports.read_store.transaction() as connection:
        await connection.execute(update(CHECKPOINTS).values(next_offset=3))
    with pytest.raises(WrongLog, match="restored or replaced"):
        await known.recalled(store, [0], from_beginning=True)


async def test_a_hole_stops_before_anything_after_it_counts(ports: Ports) -> None:
    await happen(ports, *(Join(person_id=f"P{n}") for n in range(6)))
    worker = Worker(ports)
    worker.source.lose = 4
    with pytest.raises(SubscriptionStopped, match="event 4 of directory/0 is missing"):
        await asyncio.wait_for(worker.subscription.follow(asyncio.Event()), 10)
    assert sorted(await staff_rows(ports, headcount_model())) == ["P0", "P1", "P2"]
    assert worker.source.closed


async def test_the_next_process_goes_on_where_the_offsets_in_the_database_say(
    ports: Ports,
) -> None:
    await happen(ports, Join(person_id="P1"), Join(person_id="P2"))
    async with Worker(ports).working():
        await until(at(ports, 2))
    await happen(ports, Join(person_id="P3"))
    second = Worker(ports)
    async with second.working():
        await until(at(ports, 3))
    [start] = second.source.started_at
    assert (start.next_offset, start.source_offset) == (2, 21)
    assert await headcounts(ports, headcount_model()) == [("u1", 0, 3)]


async def test_a_zombie_is_fenced_and_takes_no_part(ports: Ports) -> None:
    """It was stopped past its session's end: its partition has gone to another, and comes back."""
    await happen(ports, Join(person_id="P1"))
    zombie, heir = Worker(ports), Worker(ports)
    async with zombie.working():
        await until(at(ports, 1))
        async with heir.working():
            await happen(ports, *(Join(person_id=f"P{n}") for n in range(2, 30)))
            await until(at(ports, 29))
            await happen(ports, *(Join(person_id=f"P{n}") for n in range(30, 60)))
            await until(at(ports, 59))
    assert await headcounts(ports, headcount_model()) == [("u1", 0, 59)]


async def test_a_plain_upsert_of_offsets_would_count_twice(
    ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why the offset is compared and set: the same two owners without it."""
    await happen(ports, Join(person_id="P1"))
    feed = Feed(ports.event_store, ports.codec)
    events = await feed.read("directory", 0, 0, 10)

    async def both_take() -> None:
        owners = [Intake(headcount_model(), feed, ports.read_store) for _ in range(2)]
        for owner in owners:
            await owner.standing(0)
        for owner in owners:
            await owner.take([Batch(0, events)], postponed_at_most=0)

    async def plain_upsert(_self: Any, connection: Any, moves: Any) -> None:
        for partition, (_expected, place) in moves.items():
            await connection.execute(
                update(CHECKPOINTS)
                .where(CHECKPOINTS.c.partition == partition)
                .values(next_offset=place.next_offset)
            )

    with pytest.raises(SubscriptionStopped, match="another process owns"):
        await both_take()
    model = headcount_model()
    assert await sum_of_points(ports, model) == 1
    async with ports.read_store.transaction() as connection:
        for table in (CHECKPOINTS, *model.tables):
            await connection.execute(table.delete())
    monkeypatch.setattr("shared.checkpoints.Checkpoints.advance", plain_upsert)
    monkeypatch.setattr("shared.projecting.RowReadModel.load", nothing_known)
    await both_take()
    assert await sum_of_points(ports, model) == 2


async def nothing_known(*_arguments: Any) -> dict[Any, Any]:
    """As the second owner sees it while the first has not committed."""
    return {}


async def sum_of_points(ports: Ports, model: Any) -> int:
    return sum(row["amount"] for row in await rows_of(ports, model.points))


async def test_a_commit_whose_answer_was_lost_is_told_apart(
    ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    await happen(ports, Join(person_id="P1"), Join(person_id="P2"))
    transaction = ports.read_store.transaction
    lost = iter([False, True])  # the first reads the checkpoint

    @asynccontextmanager
    async def losing_an_answer() -> AsyncIterator[Any]:
        async with transaction() as connection:
            yield connection
        if next(lost, False):
            raise StoreAway("the answer to COMMIT was lost")

    monkeypatch.setattr(ports.read_store, "transaction", losing_an_answer)
    worker = Worker(ports)
    async with worker.working():
        await until(lambda: worker.source.sought)
        await happen(ports, Join(person_id="P3"))
        await until(at(ports, 3))
    assert worker.source.sought[0].next_offset == 2
    assert worker.subscription.outcomes["retried"] == 1
    assert await headcounts(ports, headcount_model()) == [("u1", 0, 3)]


async def test_a_commit_that_failed_is_taken_again(
    ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    await happen(ports, Join(person_id="P1"))
    transaction = ports.read_store.transaction
    fails = iter([False, True, True])

    @asynccontextmanager
    async def failing() -> AsyncIterator[Any]:
        async with transaction() as connection:
            yield connection
            if next(fails, False):
                raise StoreAway("the connection broke")

    monkeypatch.setattr(ports.read_store, "transaction", failing)
    async with Worker(ports).working():
        await until(at(ports, 1))
    assert await headcounts(ports, headcount_model()) == [("u1", 0, 1)]


async def test_a_source_that_is_away_is_asked_again(ports: Ports) -> None:
    await happen(ports, Join(person_id="P1"))
    worker = Worker(ports)
    worker.source.failures.append(StoreAway("the broker is away"))
    async with worker.working():
        await until(at(ports, 1))
    assert worker.subscription.outcomes["retried"] == 1


async def test_the_clock_of_a_source_is_stored_though_nothing_happens(ports: Ports) -> None:
    await happen(ports, Join(person_id="P1"))
    worker = Worker(ports)
    async with worker.working():
        await until(at(ports, 1))
        assert (await checkpoint(ports))["recorded_until"] is None
        for hours in (1, 2):
            worker.source.tick = NOW + timedelta(hours=hours)
            wanted = milliseconds(worker.source.tick)

            async def stored(wanted: int = wanted) -> bool:
                return bool((await checkpoint(ports))["recorded_until"] == wanted)

            await until(stored)
        worker.source.tick = NOW
        await happen(ports, Join(person_id="P2"))
        await until(at(ports, 2))
    assert (await checkpoint(ports))["recorded_until"] == milliseconds(NOW + timedelta(hours=2))


async def test_a_partition_taken_away_is_left_alone_until_it_comes_back(ports: Ports) -> None:
    worker = Worker(ports)
    async with worker.working():
        await until(lambda: worker.subscription.assigned_partitions)
        await worker.source.revoke()
        await happen(ports, Join(person_id="P1"))
        await asyncio.sleep(0.1)
        assert await staff_rows(ports, headcount_model()) == {}
        await worker.source.assign()
        await until(at(ports, 1))


async def test_poison_is_parked_with_the_offsets(ports: Ports) -> None:
    await happen(ports, Join(person_id="P1"), Move(person_id="P1", unit_id=NOWHERE))
    await happen(ports, Join(person_id="P2"))
    async with Worker(ports).working():
        await until(at(ports, 3))
    assert [row["stream"] for row in await rows_of(ports, PARKED_STREAMS)] == ["acme/person/P1"]
    assert [row["log_offset"] for row in await rows_of(ports, DEAD_LETTERS)] == [1]


async def test_what_is_parked_is_told_once_in_the_log_of_the_process(ports: Ports) -> None:
    await happen(ports, Join(person_id="P1"), Move(person_id="P1", unit_id=NOWHERE))
    with capture_logs() as logs:
        async with Worker(ports).working():
            await until(at(ports, 2))
            await happen(ports, Move(person_id="P1", unit_id="u2"))
            await until(at(ports, 3))
    assert [each for each in logs if each["event"] == "stream_parked"] == [
        {
            "event": "stream_parked",
            "log_level": "warning",
            "subscription": f"{headcount_model().name}.v1",
            "stream": "acme/person/P1",
            "place": "directory:0:1",
        }
    ]


@pytest.mark.parametrize("is_delivered", [True, False])
async def test_poison_of_a_type_that_it_does_not_read_concerns_others(
    ports: Ports, is_delivered: bool
) -> None:
    await happen(ports, Join(person_id="P1"), Move(person_id="P1", unit_id="u2"))
    await append_unreadable(ports, "P1", 2, type_name="directory.grant_given.v1")
    if is_delivered:
        async with Worker(ports).working():
            await until(at(ports, 3))
    else:
        await catch_up(await following(ports))
    [row] = await rows_of(ports, headcount_model().rows)
    assert (row["unit_id"], row["incomplete"]) == ("u2", False)
    assert await rows_of(ports, PARKED_STREAMS) == []


async def test_a_paused_subscription_takes_nothing_until_it_is_resumed(ports: Ports) -> None:
    worker = Worker(ports)
    worker.subscription.pause()
    async with worker.working():
        await happen(ports, Join(person_id="P1"))
        await asyncio.sleep(0.4)
        assert await staff_rows(ports, headcount_model()) == {}
        worker.subscription.resume()
        await until(at(ports, 1))
