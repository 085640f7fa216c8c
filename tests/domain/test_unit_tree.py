"""The unit tree: one root, known parents, no cycles."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from services.directory.domain.unit_tree import (
    UNIT_TREE,
    AddUnit,
    MoveUnit,
    RenameUnit,
    RootStaysOnTop,
    Standing,
    TreeHasARoot,
    UnitAlreadyExists,
    UnitTreeCommand,
    UnitTreeEvent,
    UnitWouldContainItself,
    Unplanted,
)
from shared.errors import DomainError, Malformed, NotFound, NotYetKnown
from shared.events.directory import UnitAdded, UnitMoved, UnitRenamed
from tests.specs import Spec

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def added(unit_id: str, parent_id: str | None, kind: str = "team") -> UnitAdded:
    return UnitAdded(unit_id=unit_id, name=unit_id, parent_id=parent_id, kind=kind)


def add(
    unit_id: str, parent_id: str | None, kind: str = "team", name: str | None = None
) -> AddUnit:
    return AddUnit(unit_id=unit_id, name=name or unit_id, parent_id=parent_id, kind=kind, now=NOW)


def move(unit_id: str, parent_id: str) -> MoveUnit:
    return MoveUnit(unit_id=unit_id, parent_id=parent_id, now=NOW)


company = added("company", None, "headquarters")
bare_ground = Spec(UNIT_TREE)
tree = bare_ground.given(
    company,
    added("north", "company", "region"),
    added("south", "company", "region"),
    added("team-1", "north"),
)


def test_the_first_unit_is_the_root() -> None:
    bare_ground.when(add("company", None, "headquarters")).then(company)


def test_a_unit_below_an_unknown_parent_is_not_yet_known() -> None:
    bare_ground.when(add("team-1", "north")).then_refused(NotYetKnown)
    tree.when(add("team-2", "west")).then_refused(NotYetKnown)


def test_a_unit_is_added_below_its_parent() -> None:
    tree.when(add("store-1", "team-1", "store")).then(added("store-1", "team-1", "store"))


def test_adding_a_unit_again_changes_nothing() -> None:
    tree.when(add("team-1", "north")).then_nothing()


def test_adding_a_unit_under_the_id_of_another_is_refused() -> None:
    tree.when(add("team-1", "south")).then_refused(UnitAlreadyExists)


def test_a_second_root_is_refused() -> None:
    tree.when(add("holding", None)).then_refused(TreeHasARoot)


def test_an_unknown_kind_or_an_empty_name_is_malformed() -> None:
    refusal = tree.when(add("team-2", "north", "gang", " ")).then_refused(Malformed)
    assert [problem.field for problem in refusal.errors] == ["name", "kind"]


def test_a_unit_is_renamed_once() -> None:
    rename = RenameUnit(unit_id="north", name="North-East", now=NOW)
    tree.when(rename).then(UnitRenamed(unit_id="north", name="North-East"))
    renamed = tree.given(UnitRenamed(unit_id="north", name="North-East"))
    renamed.when(rename).then_nothing()


def test_an_unknown_unit_cannot_be_renamed_or_moved() -> None:
    tree.when(RenameUnit(unit_id="west", name="West", now=NOW)).then_refused(NotFound)
    tree.when(move("west", "company")).then_refused(NotFound)


def test_a_unit_moves_with_everything_below_it() -> None:
    state = tree.when(move("north", "south")).then(UnitMoved(unit_id="north", parent_id="south"))
    assert isinstance(state, Standing)
    assert state.is_within("team-1", "south")


def test_moving_a_unit_where_it_is_changes_nothing() -> None:
    tree.when(move("north", "company")).then_nothing()


def test_moving_a_unit_below_an_unknown_parent_is_not_yet_known() -> None:
    tree.when(move("north", "west")).then_refused(NotYetKnown)


def test_a_unit_cannot_move_below_itself() -> None:
    tree.when(move("north", "team-1")).then_refused(UnitWouldContainItself)
    tree.when(move("north", "north")).then_refused(UnitWouldContainItself)


def test_the_root_stays_on_top() -> None:
    tree.when(move("company", "team-1")).then_refused(RootStaysOnTop)


unit_ids = st.sampled_from(["U1", "U2", "U3", "U4", "U5"])
commands = st.one_of(
    st.builds(add, unit_ids, st.none() | unit_ids),
    st.builds(move, unit_ids, unit_ids),
    st.builds(lambda unit_id: RenameUnit(unit_id=unit_id, name="Other", now=NOW), unit_ids),
)


@given(st.lists(commands, max_size=30))
def test_however_it_is_built_every_unit_reaches_the_one_root(
    wishes: Sequence[UnitTreeCommand],
) -> None:
    history: list[UnitTreeEvent] = []
    for wish in wishes:
        state = UNIT_TREE.fold(history)
        with suppress(DomainError):
            decided = UNIT_TREE.decide(wish, state)
            history.extend(decided)
            assert not UNIT_TREE.decide(wish, UNIT_TREE.fold(history)), "a repeat adds nothing"
    grown = UNIT_TREE.fold(history)
    if isinstance(grown, Unplanted):
        return
    roots = [unit_id for unit_id, unit in grown.units.items() if unit.parent_id is None]
    assert roots == [grown.root_id]
    assert all(grown.is_within(unit_id, grown.root_id) for unit_id in grown.units)
