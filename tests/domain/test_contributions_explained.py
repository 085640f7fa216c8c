"""The things that explain figures add up to the figures, and name the events that made them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from hypothesis import given, settings

from services.projections.domain.counted_things import CountedThing, counted_things
from services.projections.domain.opportunity_row import OpportunityProcess
from services.projections.domain.process_figures import contributions
from services.projections.domain.windows import Moment, week_named
from services.projections.domain.workshop import faults
from shared.events.opportunities import GoldenAction
from shared.projection import Point
from tests.domain.process_examples import (
    PHOTO,
    TEAM_2,
    Story,
    event_id,
    folded,
    hours,
    needing,
    with_stage,
)
from tests.domain.test_contributions_laws import DOINGS, Doing, told

WEEK = week_named("2026-W10", "Asia/Shanghai")
END = Moment(WEEK.ends, inclusive=False)
PROVEN = needing("first", GoldenAction(action="visit", evidence=("photo",)))


def added_up(row: OpportunityProcess) -> Mapping[Point, int]:
    points: dict[Point, int] = defaultdict(int)
    for thing in counted_things(row):
        for unit_id, rep_id in thing.scopes:
            of_what = (thing.figure, unit_id, rep_id, thing.stage, thing.action)
            points[Point(*of_what, thing.at)] += 1
            if thing.is_state and thing.until is not None:
                points[Point(*of_what, thing.until)] -= 1
    return {point: amount for point, amount in points.items() if amount}


@given(DOINGS)
@settings(max_examples=100, deadline=None)
def test_the_things_that_explain_figures_add_up_to_them(doings: list[Doing]) -> None:
    row = folded(told(doings))

    assert added_up(row) == contributions(row)


def test_dwelling_golden_actions_and_evidence_add_up_too() -> None:
    first, *others = PROVEN.stages
    pipeline = replace(PROVEN, stages=(replace(first, dwell_limit_seconds=3600), *others))
    story = Story(pipeline=pipeline).acts(1, "visit", action_id="A").attaches(2, "A", PHOTO)
    row = story.is_assigned(3, "rep-2", TEAM_2).moves(4, "third").is_won(5).row()

    assert added_up(row) == contributions(row)


def proof(row: OpportunityProcess, figure: str, unit: str = "team-1") -> list[tuple[str, ...]]:
    return [
        thing.event_ids
        for thing in counted_things(row)
        if thing.figure == figure and (unit, "") in thing.scopes and counts(thing)
    ]


def counts(thing: CountedThing) -> bool:
    return thing.counts(WEEK.begins, END)


def test_each_figure_names_the_events_that_made_it() -> None:
    row = Story(pipeline=PROVEN).acts(1, "visit", evidence=(PHOTO,)).moves(2, "third").row()

    assert proof(row, "open") == [(event_id(1),)]
    assert proof(row, "moved") == proof(row, "skipped") == [(event_id(3),)]
    assert proof(row, "overrun") == [(event_id(3),)]
    assert proof(row, "evidence_required") == [(event_id(2),)]
    assert proof(row, "golden_due") == [(event_id(3),)]
    assert proof(row, "golden_done") == [(event_id(3), event_id(2))]


def test_a_state_is_counted_by_who_owns_it_at_the_end_of_the_window() -> None:
    row = Story().is_assigned(24, "rep-2", TEAM_2).row()

    assert proof(row, "open") == []
    assert proof(row, "open", "team-2") == [(event_id(1),)]


def test_the_worst_are_measured_in_whose_unit_it_happened() -> None:
    row = Story().moves(2, "third").is_assigned(3, "rep-2", TEAM_2).row()

    found = faults(counted_things(row), WEEK, "silence")

    assert found["team-1", "stage_compliance"] == 1
    assert ("team-2", "stage_compliance") not in found
    limit_over = (WEEK.ends - hours(2 + 48)).total_seconds() / 3600
    assert found["team-2", "silence_overrun"] == limit_over
    assert ("team-1", "silence_overrun") not in found


def test_where_the_index_uses_dwelling_the_worst_are_those_that_dwell() -> None:
    row = Story(pipeline=with_stage("first", dwell_limit_seconds=3600)).acts(150).row()

    found = faults(counted_things(row), WEEK, "dwell")

    over = (WEEK.ends - hours(1)).total_seconds() / 3600
    assert found == {(unit, "silence_overrun"): over for unit in ("company", "region", "team-1")}
    assert faults(counted_things(row), WEEK, "silence") == {}


def test_an_action_with_its_evidence_is_no_fault() -> None:
    row = Story().acts(150, evidence_required=("photo",), evidence=(PHOTO,)).row()

    assert faults(counted_things(row), WEEK, "silence") == {}
