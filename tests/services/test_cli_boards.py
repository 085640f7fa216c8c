"""Boards and reasons as a person at a terminal reads them."""

import pytest

from tests.oracle.logs import CHECKOUT, MADE_UP_LOG
from tests.system import warm_start
from tests.system.command import Pulsetrail

EXAMPLE = CHECKOUT / "examples" / "made_up"


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Pulsetrail:
    pulsetrail = Pulsetrail(tmp_path_factory.mktemp("boards"))
    pulsetrail.import_log(EXAMPLE / "mapping.toml", MADE_UP_LOG)
    return pulsetrail


def refused(imported: Pulsetrail, *arguments: str) -> tuple[int, str]:
    done = warm_start.run(*imported.arguments(*arguments))
    return done.returncode, done.stderr


def test_an_instruction_is_one_line_in_the_language_asked_for(imported: Pulsetrail) -> None:
    rows = imported.json("board", "instructions", "--language", "zh")["rows"]

    title, head, *lines = imported.run("board", "instructions", "--language", "zh").splitlines()

    assert title == "instructions, as of 2025-05-25T10:30:17.123Z"
    assert head.split() == ["hours", "left", "count", "instruction"]
    assert [line.split(maxsplit=2)[2].strip() for line in lines] == [row["text"] for row in rows]
    assert lines[0].split()[:2] == ["15.50", str(rows[0]["count"])]
    assert "stuck" in imported.run("board", "instructions")


def test_the_heat_map_has_a_line_per_unit_with_its_lights(imported: Pulsetrail) -> None:
    board = imported.json("board", "heat-map", "--week", "2025-W12")

    _title, head, *lines = imported.run("board", "heat-map", "--week", "2025-W12").splitlines()

    for each in board["actions"]:
        assert f"{each['stage']}: {each['action']}" in head
    assert [line.split()[0] for line in lines] == [row["unit_id"] for row in board["rows"]]
    [company] = [row for row in board["rows"] if row["unit_id"] == "company"]
    shown = [
        f"{each['light']} {each['rate']:.1%} {each['done']}/{each['due']}"
        for each in company["cells"]
    ]
    assert all(each in lines[0] for each in shown)
    assert "绿" in imported.run("board", "heat-map", "--language", "zh")


def test_every_number_of_a_board_can_be_asked_about(imported: Pulsetrail) -> None:
    named = ("--unit", "north", "--week", "2025-W12")
    [row] = [
        each
        for each in imported.json("board", "process-health", *named)["rows"]
        if (each["unit_id"], each["rep_id"]) == ("north", None)
    ]

    for figure, count in row["counts"].items():
        told = imported.json("why", "process-health", *named, "--figure", figure)
        assert told["value"] == count
        assert (len(told["events"]) > 0) == (count > 0)


def test_a_reason_is_read_as_sentences_opportunities_and_events(imported: Pulsetrail) -> None:
    named = ("--unit", "north", "--week", "2025-W12", "--figure", "skipped")
    told = imported.json("why", "process-health", *named)

    text = imported.run("why", "process-health", *named)

    assert text.splitlines()[0] == told["sentences"][0]
    assert f"skipped, opportunities: {', '.join(told['opportunities']['skipped'])}" in text
    for event in told["events"]:
        assert event["event_id"] in text
    assert "{" not in text


def test_a_row_of_the_silence_board_is_explained(imported: Pulsetrail) -> None:
    [worst] = imported.json("board", "silence", "--limit", "1")["rows"]
    named = ("--figure", "hours_left", "--opportunity", worst["opportunity_id"])

    told = imported.json("why", "silence", *named)

    assert told["value"] == worst["hours_left"]
    assert told["events"][0]["occurred_at"] == worst["last_activity_at"]
    table = imported.run("why", "silence", *named)
    assert f"{worst['hours_left']:,.2f}" in table


def test_what_no_board_shows_is_refused_with_what_they_show(imported: Pulsetrail) -> None:
    code, said = refused(imported, "why", "moods", "--figure", "index")
    assert (code, "there are action-health, breakpoints, " in said) == (3, True)
    code, said = refused(imported, "why", "silence", "--figure", "mood")
    assert (code, "one of total, hours_left, limit_hours" in said) == (3, True)
    code, said = refused(imported, "why", "silence")
    assert (code, "silence is a board" in said) == (3, True)


def test_only_the_last_weeks_proposals_are_open_when_a_history_ends(imported: Pulsetrail) -> None:
    proposed = imported.lines("signals", "--rule", "workshop_proposed")

    assert {row["window"] for row in proposed if row["state"] == "open"} == {"2025-W20"}
    assert len({row["window"] for row in proposed}) > 5
    assert all(row["historical"] for row in proposed)
