"""The engine of read models: rows, figures and deadlines are the same however events come in."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from shared.clock import milliseconds
from shared.envelope import RecordedEvent
from shared.events.directory import PersonLeft
from shared.ports import Ports
from shared.projecting import AT_ONCE, NEVER, ReadModel, RowReadModel
from tests.shared.installation import opened
from tests.shared.reading import (
    append_unreadable,
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
    Command,
    Join,
    Leave,
    Move,
    StaffRow,
    evolve_row,
    headcount_model,
    moves_model,
    next_talk,
)

DAY = 24 * 3600 * 1000


@pytest.fixture
async def ports(tmp_path: Path, read_models: str | None) -> AsyncIterator[Ports]:
    async with opened(tmp_path, read_models=read_models) as ports:
        yield ports


def on_day(day: float) -> Any:
    return NOW + timedelta(days=day)


# -------------------------------------------------------------------------------- rows and figures


async def test_a_row_and_its_figures_follow_the_events(ports: Ports) -> None:
    model = headcount_model()
    subscription = await following(ports, model)
    await happen(ports, Join(person_id="P1"), Move(person_id="P1", unit_id="u2", now=on_day(3)))
    await catch_up(subscription)
    await happen(ports, Leave(person_id="P1", now=on_day(5)))
    await catch_up(subscription)
    [row] = await rows_of(ports, model.rows)
    assert (row["tenant_id"], row["key"], row["unit_id"]) == ("acme", "P1", "u2")
    assert not row["incomplete"]
    assert await headcounts(ports, model) == [
        ("u1", 0, 1),
        ("u1", 3 * DAY, -1),
        ("u2", 3 * DAY, 1),
        ("u2", 5 * DAY, -1),
    ]


async def test_points_that_came_to_nothing_are_removed(ports: Ports) -> None:
    model = headcount_model()
    subscription = await following(ports, model)
    await happen(ports, Join(person_id="P1", unit_id="u1", now=on_day(0)))
    await catch_up(subscription)
    await happen(ports, Leave(person_id="P1", now=on_day(0)))
    await catch_up(subscription)
    assert await rows_of(ports, model.points) == []


async def test_points_are_removed_when_a_negative_one_is_raised_to_nothing(ports: Ports) -> None:
    model = headcount_model()
    subscription = await following(ports, model)
    await happen(ports, Join(person_id="P1"), Leave(person_id="P1", now=on_day(4)))
    await catch_up(subscription)
    await happen(ports, Join(person_id="P2", now=on_day(4)))
    await catch_up(subscription)
    assert await headcounts(ports, model) == [("u1", 0, 1)]
    assert len(await rows_of(ports, model.points)) == 1


async def test_removing_them_costs_no_walk_through_all_points(ports: Ports) -> None:
    model = headcount_model()
    await following(ports, model)
    async with ports.read_store.reading() as connection:
        how = "QUERY PLAN " if connection.dialect.name == "sqlite" else "(ANALYZE off) "
        statement = f"EXPLAIN {how}DELETE FROM {model.points.name} WHERE amount = 0"
        steps = [str(tuple(row)) for row in await connection.execute(text(statement))]
    assert any("_gone" in step for step in steps), steps


async def test_a_row_folded_to_nothing_is_removed_with_its_figures(ports: Ports) -> None:
    def without_leavers(row: StaffRow | None, recorded: RecordedEvent) -> StaffRow | None:
        return None if isinstance(recorded.event, PersonLeft) else evolve_row(row, recorded)

    model = replace(
        headcount_model(), projection=replace(HEADCOUNT, name="present", evolve=without_leavers)
    )
    subscription = await following(ports, model)
    await happen(ports, Join(person_id="P1"), Join(person_id="P2", unit_id="u2"))
    await catch_up(subscription)
    await happen(ports, Leave(person_id="P1", now=on_day(1)))
    await catch_up(subscription)
    assert list(await staff_rows(ports, model)) == ["P2"]
    assert await headcounts(ports, model) == [("u2", 0, 1)]


async def test_a_journal_has_each_entry_once(ports: Ports) -> None:
    model = moves_model()
    subscription = await following(ports, model)
    await happen(ports, Join(person_id="P1"), Move(person_id="P1", unit_id="u2"))
    await catch_up(subscription)
    stored = await ports.event_store.read_log("directory", 0, 0, 10)
    async with ports.read_store.transaction() as connection:
        await model.apply(connection, [ports.codec.decode(event) for event in stored])
    assert len(await rows_of(ports, model.table)) == 1


async def test_a_journal_takes_nothing_after_a_flaw_of_the_stream(ports: Ports) -> None:
    model = moves_model()
    subscription = await following(ports, model)
    await happen(ports, Join(person_id="P1"), Join(person_id="P2"))
    for unit in ("u2", NOWHERE, "u3"):
        await happen(ports, Move(person_id="P1", unit_id=unit), Move(person_id="P2", unit_id="u9"))
        await happen(ports, Move(person_id="P2", unit_id="u1"))
    await catch_up(subscription)
    moved = [row["event_id"] for row in await rows_of(ports, model.table)]
    assert len(moved) == 1 + 6
    assert [offset for _stream, offset, _why in await letters_of(ports, subscription)] == [5, 8]


# -------------------------------------------------------------------------------- the law


PEOPLE = ("P1", "P2", "P3", "P4")
UNITS = ("u1", "u2", "u3")
POISON = "poison"

Happening = tuple[str, str, int]
"""A person, what becomes of them (a unit, leaving, or poison), the day."""

HAPPENINGS = st.lists(
    st.tuples(
        st.sampled_from(PEOPLE),
        st.sampled_from([*UNITS, *UNITS, "leave", NOWHERE, POISON]),
        st.integers(0, 9),
    ),
    max_size=25,
)


async def tell(ports: Ports, happenings: list[Happening]) -> None:
    """What can happen does; a day may lie before the ones already told."""
    where: dict[str, str | None] = {}
    versions: dict[str, int] = {}
    for person, what, day in happenings:
        at = on_day(day)
        here = where.get(person)
        command: Command
        if what == POISON:
            await append_unreadable(ports, person, versions.get(person, 0))
        elif person not in where:
            command = Join(person_id=person, unit_id="u1", now=at)
            where[person] = "u1"
            await happen(ports, command)
        elif here is None or here == what:
            continue
        elif what == "leave":
            command = Leave(person_id=person, now=at)
            where[person] = None
            await happen(ports, command)
        else:
            command = Move(person_id=person, unit_id=what, now=at)
            where[person] = what
            await happen(ports, command)
        versions[person] = versions.get(person, 0) + 1
        if what == POISON:
            where[person] = None


async def everything_told(ports: Ports, model: ReadModel, boundaries: list[int]) -> Any:
    """The tables after batches that end at these offsets."""
    subscription = await following(ports, model)
    for boundary in boundaries:
        await subscription.step([boundary])
    await catch_up(subscription)
    letters = await letters_of(ports, subscription)
    return (
        await contents_of(ports, model),
        sorted((stream, offset) for stream, offset, _why in letters),
        await subscription.parked(),
    )


@given(HAPPENINGS, st.lists(st.integers(1, 30), max_size=8).map(sorted))
@settings(max_examples=15)
def test_tables_are_the_same_however_the_same_events_are_batched(
    happenings: list[Happening], boundaries: list[int]
) -> None:
    async def law(folder: Path) -> None:
        async with opened(folder) as ports:
            await tell(ports, happenings)
            model = headcount_model()
            in_batches = await everything_told(ports, model, boundaries)
            rows = await staff_rows(ports, model)
            bounds = {row["key"]: row["due_at"] for row in await rows_of(ports, model.deadlines)}
            points = await headcounts(ports, model)
            await ports.read_store.close()
            for file in folder.glob("read_models.db*"):
                file.unlink()
        async with opened(folder) as ports:
            assert await everything_told(ports, headcount_model(), []) == in_batches
        for key, row in rows.items():
            due = next_talk(row)
            assert bounds[key] <= (NEVER if due is None else milliseconds(due))
        stays = [stay for row in rows.values() for stay in row.stays]
        for unit in UNITS:
            for day in range(11):
                begun = sum(1 for s in stays if s.unit_id == unit and s.from_ < on_day(day))
                ended = sum(
                    1
                    for s in stays
                    if s.unit_id == unit and s.until is not None and s.until < on_day(day)
                )
                told = sum(n for u, at, n in points if u == unit and at < day * DAY)
                assert told == begun - ended

    with TemporaryDirectory() as folder:
        asyncio.run(law(Path(folder)))


# -------------------------------------------------------------------------------- deadlines


async def armed(ports: Ports, model: RowReadModel[StaffRow]) -> dict[str, int]:
    """Days from the start until the watch has to look, by person."""
    start = milliseconds(NOW)
    return {
        row["key"]: row["due_at"]
        if row["due_at"] in (AT_ONCE, NEVER)
        else (row["due_at"] - start) // DAY
        for row in await rows_of(ports, model.deadlines)
    }


async def the_watch_noted(
    ports: Ports, model: RowReadModel[StaffRow], due_at: int, until: int, known: bytes = b"[]"
) -> None:
    async with ports.read_store.transaction() as connection:
        await connection.execute(
            model.deadlines.update().values(due_at=due_at, watched_until=until, known=known)
        )


async def test_a_deadline_is_armed_and_only_ever_moved_earlier(ports: Ports) -> None:
    model = headcount_model()
    subscription = await following(ports, model)
    await happen(ports, Join(person_id="P1", now=on_day(10)))
    await catch_up(subscription)
    assert await armed(ports, model) == {"P1": 40}
    await happen(ports, Move(person_id="P1", unit_id="u2", now=on_day(20)))
    await catch_up(subscription)
    assert await armed(ports, model) == {"P1": 40}
    await happen(ports, Move(person_id="P1", unit_id="u3", now=on_day(5)))
    await catch_up(subscription)
    assert await armed(ports, model) == {"P1": 35}
    await happen(ports, Leave(person_id="P1", now=on_day(6)))
    await catch_up(subscription)
    assert await armed(ports, model) == {"P1": 35}


async def test_a_subject_without_a_limit_is_never_looked_at(ports: Ports) -> None:
    model = headcount_model()
    subscription = await following(ports, model)
    await happen(ports, Join(person_id="P1"), Leave(person_id="P1"))
    await catch_up(subscription)
    assert await armed(ports, model) == {"P1": NEVER}


async def test_a_subject_with_signals_is_looked_at_at_once(ports: Ports) -> None:
    model = headcount_model()
    subscription = await following(ports, model)
    await happen(ports, Join(person_id="P1"))
    await catch_up(subscription)
    await the_watch_noted(ports, model, NEVER, milliseconds(on_day(31)), b'["s1"]')
    await happen(ports, Move(person_id="P1", unit_id="u2", now=on_day(29)))
    await catch_up(subscription)
    assert await armed(ports, model) == {"P1": AT_ONCE}
    [row] = await rows_of(ports, model.deadlines)
    assert row["known"] == b'["s1"]'


async def test_a_limit_missed_where_the_watch_has_been_already_is_looked_at_at_once(
    ports: Ports,
) -> None:
    model = headcount_model()
    subscription = await following(ports, model)
    await happen(ports, Join(person_id="P1", now=on_day(50)))
    await catch_up(subscription)
    await the_watch_noted(ports, model, milliseconds(on_day(80)), milliseconds(on_day(60)))
    await happen(ports, Move(person_id="P1", unit_id="u2", now=on_day(20)))
    await catch_up(subscription)
    assert await armed(ports, model) == {"P1": AT_ONCE}


async def test_a_limit_after_where_the_watch_has_been_is_armed_as_it_is(ports: Ports) -> None:
    model = headcount_model()
    subscription = await following(ports, model)
    await happen(ports, Join(person_id="P1", now=on_day(50)))
    await catch_up(subscription)
    await the_watch_noted(ports, model, milliseconds(on_day(80)), milliseconds(on_day(40)))
    await happen(ports, Move(person_id="P1", unit_id="u2", now=on_day(20)))
    await catch_up(subscription)
    assert await armed(ports, model) == {"P1": 50}


# -------------------------------------------------------------------------------- tenants


async def test_rows_and_figures_of_tenants_stay_apart(ports: Ports) -> None:
    model = headcount_model()
    subscription = await following(ports, model)
    await happen(ports, Join(person_id="P1"))
    [event] = await ports.event_store.read_log("directory", 0, 0, 10)
    elsewhere = ports.codec.decode(event._replace(tenant_id="zeta", stream="zeta/person/P1"))
    await catch_up(subscription)
    async with ports.read_store.transaction() as connection:
        await model.apply(connection, [elsewhere])
    async with ports.read_store.reading() as connection:
        figures = (await connection.execute(model.contents[1].rows)).all()
        rows = (await connection.execute(select(model.rows.c.tenant_id))).scalars().all()
    by_tenant = sorted((figure.tenant_id, figure.amount) for figure in figures)
    assert by_tenant == [("acme", 1), ("zeta", 1)]
    assert sorted(rows) == ["acme", "zeta"]
