"""Events counted once: poison, fences, restored stores, holes, reactions."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import delete

from shared.envelope import Position, RecordedEvent
from shared.errors import Busy, Malformed, PoisonMessage, StoreAway
from shared.events.directory import PersonAdded, PersonMoved
from shared.ports import Ports
from shared.progress import NotReachedYet
from shared.read_store import CHECKPOINTS
from shared.subscription import Reaction, Subscription, SubscriptionStopped, run
from tests.shared.installation import opened
from tests.shared.reading import (
    append_unreadable,
    catch_up,
    following,
    happen,
    headcounts,
    letters_of,
    rows_of,
    staff_rows,
)
from tests.shared.staff import NOWHERE, Join, Leave, Move, headcount_model


@pytest.fixture
async def ports(tmp_path: Path, read_models: str | None) -> AsyncIterator[Ports]:
    async with opened(tmp_path, read_models=read_models) as ports:
        yield ports


# -------------------------------------------------------------------------------- poison


async def test_poison_parks_its_stream_and_the_others_go_on(ports: Ports) -> None:
    model = headcount_model()
    subscription = await following(ports, model)
    await happen(ports, Join(person_id="P1"), Join(person_id="P2"))
    await happen(ports, Move(person_id="P1", unit_id="u2"), Move(person_id="P1", unit_id=NOWHERE))
    await happen(ports, Move(person_id="P2", unit_id="u3"), Move(person_id="P1", unit_id="u4"))
    await catch_up(subscription)
    await happen(ports, Leave(person_id="P1"), Leave(person_id="P2"))
    await catch_up(subscription)

    assert await subscription.parked() == {"acme/person/P1"}
    reasons = await letters_of(ports, subscription)
    assert [(stream, offset) for stream, offset, _why in reasons] == [
        ("acme/person/P1", 3),
        ("acme/person/P1", 5),
        ("acme/person/P1", 6),
    ]
    assert reasons[0][2] == "ValueError: nobody can be nowhere"
    assert reasons[2][2] == "its stream is parked"
    rows = {row["key"]: row for row in await rows_of(ports, model.rows)}
    assert (rows["P1"]["unit_id"], rows["P1"]["incomplete"]) == ("u2", True)
    assert (rows["P2"]["unit_id"], rows["P2"]["incomplete"]) == ("u3", False)
    assert subscription.outcomes == {"applied": 5, "dead_lettered": 3}


async def test_what_comes_before_an_unreadable_event_counts(ports: Ports) -> None:
    model = headcount_model()
    subscription = await following(ports, model)
    await happen(ports, Join(person_id="P1"), Move(person_id="P1", unit_id="u2"))
    await append_unreadable(ports, "P1", 2)
    await catch_up(subscription)
    [row] = await rows_of(ports, model.rows)
    assert (row["unit_id"], row["incomplete"]) == ("u2", True)
    assert await letters_of(ports, subscription) == [
        (
            "acme/person/P1",
            2,
            "no event type is named directory.unheard_of.v1",
        )
    ]


async def test_a_parked_stream_stays_parked_after_a_restart(
    tmp_path: Path, read_models: str | None
) -> None:
    async with opened(tmp_path, read_models=read_models) as ports:
        subscription = await following(ports)
        await happen(ports, Join(person_id="P1"), Move(person_id="P1", unit_id=NOWHERE))
        await catch_up(subscription)
    async with opened(tmp_path, read_models=read_models) as ports:
        subscription = await following(ports)
        await happen(ports, Move(person_id="P1", unit_id="u5"))
        await catch_up(subscription)
        assert [offset for _s, offset, _why in await letters_of(ports, subscription)] == [1, 2]


async def test_too_many_parked_streams_stop_the_subscription_for_good(
    tmp_path: Path, read_models: str | None
) -> None:
    async with opened(tmp_path, read_models=read_models) as ports:
        subscription = await following(ports)
        await happen(ports, *(Join(person_id=f"P{n}") for n in range(11)))
        moves = [Move(person_id=f"P{n}", unit_id=NOWHERE) for n in range(11)]
        await happen(ports, *moves[:10])
        await catch_up(subscription)
        await happen(ports, moves[10])
        with pytest.raises(SubscriptionStopped, match="11 streams are parked"):
            await catch_up(subscription)
        await happen(ports, Join(person_id="late"))
    async with opened(tmp_path, read_models=read_models) as ports:
        model = headcount_model()
        with pytest.raises(SubscriptionStopped, match="11 streams are parked"):
            await catch_up(await following(ports, model))
        assert "late" not in await staff_rows(ports, model)


# -------------------------------------------------------------------------------- one owner


async def test_a_second_owner_is_fenced_and_counts_nothing_twice(ports: Ports) -> None:
    model = headcount_model()
    ours, theirs = await following(ports, model), await following(ports, headcount_model())
    await happen(ports, Join(person_id="P1"))
    assert await ours.position(0) == await theirs.position(0) == 0
    await catch_up(ours)
    with pytest.raises(SubscriptionStopped, match="another process owns"):
        await theirs.step()
    assert await headcounts(ports, model) == [("u1", 0, 1)]


async def test_who_asks_where_it_stands_while_it_begins_does_not_disturb_it(ports: Ports) -> None:
    model = headcount_model()
    subscription = await following(ports, model)
    await happen(ports, Join(person_id="P1"), Join(person_id="P2"))
    await asyncio.gather(subscription.position(0), subscription.step([1]), subscription.position(0))
    await catch_up(subscription)
    assert await headcounts(ports, model) == [("u1", 0, 2)]


async def test_a_batch_that_could_not_be_committed_is_taken_again(ports: Ports) -> None:
    model = headcount_model()
    subscription = await following(ports, model)
    await happen(ports, Join(person_id="P1"))
    await ports.read_store.drop_tables([model.deadlines])
    with pytest.raises(StoreAway):
        await subscription.step()
    model = headcount_model()
    subscription = await following(ports, model)
    assert await subscription.position(0) == 0
    await catch_up(subscription)
    assert await headcounts(ports, model) == [("u1", 0, 1)]


async def test_a_checkpoint_ahead_of_the_log_refuses_with_the_remedy(
    tmp_path: Path, read_models: str | None
) -> None:
    backup = tmp_path / "backup.db"
    async with opened(tmp_path, read_models=read_models) as ports:
        subscription = await following(ports)
        await happen(ports, Join(person_id="P1"))
        copied = sqlite3.connect(backup)
        source = sqlite3.connect(tmp_path / "events.db")
        source.backup(copied)
        copied.close()
        source.close()
        await happen(ports, Join(person_id="P2"))
        await catch_up(subscription)
    restore(tmp_path, backup)
    async with opened(tmp_path, read_models=read_models) as ports:
        subscription = await following(ports)
        with pytest.raises(SubscriptionStopped, match="delete the read models' file"):
            await subscription.step()


def restore(folder: Path, backup: Path) -> None:
    for file in folder.glob("events.db*"):
        file.unlink()
    backup.rename(folder / "events.db")


async def test_another_log_under_the_same_name_refuses_with_the_remedy(
    tmp_path: Path, read_models: str | None
) -> None:
    async with opened(tmp_path, read_models=read_models) as ports:
        subscription = await following(ports)
        await happen(ports, Join(person_id="P1"))
        await catch_up(subscription)
    restore(tmp_path, empty_file(tmp_path))
    async with opened(tmp_path, read_models=read_models) as ports:
        await happen(ports, Join(person_id="P1"), Join(person_id="P2"))
        with pytest.raises(SubscriptionStopped, match="restored or replaced"):
            await (await following(ports)).step()


def empty_file(folder: Path) -> Path:
    file = folder / "backup.db"
    file.touch()
    return file


@pytest.mark.parametrize("missing", [0, 2])
async def test_a_hole_in_the_log_stops_before_anything_after_it_counts(
    tmp_path: Path, read_models: str | None, missing: int
) -> None:
    async with opened(tmp_path, read_models=read_models) as ports:
        await happen(ports, *(Join(person_id=f"P{n}") for n in range(5)))
    connection = sqlite3.connect(tmp_path / "events.db")
    connection.execute("DELETE FROM events WHERE log_offset = ?", (missing,))
    connection.commit()
    connection.close()
    async with opened(tmp_path, read_models=read_models) as ports:
        model = headcount_model()
        subscription = await following(ports, model)
        with pytest.raises(SubscriptionStopped, match=f"event {missing} of directory/0 is missing"):
            await catch_up(subscription)
        assert await staff_rows(ports, model) == {}


async def test_a_row_of_the_log_that_cannot_be_read_stops_with_the_remedy(
    tmp_path: Path, read_models: str | None
) -> None:
    async with opened(tmp_path, read_models=read_models) as ports:
        await happen(ports, Join(person_id="P1"))
    connection = sqlite3.connect(tmp_path / "events.db")
    connection.execute("UPDATE events SET event_id = x'00'")
    connection.commit()
    connection.close()
    async with opened(tmp_path, read_models=read_models) as ports:
        with pytest.raises(SubscriptionStopped, match="pulsetrail verify"):
            await (await following(ports)).step()


# -------------------------------------------------------------------------------- reactions


class Listener:
    """A reaction that notes what it was told and objects to some people."""

    def __init__(self, *, poison: Sequence[str] = ()) -> None:
        self.heard: list[str] = []
        self.batches: list[int] = []
        self.poison = set(poison)
        self.failures: list[Exception] = []
        self.poison_once = False

    async def react(self, events: Sequence[RecordedEvent]) -> None:
        if self.failures:
            raise self.failures.pop()
        spoiled = [each for each in events if each.event.person_id in self.poison]
        if spoiled:
            if self.poison_once and len(events) == 1:
                self.poison.clear()
            raise PoisonMessage(f"nobody can greet {spoiled[0].event.person_id}")
        self.batches.append(len(events))
        self.heard += [each.event.person_id for each in events]

    def reaction(self, *, from_beginning: bool = True) -> Reaction:
        return Reaction(
            name="staff.greeting",
            log="directory",
            react=self.react,
            reads=(PersonAdded, PersonMoved),
            from_beginning=from_beginning,
        )


async def test_a_reaction_gets_what_it_reads_in_batches(ports: Ports) -> None:
    listener = Listener()
    subscription = await following(ports, listener.reaction())
    await happen(ports, Join(person_id="P1"), Leave(person_id="P1"), Join(person_id="P2"))
    await catch_up(subscription)
    assert (listener.heard, listener.batches) == (["P1", "P2"], [2])
    await catch_up(subscription)
    assert listener.heard == ["P1", "P2"]


async def test_poison_of_a_reaction_parks_only_its_stream(ports: Ports) -> None:
    listener = Listener(poison=["P2"])
    subscription = await following(ports, listener.reaction())
    await happen(ports, *(Join(person_id=f"P{n}") for n in range(1, 4)))
    await happen(ports, Move(person_id="P2", unit_id="u2"), Move(person_id="P3", unit_id="u2"))
    await catch_up(subscription)
    assert listener.heard == ["P1", "P3", "P3"]
    assert await subscription.parked() == {"acme/person/P2"}
    assert [offset for _s, offset, _why in await letters_of(ports, subscription)] == [1, 3]


async def test_a_stream_parked_in_one_batch_of_a_reaction_is_parked_in_the_next(
    ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.reaction._AT_ONCE", 2)
    listener = Listener(poison=["P2"])
    subscription = await following(ports, listener.reaction())
    await happen(ports, *(Join(person_id=f"P{n}") for n in range(1, 4)))
    listener.poison_once = True
    await happen(ports, Move(person_id="P2", unit_id="u2"), Move(person_id="P3", unit_id="u2"))
    await catch_up(subscription)
    assert listener.heard == ["P1", "P3", "P3"]
    assert [offset for _s, offset, _why in await letters_of(ports, subscription)] == [1, 3]


async def test_a_reaction_that_fails_gets_the_same_events_again(ports: Ports) -> None:
    listener = Listener()
    listener.failures.append(Busy("somebody else was faster"))
    subscription = await following(ports, listener.reaction())
    await happen(ports, Join(person_id="P1"))
    with pytest.raises(Busy):
        await subscription.step()
    assert await subscription.position(0) == 0
    await catch_up(subscription)
    assert listener.heard == ["P1"]


async def test_a_reaction_may_begin_at_the_head_of_the_log(ports: Ports) -> None:
    listener = Listener()
    await happen(ports, Join(person_id="P1"))
    subscription = await following(ports, listener.reaction(from_beginning=False))
    await catch_up(subscription)
    await happen(ports, Join(person_id="P2"))
    await catch_up(subscription)
    assert listener.heard == ["P2"]


# -------------------------------------------------------------------------------- following


async def until(condition: Listener, heard: int) -> None:
    for _ in range(500):
        if len(condition.heard) >= heard:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(condition.heard)


async def test_following_outlives_failures_that_pass(ports: Ports) -> None:
    listener = Listener()
    listener.failures += [RuntimeError("a bug"), StoreAway("gone for a moment")]
    subscription = await following(ports, listener.reaction())
    stopping = asyncio.Event()
    task = asyncio.create_task(run(subscription, ports.event_store, stopping))
    await happen(ports, Join(person_id="P1"))
    await until(listener, 1)
    await happen(ports, Join(person_id="P2"))
    await until(listener, 2)
    stopping.set()
    await asyncio.wait_for(task, 5)
    assert listener.heard == ["P1", "P2"]


async def test_following_ends_where_only_an_operator_can_help(ports: Ports) -> None:
    subscription = await following(ports)
    await catch_up(subscription)
    async with ports.read_store.transaction() as connection:
        await connection.execute(delete(CHECKPOINTS))
    await happen(ports, Join(person_id="P1"))
    with pytest.raises(SubscriptionStopped):
        await asyncio.wait_for(run(subscription, ports.event_store, asyncio.Event()), 5)


async def test_nothing_is_taken_while_it_stands_still(ports: Ports) -> None:
    model = headcount_model()
    subscription = await following(ports, model)
    await happen(ports, Join(person_id="P1"))
    async with subscription.standing_still():
        step = asyncio.create_task(subscription.step())
        await asyncio.sleep(0.05)
        assert not step.done()
    assert await step
    assert await headcounts(ports, model) == [("u1", 0, 1)]


# -------------------------------------------------------------------------------- waiting


async def position_of_the_head(ports: Ports) -> Position:
    return Position("directory", 0, await ports.event_store.head("directory", 0) - 1)


async def test_a_reader_waits_until_the_read_model_contains_the_write(ports: Ports) -> None:
    subscription = await following(ports)
    await happen(ports, Join(person_id="P1"))
    token = await ports.progress.token_of(await position_of_the_head(ports))
    waiting = asyncio.create_task(ports.progress.wait_for(token))
    await asyncio.sleep(0.02)
    assert not waiting.done()
    await catch_up(subscription)
    await asyncio.wait_for(waiting, 2)


async def test_who_waited_too_long_is_told_how_far_it_is(ports: Ports) -> None:
    await following(ports)
    await happen(ports, Join(person_id="P1"))
    token = await ports.progress.token_of(await position_of_the_head(ports))
    with pytest.raises(NotReachedYet, match=r"staff\.headcount\.v1 is at 0 of directory/0"):
        await ports.progress.wait_for(token, seconds=0.05)


async def test_reactions_are_not_waited_for(ports: Ports) -> None:
    await following(ports, Listener().reaction())
    await happen(ports, Join(person_id="P1"))
    token = await ports.progress.token_of(await position_of_the_head(ports))
    await ports.progress.wait_for(token, seconds=0.05)


@pytest.mark.parametrize("token", ["", "x", "中文", "bm9uc2Vuc2U", "YTpiOmM6ZA"])
async def test_a_token_that_is_not_ours_is_malformed(ports: Ports, token: str) -> None:
    with pytest.raises(Malformed):
        await ports.progress.wait_for(token)


async def test_a_token_of_a_partition_that_is_not_there_is_malformed(ports: Ports) -> None:
    with pytest.raises(Malformed):
        await ports.progress.wait_for(await ports.progress.token_of(Position("directory", 7, 0)))


async def test_a_token_of_another_installation_is_malformed(ports: Ports, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    async with opened(elsewhere) as other:
        await happen(other, Join(person_id="P1"))
        token = await other.progress.token_of(await position_of_the_head(other))
    with pytest.raises(Malformed):
        await ports.progress.wait_for(token)


def test_a_subscription_is_named_by_its_target_and_version(ports: Ports) -> None:
    subscription = Subscription(headcount_model(), None, ports.read_store)  # type: ignore[arg-type]  # reads nothing
    assert subscription.name == "staff.headcount.v1"
