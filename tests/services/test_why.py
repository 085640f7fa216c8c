"""Every figure a board shows is explained, down to the opportunities and the events behind it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.services.sales_floor import NOW, SalesFloor, code_of, sales_floor

GOLDEN = {
    "pipeline": {"name": "golden", "unmet": "record"},
    "stage": [
        {"name": "hello", "dwell_limit": "1h", "golden_action": [{"action": "demo"}]},
        {"name": "talk", "golden_action": [{"action": "quote"}]},
        {"name": "bye"},
    ],
}


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with sales_floor(tmp_path / "data") as found:
        await found.told("/pipelines", GOLDEN, "administrator")
        yield found


async def after_days(floor: SalesFloor, days: float) -> None:
    floor.clock.move_to(NOW + timedelta(days=days))
    await floor.hosting.catch_up()


async def opened(floor: SalesFloor, *opportunity_ids: str) -> None:
    for opportunity_id in opportunity_ids:
        await floor.open(opportunity_id, pipeline="golden", owner_id="rep-1")


async def moved(floor: SalesFloor, opportunity_id: str, stage: str, *actions: str) -> None:
    for action in actions:
        await floor.told(f"/opportunities/{opportunity_id}/log-action", {"type": action}, "rep-1")
    change = {"stage": stage, "reason": "in a hurry"}
    await floor.told(f"/opportunities/{opportunity_id}/change-stage", change, "rep-1")


async def why(floor: SalesFloor, board: str, figure: str, asked: str = "") -> dict[str, Any]:
    return await floor.shown(f"/boards/{board}/why?figure={figure}{asked}")


def types(told: dict[str, Any]) -> list[str]:
    return [event["type"].split(".")[1] for event in told["events"]]


async def test_every_figure_of_the_health_board_is_explained_by_its_events(
    floor: SalesFloor,
) -> None:
    await opened(floor, "O1", "O2")
    await moved(floor, "O1", "bye")
    await after_days(floor, 6)
    [row] = [
        each
        for each in (await floor.shown("/boards/process-health?week=2026-W10"))["rows"]
        if each["unit_id"] == "company"
    ]

    shown = {name: row[name] for name in ("index", "stage_compliance", "silence_overrun")}
    for figure, value in (shown | row["counts"]).items():
        told = await why(floor, "process-health", figure, "&week=2026-W10")
        assert told["value"] == value, figure
    dwelling = await why(floor, "process-health", "dwell_overrun", "&week=2026-W10&stage=hello")
    [hello] = [each for each in row["dwell"] if each["stage"] == "hello"]
    assert dwelling["value"] == hello["dwell_overrun"] == 1.0
    assert dwelling["opportunities"]["dwell_overrun"] == ["O2"]
    skipped = await why(floor, "process-health", "skipped", "&week=2026-W10")
    assert (skipped["opportunities"], types(skipped)) == ({"skipped": ["O1"]}, ["stage_changed"])
    [behind] = skipped["behind"]["skipped"]
    assert behind["event_ids"] == [skipped["events"][0]["event_id"]]


async def test_a_reps_figure_counts_what_is_the_reps(floor: SalesFloor) -> None:
    await opened(floor, "O1")
    await floor.open("O2", "rep-2", pipeline="golden", owner_id="rep-2")
    await after_days(floor, 1)

    told = await why(floor, "process-health", "open", "&week=2026-W10&rep=rep-2")

    assert (told["value"], told["opportunities"]) == (1, {"open": ["O2"]})
    assert types(told) == ["opportunity_opened"]


async def test_a_past_moment_is_explained_by_the_settings_of_then(floor: SalesFloor) -> None:
    await opened(floor, "O1")
    await after_days(floor, 3)
    changed = {"settings": {"index_weight_silence_overrun": 0.5}}
    await floor.told("/settings", changed, "administrator")
    await after_days(floor, 4)

    past = "&week=2026-W10&as_of=2026-03-03T09:00:00Z"
    then = await why(floor, "process-health", "index", past)
    now = await why(floor, "process-health", "index", "&week=2026-W10")

    assert then["settings"]["weights"]["1 − silence_overrun"] == 0.1
    assert now["settings"]["weights"]["1 − silence_overrun"] == 0.5


async def test_without_enough_weeks_a_correlation_says_so(floor: SalesFloor) -> None:
    await opened(floor, "O1")
    await after_days(floor, 1)

    told = await why(floor, "process-health", "correlation")

    assert told["value"] is None
    assert "nothing is shown below 12" in told["sentences"][0]


async def test_golden_actions_are_explained_stage_by_stage(floor: SalesFloor) -> None:
    await opened(floor, "O1", "O2")
    await moved(floor, "O1", "talk", "demo")
    await moved(floor, "O2", "talk")
    await moved(floor, "O1", "bye")
    await after_days(floor, 1)
    board = (await floor.shown("/boards/golden-actions"))["rows"]

    for figure in ("done", "due", "rate", "light"):
        told = await why(floor, "golden-actions", figure)
        mine = [(row["stage"], row["action"], row[figure]) for row in told["rows"]]
        whole = [each for each in board if each["unit_id"] == "company"]
        assert mine == [(row["stage"], row["action"], row[figure]) for row in whole]
    of_hello = await why(floor, "golden-actions", "rate", "&stage=hello&rep=rep-1")
    assert (of_hello["value"], of_hello["light"]) == (0.5, "red")
    [row] = of_hello["rows"]
    assert row["opportunities"] == {"due": ["O1", "O2"], "done": ["O1"]}
    assert sorted(types(of_hello)) == ["action_logged", "stage_changed", "stage_changed"]
    by_name = await why(floor, "golden-actions", "quote")
    assert (by_name["value"], by_name["stage"]) == (0.0, "talk")


async def test_a_cell_of_the_heat_map_is_explained(floor: SalesFloor) -> None:
    await opened(floor, "O1")
    await moved(floor, "O1", "talk", "demo")
    await after_days(floor, 1)

    told = await why(floor, "heat-map", "light", "&unit=team-1")

    assert (told["value"], told["rows"][0]["opportunities"]["done"]) == ("green", ["O1"])
    assert told["sentences"][-1] == "That is green: green from 0.9, yellow from 0.7."


async def test_hours_left_are_explained_by_the_last_activity(floor: SalesFloor) -> None:
    await opened(floor, "O1", "O2")
    await after_days(floor, 0.5)
    call = await floor.told("/opportunities/O2/log-action", {"type": "call"}, "rep-1")
    await after_days(floor, 1)

    told = await why(floor, "silence", "hours_left")
    assert [row["opportunity_id"] for row in told["rows"]] == ["O1", "O2"]
    one = await why(floor, "silence", "hours_left", "&opportunity=O2")
    assert (one["value"], types(one)) == (36.0, ["action_logged"])
    assert one["events"][0]["event_id"] in str(call)
    assert one["sentences"] == [
        "O2: the last that ended its silence in hello was at 2026-03-02T21:00:00.000Z; "
        "the limit of 48.0 h leaves 36.0 h at 2026-03-03T09:00:00.000Z."
    ]
    total = await why(floor, "silence", "total", "&stage=hello")
    assert (total["value"], types(total)) == (2, ["opportunity_opened"] * 2)
    missing = "/boards/silence/why?figure=hours_left&opportunity=O9"
    assert code_of(await floor.get(missing)) == (404, "not-found")


async def test_an_instruction_is_explained_by_what_stands_still(floor: SalesFloor) -> None:
    await opened(floor, "O1", "O2")
    await after_days(floor, 1)
    await moved(floor, "O2", "talk")
    await after_days(floor, 6)

    told = await why(floor, "instructions", "count")

    assert [(row["kind"], row["stage"], row["count"]) for row in told["rows"]] == [
        ("silent", "talk", 1),
        ("stuck", "hello", 1),
    ]
    assert types(told) == ["stage_changed", "opportunity_opened"]
    assert told["sentences"][1].startswith("1 opportunities entered hello more than 5 days before")
    then = await floor.shown("/boards/instructions?as_of=2026-03-07T10:00:00Z")
    assert {row["kind"] for row in then["rows"]} == {"stuck", "silent"}
    before = await floor.shown("/boards/instructions?as_of=2026-03-03T09:00:00Z")
    assert (before["rows"], before["as_of"]) == ([], "2026-03-03T09:00:00.000Z")


async def test_a_proposed_workshop_is_explained_by_the_events_of_its_week(
    floor: SalesFloor,
) -> None:
    await opened(floor, "O1")
    await moved(floor, "O1", "bye")
    await after_days(floor, 8)
    rows = (await floor.shown("/signals?rule=workshop_proposed"))["rows"]
    [team] = [row for row in rows if row["subject_id"] == "team-1"]

    told = await floor.shown(f"/why/{team['signal_id']}")

    assert told["opportunities"]["skipped"] == told["opportunities"]["overrun"] == ["O1"]
    assert {"signal_raised", "stage_changed"} <= set(types(told))


async def test_what_is_seen_of_a_figure_is_only_ones_own(floor: SalesFloor) -> None:
    await opened(floor, "O1")
    await floor.open("O2", "rep-2", pipeline="golden", owner_id="rep-2")
    await after_days(floor, 1)

    asked = "/boards/silence/why?figure=hours_left"
    mine = await floor.shown(asked, "rep-2")

    assert [row["opportunity_id"] for row in mine["rows"]] == ["O2"]
    open_ = await floor.shown("/boards/process-health/why?figure=open&week=2026-W10", "boss-1")
    assert open_["opportunities"] == {"open": ["O1"]}


async def test_what_no_board_shows_is_refused_with_what_they_show(floor: SalesFloor) -> None:
    unknown = await floor.get("/boards/moods/why?figure=index")
    assert code_of(unknown) == (404, "not-found")
    assert "process-health" in unknown.json()["detail"]
    for board, figure, known in (
        ("silence", "mood", "hours_left"),
        ("process-health", "demo", "stage_compliance"),
        ("golden-actions", "mood", "rate"),
    ):
        answer = await floor.get(f"/boards/{board}/why?figure={figure}")
        assert code_of(answer) == (422, "malformed")
        assert known in answer.json()["errors"][0]["message"]
    named = await floor.get("/why/silence")
    assert code_of(named) == (422, "malformed")
    assert "hours_left" in named.json()["errors"][0]["message"]


async def test_a_window_shows_the_silence_board_at_its_end(floor: SalesFloor) -> None:
    await opened(floor, "O1")
    await after_days(floor, 7)
    await floor.told("/opportunities/O1/lose", {"reason": "declined"}, "rep-1")
    await after_days(floor, 8)

    assert (await floor.shown("/boards/silence"))["total"] == 0
    week = await floor.shown("/boards/silence?week=2026-W10")
    assert ([row["opportunity_id"] for row in week["rows"]], week["as_of"]) == (
        ["O1"],
        "2026-03-08T15:59:59.999Z",
    )


async def test_boards_keep_to_the_stage_asked_for_or_refuse_it(floor: SalesFloor) -> None:
    await opened(floor, "O1")
    await moved(floor, "O1", "talk")
    await moved(floor, "O1", "bye")
    await after_days(floor, 1)

    rows = (await floor.shown("/boards/golden-actions?stage=talk"))["rows"]
    assert {row["action"] for row in rows} == {"quote"}
    board = await floor.shown("/boards/heat-map?stage=talk")
    assert board["actions"] == [{"stage": "talk", "action": "quote"}]
    for filter_ in ("stage=talk", "key_industry=true"):
        answer = await floor.get(f"/boards/process-health?{filter_}")
        assert code_of(answer) == (422, "malformed")


async def test_a_windows_lights_are_those_in_force_at_its_end(floor: SalesFloor) -> None:
    await opened(floor, "O1")
    await moved(floor, "O1", "talk")
    await after_days(floor, 8)
    lenient = {"settings": {"light_yellow": 0.0}}
    await floor.told("/settings", lenient, "administrator")
    await after_days(floor, 9)

    async def light(asked: str) -> str:
        rows = (await floor.shown(f"/boards/golden-actions?stage=hello{asked}"))["rows"]
        found: str = rows[0]["light"]
        return found

    assert (await light("&week=2026-W10"), await light("")) == ("red", "yellow")
