"""Kept = rebuilt: differences are found and named, contents swapped at once, kills do no harm."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import inspect

from shared import gathering
from shared.clock import milliseconds
from shared.envelope import RecordedEvent
from shared.events.directory import PersonAdded
from shared.followed_elsewhere import CheckpointReader, FollowedElsewhere
from shared.ports import Ports
from shared.projecting import AT_ONCE, RowReadModel
from shared.reaction import Reaction
from shared.read_store import CHECKPOINTS, METADATA
from shared.rebuilding import rebuild, take_from_the_log
from shared.subscription import Subscription
from tests.shared.installation import opened
from tests.shared.reading import (
    catch_up,
    contents_of,
    following,
    happen,
    headcounts,
    letters_of,
    rows_of,
    staff_rows,
)
from tests.shared.staff import (
    HEADCOUNT,
    NOW,
    NOWHERE,
    Join,
    Leave,
    Move,
    StaffRow,
    headcount_model,
    moves_model,
)

Model = RowReadModel[StaffRow]


@pytest.fixture
async def ports(tmp_path: Path, read_models: str | None) -> AsyncIterator[Ports]:
    async with opened(tmp_path, read_models=read_models) as ports:
        yield ports


async def a_year_of_staff(ports: Ports, subscription: Subscription) -> None:
    """Taken in several batches, with points that came and went, and a parked stream."""
    for n in range(6):
        await happen(ports, Join(person_id=f"P{n}", now=NOW + timedelta(days=n)))
        await subscription.step()
    for n in range(5):
        await happen(ports, Move(person_id=f"P{n}", unit_id="u2", now=NOW + timedelta(days=n)))
        await subscription.step()
    await happen(ports, Move(person_id="P5", unit_id=NOWHERE), Leave(person_id="P5"))
    await happen(ports, Leave(person_id="P0", now=NOW))
    await catch_up(subscription)


async def tables_beside(ports: Ports) -> list[str]:
    async with ports.read_store.reading() as connection:
        names = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
    left = [row["subscription"] for row in await rows_of(ports, CHECKPOINTS)]
    return [name for name in [*names, *METADATA.tables, *left] if name.endswith("_beside")]


# -------------------------------------------------------------------------------- comparing


@pytest.mark.parametrize("rows_in_hand", [1, 3, 1_000])
async def test_rows_that_do_not_fit_into_memory_are_rebuilt_all_the_same(
    ports: Ports, rows_in_hand: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "ROWS_IN_HAND", rows_in_hand)
    monkeypatch.setattr(gathering, "BATCH", 2)
    model = headcount_model()
    for n in range(5):
        await happen(ports, Join(person_id=f"P{n}"))
    for n in range(5):
        await happen(ports, Move(person_id=f"P{n}", unit_id="u2"))
    await happen(ports, Leave(person_id="P0"), Move(person_id="P1", unit_id="u1"))
    await catch_up(await following(ports, model))
    steps: list[bool] = []
    step = Subscription.step

    async def counted(self: Subscription, up_to: Any = None) -> bool:
        steps.append(await step(self, up_to))
        return steps[-1]

    monkeypatch.setattr(Subscription, "step", counted)
    assert await rebuild(ports, model, compare=True) == []
    assert steps == [False, False], "everything was gathered before"


@pytest.mark.parametrize("make_model", [headcount_model, moves_model])
async def test_what_was_kept_is_what_is_rebuilt(
    ports: Ports, make_model: Callable[[], Any]
) -> None:
    model = make_model()
    await a_year_of_staff(ports, await following(ports, model))
    folded: list[tuple[int, int]] = []
    assert await rebuild(ports, model, compare=True, progress=lambda *n: folded.append(n)) == []
    assert folded[-1] == (14, 14)
    assert await tables_beside(ports) == []


async def test_planted_differences_are_found_and_named(ports: Ports) -> None:
    model = headcount_model()
    await a_year_of_staff(ports, await following(ports, model))
    rows = await rows_of(ports, model.rows)
    stranger = replace(model.decode(rows[0]["body"]), person_id="P9")
    async with ports.read_store.transaction() as connection:
        await connection.execute(
            model.rows.update().where(model.rows.c.key == "P1").values(unit_id="u7")
        )
        await connection.execute(model.rows.delete().where(model.rows.c.key == "P2"))
        planted = {"body": model._encode(stranger), "incomplete": False, "unit_id": "u1"}
        await connection.execute(model.rows.insert().values(tenant_id="acme", key="P9", **planted))
        await connection.execute(
            model.points.update()
            .where(model.points.c.at == milliseconds(NOW + timedelta(days=5)))
            .values(amount=3)
        )
    found = [str(each) for each in await rebuild(ports, model, compare=True)]
    assert found == [
        "staff_headcount_v1 acme P1: differs in unit_id",
        "staff_headcount_v1 acme P2: missing from the kept one",
        "staff_headcount_v1 acme P9: only in the kept one",
        "staff_headcount_points_v1 acme headcount u1"
        f" {milliseconds(NOW + timedelta(days=5))}: differs in amount",
    ]


async def test_comparing_changes_nothing(ports: Ports) -> None:
    model = headcount_model()
    subscription = await following(ports, model)
    await a_year_of_staff(ports, subscription)
    async with ports.read_store.transaction() as connection:
        await connection.execute(model.rows.delete())
    deadlines = await rows_of(ports, model.deadlines)
    position = await subscription.position(0)
    assert len(await rebuild(ports, model, compare=True)) == 6
    assert await rows_of(ports, model.rows) == []
    assert await rows_of(ports, model.deadlines) == deadlines
    assert await subscription.position(0) == position


async def test_a_body_that_says_the_same_in_other_bytes_is_no_difference(ports: Ports) -> None:
    model = headcount_model()
    subscription = await following(ports, model)
    await happen(ports, Join(person_id="P1"))
    await catch_up(subscription)
    [row] = await rows_of(ports, model.rows)
    async with ports.read_store.transaction() as connection:
        spaced = row["body"].replace(b":", b": ").replace(b": 30: 00", b":30:00")
        await connection.execute(model.rows.update().values(body=spaced))
    assert await rebuild(ports, model, compare=True) == []


async def test_a_read_model_behind_the_log_is_compared_where_it_stands(ports: Ports) -> None:
    model = headcount_model()
    subscription = await following(ports, model)
    await happen(ports, Join(person_id="P1"))
    await catch_up(subscription)
    await happen(ports, Join(person_id="P2"))
    assert await rebuild(ports, model, compare=True) == []
    assert await subscription.position(0) == 1


# -------------------------------------------------------------------------------- putting in place


async def test_the_rebuilt_one_takes_the_place_with_its_checkpoint(ports: Ports) -> None:
    model = headcount_model()
    subscription = await following(ports, model)
    await a_year_of_staff(ports, subscription)
    right = await contents_of(ports, model)
    async with ports.read_store.transaction() as connection:
        await connection.execute(model.rows.delete())
        await connection.execute(model.points.update().values(amount=9))
    await happen(ports, Join(person_id="P7", unit_id="u7"))

    assert await rebuild(ports, model, compare=False) == []
    assert await subscription.position(0) == 15
    assert set(await staff_rows(ports, model)) == {"P0", "P1", "P2", "P3", "P4", "P5", "P7"}
    assert ("u7", 0, 1) in await headcounts(ports, model)
    await happen(ports, Leave(person_id="P7", now=NOW))
    await catch_up(subscription)
    rows, figures = await contents_of(ports, model)
    assert figures == right[1]
    assert len(rows) == 7
    assert await rebuild(ports, model, compare=True) == []
    assert await tables_beside(ports) == []


async def test_what_the_watch_knows_survives_and_everything_is_looked_at_again(
    ports: Ports,
) -> None:
    model = headcount_model()
    subscription = await following(ports, model)
    await happen(ports, Join(person_id="P1"), Join(person_id="P2"))
    await catch_up(subscription)
    deadlines = model.deadlines
    async with ports.read_store.transaction() as connection:
        await connection.execute(
            deadlines.update()
            .where(deadlines.c.key == "P1")
            .values(known=b'["s1"]', watched_until=77, due_at=88)
        )
        await connection.execute(deadlines.delete().where(deadlines.c.key == "P2"))
    await rebuild(ports, model, compare=False)
    rows = {row["key"]: row for row in await rows_of(ports, deadlines)}
    assert (rows["P1"]["known"], rows["P1"]["watched_until"]) == (b'["s1"]', 77)
    assert (rows["P2"]["known"], rows["P2"]["watched_until"]) == (b"[]", 0)
    assert {row["due_at"] for row in rows.values()} == {AT_ONCE}


async def test_a_mended_fold_takes_parked_streams_back(ports: Ports) -> None:
    broken = headcount_model()
    subscription = await following(ports, broken)
    await happen(ports, Join(person_id="P1"), Move(person_id="P1", unit_id=NOWHERE))
    await happen(ports, Move(person_id="P1", unit_id="u2"))
    await catch_up(subscription)
    assert await subscription.parked() == {"acme/person/P1"}

    def somewhere(row: StaffRow | None, recorded: Any) -> StaffRow | None:
        event = recorded.event
        if getattr(event, "unit_id", None) == NOWHERE:
            recorded = RecordedEvent(replace(event, unit_id="u0"), recorded.arrived)
        return HEADCOUNT.evolve(row, recorded)

    mended = replace(broken, projection=replace(HEADCOUNT, evolve=somewhere))
    await rebuild(ports, mended, compare=False)
    assert await subscription.parked() == set()
    assert await letters_of(ports, subscription) == []
    [row] = await rows_of(ports, broken.rows)
    assert (row["unit_id"], row["incomplete"]) == ("u2", False)


async def test_a_parked_stream_is_still_parked_after_an_unmended_rebuild(ports: Ports) -> None:
    model = headcount_model()
    subscription = await following(ports, model)
    await a_year_of_staff(ports, subscription)
    letters = await letters_of(ports, subscription)
    await rebuild(ports, model, compare=False)
    assert await subscription.parked() == {"acme/person/P5"}
    assert await letters_of(ports, subscription) == letters


async def test_a_read_model_of_a_replaced_log_is_mended_by_a_rebuild(ports: Ports) -> None:
    model = headcount_model()
    await happen(ports, Join(person_id="P1"))
    subscription = await following(ports, model)
    await catch_up(subscription)
    async with ports.read_store.transaction() as connection:
        await connection.execute(CHECKPOINTS.update().values(log_id="another", next_offset=99))
    subscription.forget()
    await rebuild(ports, model, compare=False)
    assert await subscription.position(0) == 1


# -------------------------------------------------------------------------------- in the middle


class Killed(BaseException):
    """What no code expects."""


@pytest.mark.parametrize("compare", [True, False])
async def test_killed_in_the_middle_and_repeated_it_goes_well(
    ports: Ports, monkeypatch: pytest.MonkeyPatch, compare: bool
) -> None:
    model = headcount_model()
    subscription = await following(ports, model)
    await a_year_of_staff(ports, subscription)
    right = await contents_of(ports, model)

    def killed(*_so_far: int) -> None:
        raise Killed

    async def leave_everything(*_tables: Any) -> None:
        return

    with monkeypatch.context() as kill:
        kill.setattr("shared.rebuilding._clear", leave_everything)
        with pytest.raises(Killed):
            await rebuild(ports, model, compare=compare, progress=killed)
    assert await tables_beside(ports) != []
    assert await contents_of(ports, model) == right
    await happen(ports, Join(person_id="P8"))
    await catch_up(subscription)
    assert await rebuild(ports, model, compare=compare) == []
    assert await rebuild(ports, model, compare=True) == []
    assert await tables_beside(ports) == []


@pytest.mark.parametrize("compare", [True, False])
async def test_what_happens_meanwhile_is_neither_lost_nor_counted_twice(
    ports: Ports, compare: bool
) -> None:
    model = headcount_model()
    subscription = await following(ports, model)
    await happen(ports, *(Join(person_id=f"P{n}") for n in range(20)))

    async def follow() -> None:
        for _ in range(40):
            await subscription.step()
            await asyncio.sleep(0.002)

    async def more() -> None:
        for n in range(20, 40):
            await happen(ports, Join(person_id=f"P{n}"))

    differences, _none, _nothing = await asyncio.gather(
        rebuild(ports, model, compare=compare), follow(), more()
    )
    assert differences == []
    await catch_up(subscription)
    assert await headcounts(ports, model) == [("u1", 0, 40)]
    assert await rebuild(ports, model, compare=True) == []


# -------------------------------------------------------------------------------- reactions


def noting(seen: list[str]) -> Reaction:
    async def note(events: Sequence[RecordedEvent]) -> None:
        seen.extend(each.stored.stream for each in events)

    return Reaction(name="staff.noting", log="directory", react=note, reads=(PersonAdded,))


async def joined(ports: Ports, *numbers: int) -> list[str]:
    await happen(ports, *(Join(person_id=f"P{n}") for n in numbers))
    return [f"acme/person/P{n}" for n in numbers]


async def test_a_reaction_takes_from_the_log_what_it_has_not_taken_and_nothing_else(
    ports: Ports,
) -> None:
    seen: list[str] = []
    reaction = noting(seen)
    taken_before = await joined(ports, 0, 1)
    await catch_up(await following(ports, reaction))
    missed = await joined(ports, 2, 3, 4)
    ports.progress.follow([followed_elsewhere(ports, reaction)])

    assert await take_from_the_log(ports, reaction) == 3

    assert seen == taken_before + missed
    assert [row["next_offset"] for row in await rows_of(ports, CHECKPOINTS)] == [5]
    assert await take_from_the_log(ports, reaction) == 0


async def test_with_a_worker_beside_it_a_reaction_takes_everything(
    ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    reaction = noting(seen)
    worker = await following(ports, reaction)
    everything = await joined(ports, *range(4))
    ports.progress.follow([followed_elsewhere(ports, reaction)])
    step = Subscription.step

    async def overtaken(self: Subscription, up_to: Any = None) -> bool:
        monkeypatch.undo()
        await self.position(0)
        assert await worker.step()
        return await step(self, up_to)

    monkeypatch.setattr(Subscription, "step", overtaken)
    assert await take_from_the_log(ports, reaction) == 4
    assert set(seen) == set(everything)
    assert [row["next_offset"] for row in await rows_of(ports, CHECKPOINTS)] == [4]


async def test_in_one_process_a_reaction_takes_it_by_itself(ports: Ports) -> None:
    seen: list[str] = []
    reaction = noting(seen)
    subscription = await following(ports, reaction)
    everything = await joined(ports, 0, 1)
    assert await take_from_the_log(ports, reaction) == 2
    everything += await joined(ports, 2)
    await catch_up(subscription)
    assert seen == everything


def followed_elsewhere(ports: Ports, reaction: Reaction) -> FollowedElsewhere:
    reads = ports.read_store
    return FollowedElsewhere(reaction, ports.event_store, reads, CheckpointReader(reads))
