"""What one process knows of subscriptions that others run: by their checkpoints alone."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from shared.clock import milliseconds
from shared.followed_elsewhere import CheckpointReader, FollowedElsewhere, known_until
from shared.ports import Ports
from shared.progress import NotReachedYet
from shared.read_store import CHECKPOINTS
from shared.rebuilding import rebuild
from shared.subscription import SubscriptionStopped
from tests.shared.installation import opened
from tests.shared.reading import catch_up, following, happen, headcounts, rows_of
from tests.shared.staff import NOW, NOWHERE, Join, Move, headcount_model


@pytest.fixture
async def ports(tmp_path: Path, read_models: str | None) -> AsyncIterator[Ports]:
    async with opened(tmp_path, read_models=read_models) as ports:
        yield ports


def elsewhere(ports: Ports) -> FollowedElsewhere:
    """As a process sees the headcount that another one follows."""
    reader = CheckpointReader(ports.read_store)
    seen = FollowedElsewhere(headcount_model(), ports.event_store, ports.read_store, reader)
    ports.progress.follow([seen])
    return seen


async def test_a_position_is_what_the_follower_has_committed(ports: Ports) -> None:
    follower = await following(ports)
    seen = elsewhere(ports)
    assert await seen.position(0) == 0
    await happen(ports, Join(person_id="P1"), Join(person_id="P2"))
    assert not await seen.at_head()
    await catch_up(follower)
    assert (await seen.position(0), await seen.at_head()) == (2, True)


async def test_a_reader_waits_for_what_another_process_folds(ports: Ports) -> None:
    follower = await following(ports)
    elsewhere(ports)
    await happen(ports, Join(person_id="P1"))
    [event] = await ports.event_store.read_log("directory", 0, 0, 1)
    token = await ports.progress.token_of(event.position)
    with pytest.raises(NotReachedYet, match=r"staff\.headcount\.v1 is at 0"):
        await ports.progress.wait_for(token, seconds=0.1)
    waiting = asyncio.create_task(ports.progress.wait_for(token))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await catch_up(follower)
    await asyncio.wait_for(waiting, 5)


async def test_those_who_ask_together_are_answered_by_one_query(
    ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    await following(ports)
    reader = CheckpointReader(ports.read_store)
    asked: list[None] = []
    read = reader._read

    async def counted() -> object:
        asked.append(None)
        await asyncio.sleep(0.02)
        return await read()

    monkeypatch.setattr(reader, "_read", counted)
    await asyncio.gather(*(reader.places() for _ in range(50)))
    assert len(asked) <= 2


async def test_what_is_put_aside_elsewhere_is_known(ports: Ports) -> None:
    follower = await following(ports)
    await happen(ports, Join(person_id="P1"), Move(person_id="P1", unit_id=NOWHERE))
    await catch_up(follower)
    assert await elsewhere(ports).parked() == {"acme/person/P1"}


async def test_the_clock_is_that_of_the_slowest_and_unknown_while_one_is_silent(
    ports: Ports,
) -> None:
    follower = await following(ports)
    await happen(ports, Join(person_id="P1"))
    await catch_up(follower)
    reader = CheckpointReader(ports.read_store)
    name = follower.name
    assert await known_until(reader, [name], 1) is None
    async with ports.read_store.transaction() as connection:
        told = update(CHECKPOINTS).values(recorded_until=milliseconds(NOW))
        await connection.execute(told)
        row = (await connection.execute(CHECKPOINTS.select())).mappings().one()
        later = milliseconds(NOW + timedelta(seconds=9))
        other = dict(row) | {"subscription": "staff.moves.v1", "recorded_until": later}
        await connection.execute(CHECKPOINTS.insert().values(other))
    assert await known_until(reader, [name, "staff.moves.v1"], 1) == NOW
    assert await known_until(reader, ["staff.moves.v1"], 1) == NOW + timedelta(seconds=9)
    assert await known_until(reader, [name, "staff.unheard.v1"], 1) is None
    assert await known_until(reader, [name], 2) is None
    assert await known_until(reader, [], 1) is None


async def test_a_new_version_is_built_from_the_store_while_the_former_is_shown_and_traffic_goes_on(
    ports: Ports,
) -> None:
    """Whoever shows the new one is ready when it knows all that the former one knows."""
    model = headcount_model()
    next_model = replace(model, projection=replace(model.projection, version=2))
    former = await following(ports)
    await happen(ports, Join(person_id="P1"), Move(person_id="P1", unit_id="u2"))
    await catch_up(former)
    latter = await following(ports, next_model)
    reader = CheckpointReader(ports.read_store)
    seen = FollowedElsewhere(next_model, ports.event_store, ports.read_store, reader)
    ports.progress.follow([seen])
    shown = await rows_of(ports, model.rows)

    assert await seen.is_behind_former()
    assert await rows_of(ports, next_model.rows) == []
    await rebuild(ports, next_model, compare=False)
    assert not await seen.is_behind_former()
    assert await rows_of(ports, next_model.rows) == shown == await rows_of(ports, model.rows)

    await happen(ports, Join(person_id="P2"))
    await catch_up(former)
    assert await seen.is_behind_former()
    await catch_up(latter)
    assert not await seen.is_behind_former()
    assert latter.outcomes["applied"] == 1
    assert await rows_of(ports, next_model.rows) == await rows_of(ports, model.rows)


async def test_a_first_version_has_nothing_to_wait_for(ports: Ports) -> None:
    await following(ports)
    await happen(ports, Join(person_id="P1"))
    assert not await elsewhere(ports).is_behind_former()


async def test_a_rebuild_from_another_process_is_found_by_the_follower(ports: Ports) -> None:
    """Fenced once, it reads its checkpoint anew and goes on from the rebuilt rows."""
    model = headcount_model()
    follower = await following(ports)
    await happen(ports, Join(person_id="P1"))
    await catch_up(follower)
    elsewhere(ports)
    await rebuild(ports, model, compare=False)
    await happen(ports, Join(person_id="P2"))
    with pytest.raises(SubscriptionStopped, match="another process owns"):
        await follower.step()
    assert await headcounts(ports, model) == [("u1", 0, 1)]
    follower.forget()
    await catch_up(follower)
    assert await headcounts(ports, model) == [("u1", 0, 2)]
    assert await rebuild(ports, model, compare=True) == []
