"""Absences with stand-ins, the preview of an escalation, and everything that was sent (N2, N5)."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.services.alarm_floor import AlarmFloor, alarm_floor
from tests.services.sales_floor import code_of

HOUR = timedelta(hours=1)
AWAY = {"begins_at": "2026-03-02T00:00:00Z", "ends_at": "2026-03-09T00:00:00Z"}


@pytest.fixture
async def alarm(tmp_path: Path) -> AsyncIterator[AlarmFloor]:
    async with alarm_floor(tmp_path / "data") as running:
        yield running


async def told_of(alarm: AlarmFloor, signal_id: str) -> list[str]:
    rows = (await alarm.floor.shown("/escalations", "auditor"))["rows"]
    [found] = [row for row in rows if row["signal_id"] == signal_id]
    told: list[str] = found["told"]
    return told


async def away(alarm: AlarmFloor, person: str, key: str, **more: Any) -> dict[str, Any]:
    return await alarm.floor.told("/absences", {**AWAY, "person_id": person, **more}, key)


async def test_whoever_stands_in_is_told_instead(alarm: AlarmFloor) -> None:
    await away(alarm, "rep-1", "rep-1", stand_in_id="rep-2")

    await alarm.signal("S1")
    await alarm.settle()

    assert await told_of(alarm, "S1") == ["rep-2"]
    answer = await alarm.floor.shown("/escalations", "rep-2")
    assert [row["signal_id"] for row in answer["rows"]] == ["S1"]


async def test_without_a_stand_in_who_is_there_the_manager_is_told(alarm: AlarmFloor) -> None:
    await away(alarm, "rep-1", "rep-1", stand_in_id="rep-2")
    await away(alarm, "rep-2", "director", stand_in_id="rep-1")

    await alarm.signal("S1")
    await alarm.settle()

    assert await told_of(alarm, "S1") == ["boss-1"]


async def test_an_absence_ends_at_its_end_and_when_it_is_withdrawn(alarm: AlarmFloor) -> None:
    announced = await away(
        alarm, "rep-1", "rep-1", stand_in_id="rep-2", ends_at="2026-03-02T10:00:00Z"
    )
    await alarm.settle(after=HOUR)
    await alarm.signal("S1")
    await alarm.settle()
    assert await told_of(alarm, "S1") == ["rep-1"]

    again = await away(alarm, "rep-1", "rep-1", stand_in_id="rep-2")
    assert again["absence_id"] != announced["absence_id"]
    await alarm.floor.told(f"/absences/{again['absence_id']}/withdraw", {}, "rep-1")
    await alarm.signal("S2")
    await alarm.settle()
    assert await told_of(alarm, "S2") == ["rep-1"]


async def test_a_manager_announces_for_the_team_and_nobody_for_others(alarm: AlarmFloor) -> None:
    await away(alarm, "rep-1", "boss-1", absence_id="A1", stand_in_id="rep-2")

    foreign = {**AWAY, "person_id": "rep-2"}
    assert code_of(await alarm.floor.post("/absences", foreign, "rep-1")) == (404, "not-found")
    assert code_of(await alarm.floor.post("/absences", foreign, "boss-1")) == (404, "not-found")
    seen = (await alarm.floor.shown("/absences", "rep-1"))["rows"]
    assert [row["absence_id"] for row in seen] == ["A1"]
    assert (await alarm.floor.shown("/absences", "rep-2"))["rows"] == []
    withdrawing = await alarm.floor.post("/absences/A1/withdraw", {}, "rep-2")
    assert code_of(withdrawing) == (404, "not-found")


async def test_an_absence_that_cannot_be_is_refused_at_its_field(alarm: AlarmFloor) -> None:
    backwards = {"begins_at": "2026-03-09T00:00:00Z", "ends_at": "2026-03-08T00:00:00Z"}
    oneself = {**AWAY, "stand_in_id": "rep-1"}

    refused = await alarm.floor.post("/absences", backwards, "rep-1")
    assert [each["field"] for each in refused.json()["errors"]] == ["ends_at"]
    refused = await alarm.floor.post("/absences", oneself, "rep-1")
    assert [each["field"] for each in refused.json()["errors"]] == ["stand_in_id"]


async def test_the_preview_says_who_is_told_when_and_so_it_comes(alarm: AlarmFloor) -> None:
    foreseen = await alarm.floor.shown("/escalation-preview?rule=stalled&owner=rep-1", "boss-1")

    assert foreseen["policy"] == "opportunity-stands-still"
    first, second, third, *_ = foreseen["rows"]
    assert (first["person_ids"], first["at"]) == (["rep-1"], "2026-03-02T09:00:00.000Z")
    assert second["person_ids"] == ["boss-1"]
    assert second["why"] == "business-hours"
    assert third["person_ids"] == ["lawyer-1"]

    await alarm.signal("S1")
    await alarm.settle()
    for step in (second, third):
        alarm.floor.clock.move_to(datetime.fromisoformat(step["at"]))
        await alarm.settle()
    assert await told_of(alarm, "S1") == ["rep-1", "boss-1", "lawyer-1"]


async def test_the_preview_knows_who_is_away(alarm: AlarmFloor) -> None:
    await away(alarm, "rep-1", "rep-1", stand_in_id="rep-2")

    foreseen = await alarm.floor.shown("/escalation-preview?rule=stalled&owner=rep-1", "boss-1")

    assert foreseen["rows"][0]["person_ids"] == ["rep-2"]


async def test_a_preview_of_others_units_is_not_given(alarm: AlarmFloor) -> None:
    path = "/escalation-preview?rule=stalled&owner=rep-2"

    assert code_of(await alarm.floor.get(path, "boss-1")) == (404, "not-found")


async def test_everything_that_was_sent_is_listed_with_its_attempts(alarm: AlarmFloor) -> None:
    await alarm.signal("S1")
    await alarm.settle()
    await alarm.settle(after=HOUR)

    sent = (await alarm.floor.shown("/sent?person=rep-1", "auditor"))["rows"]

    assert sent
    assert {each["person_id"] for each in sent} == {"rep-1"}
    assert any(attempt["outcome"] == "accepted" for each in sent for attempt in each["attempts"])
    assert all(each["title"] for each in sent)
    by_administrator = (await alarm.floor.shown("/sent?person=rep-1", "administrator"))["rows"]
    assert all("title" not in each for each in by_administrator)
    assert code_of(await alarm.floor.get("/sent", "rep-1")) == (403, "forbidden")
