"""The oracle on cases small enough to be worked out by hand.

All of them use the made-up company's rules: `new` may be silent for 3 days, `qualified`,
`solution` and `quoted` for 5, `negotiation` for 7. 2025-03-03 is a Monday; local is UTC+8.
"""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.oracle.case import Row
from tests.oracle.logs import MADE_UP
from tests.oracle.reading import Golden, Health, Reading, read


def local(text: str) -> datetime:
    return datetime.fromisoformat(f"2025-{text}+08:00").astimezone(UTC)


def log(text: str, until: str | None = None) -> Reading:
    """One row a line: case, local time, resource (`-` for none), activity and lifecycle."""
    rows = []
    for line in text.strip().splitlines():
        case, at, resource, action = line.split(maxsplit=3)
        activity, lifecycle = action.rsplit(maxsplit=1)
        rows.append(
            Row(
                case=case,
                activity=activity,
                lifecycle=lifecycle,
                resource="" if resource == "-" else resource,
                amount=Decimal(100),
                at=local(at),
            )
        )
    return read(rows, MADE_UP, local(until) if until else None)


ONE_DEAL = """
A 03-03T09:00 sys LEAD_IN COMPLETE
A 03-04T09:00 201 QUALIFIED COMPLETE
A 03-04T09:00 201 电话沟通 START
A 03-04T09:10 201 电话沟通 COMPLETE
A 03-10T09:10 201 SOLUTION COMPLETE
A 03-11T09:00 -   微信消息 COMPLETE
A 03-12T09:00 201 QUALIFIED COMPLETE
A 03-12T10:00 201 QUALIFIED COMPLETE
A 03-13T09:00 201 QUOTE_SENT COMPLETE
A 03-14T09:00 202 上门拜访 START
A 03-25T09:00 201 WON COMPLETE
A 03-26T09:00 201 NEGOTIATION COMPLETE
"""


def test_the_first_person_owns_the_deal_from_that_row_on() -> None:
    standings = log(ONE_DEAL).cases[0].standings

    assert [(standing.owner, standing.unit) for standing in standings[:2]] == [
        (None, "sales"),
        ("201", "team-0"),
    ]
    assert standings[-1].owner == "201"


def test_changes_are_forward_backward_or_skip() -> None:
    changes = log(ONE_DEAL).cases[0].changes

    assert [(change.to_stage, change.direction) for change in changes] == [
        ("qualified", "forward"),
        ("solution", "forward"),
        ("qualified", "backward"),
        ("quoted", "skip"),
    ]


def test_rows_after_the_closing_count_nowhere() -> None:
    deal = log(ONE_DEAL).cases[0]

    assert deal.standings[-1].status == "won"
    assert deal.standings[-1].since == local("03-25T09:00")


def test_silences_over_the_limit_are_stalls() -> None:
    stalls = log(ONE_DEAL).stalls()

    assert [(stall.stage, stall.due_at, stall.ended_at) for stall in stalls] == [
        ("qualified", local("03-09T09:10"), local("03-10T09:10")),
        ("quoted", local("03-19T09:00"), local("03-25T09:00")),
    ]
    assert {(stall.owner_id, stall.unit_id, stall.state) for stall in stalls} == {
        ("rep-201", "team-0", "resolved")
    }


def test_golden_actions_are_looked_for_since_the_stage_was_last_entered() -> None:
    golden = log(ONE_DEAL).golden_actions()

    assert golden["team-0", None, "qualified", "电话沟通 START"] == Golden(due=2, done=1)
    assert golden["team-0", None, "quoted", "上门拜访 START"] == Golden(due=1, done=1)
    assert golden["company", None, "quoted", "上门拜访 START"] == Golden(due=1, done=1)
    assert golden["team-0", "rep-201", "qualified", "电话沟通 START"] == Golden(due=2, done=1)
    assert {key[2] for key in golden} == {"qualified", "quoted"}


def test_golden_actions_of_a_window_are_those_of_the_stages_left_in_it() -> None:
    reading = log(ONE_DEAL)

    first = reading.golden_actions(*reading.week("2025-W11"))
    assert first["sales", None, "qualified", "电话沟通 START"] == Golden(due=2, done=1)
    assert ("sales", None, "quoted", "上门拜访 START") not in first
    assert reading.golden_actions(*reading.month("2025-04")) == {}


def test_process_health_of_the_weeks_of_one_deal() -> None:
    """W10: silent since Tuesday, over on Sunday. W11: a skip. W12: over. W13: won."""
    health = log(ONE_DEAL).process_health()

    assert health["team-0", None, "2025-W10"] == Health(moved=1, open=1, overrun=1)
    assert health["team-0", None, "2025-W11"] == Health(moved=1, skipped=1, open=1)
    assert health["team-0", None, "2025-W12"] == Health(open=1, overrun=1)
    assert ("team-0", None, "2025-W13") not in health
    assert health["team-0", None, "2025-W10"].index == pytest.approx(600 / 7)
    assert health["team-0", None, "2025-W11"].index == pytest.approx(100 / 7)


def test_exactly_at_the_limit_is_not_over() -> None:
    reading = log(
        """
        B 03-03T09:00 201 LEAD_IN COMPLETE
        B 03-06T09:00 201 微信消息 COMPLETE
        C 03-03T09:00 201 LEAD_IN COMPLETE
        C 03-06T09:00:00.001 201 微信消息 COMPLETE
        """
    )

    assert [stall.opportunity_id for stall in reading.stalls()] == ["made-up-C"]


def test_a_limit_that_passes_exactly_at_the_clock_is_not_over_yet() -> None:
    text = "D 03-03T09:00 201 LEAD_IN COMPLETE"

    at_the_limit = log(text, until="03-06T09:00")
    a_millisecond_later = log(text, until="03-06T09:00:00.001")

    assert at_the_limit.stalls() == []
    assert at_the_limit.silence()[0].hours_left == 0
    assert [stall.state for stall in a_millisecond_later.stalls()] == ["open"]
    assert a_millisecond_later.silence()[0].hours_left < 0


BORDERS = """
E 03-10T00:00 sys LEAD_IN COMPLETE
E 03-17T00:00 201 QUALIFIED COMPLETE
F 03-14T00:00 202 LEAD_IN COMPLETE
F 03-18T00:00 202 LOST_PRICE COMPLETE
G 03-13T23:59:59.999 203 LEAD_IN COMPLETE
G 03-17T00:00 203 LOST_PRICE COMPLETE
H 03-17T01:00 203 LEAD_IN COMPLETE
"""


def test_a_week_holds_its_first_moment_and_not_its_last() -> None:
    """E moves and G closes at the first moment of W12; F is at its limit there, G just over.

    The running W12 ends at the clock, F's closing: closed at that moment, F was open until it.
    """
    health = log(BORDERS).process_health()

    assert health["company", None, "2025-W11"] == Health(open=3, overrun=2)
    assert health["sales", None, "2025-W11"] == health["company", None, "2025-W11"]
    assert health["team-1", None, "2025-W11"] == Health(open=1)
    assert health["team-2", None, "2025-W11"] == Health(open=1, overrun=1)
    assert health["north", None, "2025-W11"] == Health(open=1)
    assert ("team-0", None, "2025-W11") not in health
    assert health["company", None, "2025-W12"] == Health(moved=1, open=3, overrun=1)
    assert health["team-1", None, "2025-W12"] == Health(open=1, overrun=1)
    assert health["team-0", None, "2025-W12"] == Health(moved=1, open=1)


def test_the_running_week_ends_at_the_moment_asked_for() -> None:
    health = log(BORDERS).process_health(local("03-14T00:00"))

    assert health == {
        ("company", None, "2025-W11"): Health(open=2, overrun=1),
        ("sales", None, "2025-W11"): Health(open=2, overrun=1),
        ("south", None, "2025-W11"): Health(open=1),
        ("team-2", None, "2025-W11"): Health(open=1),
        ("team-2", "rep-203", "2025-W11"): Health(open=1),
    }


def test_the_silence_board_knows_the_rows_up_to_and_including_its_moment() -> None:
    board = log(BORDERS).silence(local("03-17T00:00"))

    assert [(row.opportunity_id, row.stage, row.hours_left) for row in board] == [
        ("made-up-F", "new", 0),
        ("made-up-E", "qualified", 120),
    ]


def test_a_change_belongs_to_the_owner_of_that_moment() -> None:
    """The skip came before anybody owned the deal: it is the unit's and not the team's."""
    reading = log(
        """
        I 03-03T09:00 sys LEAD_IN COMPLETE
        I 03-04T09:00 sys SOLUTION COMPLETE
        I 03-05T09:00 202 QUOTE_SENT COMPLETE
        I 03-06T09:00 202 WON COMPLETE
        """
    )
    health = reading.process_health()

    assert health["sales", None, "2025-W10"] == Health(moved=1, skipped=1, open=1)
    assert health["team-1", None, "2025-W10"] == Health(moved=1, open=1)
    assert health["team-1", "rep-202", "2025-W10"] == Health(moved=1, open=1)
    assert reading.golden_actions()["team-1", None, "quoted", "上门拜访 START"] == Golden(due=1)


def test_reading_until_a_moment_knows_no_later_row() -> None:
    reading = log(ONE_DEAL, until="03-13T09:00")

    assert reading.rows == 9
    assert reading.cases[0].standings[-1].stage == "quoted"
    assert len(reading.stalls()) == 1
