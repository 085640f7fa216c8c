"""Every limit of an opportunity: when it is due, and what prevents it (O1, O6, O14)."""

from dataclasses import replace

from services.projections.domain.deadlines import (
    deadlines,
    due_bound,
    is_missed,
    next_due,
    next_look,
)
from services.projections.domain.limit_spans import DEFAULT_SETTINGS, DeadlineSettings
from shared.events.opportunities import GoldenAction
from tests.domain.process_examples import (
    PIPELINE,
    TEAM_2,
    Story,
    event_id,
    hours,
    needing,
    rules_and_hours,
    with_stage,
)

QUIET = replace(
    PIPELINE,
    stages=tuple(replace(stage, silence_limit_seconds=10_000 * 3600) for stage in PIPELINE.stages),
)


THREE, FIVE = DeadlineSettings(no_response_after=3), DeadlineSettings(no_response_after=5)


def due(
    story: Story, *, quiet: bool = True, settings: DeadlineSettings = DEFAULT_SETTINGS
) -> list[tuple[str, float]]:
    """Without the silence that never falls due here."""
    found = rules_and_hours(deadlines(story.row(), settings))
    return [each for each in found if not quiet or each[0] != "stalled"]


def test_silence_is_due_a_limit_after_the_latest_activity() -> None:
    [stalled] = deadlines(Story().acts(10).row())

    assert (stalled.rule, stalled.due_at, stalled.ended_at) == ("stalled", hours(58), None)
    assert stalled.anchor_event_id == event_id(2)
    assert (stalled.stage, stalled.owner_id, stalled.unit_path[-1]) == ("first", "rep-1", "team-1")


def test_a_limit_is_missed_only_when_the_clock_is_past_it() -> None:
    [stalled] = deadlines(Story().row())

    assert not is_missed(stalled, hours(48))
    assert is_missed(stalled, hours(48.001))


def test_silences_missed_long_ago_are_still_told() -> None:
    assert rules_and_hours(deadlines(Story().acts(60).acts(200).row())) == [
        ("stalled", 48),
        ("stalled", 108),
        ("stalled", 248),
    ]


def test_a_limit_missed_is_looked_at_again_when_it_ends_though_nothing_else_falls_due() -> None:
    """Where the subject is known further than the clock has come."""
    silences = deadlines(Story().acts(60).row())

    assert next_look(silences, hours(50)) == hours(60)
    assert next_look(silences, hours(61)) == hours(108)
    assert next_look(silences, hours(109)) is None


def test_a_voided_anchor_gives_its_silence_to_the_one_before() -> None:
    story = Story().acts(10, action_id="A").voids(20, "A")

    [stalled] = deadlines(story.row())
    assert (stalled.due_at, stalled.anchor_event_id) == (hours(48), event_id(1))


def test_owner_and_unit_are_those_at_the_moment_due() -> None:
    story = Story().is_assigned(20, "rep-2", TEAM_2).is_assigned(60, "rep-3")

    [stalled] = deadlines(story.row())
    assert (stalled.owner_id, stalled.unit_path) == ("rep-2", TEAM_2)


def test_staying_beyond_the_dwell_limit_is_overdue_until_the_stage_is_left() -> None:
    pipeline = with_stage("first", dwell_limit_seconds=24 * 3600, told=("director",))
    story = Story(pipeline=pipeline).acts(20).moves(30, "second")

    [overdue] = [each for each in deadlines(story.row()) if each.rule == "stage_overdue"]
    assert (overdue.due_at, overdue.ended_at) == (hours(24), hours(30))
    assert overdue.told == ("director",)


def test_a_golden_action_is_overdue_a_limit_after_entering() -> None:
    pipeline = needing("first", GoldenAction(action="demo", limit_seconds=24 * 3600))

    assert due(Story(pipeline=pipeline)) == [("golden_action_overdue", 24)]
    assert due(Story(pipeline=pipeline).acts(24, "demo")) == []
    assert due(Story(pipeline=pipeline).moves(20, "second")) == []


def test_the_limit_of_feedback_runs_anew_from_each_demo() -> None:
    feedback = GoldenAction(action="feedback", after="demo", limit_seconds=48 * 3600)
    story = Story(pipeline=needing("first", feedback)).acts(10, "demo").acts(50, "demo")

    assert due(story) == [("golden_action_overdue", 98)]
    assert due(story.acts(90, "feedback")) == []


def test_a_demo_before_entering_starts_the_limit_of_the_stage_too() -> None:
    feedback = GoldenAction(action="feedback", after="demo", limit_seconds=48 * 3600)
    story = Story(pipeline=needing("second", feedback)).acts(1, "demo").moves(10, "second")

    assert due(story) == [("golden_action_overdue", 49)]


def test_without_the_action_it_follows_a_golden_action_is_not_due() -> None:
    feedback = GoldenAction(action="feedback", after="demo", limit_seconds=48 * 3600)

    assert due(Story(pipeline=needing("first", feedback))) == []


def test_a_booked_next_action_is_met_by_the_next_action_of_its_type() -> None:
    story = Story().books(1, 40, "visit").acts(30, "call")

    assert due(story) == [("next_action_due", 40), ("next_action_reminder", 16)]
    assert due(story.acts(40, "visit")) == [("next_action_reminder", 16)]


def test_a_booked_next_action_of_no_type_is_met_by_any_action() -> None:
    assert due(Story().books(1, 10).acts(5, "note", ends_silence=False)) == []


def test_the_reminder_is_over_when_the_next_action_is_due() -> None:
    [reminder] = [
        each for each in deadlines(Story().books(1, 40).row()) if each.rule.endswith("reminder")
    ]

    assert (reminder.due_at, reminder.ended_at) == (hours(16), hours(40))


def test_closing_ends_what_was_booked() -> None:
    assert due(Story().books(1, 40).is_won(15)) == []


def test_an_approval_step_is_overdue_after_48_hours_of_business_time() -> None:
    friday_15_in_shanghai = 4 * 24 + 6
    tuesday_15_in_shanghai = 8 * 24 + 6
    story = Story(pipeline=QUIET).asks_approval(friday_15_in_shanghai, "manager")

    assert due(story) == [("approval_overdue", tuesday_15_in_shanghai)]


def test_each_step_of_an_approval_has_its_own_limit() -> None:
    story = Story(pipeline=QUIET).asks_approval(0, "manager", "legal")
    story.decides_approval(10, 0, "pending")

    assert due(story) == [("approval_overdue", 58)]
    assert due(story.decides_approval(20, 1, "granted")) == []


def test_of_an_overdue_approval_the_role_that_has_to_decide_is_told() -> None:
    story = Story(pipeline=QUIET).asks_approval(0, "manager", "legal")
    story.decides_approval(10, 0, "pending")
    [waiting] = [each for each in deadlines(story.row()) if each.rule == "approval_overdue"]

    assert waiting.told == ("legal",)


def test_three_contacts_without_a_reaction_are_no_response() -> None:
    story = Story(pipeline=QUIET).reaches_out(1).reaches_out(2).reaches_out(3).reaches_out(4)

    assert due(story) == [("no_response", 3)]


def test_a_setting_changed_later_takes_no_signal_back() -> None:
    story = Story(pipeline=QUIET).reaches_out(1).reaches_out(2).reaches_out(3).reaches_out(4)
    changed_at_3 = replace(THREE, later=((hours(3), FIVE),))
    changed_after_3 = replace(THREE, later=((hours(3.5), FIVE),))

    assert due(story, settings=changed_after_3) == [("no_response", 3)]
    assert due(story, settings=changed_at_3) == []


def test_a_setting_made_stricter_makes_due_at_once_what_is_over_it() -> None:
    story = Story(pipeline=QUIET).reaches_out(1).reaches_out(2).reaches_out(3).reaches_out(4)
    stricter = replace(FIVE, later=((hours(10), THREE),))

    assert due(story, settings=stricter) == [("no_response", 10)]
    assert due(story.acts(9, direction="inbound"), settings=stricter) == []


def test_an_approval_that_waited_when_wall_time_came_is_due_then() -> None:
    friday_15_in_shanghai = 4 * 24 + 6
    story = Story(pipeline=QUIET).asks_approval(friday_15_in_shanghai, "manager")
    wall_time = DeadlineSettings(approval_in_business_time=False)
    on_monday = hours(friday_15_in_shanghai + 65)
    on_saturday = hours(friday_15_in_shanghai + 20)

    late = DeadlineSettings(later=((on_monday, wall_time),))
    assert due(story, settings=late) == [("approval_overdue", friday_15_in_shanghai + 65)]
    early = DeadlineSettings(later=((on_saturday, wall_time),))
    assert due(story, settings=early) == [("approval_overdue", friday_15_in_shanghai + 48)]


def test_an_approval_is_judged_by_the_limit_that_is_set_at_the_moment() -> None:
    story = Story(pipeline=QUIET).asks_approval(0, "manager")
    day, week = (
        DeadlineSettings(approval_limit_hours=24),
        DeadlineSettings(approval_limit_hours=168),
    )

    shortened_in_time = replace(DEFAULT_SETTINGS, later=((hours(10), day),))
    assert due(story, settings=shortened_in_time) == [("approval_overdue", 24)]
    shortened_late = replace(DEFAULT_SETTINGS, later=((hours(30), day),))
    assert due(story, settings=shortened_late) == [("approval_overdue", 30)]
    lengthened = replace(DEFAULT_SETTINGS, later=((hours(30), week),))
    assert due(story, settings=lengthened) == [("approval_overdue", 216)]


def test_a_limit_that_a_step_names_itself_is_moved_by_no_setting() -> None:
    story = Story(pipeline=QUIET).asks_approval(0, "manager", limit_seconds=36 * 3600)
    day = DeadlineSettings(approval_limit_hours=24)

    assert due(story, settings=replace(DEFAULT_SETTINGS, later=((hours(10), day),))) == [
        ("approval_overdue", 36)
    ]


def test_an_approval_of_a_lost_opportunity_waits_anew_from_its_reopening() -> None:
    story = Story(pipeline=QUIET).asks_approval(0, "manager").is_lost(10)
    assert due(story) == []

    assert due(story.is_reopened(20)) == [("approval_overdue", 68)]
    [waiting] = [each for each in deadlines(story.row()) if each.rule == "approval_overdue"]
    assert dict(waiting.facts)["since"] == "2026-03-02T21:00:00.000Z"
    assert due(story.decides_approval(60, 0, "granted")) == []


def test_an_approval_asked_for_after_the_reopening_waits_from_its_own_beginning() -> None:
    story = Story(pipeline=QUIET).is_lost(5).is_reopened(10).asks_approval(20, "manager")

    assert due(story) == [("approval_overdue", 68)]


def test_the_watch_looks_no_later_than_at_the_shortest_limit_of_an_approval() -> None:
    waiting = Story(pipeline=QUIET).asks_approval(0, "manager").row()
    bound = due_bound(waiting)

    assert bound is not None
    assert bound <= hours(1)


def test_the_watch_looks_no_later_than_at_the_reminder() -> None:
    booked_soon = Story(pipeline=QUIET).books(1, 40).row()
    bound, first = due_bound(booked_soon), next_due(booked_soon)

    assert bound is not None
    assert first == hours(16)
    assert bound <= first


def test_an_inbound_contact_starts_the_count_anew() -> None:
    story = (
        Story(pipeline=QUIET)
        .reaches_out(1)
        .reaches_out(2)
        .acts(3, direction="inbound")
        .reaches_out(4)
        .reaches_out(5)
    )

    assert due(story) == []


def test_a_reaction_that_is_entered_late_takes_the_signal_back() -> None:
    story = (
        Story(pipeline=QUIET)
        .reaches_out(1)
        .reaches_out(2)
        .reaches_out(3)
        .acts(2.5, direction="inbound")
    )

    assert due(story) == []


def test_what_is_no_contact_is_not_counted_as_one() -> None:
    story = (
        Story(pipeline=QUIET)
        .reaches_out(1)
        .reaches_out(2)
        .acts(3, "note", direction="outbound", is_contact=False)
    )

    assert due(story) == []


def test_the_next_due_time_is_the_earliest_that_was_not_met() -> None:
    row = Story().books(1, 40).row()

    assert next_due(row) == hours(16)
    assert next_due(row, after=hours(17)) == hours(40)


def test_a_closed_opportunity_has_nothing_due() -> None:
    assert next_due(Story().acts(10).is_won(20).row()) is None
