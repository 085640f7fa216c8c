"""What one opportunity adds to shared figures (P3, P5), by hand and against a naive reading."""

import pytest

from services.projections.domain.process_figures import contributions
from shared.events.opportunities import GoldenAction, PipelineDefinition
from tests.domain.process_examples import (
    PHOTO,
    TEAM_2,
    Story,
    figure,
    hours,
    needing,
    series,
    with_stage,
)

WEEK = 7 * 24


def of(story: Story, name: str, unit: str = "team-1") -> list[tuple[float, int]]:
    return series(contributions(story.row()), name, unit)


def test_an_opportunity_is_open_from_its_opening_to_its_closing() -> None:
    assert of(Story().is_won(30), "open") == [(0, 1), (30, -1)]


def test_a_reopened_opportunity_is_open_twice() -> None:
    assert of(Story().is_lost(30).is_reopened(50), "open") == [(0, 1), (30, -1), (50, 1)]


def test_every_unit_on_the_path_and_the_rep_in_each_count_it() -> None:
    points = contributions(Story().row())

    scopes = {(point.unit_id, point.rep_id) for point in points if point.figure == "open"}
    assert scopes == {
        (unit, rep) for unit in ("company", "region", "team-1") for rep in ("", "rep-1")
    }


def test_without_an_owner_it_is_in_its_units_figures_and_in_no_reps() -> None:
    points = contributions(Story(owner=None).row())

    assert {point.rep_id for point in points} == {""}


def test_a_change_of_team_moves_it_without_touching_the_region() -> None:
    story = Story().is_assigned(10, "rep-2", TEAM_2)

    assert of(story, "open", "team-1") == [(0, 1), (10, -1)]
    assert of(story, "open", "team-2") == [(10, 1)]
    assert of(story, "open", "region") == [(0, 1)]


def test_silence_is_over_the_limit_from_the_moment_due_to_the_next_activity() -> None:
    assert of(Story().acts(60).acts(70), "overrun") == [(48, 1), (60, -1), (118, 1)]


def test_an_activity_at_exactly_the_limit_prevents_it() -> None:
    assert of(Story().acts(48), "overrun") == [(96, 1)]


def test_an_action_that_does_not_end_silence_changes_nothing() -> None:
    assert of(Story().acts(10, "note", ends_silence=False), "overrun") == [(48, 1)]


def test_the_silence_limit_is_that_of_the_stage_in_force() -> None:
    story = Story(pipeline=with_stage("second", silence_limit_seconds=3600)).moves(10, "second")

    assert of(story, "overrun") == [(11, 1)]


def test_a_late_action_takes_back_an_overrun() -> None:
    assert of(Story().acts(60).acts(40, recorded=70), "overrun") == [(108, 1)]


def test_closing_ends_an_overrun() -> None:
    assert of(Story().is_lost(60), "overrun") == [(48, 1), (60, -1)]


def test_an_overrun_goes_to_whoever_owns_it_while_it_lasts() -> None:
    story = Story().is_assigned(60, "rep-2", TEAM_2).acts(70)

    assert of(story, "overrun", "team-1") == [(48, 1), (60, -1)]
    assert of(story, "overrun", "team-2") == [(60, 1), (70, -1), (118, 1)]


def test_two_changes_in_a_week_are_one_opportunity_moved() -> None:
    assert of(Story().moves(5, "second").moves(9, "third"), "moved") == [(5, 1)]


def test_changes_in_two_weeks_count_in_both() -> None:
    story = Story().moves(5, "second").moves(WEEK + 5, "third")

    assert of(story, "moved") == [(5, 1), (WEEK + 5, 1)]


def test_the_week_begins_at_midnight_of_the_tenants_zone() -> None:
    last_minute_of_the_week = WEEK - 9 - 1 / 60
    story = Story().moves(last_minute_of_the_week, "second").moves(WEEK - 9, "third")

    assert len(of(story, "moved")) == 2


def test_a_change_under_each_of_two_reps_counts_for_both_and_once_for_the_region() -> None:
    story = Story().moves(5, "second").is_assigned(6, "rep-2", TEAM_2).moves(9, "third")

    assert of(story, "moved", "team-1") == [(5, 1)]
    assert of(story, "moved", "team-2") == [(9, 1)]
    assert of(story, "moved", "region") == [(5, 1)]


def test_a_skip_is_counted_where_it_happened() -> None:
    story = Story().moves(5, "third")

    assert of(story, "moved") == [(5, 1)]
    assert of(story, "skipped") == [(5, 1)]


def test_winning_and_reopening_are_no_stage_changes() -> None:
    assert of(Story().is_won(5).is_reopened(9), "moved") == []


def test_evidence_counts_for_the_actor_in_the_actors_unit() -> None:
    story = Story().acts(5, actor="rep-9", actor_unit_path=TEAM_2, evidence_required=("photo",))

    points = contributions(story.row())
    assert figure(points, "evidence_required", hours(6), unit="team-2", rep="rep-9") == 1
    assert figure(points, "evidence_required", hours(6), unit="team-1") == 0


def test_evidence_attached_later_counts_as_if_it_had_been_there() -> None:
    story = Story().acts(5, action_id="A", evidence_required=("photo",)).attaches(99, "A", PHOTO)

    assert of(story, "evidence_complete") == [(5, 1)]


def test_missing_evidence_alone_lowers_the_evidence_rate_and_counts_nowhere_else() -> None:
    missing = ("evidence-missing:photo",)
    story = Story().acts(5, evidence_required=("photo",), invalid_reasons=missing)
    assert of(story, "evidence_required") == [(5, 1)]
    assert of(story, "evidence_complete") == []
    assert of(story, "overrun") == of(Story(), "overrun")


def test_an_action_invalid_for_its_content_is_in_no_evidence_rate() -> None:
    flawed = ("evidence-missing:photo", "summary-too-short")
    story = Story().acts(5, evidence_required=("photo",), invalid_reasons=flawed)
    assert of(story, "evidence_required") == []


def test_a_golden_rule_requires_evidence_in_its_stage_only() -> None:
    pipeline = needing("second", GoldenAction(action="demo", evidence=("photo",)))
    story = Story(pipeline=pipeline).acts(1, "demo").moves(5, "second").acts(6, "demo")

    assert of(story, "evidence_required") == [(6, 1)]


def test_evidence_of_nobody_in_the_directory_goes_to_the_opportunitys_unit() -> None:
    story = Story().acts(5, actor="robot", actor_unit_path=(), evidence_required=("photo",))

    points = contributions(story.row())
    assert figure(points, "evidence_required", hours(6), unit="team-1") == 1
    assert figure(points, "evidence_required", hours(6), unit="team-1", rep="robot") == 0


GOLDEN = needing("first", GoldenAction(action="demo"))


@pytest.mark.parametrize(
    ("story", "due", "done"),
    [
        (Story(pipeline=GOLDEN).acts(1, "demo").moves(5, "second"), 1, 1),
        (Story(pipeline=GOLDEN).moves(5, "second"), 1, 0),
        (Story(pipeline=GOLDEN).is_won(5), 1, 0),
        (Story(pipeline=GOLDEN).moves(5, "third"), 1, 0),
        (Story(pipeline=GOLDEN).is_lost(5), 0, 0),
        (Story(pipeline=GOLDEN).acts(1, "demo"), 0, 0),
        (Story(pipeline=GOLDEN).moves(5, "second").acts(6, "demo"), 1, 0),
        (Story(pipeline=GOLDEN).moves(5, "second").acts(4, "demo"), 1, 1),
    ],
    ids=["done", "missing", "won", "skipped", "lost", "still there", "too late", "entered late"],
)
def test_golden_actions_are_due_when_the_stage_is_left_onward(
    story: Story, due: int, done: int
) -> None:
    points = contributions(story.row())

    assert figure(points, "golden_due", hours(99), stage="first") == due
    assert figure(points, "golden_done", hours(99), stage="first") == done


def test_a_golden_action_needs_its_evidence() -> None:
    pipeline = needing("first", GoldenAction(action="demo", evidence=("photo",)))
    story = Story(pipeline=pipeline).acts(1, "demo").moves(5, "second")

    assert of(story, "golden_due") == [(5, 1)]
    assert of(story, "golden_done") == []


def test_moving_back_and_on_again_is_due_twice() -> None:
    story = Story(pipeline=GOLDEN).acts(1, "demo").moves(5, "second")
    story.moves(6, "first").moves(7, "second")

    assert of(story, "golden_due") == [(5, 1), (7, 1)]
    assert of(story, "golden_done") == [(5, 1)]


def test_dwelling_over_the_limit_is_counted_per_stage() -> None:
    story = Story(pipeline=with_stage("first", dwell_limit_seconds=3600)).moves(5, "second")

    points = contributions(story.row())
    assert series(points, "dwell_open") == [(0, 1), (5, -1)]
    assert series(points, "dwell_overrun") == [(1, 1), (5, -1)]
    assert {point.stage for point in points if point.figure == "dwell_open"} == {"first"}


def test_won_and_closed_are_counted_when_it_closed() -> None:
    story = Story().is_lost(5).is_reopened(6).is_won(9)

    assert of(story, "closed") == [(5, 1), (9, 1)]
    assert of(story, "won") == [(9, 1)]


def test_a_lengthened_limit_moves_what_is_not_yet_due() -> None:
    longer = with_stage("first", silence_limit_seconds=100 * 3600)

    assert of(Story().is_migrated(40, longer), "overrun") == [(100, 1)]
    assert of(Story().is_migrated(60, longer), "overrun") == [(48, 1)]


def test_a_shortened_limit_is_due_at_the_change_at_the_earliest() -> None:
    shorter: PipelineDefinition = with_stage("first", silence_limit_seconds=3600)

    assert of(Story().is_migrated(40, shorter), "overrun") == [(40, 1)]
