"""Funnels (P6) and breakpoints (P12) of opportunities told event by event."""

from datetime import timedelta

import pytest

from services.projections.domain.breakpoints import delay_in
from services.projections.domain.funnel import (
    Node,
    Passage,
    bottleneck,
    node_named,
    p90,
    passage,
    scopes_of_passage,
    steps,
    whole,
)
from services.projections.domain.opportunity_row import OpportunityProcess
from services.projections.domain.process_health import Scope
from services.projections.domain.windows import Moment
from shared.errors import Malformed
from tests.domain.process_examples import TEAM_2, Story, hours

OPENED = Node("opportunity_opened")
SECOND = Node("stage_changed", "second")
THIRD = Node("stage_changed", "third")
WON = Node("opportunity_won")
CALL = Node("action_logged", "call")


def by(at: float) -> Moment:
    return Moment(hours(at), inclusive=True)


def passed(
    row: OpportunityProcess, *nodes: Node, begins: float | None = None, at: float = 999
) -> Passage | None:
    return passage(row, nodes, None if begins is None else hours(begins), by(at), by(at))


def test_the_first_of_each_node_in_turn_counts_once() -> None:
    row = Story().acts(1).moves(2, "second").acts(3).acts(4).row()

    found = passed(row, OPENED, SECOND, CALL)

    assert found is not None
    assert [mark.at for mark in found.marks] == [hours(0), hours(2), hours(3)]


def test_whoever_skips_a_node_is_in_no_step_after_it_but_may_arrive() -> None:
    row = Story().moves(2, "third").is_won(5).row()

    found = passed(row, OPENED, SECOND, THIRD, WON)

    assert found is not None
    assert len(found.marks) == 1
    assert found.arrived is not None
    assert found.arrived.at == hours(5)


def test_it_begins_with_the_first_event_of_the_window() -> None:
    row = Story().acts(1).acts(10).moves(11, "second").row()

    found = passed(row, CALL, SECOND, begins=5)

    assert found is not None
    assert found.marks[0].at == hours(10)
    assert passed(row, CALL, SECOND, begins=12) is None


def test_what_happened_after_the_moment_is_not_known() -> None:
    row = Story().moves(2, "second").is_won(5).row()

    found = passed(row, OPENED, SECOND, WON, at=3)

    assert found is not None
    assert found.is_open
    assert len(found.marks) == 2


def test_it_belongs_to_whoever_owned_it_when_it_entered() -> None:
    row = Story().is_assigned(3, "rep-2", TEAM_2).moves(4, "second").row()
    before, after = passed(row, OPENED, SECOND), passed(row, SECOND, WON)

    assert before is not None
    assert after is not None
    assert ("team-1", "rep-1") in scopes_of_passage(row, before)
    assert ("team-2", "rep-2") in scopes_of_passage(row, after)


def test_a_voided_action_is_no_node() -> None:
    row = Story().acts(1, action_id="A1").voids(2, "A1").row()

    assert passed(row, CALL, WON) is None


def test_open_ones_younger_than_the_p90_are_pending_the_others_dropped_out() -> None:
    through = [Story().moves(at, "second").row() for at in (10, 20, 30)]
    young, old = Story().row(), Story().is_lost(5).row()
    found = [passed(row, OPENED, SECOND, at=25) for row in (*through, young, old)]
    passages = [each for each in found if each is not None]

    step = whole(passages, hours(15))

    assert (len(step.reached), len(step.pending), len(step.dropped)) == (2, 2, 1)
    assert step.p90_hours == 20
    assert step.median_hours == 15
    assert whole(passages, hours(20)).pending == ()


def test_the_p90_is_the_shortest_that_nine_in_ten_did_not_exceed() -> None:
    assert p90([timedelta(hours=each) for each in range(1, 11)]) == timedelta(hours=9)
    assert p90([timedelta(hours=each) for each in range(1, 12)]) == timedelta(hours=10)
    assert p90([]) is None


def test_the_bottleneck_is_the_step_that_fewest_get_through() -> None:
    rows = [Story().moves(1, "second").row(), Story().moves(1, "second").is_won(2).row()]
    rows += [Story().moves(1, "second").is_lost(2).row()]
    nodes = (OPENED, SECOND, WON)
    passages = [each for row in rows if (each := passed(row, *nodes)) is not None]

    found = steps(passages, nodes, hours(999))

    assert [step.conversion for step in found] == [1, pytest.approx(1 / 3)]
    assert bottleneck(found) == 1
    assert bottleneck(found[:1]) is None


@pytest.mark.parametrize("name", ["mood_changed", "opportunity_won:often", ""])
def test_what_is_no_event_is_refused_at_its_field(name: str) -> None:
    with pytest.raises(Malformed) as refusal:
        node_named(name, "via")

    assert [each.field for each in refusal.value.errors] == ["via"]


def test_a_delay_counts_only_inside_the_window_and_for_its_owner() -> None:
    """Silent from 0, over from 48; handed over at 60, an action at 100."""
    row = Story().is_assigned(60, "rep-2", TEAM_2).acts(100, actor="rep-2").row()
    span = (hours(50), Moment(hours(90), inclusive=False))

    def delayed(unit: str, rep: str = "") -> float | None:
        found = delay_in(row, "overrun", "first", Scope(unit, rep), span)
        return found.delay_hours if found else None

    assert delayed("company") == 40
    assert (delayed("team-1"), delayed("team-1", "rep-1")) == (10, 10)
    assert (delayed("team-2"), delayed("team-2", "rep-2")) == (30, 30)
    assert delay_in(row, "overrun", "second", Scope("company", ""), span) is None
