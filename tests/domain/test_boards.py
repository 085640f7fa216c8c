"""Figures shaped into the rows of the boards (P2, P3, P5, P7) and their windows."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest

from services.projections.domain.golden_actions import (
    GoldenCount,
    GoldenKey,
    golden_action_rows,
    heat_map,
    light,
)
from services.projections.domain.process_health import (
    HealthSettings,
    Scope,
    WeekFigures,
    WinRate,
    correlated_points,
    correlation,
    health,
    health_row,
    scopes_listed,
    unhealthy_parts,
)
from services.projections.domain.signal import RaiseSignal, ResolveSignal, RetractSignal
from services.projections.domain.silence import current_silence, hours_left, silence_at
from services.projections.domain.watching import KnownSignal, WatchClock
from services.projections.domain.windows import (
    Moment,
    end_of,
    month_named,
    quarter_named,
    quarter_of,
    stretches,
    week_named,
    week_of,
    weeks_between,
)
from services.projections.domain.workshop import (
    UnitWeek,
    proposals_over,
    workshop_signal_id,
    workshop_verdicts,
)
from shared.errors import Malformed
from tests.domain.process_examples import TEAM_1, TEAM_2, Story, hours, with_stage

ZONE = "Asia/Shanghai"


class TestWindows:
    def test_a_week_begins_on_monday_midnight_of_the_zone(self) -> None:
        week = week_named("2011-W45", ZONE)

        assert week.begins == datetime(2011, 11, 6, 16, tzinfo=UTC)
        assert week.ends - week.begins == timedelta(days=7)

    def test_the_last_days_of_december_may_lie_in_the_next_years_first_week(self) -> None:
        assert week_of(datetime(2012, 12, 31, 12, tzinfo=UTC), ZONE).name == "2013-W01"

    def test_a_month_is_half_open(self) -> None:
        month = month_named("2011-12", ZONE)

        assert month.begins == datetime(2011, 11, 30, 16, tzinfo=UTC)
        assert month.ends == datetime(2011, 12, 31, 16, tzinfo=UTC)

    @pytest.mark.parametrize("name", ["2011-45", "2011-W54", "W45", "2011-W00"])
    def test_what_is_no_week_is_refused(self, name: str) -> None:
        with pytest.raises(Malformed):
            week_named(name, ZONE)

    @pytest.mark.parametrize("name", ["2011-13", "2011-W45", "2011"])
    def test_what_is_no_month_is_refused(self, name: str) -> None:
        with pytest.raises(Malformed):
            month_named(name, ZONE)

    def test_a_quarter_is_its_three_months(self) -> None:
        quarter = quarter_named("2011-Q4", ZONE)

        assert quarter.begins == month_named("2011-10", ZONE).begins
        assert quarter.ends == month_named("2011-12", ZONE).ends
        assert quarter_of(quarter.begins, ZONE) == quarter
        assert quarter_of(quarter.ends, ZONE).name == "2012-Q1"

    @pytest.mark.parametrize("name", ["2011-Q5", "2011-Q0", "0000-Q1", "2011-12", "Q1"])
    def test_what_is_no_quarter_is_refused(self, name: str) -> None:
        with pytest.raises(Malformed):
            quarter_named(name, ZONE)

    def test_the_running_week_ends_at_the_clock(self) -> None:
        week = week_named("2026-W10", ZONE)

        assert end_of(week, hours(5)) == Moment(hours(5), inclusive=False)
        assert end_of(week, week.ends) == Moment(week.ends, inclusive=False)

    def test_weeks_follow_each_other_without_gaps(self) -> None:
        weeks = weeks_between(hours(0), hours(15 * 24), ZONE)

        assert [week.name for week in weeks] == ["2026-W10", "2026-W11", "2026-W12"]
        assert [stretch.first_index for stretch in stretches(weeks)] == [0]

    def test_a_change_of_the_clocks_begins_a_new_stretch(self) -> None:
        weeks = weeks_between(hours(0), hours(50 * 24), "Europe/Amsterdam")

        assert [stretch.first_index for stretch in stretches(weeks)] == [0, 3, 4]


class TestHealth:
    FIGURES = WeekFigures(
        moved=10, skipped=1, evidence_required=4, evidence_complete=3, open=20, overrun=5
    )

    def test_the_index_weighs_its_three_parts(self) -> None:
        measured = health(self.FIGURES)

        assert (measured.stage_compliance, measured.evidence_rate) == (0.9, 0.75)
        assert measured.silence_overrun == 0.25
        assert measured.index == pytest.approx(100 * (0.6 * 0.9 + 0.3 * 0.75 + 0.1 * 0.75))

    def test_what_is_absent_leaves_the_index_to_the_remaining_weights(self) -> None:
        measured = health(WeekFigures(moved=243, open=371, overrun=49))

        assert measured.evidence_rate is None
        assert measured.index == pytest.approx(98.1132, abs=5e-5)

    def test_with_nothing_to_count_everything_is_absent(self) -> None:
        measured = health(WeekFigures())

        assert (measured.stage_compliance, measured.silence_overrun, measured.index) == (
            None,
            None,
            None,
        )

    def test_the_index_may_use_dwelling_instead_of_silence(self) -> None:
        figures = WeekFigures(
            open=4, dwell_open={"first": 2, "second": 2}, dwell_overrun={"first": 1}
        )

        assert health(figures, HealthSettings(index_uses="dwell")).index == pytest.approx(75)

    def test_exactly_at_the_healthy_bound_is_healthy(self) -> None:
        figures = WeekFigures(moved=25, skipped=2, open=20, overrun=3)

        assert unhealthy_parts(health(figures)) == {}

    def test_parts_outside_their_range_are_named(self) -> None:
        assert unhealthy_parts(health(self.FIGURES)) == {
            "stage_compliance": 0.9,
            "evidence_rate": 0.75,
            "silence_overrun": 0.25,
        }

    def test_a_row_carries_the_counts_behind_its_figures(self) -> None:
        row = health_row(Scope("team-1", ""), "2026-W10", self.FIGURES, HealthSettings())

        assert (row["unit_id"], row["rep_id"], row["week"]) == ("team-1", None, "2026-W10")
        assert row["counts"] == {
            "moved": 10,
            "skipped": 1,
            "evidence_required": 4,
            "evidence_complete": 3,
            "open": 20,
            "overrun": 5,
        }

    def test_a_reps_row_names_the_reps_own_unit(self) -> None:
        row = health_row(
            Scope("company", "rep-1"), "2026-W10", self.FIGURES, HealthSettings(), "team-1"
        )

        assert (row["unit_id"], row["rep_id"]) == ("team-1", "rep-1")

    def test_the_unit_comes_first_then_its_children_then_the_reps(self) -> None:
        counted = [Scope("U", "rep-2"), Scope("U", "rep-1"), Scope("b", ""), Scope("b", "rep-2")]

        assert scopes_listed("U", ["c", "b"], counted) == [
            Scope("U", ""),
            Scope("b", ""),
            Scope("U", "rep-1"),
            Scope("U", "rep-2"),
        ]


class TestCorrelation:
    def test_below_twelve_points_nothing_is_shown(self) -> None:
        assert correlation([(float(n), float(n)) for n in range(11)]) is None

    def test_a_straight_line_correlates_fully(self) -> None:
        found = correlation([(float(n), 1 - n / 20) for n in range(12)])

        assert found is not None
        assert found.coefficient == pytest.approx(-1)
        assert found.n == 12

    def test_what_never_varies_correlates_with_nothing(self) -> None:
        assert correlation([(90.0, n / 12) for n in range(12)]) is None

    def test_weeks_with_fewer_than_five_closed_are_left_out(self) -> None:
        weekly = [(90.0, WinRate(2, 5)), (80.0, WinRate(4, 4)), (None, WinRate(5, 5))]

        assert correlated_points(weekly) == [(90.0, 0.4)]


class TestGoldenActions:
    DEMO = GoldenKey("first", "demo")
    QUOTE = GoldenKey("second", "quote")

    @pytest.mark.parametrize(
        ("rate", "colour"),
        [(0.9, "green"), (0.8999, "yellow"), (0.7, "yellow"), (0.6999, "red"), (None, None)],
    )
    def test_lights_compare_unrounded_rates(self, rate: float | None, colour: str | None) -> None:
        assert light(rate) == colour

    def test_the_unit_lists_all_of_its_golden_actions_others_only_what_was_due(self) -> None:
        counts = {
            (Scope("U", ""), self.DEMO): GoldenCount(3, 4),
            (Scope("U", ""), self.QUOTE): GoldenCount(0, 0),
            (Scope("U", "rep-1"), self.DEMO): GoldenCount(3, 4),
            (Scope("b", ""), self.QUOTE): GoldenCount(0, 0),
        }

        rows = golden_action_rows("U", ["b"], counts, {"rep-1": "b"})

        assert [(row["unit_id"], row["rep_id"], row["action"], row["due"]) for row in rows] == [
            ("U", None, "demo", 4),
            ("U", None, "quote", 0),
            ("b", "rep-1", "demo", 4),
        ]
        assert (rows[0]["rate"], rows[0]["light"]) == (0.75, "yellow")
        assert (rows[1]["rate"], rows[1]["light"]) == (None, None)

    def test_the_heat_map_has_the_same_columns_in_every_row(self) -> None:
        counts = {("b", self.DEMO): GoldenCount(1, 1), ("c", self.QUOTE): GoldenCount(0, 2)}

        board = heat_map(["b", "c"], counts)

        assert board["actions"] == [
            {"stage": "first", "action": "demo"},
            {"stage": "second", "action": "quote"},
        ]
        assert [[cell["light"] for cell in row["cells"]] for row in board["rows"]] == [
            ["green", None],
            [None, "red"],
        ]


class TestSilence:
    def test_hours_left_are_negative_when_over(self) -> None:
        silence = silence_at(Story().acts(10).row(), hours(60))

        assert silence is not None
        assert hours_left(silence.due_at, hours(60)) == -2

    def test_a_past_moment_is_shown_as_it_was(self) -> None:
        story = Story().acts(10).moves(20, "second").is_assigned(30, "rep-2", TEAM_2).is_won(40)

        then = silence_at(story.row(), hours(15))
        assert then is not None
        assert (then.stage, then.owner_id, then.unit_path) == ("first", "rep-1", TEAM_1)
        assert then.last_activity_at == hours(10)
        assert silence_at(story.row(), hours(40)) is None

    def test_what_happened_at_the_moment_is_included(self) -> None:
        silence = silence_at(Story().acts(10).row(), hours(10))

        assert silence is not None
        assert silence.last_activity_at == hours(10)

    def test_before_its_opening_it_is_not_there(self) -> None:
        assert silence_at(Story().row(), hours(-1)) is None

    @pytest.mark.parametrize(
        "story",
        [
            Story().acts(10).moves(20, "second").acts(15),
            Story().is_lost(5).acts(7).is_reopened(9),
            Story().acts(10, action_id="A").voids(11, "A"),
            Story(pipeline=with_stage("first", silence_limit_seconds=60)).acts(
                3, ends_silence=False
            ),
        ],
        ids=["late", "reopened", "voided", "note"],
    )
    def test_the_current_silence_is_that_of_any_later_moment(self, story: Story) -> None:
        row = story.row()

        assert current_silence(row) == silence_at(row, hours(1000))

    def test_a_closed_opportunity_is_not_silent(self) -> None:
        assert current_silence(Story().is_won(5).row()) is None


class TestWorkshop:
    WEEK = week_named("2026-W10", ZONE)
    SICK = UnitWeek(
        unit_path=TEAM_1,
        week=WEEK,
        figures=WeekFigures(open=10, overrun=5),
        worst={"silence_overrun": ["O1", "O2"]},
    )
    WELL = UnitWeek(unit_path=TEAM_1, week=WEEK, figures=WeekFigures(open=10), worst={})
    CLOCK = WatchClock(now=WEEK.ends + timedelta(minutes=1), live_at=hours(0))
    ID = workshop_signal_id("T1", "team-1", "2026-W10")
    KNOWN: ClassVar = {ID: KnownSignal(signal_id=ID, due_at=WEEK.ends, state="raised")}

    def test_a_part_outside_its_range_proposes_a_workshop_with_the_worst(self) -> None:
        [command] = workshop_verdicts("T1", [self.SICK], {}, HealthSettings(), self.CLOCK)

        assert isinstance(command, RaiseSignal)
        assert (command.subject_kind, command.subject_id, command.window) == (
            "unit",
            "team-1",
            "2026-W10",
        )
        assert command.facts["silence_overrun_worst"] == ["O1", "O2"]

    def test_a_week_is_judged_when_it_is_over(self) -> None:
        clock = WatchClock(now=self.WEEK.ends, live_at=hours(0))

        assert workshop_verdicts("T1", [self.SICK], {}, HealthSettings(), clock) == []

    def test_it_is_proposed_once(self) -> None:
        assert workshop_verdicts("T1", [self.SICK], self.KNOWN, HealthSettings(), self.CLOCK) == []

    def test_it_is_taken_back_when_late_actions_made_the_week_healthy(self) -> None:
        [command] = workshop_verdicts("T1", [self.WELL], self.KNOWN, HealthSettings(), self.CLOCK)

        assert isinstance(command, RetractSignal)

    def test_a_week_that_an_import_made_unhealthy_later_is_history(self) -> None:
        imported = replace(self.SICK, imported_until=self.WEEK.ends + timedelta(seconds=1))
        in_time = replace(self.SICK, imported_until=self.WEEK.ends)

        [late] = workshop_verdicts("T1", [imported], {}, HealthSettings(), self.CLOCK)
        [live] = workshop_verdicts("T1", [in_time], {}, HealthSettings(), self.CLOCK)

        assert isinstance(late, RaiseSignal)
        assert (late.historical, late.raised_at) == (True, self.WEEK.ends)
        assert isinstance(live, RaiseSignal)
        assert (live.historical, live.raised_at) == (False, self.CLOCK.now)

    def test_a_proposal_stands_until_the_week_after_is_over(self) -> None:
        ends = week_named("2026-W11", ZONE).ends
        [known] = self.KNOWN.values()

        assert proposals_over([known], [], ZONE, ends) == []
        later = ends + timedelta(milliseconds=1)
        [command] = proposals_over([known], [], ZONE, later)

        assert command == ResolveSignal(
            signal_id=self.ID, ended_at=ends, cause_event_id=None, now=later
        )
        assert proposals_over([replace(known, state="resolved")], [], ZONE, later) == []

    def test_a_proposal_of_a_week_long_ago_is_over_when_it_is_made(self) -> None:
        clock = WatchClock(now=self.WEEK.ends + timedelta(days=30), live_at=hours(0))
        proposed = workshop_verdicts("T1", [self.SICK], {}, HealthSettings(), clock)

        [over] = proposals_over([], proposed, ZONE, clock.now)

        assert over.ended_at == week_named("2026-W11", ZONE).ends

    def test_what_is_taken_back_is_not_resolved_too(self) -> None:
        clock = WatchClock(now=self.WEEK.ends + timedelta(days=30), live_at=hours(0))
        back = workshop_verdicts("T1", [self.WELL], self.KNOWN, HealthSettings(), clock)

        assert proposals_over(self.KNOWN.values(), back, ZONE, clock.now) == []
