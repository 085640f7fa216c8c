"""Funnel (P6) and breakpoints (P12) of an imported log, compared with the oracle's."""

from typing import Any

import pytest

from tests.oracle.course import breakpoints, funnel
from tests.oracle.logs import CHECKOUT, MADE_UP, MADE_UP_LOG
from tests.oracle.reading import Reading, read, rows_of
from tests.system.command import Pulsetrail

EXAMPLE = CHECKOUT / "examples" / "made_up"
STAGES = ("qualified", "solution", "quoted", "negotiation")
WHOLE_WAY = ["opportunity_opened", *(f"stage_changed:{each}" for each in STAGES), "opportunity_won"]


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Pulsetrail:
    pulsetrail = Pulsetrail(tmp_path_factory.mktemp("courses"))
    pulsetrail.import_log(EXAMPLE / "mapping.toml", MADE_UP_LOG)
    return pulsetrail


@pytest.fixture(scope="module")
def reading() -> Reading:
    return read(rows_of(MADE_UP_LOG), MADE_UP)


def near(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: pytest.approx(value, abs=1e-6) for name, value in figures.items()}


def of_unit(board: dict[str, Any], unit: str) -> dict[str, Any]:
    [row] = [
        row
        for row in board["rows"]
        if (row["unit_id"], row["rep_id"], row["segment"]) == (unit, None, None)
    ]
    return dict(row)


WINDOWS = (
    ((), ()),
    (("--month", "2025-03"), ("2025-03", "2025-03")),
    (("--month", "2025-04"), ("2025-04", "2025-04")),
    (("--quarter", "2025-Q1"), ("2025-01", "2025-03")),
    (("--quarter", "2025-Q2"), ("2025-04", "2025-06")),
)


@pytest.mark.parametrize(("asked", "months"), WINDOWS)
def test_the_funnel_of_a_pipeline_is_that_of_the_oracle(
    imported: Pulsetrail, reading: Reading, asked: tuple[str, ...], months: tuple[str, ...]
) -> None:
    window = (reading.month(months[0])[0], reading.month(months[1])[1]) if months else None
    board = imported.json("board", "funnel", "--unit", "sales", *asked)

    assert board["nodes"] == WHOLE_WAY
    for unit in ("sales", "north", "south"):
        whole, *steps = funnel(reading, WHOLE_WAY, unit, window)
        if whole.shown()["entered"] == 0 and unit != "sales":
            assert unit not in {row["unit_id"] for row in board["rows"]}
            continue
        row = of_unit(board, unit)
        assert {name: row[name] for name in whole.shown()} == near(whole.shown())
        for shown, step in zip(row["steps"], steps, strict=True):
            assert {name: shown[name] for name in step.shown()} == near(step.shown())


def test_the_funnel_goes_between_any_two_events(imported: Pulsetrail, reading: Reading) -> None:
    nodes = ["stage_changed:quoted", "stage_changed:negotiation", "opportunity_lost"]
    asked = ("--from", nodes[0], "--via", nodes[1], "--to", nodes[2], "--unit", "sales")

    row = of_unit(imported.json("board", "funnel", *asked), "sales")

    whole, *steps = funnel(reading, nodes, "sales")
    assert whole.shown()["entered"]
    assert {name: row[name] for name in whole.shown()} == near(whole.shown())
    assert [each["reached"] for each in row["steps"]] == [len(each.reached) for each in steps]


def test_the_narrowest_step_is_marked(imported: Pulsetrail) -> None:
    row = of_unit(imported.json("board", "funnel", "--unit", "sales"), "sales")

    [narrowest] = [step for step in row["steps"] if step["is_bottleneck"]]
    assert narrowest["conversion"] == min(step["conversion"] for step in row["steps"])


def test_segments_add_up_to_their_unit(imported: Pulsetrail) -> None:
    rows = imported.json("board", "funnel", "--unit", "sales", "--segment", "key_industry")["rows"]

    of_sales = [row for row in rows if (row["unit_id"], row["rep_id"]) == ("sales", None)]
    [everything] = [row for row in of_sales if row["segment"] is None]
    parts = [row for row in of_sales if row["segment"] is not None]
    assert parts
    assert sum(row["entered"] for row in parts) == everything["entered"]


def test_the_funnels_figures_lead_to_opportunities_and_events(imported: Pulsetrail) -> None:
    row = of_unit(imported.json("board", "funnel", "--unit", "sales"), "sales")

    told = imported.json("why", "funnel", "--unit", "sales", "--figure", "reached")

    assert told["value"] == row["reached"]
    whole, first, *_ = told["rows"]
    assert len(whole["behind"]["reached"]) == row["reached"]
    assert len(first["behind"]["dropped"]) == row["steps"][0]["dropped"]
    assert str(row["entered"]) in told["sentences"][0]
    assert told["events"]


@pytest.mark.parametrize("unit", ["company", "team-1"])
def test_breakpoints_are_those_of_the_oracle(
    imported: Pulsetrail, reading: Reading, unit: str
) -> None:
    board = imported.json("board", "breakpoints", "--unit", unit, "--month", "2025-04")

    expected = breakpoints(reading, "2025-04", unit)
    assert [row["stage"] for row in board["rows"]] == [stage for stage, _ in expected]
    assert len(expected) == 5
    for row, (stage, worst) in zip(board["rows"], expected, strict=True):
        assert row["hours_over"] == pytest.approx(worst.hours, abs=1e-6), stage
        shown = [(each["opportunity_id"], each["delay_hours"]) for each in row["opportunities"]]
        assert shown == [(name, pytest.approx(hours)) for name, hours in worst.longest()]
    assert (board["ready_at"], board["is_ready"]) == ("2025-05-04T16:00:00.000Z", True)


def test_a_breakpoint_leads_to_the_events_its_limits_ran_from(imported: Pulsetrail) -> None:
    asked = ("--month", "2025-04", "--unit", "company")
    [worst, *_] = imported.json("board", "breakpoints", *asked)["rows"]

    told = imported.json(
        "why", "breakpoints", *asked, "--stage", worst["stage"], "--figure", "hours_over"
    )

    assert told["value"] == worst["hours_over"]
    [row] = told["rows"]
    named = [each["opportunity_id"] for each in row["behind"]["delayed"]]
    assert named == [each["opportunity_id"] for each in worst["opportunities"]]
    assert {event["event_id"] for event in told["events"]} == {
        event_id for each in row["behind"]["delayed"] for event_id in each["event_ids"]
    }


def test_a_terminal_shows_steps_below_their_funnel(imported: Pulsetrail) -> None:
    text = imported.run("board", "funnel", "--unit", "sales")

    assert "opportunity_opened → stage_changed:qualified" in text
    assert "negotiation" in imported.run("board", "breakpoints", "--month", "2025-04")
