"""The row of one opportunity keeps what late, corrected and voided actions need."""

import msgspec
import pytest

from services.projections.domain.opportunity_course import counted_actions, stay_at, within
from services.projections.domain.opportunity_process import evolve
from services.projections.domain.opportunity_row import (
    OpportunityProcess,
)
from shared.errors import PoisonMessage
from tests.domain.process_examples import PHOTO, PIPELINE, TEAM_2, Story, hours


def test_an_opening_starts_the_first_stay() -> None:
    row = Story().row()

    assert (row.stage, row.status, row.owner_id, row.unit_path[-1]) == (
        "first",
        "open",
        "rep-1",
        "team-1",
    )


def test_a_stream_that_does_not_begin_with_its_opening_is_poison() -> None:
    told = Story().acts(1).told

    with pytest.raises(PoisonMessage):
        evolve(None, told[1])


def test_a_second_opening_is_poison() -> None:
    story = Story()

    with pytest.raises(PoisonMessage):
        evolve(story.row(), story.told[0])


def test_an_action_that_arrives_late_belongs_to_the_stage_it_happened_in() -> None:
    row = Story().moves(10, "second").acts(5).row()

    first, second = row.stays
    assert [len(list(within(counted_actions(row), stay))) for stay in (first, second)] == [1, 0]


def test_of_equal_times_the_stream_version_decides() -> None:
    row = Story().acts(10).moves(10, "second").acts(10).row()

    stages = [found.stage for each in row.actions if (found := stay_at(row, each.order))]
    assert stages == ["first", "second"]


def test_an_action_on_a_closed_opportunity_counts_nowhere() -> None:
    row = Story().is_lost(10).acts(11).row()

    assert counted_actions(row) == []
    assert len(row.actions) == 1


def test_a_late_action_that_happened_before_the_closing_counts() -> None:
    row = Story().is_lost(10).acts(9).row()

    assert len(counted_actions(row)) == 1


def test_after_reopening_actions_count_again() -> None:
    row = Story().is_lost(10).acts(12).is_reopened(20).acts(21).row()

    assert [action.at for action in counted_actions(row)] == [hours(21)]


def test_a_voided_action_and_an_invalid_one_do_not_count() -> None:
    row = Story().acts(1, action_id="A").voids(2, "A").acts(3, invalid_reasons=("short",)).row()

    assert counted_actions(row) == []


def test_evidence_attached_later_completes_an_invalid_action() -> None:
    row = (
        Story().acts(1, action_id="A", invalid_reasons=("evidence",)).attaches(9, "A", PHOTO).row()
    )

    [action] = counted_actions(row)
    assert action.evidence == ("photo",)


def test_a_correction_moves_the_action_in_time() -> None:
    row = Story().acts(1, action_id="A").corrects(9, "A", happened_at=hours(4)).row()

    assert [action.at for action in counted_actions(row)] == [hours(4)]


def test_ownership_is_kept_as_it_was_at_every_moment() -> None:
    row = Story().is_assigned(5, "rep-2", TEAM_2).row()

    assert [(owner.owner_id, owner.unit_path[-1]) for owner in row.owners] == [
        ("rep-1", "team-1"),
        ("rep-2", "team-2"),
    ]


def test_a_migration_under_the_same_stage_name_lets_the_stay_go_on() -> None:
    row = Story().is_migrated(5, PIPELINE).row()

    assert len(row.stays) == 1
    assert len(row.rules) == 2


def test_the_row_survives_storing() -> None:
    story = Story().acts(1, evidence=(PHOTO,)).books(2, 30).moves(3, "second")
    row = story.asks_approval(4, "manager", "legal").decides_approval(5, 0, "pending").row()

    stored = msgspec.json.encode(row)

    assert msgspec.json.decode(stored, type=OpportunityProcess) == row
