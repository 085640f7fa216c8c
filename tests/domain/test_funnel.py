"""Funnels (P6) and breakpoints (P12) of opportunities told event by event."""

from collections.abc import Sequence
from itertools import permutations
from typing import get_args

import pytest

from services.projections.domain.breakpoints import delay_in
from services.projections.domain.course_marks import course_of, hashed
from services.projections.domain.funnel import EVENTS, Node, Passage, node_named, passage
from services.projections.domain.funnel_figures import (
    NEVER,
    Courses,
    Span,
    Step,
    bottleneck,
    by_unit,
    owners_of,
    steps,
    walks,
    whole,
)
from services.projections.domain.opportunity_process import OpportunityEvent
from services.projections.domain.opportunity_row import OpportunityProcess
from services.projections.domain.process_health import Scope
from services.projections.domain.windows import Moment
from shared.clock import milliseconds
from shared.errors import Malformed
from shared.event_type import event_type_of
from shared.events.opportunities import Evidence
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


def known(at: float, judged_at: float | None = None) -> Span:
    """Everything until then, from the beginning of time on."""
    end = milliseconds(hours(at)) + 1
    return Span(0, end, end, milliseconds(hours(at if judged_at is None else judged_at)))


def outcome(
    rows: Sequence[OpportunityProcess],
    *nodes: Node,
    at: float = 999,
    judged_at: float | None = None,
) -> tuple[Step, list[Step]]:
    """The whole way and its steps, of all the rows together."""
    kept, span = Courses(b"".join(map(course_of, rows))), known(at, judged_at)
    found = walks(kept, nodes, span, None)
    members = by_unit(kept, found, ("company",))
    [overall] = whole(found, members, 1, span.at).steps(1)
    return overall, [each.steps(1)[0] for each in steps(found, members, 1, span.at)]


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
    assert len(found.marks) == 2
    assert outcome([row], OPENED, SECOND, WON, at=3)[0].pending == 1
    assert outcome([row], OPENED, SECOND, WON, at=5)[0].reached == 1


def test_it_belongs_to_whoever_owned_it_when_it_entered() -> None:
    row = Story().is_assigned(3, "rep-2", TEAM_2).moves(4, "second").row()
    kept = Courses(course_of(row))

    for nodes, unit, other, rep in (
        ((OPENED, SECOND), "team-1", "team-2", "rep-1"),
        ((SECOND, WON), "team-2", "team-1", "rep-2"),
    ):
        found = walks(kept, nodes, known(999), None)
        groups = by_unit(kept, found, (other, "company", unit)).groups
        assert sorted(groups.tolist()) == [1, 2]
        assert owners_of(kept, found).tolist() == [hashed(rep)]


def test_without_an_owner_it_is_in_its_units_figures_and_in_no_reps() -> None:
    kept = Courses(course_of(Story(owner=None).row()))
    found = walks(kept, (OPENED, SECOND), known(999), None)

    assert owners_of(kept, found).tolist() == [0]
    assert by_unit(kept, found, ("team-1",)).groups.tolist() == [0]


def test_a_voided_action_is_no_node() -> None:
    row = Story().acts(1, action_id="A1").voids(2, "A1").row()

    assert passed(row, CALL, WON) is None
    assert outcome([row], CALL, WON)[0].entered == 0


def test_open_ones_younger_than_the_p90_are_pending_the_others_dropped_out() -> None:
    through = [Story().moves(at, "second").row() for at in (10, 20)]
    young, old = Story().row(), Story().is_lost(5).row()
    rows = [*through, young, old]

    step, _ = outcome(rows, OPENED, SECOND, at=21, judged_at=15)

    assert (step.reached, step.pending, step.dropped) == (2, 1, 1)
    assert step.p90_hours == 20
    assert step.median_hours == 15
    assert outcome(rows, OPENED, SECOND, at=21, judged_at=20)[0].pending == 0


@pytest.mark.parametrize(("most", "expected"), [(10, 9), (11, 10), (1, 1)])
def test_the_p90_is_the_shortest_that_nine_in_ten_did_not_exceed(most: int, expected: int) -> None:
    rows = [Story().moves(each, "second").row() for each in range(1, most + 1)]

    assert outcome(rows, OPENED, SECOND)[0].p90_hours == expected


def test_where_nobody_arrived_there_is_neither_median_nor_p90() -> None:
    step, _ = outcome([Story().row()], OPENED, SECOND)

    assert (step.median_hours, step.p90_hours, step.pending) == (None, None, 1)


def test_the_bottleneck_is_the_step_that_fewest_get_through() -> None:
    rows = [Story().moves(1, "second").row(), Story().moves(1, "second").is_won(2).row()]
    rows += [Story().moves(1, "second").is_lost(2).row()]

    _, found = outcome(rows, OPENED, SECOND, WON)

    assert [step.conversion for step in found] == [1, pytest.approx(1 / 3)]
    assert bottleneck(found) == 1
    assert bottleneck(found[:1]) is None


def test_the_course_that_is_kept_says_what_its_row_says() -> None:
    """Every funnel of two or three events, counted at once and walked one by one."""
    told = [
        Story().acts(1).moves(2, "second").acts(3).is_won(9),
        Story().moves(2, "third").acts(2).is_lost(5).is_reopened(6).acts(7),
        Story().acts(0).acts(0).moves(0, "second").is_won(0),
        Story().acts(4, action_id="A1").voids(5, "A1").is_assigned(6, "rep-2", TEAM_2),
        Story(),
    ]
    rows = [each.row() for each in told]
    kept = Courses(b"".join(course_of(row) for row in rows))
    nodes = (OPENED, SECOND, THIRD, CALL, WON, Node("stage_changed"), Node("opportunity_lost"))
    for asked in (*permutations(nodes, 2), *permutations(nodes, 3)):
        found = walks(kept, asked, known(999), None)
        walked = {number: passed(row, *asked) for number, row in enumerate(rows)}
        alone = {number: each for number, each in walked.items() if each is not None}
        assert found.courses.tolist() == list(alone)
        for place, one in enumerate(alone.values()):
            times = [each[place] for each in found.times if each[place] != NEVER]
            assert times == [milliseconds(mark.at) for mark in one.marks]
            arrived = NEVER if one.arrived is None else milliseconds(one.arrived.at)
            assert found.arrived[place] == arrived


def test_only_opportunities_of_the_pipeline_asked_for_are_in_its_funnel() -> None:
    kept = Courses(course_of(Story().row()))

    assert len(walks(kept, (OPENED, SECOND), known(999), "P1").courses) == 1
    assert len(walks(kept, (OPENED, SECOND), known(999), "P2").courses) == 0


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


def test_every_event_type_of_an_opportunity_but_its_withdrawal_may_be_a_node() -> None:
    told = {event_type_of(each).name.split(".")[1] for each in get_args(OpportunityEvent)}
    assert told - set(EVENTS) == {"opportunity_withdrawn"}
    assert set(EVENTS) - told == set()
    assert len(EVENTS) == len(set(EVENTS))


def test_a_funnel_goes_between_events_of_which_nothing_else_is_kept() -> None:
    evidence = Evidence(sha256="0" * 64, kind="photo")
    row = (
        Story()
        .acts(1, action_id="A1")
        .is_assigned(2, "rep-2", TEAM_2)
        .attaches(3, "A1", evidence)
        .corrects(4, "A1", type="visit")
        .is_won(5)
        .row()
    )
    assigned, attached = Node("opportunity_assigned"), Node("evidence_attached")

    found = passed(row, assigned, attached, Node("action_corrected"), WON)

    assert found is not None
    assert [mark.at for mark in found.marks] == [hours(2), hours(3), hours(4), hours(5)]
    for nodes, reached in (((assigned, attached), 1), ((attached, assigned), 0)):
        whole_way, _steps = outcome([row], *nodes)
        assert (whole_way.entered, whole_way.reached) == (1, reached)


def test_an_approval_that_is_submitted_again_is_another_event_than_asking_for_it() -> None:
    story = Story().asks_approval(1, "manager").decides_approval(2, 0, "sent_back")
    row = story.resubmits_approval(3).row()
    requested, again = Node("approval_requested"), Node("approval_resubmitted", "discount")

    found = passed(row, requested, again)

    assert found is not None
    assert [mark.at for mark in found.marks] == [hours(1), hours(3)]
    assert passed(row, requested, begins=2) is None
