"""Commands to events: refusals, repeats, conflicts, runs, cache and snapshots."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.command_handling import CommandHandling, Run, Step, derived_id
from shared.decider import Decider
from shared.errors import (
    Busy,
    ConcurrencyConflict,
    IdempotencyKeyReused,
    NotFound,
    StoreAway,
)
from shared.event_store import Append, Outcome
from shared.events.directory import PersonMoved
from shared.ports import Ports
from tests.shared.installation import context, opened
from tests.shared.staff import (
    STAFF,
    Command,
    Gone,
    Join,
    Leave,
    Move,
    Person,
    PersonHasLeft,
    PersonIsHereAlready,
    Present,
    StaffEvent,
)

STREAM = "acme/person/P1"


@pytest.fixture
async def ports(tmp_path: Path) -> AsyncIterator[Ports]:
    async with opened(tmp_path) as ports:
        yield ports


def another_process(ports: Ports, store: Any = None) -> CommandHandling:
    """Command handling with a cache of its own, as a second process has it."""
    return CommandHandling("directory", store or ports.event_store, ports.codec, uuid.uuid4)


async def types_in(ports: Ports, stream: str = STREAM) -> list[str]:
    return [event.type for event in await ports.event_store.read_stream(stream)]


def answer(state: Any, version: int, ids: tuple[uuid.UUID, ...]) -> bytes:
    return f"{type(state).__name__} {version} {len(ids)}".encode()


# -------------------------------------------------------------------------------- one command


async def test_a_command_is_decided_appended_and_answered(ports: Ports) -> None:
    handled = await ports.commands("directory").handle(
        STAFF, "P1", Join(person_id="P1"), context(), answer
    )
    assert handled.state == Present(unit_id="u1", name="Ann Example")
    assert (handled.version, handled.duplicate, handled.answer) == (1, False, b"Present 1 1")
    [stored] = await ports.event_store.read_stream(STREAM)
    assert handled.event_ids == (stored.event_id,)
    assert handled.position == stored.position
    assert (stored.tenant_id, stored.actor_id, stored.correlation_id) == ("acme", "p1", "c1")


async def test_a_refused_command_leaves_nothing_and_is_not_remembered(ports: Ports) -> None:
    handling = ports.commands("directory")
    with pytest.raises(NotFound):
        await handling.handle(STAFF, "P1", Leave(person_id="P1"), context("k1"))
    assert await types_in(ports) == []
    await handling.handle(STAFF, "P1", Join(person_id="P1"), context())
    handled = await handling.handle(STAFF, "P1", Leave(person_id="P1"), context("k1"))
    assert (handled.duplicate, handled.version) == (False, 2)


async def test_a_repeated_command_gets_the_first_answer(ports: Ports) -> None:
    handling = ports.commands("directory")
    first = await handling.handle(STAFF, "P1", Join(person_id="P1"), context("k1"), answer)
    again = await handling.handle(STAFF, "P1", Join(person_id="P1"), context("k1"), answer)
    assert again.duplicate
    assert (again.answer, again.version) == (first.answer, first.version)
    assert (again.event_ids, again.position) == (first.event_ids, first.position)
    assert await types_in(ports) == ["directory.person_added.v1"]


async def test_a_repeat_is_answered_although_its_rule_would_refuse_it_by_now(ports: Ports) -> None:
    handling = ports.commands("directory")
    await handling.handle(STAFF, "P1", Join(person_id="P1"), context())
    move = Move(person_id="P1", unit_id="u2")
    first = await handling.handle(STAFF, "P1", move, context("k1"), answer)
    await handling.handle(STAFF, "P1", Leave(person_id="P1"), context())
    again = await handling.handle(STAFF, "P1", move, context("k1"), answer)
    assert (again.duplicate, again.answer) == (True, first.answer)


class Asked:
    """A store that counts what it is asked."""

    def __init__(self, ports: Ports) -> None:
        self._store = ports.event_store
        self.questions: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("read", "find", "load")):
            self.questions.append(name)
        return getattr(self._store, name)


async def test_a_command_on_a_known_state_asks_the_store_nothing_before_its_append(
    ports: Ports,
) -> None:
    store = Asked(ports)
    handling = another_process(ports, store)
    await handling.handle(STAFF, "P1", Join(person_id="P1"), context("k1"), answer)
    store.questions.clear()
    move = Move(person_id="P1", unit_id="u2")
    done = await handling.handle(STAFF, "P1", move, context("k2", expected_version=1), answer)
    assert (done.version, store.questions) == (2, [])


async def test_an_answer_that_shows_no_state_is_kept_without_it(ports: Ports) -> None:
    handling = ports.commands("directory")
    silent = replace(context("k1"), is_shown_state=False)
    done = await handling.handle(STAFF, "P1", Join(person_id="P1"), silent, answer)
    again = await handling.handle(STAFF, "P1", Join(person_id="P1"), silent, answer)
    assert (done.answer, again.answer) == (b"{}", b"{}")
    assert (again.duplicate, again.event_ids) == (True, done.event_ids)


async def test_a_repeat_is_known_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as ports:
        handling = ports.commands("directory")
        first = await handling.handle(STAFF, "P1", Join(person_id="P1"), context("k1"), answer)
    async with opened(tmp_path) as ports:
        handling = ports.commands("directory")
        again = await handling.handle(STAFF, "P1", Join(person_id="P1"), context("k1"), answer)
    assert (again.duplicate, again.answer) == (True, first.answer)


async def test_a_command_that_changed_nothing_is_remembered_too(ports: Ports) -> None:
    handling = ports.commands("directory")
    await handling.handle(STAFF, "P1", Join(person_id="P1", unit_id="u1"), context())
    move = Move(person_id="P1", unit_id="u1")
    first = await handling.handle(STAFF, "P1", move, context("k1"), answer)
    assert (first.answer, first.event_ids) == (b"Present 1 0", ())
    await handling.handle(STAFF, "P1", Move(person_id="P1", unit_id="u2"), context())
    again = await handling.handle(STAFF, "P1", move, context("k1"), answer)
    assert (again.duplicate, again.answer) == (True, first.answer)
    assert len(await types_in(ports)) == 2


async def test_another_body_under_the_same_key_is_refused(ports: Ports) -> None:
    handling = ports.commands("directory")
    await handling.handle(STAFF, "P1", Join(person_id="P1"), context("k1"))
    with pytest.raises(IdempotencyKeyReused):
        await handling.handle(STAFF, "P1", Leave(person_id="P1"), context("k1", digest=b"d2"))
    assert len(await types_in(ports)) == 1


async def test_the_same_key_sent_twice_at_once_counts_once(ports: Ports) -> None:
    handling = ports.commands("directory")
    both = await asyncio.gather(
        *(
            handling.handle(STAFF, "P1", Join(person_id="P1"), context("k1"), answer)
            for _ in range(2)
        )
    )
    assert sorted(each.duplicate for each in both) == [False, True]
    assert both[0].answer == both[1].answer


async def test_ids_under_a_key_are_the_same_whenever_they_are_derived(ports: Ports) -> None:
    first = await ports.commands("directory").handle(
        STAFF, "P1", Join(person_id="P1"), context("k1")
    )
    assert first.event_ids == (derived_id("acme", "p1", "k1", 0),)
    assert context("k1").given_id("person") == context("k1").given_id("person")
    assert context("k1").given_id("person") != context("k2").given_id("person")


# -------------------------------------------------------------------------------- who is faster


async def test_who_names_the_version_is_refused_when_it_is_another(ports: Ports) -> None:
    handling = ports.commands("directory")
    await handling.handle(STAFF, "P1", Join(person_id="P1"), context())
    move = Move(person_id="P1", unit_id="u2")
    with pytest.raises(ConcurrencyConflict, match="the version is 1"):
        await handling.handle(STAFF, "P1", move, context(expected_version=7))
    handled = await handling.handle(STAFF, "P1", move, context(expected_version=1))
    assert handled.version == 2


async def test_a_named_version_is_held_against_the_store_not_the_cache(ports: Ports) -> None:
    ours, theirs = ports.commands("directory"), another_process(ports)
    await ours.handle(STAFF, "P1", Join(person_id="P1"), context())
    await theirs.handle(STAFF, "P1", Move(person_id="P1", unit_id="u2"), context())
    move = Move(person_id="P1", unit_id="u3")
    handled = await ours.handle(STAFF, "P1", move, context(expected_version=2))
    assert handled.version == 3


async def test_of_two_who_name_the_same_version_one_is_told(ports: Ports) -> None:
    handling = ports.commands("directory")
    await handling.handle(STAFF, "P1", Join(person_id="P1"), context())
    results = await asyncio.gather(
        *(
            handling.handle(
                STAFF, "P1", Move(person_id="P1", unit_id=unit), context(expected_version=1)
            )
            for unit in ("u2", "u3")
        ),
        return_exceptions=True,
    )
    assert [type(each).__name__ for each in results] == ["Handled", "ConcurrencyConflict"]


async def test_who_was_overtaken_is_decided_again(ports: Ports) -> None:
    handling = ports.commands("directory")
    await handling.handle(STAFF, "P1", Join(person_id="P1"), context())
    moves = [Move(person_id="P1", unit_id=unit) for unit in ("u2", "u3", "u4")]
    await asyncio.gather(*(handling.handle(STAFF, "P1", move, context()) for move in moves))
    version, state = await handling.load(STAFF, STREAM)
    assert version == 4
    assert isinstance(state, Present)
    assert state.moves == 3
    assert (await another_process(ports).load(STAFF, STREAM))[0] == 4


async def test_a_stale_cache_neither_refuses_nor_does_nothing_wrongly(ports: Ports) -> None:
    ours, theirs = ports.commands("directory"), another_process(ports)
    with pytest.raises(NotFound):
        await ours.handle(STAFF, "P1", Leave(person_id="P1"), context())
    await theirs.handle(STAFF, "P1", Join(person_id="P1", unit_id="u1"), context())
    moved = await ours.handle(STAFF, "P1", Move(person_id="P1", unit_id="u2"), context())
    assert moved.version == 2
    await theirs.handle(STAFF, "P1", Move(person_id="P1", unit_id="u1"), context())
    back = await ours.handle(STAFF, "P1", Move(person_id="P1", unit_id="u2"), context())
    assert back.version == 4


class AlwaysOvertaken:
    """A store where somebody else is always a little faster."""

    def __init__(self, ports: Ports) -> None:
        self._store = ports.event_store
        self._theirs = another_process(ports)
        self.attempts = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        self.attempts += 1
        theirs = Move(person_id="P1", unit_id=f"theirs-{self.attempts}")
        await self._theirs.handle(STAFF, "P1", theirs, context())
        return await self._store.append(appends)


async def test_who_is_always_overtaken_is_told_that_it_is_busy(ports: Ports) -> None:
    await ports.commands("directory").handle(STAFF, "P1", Join(person_id="P1"), context())
    store = AlwaysOvertaken(ports)
    handling = another_process(ports, store)
    with pytest.raises(Busy):
        await handling.handle(STAFF, "P1", Move(person_id="P1", unit_id="u9"), context("k1"))
    assert store.attempts == 4
    assert await ports.event_store.find_command("acme", "p1:k1") is None


# -------------------------------------------------------------------------------- runs


def a_run(person_id: str, *commands: Command) -> Run:
    steps = [
        Step(command, context(), derived_id(person_id, number))
        for number, command in enumerate(commands)
    ]
    return Run(person_id, steps)


async def test_many_aggregates_go_in_one_commit(ports: Ports) -> None:
    generation = ports.event_store.generation
    runs = [
        a_run(f"P{n}", Join(person_id=f"P{n}"), Move(person_id=f"P{n}", unit_id="u2"))
        for n in range(2_000)
    ]
    refusals = await ports.commands("directory").handle_runs(STAFF, runs)
    assert refusals == [[None, None]] * 2_000
    assert ports.event_store.generation == generation + 1
    assert await ports.event_store.head("directory", 0) == 4_000


async def test_a_refused_step_costs_only_itself(ports: Ports) -> None:
    runs = [
        a_run("P1", Join(person_id="P1"), Join(person_id="P1"), Leave(person_id="P1")),
        a_run("P2", Leave(person_id="P2")),
        a_run("P3", Join(person_id="P3"), Leave(person_id="P3"), Move(person_id="P3", unit_id="x")),
    ]
    refusals = await ports.commands("directory").handle_runs(STAFF, runs)
    kinds = [[type(each) for each in of_run] for of_run in refusals]
    nothing = type(None)
    assert kinds == [
        [nothing, PersonIsHereAlready, nothing],
        [NotFound],
        [nothing, nothing, PersonHasLeft],
    ]
    assert len(await types_in(ports)) == 2
    assert await types_in(ports, "acme/person/P2") == []


async def test_the_events_of_a_run_have_the_ids_they_were_given(ports: Ports) -> None:
    await ports.commands("directory").handle_runs(STAFF, [a_run("P1", Join(person_id="P1"))])
    [stored] = await ports.event_store.read_stream(STREAM)
    assert stored.event_id == derived_id("P1", 0)


async def test_a_repeated_run_adds_nothing(ports: Ports) -> None:
    runs = [a_run(f"P{n}", Join(person_id=f"P{n}")) for n in range(5)]
    await ports.commands("directory").handle_runs(STAFF, runs)
    for handling in (ports.commands("directory"), another_process(ports)):
        refusals = await handling.handle_runs(STAFF, runs)
        assert [type(each) for [each] in refusals] == [PersonIsHereAlready] * 5
    assert await ports.event_store.head("directory", 0) == 5


async def test_an_overtaken_run_is_decided_again_and_the_others_are_left_alone(
    ports: Ports,
) -> None:
    ours, theirs = ports.commands("directory"), another_process(ports)
    await ours.handle_runs(STAFF, [a_run(f"P{n}", Join(person_id=f"P{n}")) for n in range(3)])
    await theirs.handle(STAFF, "P1", Move(person_id="P1", unit_id="u2"), context())
    runs = [
        Run(f"P{n}", [Step(Move(person_id=f"P{n}", unit_id="u3"), context(), derived_id("m", n))])
        for n in range(3)
    ]
    assert await ours.handle_runs(STAFF, runs) == [[None]] * 3
    versions = [len(await types_in(ports, f"acme/person/P{n}")) for n in range(3)]
    assert versions == [2, 3, 2]


async def test_a_run_refused_by_a_stale_cache_is_decided_on_what_is_stored(ports: Ports) -> None:
    ours, theirs = ports.commands("directory"), another_process(ports)
    refused = await ours.handle_runs(STAFF, [a_run("P1", Leave(person_id="P1"))])
    assert [type(each) for [each] in refused] == [NotFound]
    await theirs.handle(STAFF, "P1", Join(person_id="P1"), context())
    assert await ours.handle_runs(STAFF, [a_run("P1", Leave(person_id="P1"))]) == [[None]]
    assert (await ours.load(STAFF, STREAM))[1] == Gone()


async def test_two_runs_of_one_aggregate_both_count(ports: Ports) -> None:
    handling = ports.commands("directory")
    await handling.handle(STAFF, "P1", Join(person_id="P1"), context())
    runs = [
        Run("P1", [Step(Move(person_id="P1", unit_id=unit), context(), derived_id(unit))])
        for unit in ("u2", "u3")
    ]
    assert await handling.handle_runs(STAFF, runs) == [[None], [None]]
    version, state = await handling.load(STAFF, STREAM)
    assert version == 3
    assert isinstance(state, Present)
    assert state.unit_id == "u3"


# -------------------------------------------------------------------------------- snapshots


SNAPSHOT_KEY = "person.v1"


async def walk(ports: Ports, times: int) -> None:
    steps = [
        Step(Move(person_id="P1", unit_id=f"u{n}"), context(), derived_id("walk", n))
        for n in range(times)
    ]
    await ports.commands("directory").handle_runs(STAFF, [Run("P1", steps)])


async def long_stream(ports: Ports) -> None:
    """501 events, the last ones appended singly."""
    handling = ports.commands("directory")
    await handling.handle(STAFF, "P1", Join(person_id="P1", unit_id="home"), context())
    await walk(ports, 498)
    for unit in ("x", "y"):
        await handling.handle(STAFF, "P1", Move(person_id="P1", unit_id=unit), context())


async def test_a_fold_from_a_snapshot_is_the_fold_of_all_events(ports: Ports) -> None:
    await long_stream(ports)
    snapshot = await ports.event_store.load_snapshot(STREAM, SNAPSHOT_KEY)
    assert snapshot is not None
    assert snapshot[0] == 500
    from_snapshot = await another_process(ports).load(STAFF, STREAM)
    without = Decider(STAFF.name, STAFF.decide, STAFF.evolve, STAFF.initial)
    assert from_snapshot == await another_process(ports).load(without, STREAM)
    assert from_snapshot[0] == 501


async def test_a_snapshot_holds_personal_data_sealed_only(ports: Ports) -> None:
    await long_stream(ports)
    snapshot = await ports.event_store.load_snapshot(STREAM, SNAPSHOT_KEY)
    assert snapshot is not None
    assert b"Ann" not in snapshot[1]
    assert b"sealed" in snapshot[1]


@pytest.mark.parametrize("damage", [b"[]", b"\xff", b'["Elsewhere", {}]', b'["Present", {}]'])
async def test_an_unreadable_snapshot_changes_nothing(ports: Ports, damage: bytes) -> None:
    await long_stream(ports)
    before = await another_process(ports).load(STAFF, STREAM)
    await ports.event_store.save_snapshot(STREAM, SNAPSHOT_KEY, 500, damage)
    assert await another_process(ports).load(STAFF, STREAM) == before


async def test_a_raised_version_of_the_decider_reads_no_old_snapshot(ports: Ports) -> None:
    await long_stream(ports)

    def counting_twice(person: Person, event: StaffEvent) -> Person:
        after = STAFF.evolve(person, event)
        if isinstance(after, Present) and isinstance(event, PersonMoved):
            return Present(unit_id=after.unit_id, name=None, moves=after.moves + 1)
        return after

    raised = Decider(STAFF.name, STAFF.decide, counting_twice, STAFF.initial, 2, STAFF.states)
    _version, state = await another_process(ports).load(raised, STREAM)
    assert isinstance(state, Present)
    assert state.moves == 1_000


class NoRoomForSnapshots:
    def __init__(self, ports: Ports) -> None:
        self._store = ports.event_store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def save_snapshot(self, stream: str, key: str, version: int, state: bytes) -> None:
        raise StoreAway("no room")


async def test_a_command_is_done_even_where_its_snapshot_cannot_be_saved(ports: Ports) -> None:
    await ports.commands("directory").handle(STAFF, "P1", Join(person_id="P1"), context())
    await walk(ports, 498)
    handling = another_process(ports, NoRoomForSnapshots(ports))
    handled = await handling.handle(STAFF, "P1", Move(person_id="P1", unit_id="x"), context())
    assert handled.version == 500
    assert await ports.event_store.load_snapshot(STREAM, SNAPSHOT_KEY) is None
