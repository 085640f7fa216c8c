"""What time brings is done only by whoever holds the lease, and only as far as all is applied."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from shared.adapters import postgres_runner_lease
from shared.adapters.postgres_runner_lease import PostgresRunnerLease
from shared.adapters.postgres_schemas import PartitionsAreFixed
from shared.delivered_subscription import DeliveredSubscription
from shared.errors import StoreAway
from shared.feed import Feed, WrongLog
from shared.ports import Ports
from shared.running import Running
from shared.service import Runner
from tests.shared.installation import opened
from tests.shared.log_sources import ScriptedSource
from tests.shared.reading import following, happen
from tests.shared.staff import NOW, Join, headcount_model


@pytest.fixture
async def ports(tmp_path: Path) -> AsyncIterator[Ports]:
    async with opened(tmp_path) as ports:
        yield ports


class Clockwork:
    """A runner that notes the times it is given."""

    def __init__(self) -> None:
        self.asked: list[datetime] = []
        self.known: datetime | None = NOW
        self.runner = Runner(name="staff.talks", step=self.step, poll_seconds=0.01)

    async def step(self, now: datetime) -> bool:
        self.asked.append(now)
        return False

    async def known_until(self, _runner: Runner) -> datetime | None:
        return self.known


class Lease:
    def __init__(self) -> None:
        self.ours = True

    async def is_ours(self, name: str) -> bool:
        return self.ours

    async def give_back(self, name: str) -> None:
        self.ours = False


async def until_asked(clockwork: Clockwork, times: int) -> None:
    for _ in range(500):
        if len(clockwork.asked) >= times:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(clockwork.asked)


async def test_a_runner_gets_the_time_until_which_all_is_applied(ports: Ports) -> None:
    clockwork = Clockwork()
    clockwork.known = None
    running = Running(ports.event_store, [], [clockwork.runner], clockwork.known_until)
    running.start()
    await asyncio.sleep(0.1)
    assert clockwork.asked == []
    clockwork.known = NOW + timedelta(seconds=1)
    await until_asked(clockwork, 1)
    await running.stop(5)
    assert set(clockwork.asked) == {NOW + timedelta(seconds=1)}


async def test_who_rests_is_not_waited_for_where_nothing_was_appended(ports: Ports) -> None:
    clockwork = Clockwork()
    runner = replace(clockwork.runner, poll_seconds=60.0)
    running = Running(ports.event_store, [], [runner], clockwork.known_until)
    assert not running.is_idle()
    running.start()
    await until_asked(clockwork, 1)
    await asyncio.sleep(0)
    assert running.is_idle()

    await happen(ports, Join(person_id="P1"))
    assert not running.is_idle()
    await until_asked(clockwork, 2)
    await running.stop()
    assert running.is_idle()


async def test_a_runner_whose_lease_another_holds_stands_by(ports: Ports) -> None:
    clockwork, lease = Clockwork(), Lease()
    lease.ours = False
    running = Running(ports.event_store, [], [clockwork.runner], clockwork.known_until, lease=lease)
    running.start()
    await asyncio.sleep(0.1)
    assert clockwork.asked == []
    lease.ours = True
    await until_asked(clockwork, 1)
    await running.stop()


async def test_a_log_that_was_replaced_is_said_to_be_the_end(
    ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = await following(ports)

    async def replaced(_stopping: asyncio.Event) -> None:
        raise WrongLog("the store was replaced")

    monkeypatch.setattr(follower, "follow", replaced)
    running = Running(ports.event_store, [follower], [], Clockwork().known_until)
    running.start()
    await asyncio.wait_for(running.cannot_go_on.wait(), 5)
    assert running.stopped == {"staff.headcount.v1": "the store was replaced"}
    await running.stop()


async def test_a_log_with_other_partitions_is_the_end_for_who_follows_and_for_what_time_brings(
    ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found out later where the store was away at the start."""
    said = "the log directory was made with 4 partitions, configured are 16: set LOG_PARTITIONS=4"

    async def differs(_log: str) -> str:
        raise PartitionsAreFixed("directory", made=4, configured=16)

    async def step(_now: datetime) -> bool:
        await differs("directory")
        return False

    monkeypatch.setattr(ports.event_store, "log_id", differs)
    target = headcount_model()
    feed = Feed(ports.event_store, ports.codec)

    async def open_source(_log: str, _subscription: str) -> ScriptedSource:
        return ScriptedSource(ports.event_store)

    delivered = DeliveredSubscription(target, feed, ports.read_store, open_source)
    runner = Runner(name="staff.talks", step=step, poll_seconds=0.01)
    for followers, runners, name in (
        ([await following(ports)], [], "staff.headcount.v1"),
        ([delivered], [], "staff.headcount.v1"),
        ([], [runner], "staff.talks"),
    ):
        running = Running(ports.event_store, followers, runners, Clockwork().known_until)
        running.start()
        await asyncio.wait_for(running.cannot_go_on.wait(), 5)
        assert running.stopped == {name: said}
        await running.stop()


@pytest.mark.postgres
async def test_a_lease_is_held_by_one_process_until_it_ends(database: str) -> None:
    ours, theirs = PostgresRunnerLease(database), PostgresRunnerLease(database)
    assert await ours.is_ours("projections.watch")
    assert not await theirs.is_ours("projections.watch")
    assert await theirs.is_ours("notifications.steps")
    await ours.close()
    assert await theirs.is_ours("projections.watch")
    await theirs.give_back("projections.watch")
    assert await ours.is_ours("projections.watch")
    await ours.close()
    await theirs.close()


@pytest.mark.postgres
async def test_a_process_that_stands_still_loses_its_lease_and_notices(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_runner_lease, "STANDS_STILL_SECONDS", 1)
    monkeypatch.setattr(postgres_runner_lease, "_CHECK_SECONDS", 0.0)
    frozen, other = PostgresRunnerLease(database), PostgresRunnerLease(database)
    assert await frozen.is_ours("watch")
    assert not await other.is_ours("watch")
    async with asyncio.timeout(10):
        while not await other.is_ours("watch"):  # noqa: ASYNC110  # the server sets no event
            await asyncio.sleep(0.2)
    assert not await frozen.is_ours("watch")
    await frozen.close()
    await other.close()


@pytest.mark.postgres
async def test_without_a_database_nobody_holds_a_lease() -> None:
    lease = PostgresRunnerLease("postgresql://nobody@127.0.0.1:1/nowhere")
    with pytest.raises(StoreAway):
        await lease.is_ours("projections.watch")
    await lease.close()
