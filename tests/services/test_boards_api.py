"""Boards, signals, timelines and reasons over HTTP, from commands to what people read."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.services.sales_floor import NOW, SalesFloor, code_of, sales_floor


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with sales_floor(tmp_path / "data") as found:
        yield found


async def after_days(floor: SalesFloor, days: float) -> None:
    floor.clock.move_to(NOW + timedelta(days=days))
    await floor.hosting.catch_up()


async def signals(floor: SalesFloor, key: str = "director") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await floor.shown("/signals?rule=stalled", key))["rows"]
    return rows


async def test_a_fresh_opportunity_has_its_whole_limit_left(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1", amount="1000.00", currency="CNY")
    await floor.hosting.catch_up()

    board = await floor.shown("/boards/silence")

    assert board["total"] == 1
    [row] = board["rows"]
    assert (row["opportunity_id"], row["stage"], row["owner_id"]) == (
        "O1",
        "first_contact",
        "rep-1",
    )
    assert (row["hours_left"], row["limit_hours"], row["amount"]) == (48.0, 48.0, "1000.00")
    assert row["last_activity_at"] == "2026-03-02T09:00:00.000Z"


async def test_the_worst_comes_first_and_pages_follow_each_other(floor: SalesFloor) -> None:
    for number in range(5):
        floor.clock.move_to(NOW + timedelta(hours=number))
        await floor.open(f"O{number}", owner_id="rep-1")
    await floor.hosting.catch_up()

    found: list[str] = []
    cursor = ""
    while True:
        page = await floor.shown(f"/boards/silence?limit=2{cursor}")
        found += [row["opportunity_id"] for row in page["rows"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"

    assert found == ["O0", "O1", "O2", "O3", "O4"]


async def test_a_rep_sees_own_opportunities_a_manager_those_below(floor: SalesFloor) -> None:
    await floor.open("O1", "rep-1", owner_id="rep-1")
    await floor.open("O2", "rep-2", owner_id="rep-2")
    await floor.hosting.catch_up()

    async def seen(key: str) -> list[str]:
        rows = (await floor.shown("/boards/silence", key))["rows"]
        return [row["opportunity_id"] for row in rows]

    assert await seen("rep-1") == ["O1"]
    assert await seen("boss-1") == ["O1"]
    assert await seen("director") == ["O1", "O2"]
    assert await seen("auditor") == ["O1", "O2"]
    assert await seen("elsewhere") == []


async def test_a_unit_that_is_not_ones_own_is_not_found(floor: SalesFloor) -> None:
    assert code_of(await floor.get("/boards/silence?unit=south", "boss-1")) == (404, "not-found")
    assert code_of(await floor.get("/boards/silence?unit=nowhere")) == (404, "not-found")


async def test_what_no_board_has_is_refused(floor: SalesFloor) -> None:
    assert code_of(await floor.get("/boards/mood")) == (404, "not-found")
    assert code_of(await floor.get("/boards/silence?mood=1")) == (422, "malformed")
    assert code_of(await floor.get("/boards/process-health?week=2026-W99")) == (422, "malformed")
    assert code_of(await floor.get("/boards/process-health?month=2026-03")) == (422, "malformed")
    assert code_of(await floor.get("/boards/silence?cursor=xx")) == (422, "malformed")
    assert code_of(await floor.get("/boards/silence?limit=501")) == (422, "malformed")


async def test_the_silence_of_a_past_moment_is_shown_as_it_was(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    floor.clock.move_to(NOW + timedelta(hours=10))
    await floor.told("/opportunities/O1/lose", {"reason": "declined"}, "rep-1")
    await after_days(floor, 1)

    assert (await floor.shown("/boards/silence"))["total"] == 0
    past = await floor.shown("/boards/silence?as_of=2026-03-02T14:00:00Z")
    assert [row["hours_left"] for row in past["rows"]] == [43.0]
    assert past["as_of"] == "2026-03-02T14:00:00.000Z"


async def test_silence_over_its_limit_is_signalled_once_and_explained(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    await after_days(floor, 2)
    assert await signals(floor) == []

    await after_days(floor, 3)
    await after_days(floor, 4)

    [signal] = await signals(floor)
    assert (signal["state"], signal["historical"]) == ("open", False)
    assert signal["due_at"] == "2026-03-04T09:00:00.000Z"
    assert signal["raised_at"] == "2026-03-05T09:00:00.000Z"
    assert (signal["subject_id"], signal["stage"]) == ("O1", "first_contact")
    told = await floor.shown(f"/why/{signal['signal_id']}")
    assert "48.0 h passed" in told["sentences"][0]
    assert told["events"][0]["event_id"] == signal["anchor_event_id"]


async def test_a_late_action_retracts_an_action_after_it_resolves(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    await floor.open("O2", owner_id="rep-1")
    await after_days(floor, 3)
    late = {"type": "call", "summary": "on time", "occurred_at": "2026-03-03T09:00:00Z"}
    await floor.told("/opportunities/O1/log-action", late, "rep-1")
    await floor.told("/opportunities/O2/log-action", {"type": "call", "summary": "x"}, "rep-1")
    await floor.hosting.catch_up()

    found = {signal["subject_id"]: signal["state"] for signal in await signals(floor)}
    assert found == {"O2": "resolved"}
    retracted = await floor.shown("/signals?state=retracted")
    assert [each["subject_id"] for each in retracted["rows"]] == ["O1"]


async def test_signals_of_others_are_not_seen(floor: SalesFloor) -> None:
    await floor.open("O1", "rep-1", owner_id="rep-1")
    await after_days(floor, 3)
    [signal] = await signals(floor, "rep-1")

    assert await signals(floor, "rep-2") == []
    path = f"/why/{signal['signal_id']}"
    assert code_of(await floor.get(path, "rep-2")) == (404, "not-found")
    event = f"/why/{signal['anchor_event_id']}"
    assert code_of(await floor.get(event, "rep-2")) == (404, "not-found")
    assert signal["signal_id"] in (await floor.shown(event, "rep-1"))["signals"]


async def test_process_health_lists_the_unit_its_children_and_the_reps(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    floor.clock.move_to(NOW + timedelta(hours=1))
    await floor.told("/opportunities/O1/change-stage", {"stage": "needs_confirmed"}, "rep-1")
    await after_days(floor, 0.1)

    rows = (await floor.shown("/boards/process-health?week=2026-W10"))["rows"]

    assert [(row["unit_id"], row["rep_id"]) for row in rows] == [
        ("company", None),
        ("north", None),
        ("team-1", "rep-1"),
    ]
    assert rows[0]["counts"]["moved"] == 1
    assert (rows[0]["stage_compliance"], rows[0]["evidence_rate"], rows[0]["index"]) == (
        1.0,
        None,
        100.0,
    )
    own = (await floor.shown("/boards/process-health?week=2026-W10", "rep-1"))["rows"]
    assert [row["rep_id"] for row in own] == ["rep-1"]


async def test_a_figure_is_explained(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    await after_days(floor, 0.1)

    told = await floor.shown("/boards/process-health/why?week=2026-W10&figure=silence_overrun")

    assert told["value"] == 0.0
    assert told["sentences"] == [
        "1 opportunities were open at the end of 2026-W10, 0 of them silent over their stage's "
        "limit: 0.0."
    ]
    assert told["opportunities"] == {"open": ["O1"], "overrun": []}


async def test_a_figure_names_what_it_counted_in_its_window_and_unit(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    await floor.open("O2", owner_id="rep-1")
    floor.clock.move_to(NOW + timedelta(hours=1))
    await floor.told("/opportunities/O2/change-stage", {"stage": "needs_confirmed"}, "rep-1")
    await after_days(floor, 8)

    path = "/boards/process-health/why?figure={}&week={}&unit={}"
    moved = await floor.shown(path.format("stage_compliance", "2026-W10", "north"))
    assert moved["opportunities"] == {"moved": ["O2"], "skipped": []}
    silent = await floor.shown(path.format("silence_overrun", "2026-W10", "team-1"))
    assert silent["opportunities"] == {"open": ["O1", "O2"], "overrun": ["O1", "O2"]}
    later = await floor.shown(path.format("stage_compliance", "2026-W11", "north"))
    assert later["opportunities"] == {"moved": [], "skipped": []}


async def test_the_light_of_a_golden_action_is_explained_by_the_tenants_own_settings(
    floor: SalesFloor,
) -> None:
    golden = {"action": "demo", "limit": "48h"}
    stages = [{"name": "hello", "golden_action": [golden]}, {"name": "bye"}]
    document = {"pipeline": {"name": "fast", "unmet": "record"}, "stage": stages}
    await floor.told("/pipelines", document, "administrator")
    lenient = {"settings": {"light_green": 0.5}}
    await floor.told("/settings", lenient, "administrator")
    for opportunity_id in ("O1", "O2"):
        await floor.open(opportunity_id, pipeline="fast", owner_id="rep-1")
    await floor.told("/opportunities/O1/log-action", {"type": "demo"}, "rep-1")
    for opportunity_id in ("O1", "O2"):
        move = {"stage": "bye", "reason": "in a hurry"}
        await floor.told(f"/opportunities/{opportunity_id}/change-stage", move, "rep-1")
    await after_days(floor, 1)

    told = await floor.shown("/boards/golden-actions/why?figure=demo")
    row = (await floor.shown("/boards/golden-actions"))["rows"][0]
    assert (told["value"], told["light"]) == (row["rate"], row["light"]) == (0.5, "green")


async def test_an_unhealthy_week_proposes_a_workshop_when_it_is_over(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    await after_days(floor, 8)

    found = (await floor.shown("/signals?rule=workshop_proposed"))["rows"]

    assert {signal["unit_id"] for signal in found} == {"company", "north", "team-1"}
    [team] = [signal for signal in found if signal["unit_id"] == "team-1"]
    assert (team["window"], team["anchor_event_id"]) == ("2026-W10", None)
    assert team["facts"]["silence_overrun_worst"] == ["O1"]


async def test_instructions_name_what_is_stuck_in_the_readers_language(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    await after_days(floor, 7)

    [english] = (await floor.shown("/boards/instructions"))["rows"]
    chinese = (await floor.get("/boards/instructions", Accept_Language="zh-CN")).json()["rows"]

    assert english["text"] == (
        "1 opportunity is stuck in First contact for over 5 days: call rep-1 together "
        "before 10:00 on 2026-03-10, the next working day."
    )
    assert chinese[0]["text"].startswith("1 个商机卡在首次接触超过 5 天")


async def test_a_timeline_holds_events_and_signals_in_order(floor: SalesFloor) -> None:
    await floor.open("O1", "rep-1", owner_id="rep-1")
    await after_days(floor, 3)

    for path in ("opportunity/O1", "customer/C1", "rep/rep-1"):
        rows = (await floor.shown(f"/timelines/{path}?limit=100"))["rows"]
        types = [row["type"].split(".")[1] for row in rows]
        assert types.index("opportunity_opened") < types.index("signal_raised"), path
    assert code_of(await floor.get("/timelines/opportunity/O1", "rep-2")) == (404, "not-found")
    assert code_of(await floor.get("/timelines/rep/rep-1", "rep-2")) == (404, "not-found")
    assert code_of(await floor.get("/timelines/mood/O1")) == (404, "not-found")


async def test_who_has_to_approve_follows_the_timeline_of_that_opportunity_only(
    floor: SalesFloor,
) -> None:
    await floor.open("O1", "rep-1")
    await floor.open("O2", "rep-1")
    asked = {"kind": "discount", "steps": ["legal"]}
    await floor.told("/opportunities/O1/request-approval", asked, "rep-1")
    await floor.hosting.catch_up()
    assert (await floor.get("/timelines/opportunity/O1", "legal")).status_code == 200
    assert (await floor.get("/timelines/opportunity/O2", "legal")).status_code == 404


async def test_a_customers_timeline_tells_nothing_of_opportunities_out_of_sight(
    floor: SalesFloor,
) -> None:
    await floor.open("O1", "rep-1")
    await floor.open("O2", "rep-2")
    await after_days(floor, 3)
    rows = (await floor.shown("/timelines/customer/C1?limit=100", "rep-1"))["rows"]
    raised = [row["data"]["subject_id"] for row in rows if row["type"].endswith("raised.v1")]
    assert set(raised) == {"O1"}


async def test_a_timeline_comes_in_pages(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    for number in range(4):
        body = {"type": "call", "summary": f"call {number}"}
        await floor.told("/opportunities/O1/log-action", body, "rep-1")
    await floor.hosting.catch_up()

    first = await floor.shown("/timelines/opportunity/O1?limit=3")
    rest = await floor.shown(f"/timelines/opportunity/O1?limit=3&cursor={first['next_cursor']}")

    assert (len(first["rows"]), len(rest["rows"]), rest["next_cursor"]) == (3, 2, None)
    assert rest["rows"][-1]["data"]["summary"] == "call 3"


async def test_the_heat_map_has_a_row_for_the_unit(floor: SalesFloor) -> None:
    board = await floor.shown("/boards/heat-map?unit=north")

    assert (board["actions"], board["rows"]) == ([], [{"unit_id": "north", "cells": []}])


async def test_the_page_shows_the_boards_in_both_languages(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    await after_days(floor, 7)
    signed_in = {"Authorization": "Bearer key-director"}

    english = await floor.http.get("/", headers=signed_in)
    chinese = await floor.http.get("/?language=zh", headers=signed_in)
    remembered = await floor.http.get("/", headers=signed_in)

    assert "1 opportunity is stuck in First contact" in english.text
    assert "静默看板" in chinese.text
    assert "静默看板" in remembered.text
    assert "default-src 'none'" in english.headers["Content-Security-Policy"]
    assert "http://" not in english.text
    assert "https://" not in english.text


async def test_who_is_not_signed_in_is_told_how(floor: SalesFloor) -> None:
    answer = await floor.http.get("/")

    assert answer.status_code == 401
    assert "You are not signed in." in answer.text
