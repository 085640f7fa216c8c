"""Health over HTTP: each contribution, the manager brought in, new rules beside the old (S2)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.scoring.domain.health import INPUTS
from tests.services.alarm_floor import AlarmFloor, alarm_floor
from tests.services.sales_floor import code_of

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SILENCE_ONLY = {"inputs": [{"input": "silence", "zero_at": 2, "one_at": 0}], "low_below": 10}


@pytest.fixture
async def alarm(tmp_path: Path) -> AsyncIterator[AlarmFloor]:
    """Monday 17:00 in Shanghai; O1 is open, with one call."""
    async with alarm_floor(tmp_path) as running:
        await running.floor.open()
        body = {"action_id": "A1", "type": "call", "direction": "inbound"}
        await running.floor.told("/opportunities/O1/log-action", body, "rep-1")
        await running.settle()
        yield running


async def health(alarm: AlarmFloor, key: str = "rep-1") -> dict[str, Any]:
    found: dict[str, Any] = (await alarm.floor.shown("/opportunities/O1/score", key))["health"]
    return found


async def scored(alarm: AlarmFloor) -> list[str]:
    return await alarm.events("health/opportunity:O1")


async def low_signals(alarm: AlarmFloor) -> list[tuple[str, str]]:
    rows = (await alarm.floor.shown("/signals?rule=health_low", "boss-1"))["rows"]
    return [(each["subject_id"], each["state"]) for each in rows]


async def test_the_score_is_shown_with_each_contribution_and_what_is_absent(
    alarm: AlarmFloor,
) -> None:
    await alarm.settle(after=timedelta(milliseconds=1))
    now = (await health(alarm))["now"]
    parts = {part["input"]: part for part in now["parts"]}
    assert parts["calls"]["measured"] == 1
    assert parts["two_way_ratio"]["fit"] == 1.0
    assert sum(part["points"] for part in now["parts"]) == pytest.approx(now["score"], abs=0.01)
    assert "documents_opened" in now["missing"]
    assert "stage_age" in now["missing"]
    assert set(parts) | set(now["missing"]) == set(INPUTS)
    assert len(now["wording"]["zh"]) == len(now["wording"]["en"]) == len(now["weakest"])


async def test_health_is_recorded_at_the_end_of_the_day_of_the_tenant(alarm: AlarmFloor) -> None:
    assert await scored(alarm) == []
    await alarm.settle(after=7 * HOUR)
    assert await scored(alarm) == []
    await alarm.settle(after=timedelta(milliseconds=1))
    assert await scored(alarm) == ["health_scored"]
    recorded = (await health(alarm))["recorded"]
    assert recorded["scored_at"] == "2026-03-02T16:00:00.000Z"
    assert recorded["rules_version"] == 1
    await alarm.settle()
    assert await scored(alarm) == ["health_scored"]


async def test_days_missed_by_a_standstill_are_made_up_for(alarm: AlarmFloor) -> None:
    await alarm.settle(after=2 * DAY + 8 * HOUR)
    assert (await scored(alarm)).count("health_scored") == 3


async def test_low_on_two_days_brings_the_manager_in_until_it_is_closed(alarm: AlarmFloor) -> None:
    await alarm.settle(after=3 * DAY + 8 * HOUR)
    assert await low_signals(alarm) == [("O1", "open")]
    [signal] = (await alarm.floor.shown("/signals?rule=health_low", "boss-1"))["rows"]
    assert signal["facts"]["wording_zh"]
    rules = {each["rule"] for each in (await alarm.escalations("boss-1")).values()}
    assert "health_low" in rules
    lost = {"reason": "price"}
    await alarm.floor.told("/opportunities/O1/lose", lost, "rep-1")
    await alarm.settle()
    assert await low_signals(alarm) == [("O1", "resolved")]


async def test_why_it_is_low_is_said_with_the_wording_in_both_languages(alarm: AlarmFloor) -> None:
    await alarm.settle(after=3 * DAY + 8 * HOUR)
    [signal] = (await alarm.floor.shown("/signals?rule=health_low", "boss-1"))["rows"]
    for language, words in (("en", "What may be said"), ("zh", "可以这样说")):
        path = f"/why/{signal['signal_id']}"
        answer = (await alarm.floor.get(path, "boss-1", Accept_Language=language)).json()
        assert any(words in sentence for sentence in answer["sentences"])


async def test_who_may_not_see_an_opportunity_is_not_told_its_score(alarm: AlarmFloor) -> None:
    response = await alarm.floor.get("/opportunities/O1/score", "rep-2")
    assert code_of(response) == (404, "not-found")


async def test_an_assigned_lead_has_a_health_too(alarm: AlarmFloor) -> None:
    body = {"lead_id": "L1", "customer_id": "C1", "source": "referral", "owner_id": "rep-1"}
    await alarm.floor.told("/leads", body, "boss-1")
    await alarm.floor.told("/leads/L1/contact", {"type": "call"}, "rep-1")
    await alarm.settle(after=8 * HOUR)
    answer = await alarm.floor.shown("/leads/L1/score", "rep-1")
    parts = {part["input"]: part["measured"] for part in answer["health"]["now"]["parts"]}
    assert parts["calls"] == 1
    assert await alarm.events("health/lead:L1") == ["health_scored"]


async def test_new_rules_score_beside_the_old_and_show_the_difference_first(
    alarm: AlarmFloor,
) -> None:
    floor = alarm.floor
    await floor.told("/health-rules/propose", SILENCE_ONLY, "administrator")
    refused = await floor.post("/health-rules/take-effect", {}, "administrator")
    assert code_of(refused) == (409, "rules-are-not-compared")
    await alarm.settle(after=8 * HOUR)
    before = await health(alarm)
    assert before["recorded"]["beside_version"] == 2
    assert before["recorded"]["beside_score"] > before["recorded"]["score"]
    assert before["beside"]["rules_version"] == 2
    compared = await floor.told("/health-rules/compare", {}, "administrator")
    comparison = compared["comparison"]
    assert (comparison["subjects"], comparison["low_before"], comparison["low_after"]) == (1, 1, 0)
    assert comparison["moves"][0]["subject_id"] == "O1"
    await floor.told("/health-rules/take-effect", {}, "administrator")
    assert (await health(alarm))["now"]["rules_version"] == 2
    shown = await floor.shown("/health-rules", "auditor")
    assert shown["in_force"]["version"] == 2
    assert shown["proposed"] is None


async def test_rules_that_cannot_score_are_refused_with_the_field(alarm: AlarmFloor) -> None:
    body = {"inputs": [{"input": "luck", "zero_at": 0, "one_at": 1}]}
    response = await alarm.floor.post("/health-rules/propose", body, "administrator")
    assert code_of(response) == (422, "health-rules-cannot-be-used")
    assert response.json()["errors"][0]["field"] == "inputs.0.input"


async def test_only_administrators_change_the_rules(alarm: AlarmFloor) -> None:
    response = await alarm.floor.post("/health-rules/propose", SILENCE_ONLY, "boss-1")
    assert code_of(response) == (403, "forbidden")


async def test_why_a_score_is_what_it_is_is_said_in_both_languages(alarm: AlarmFloor) -> None:
    await alarm.settle(after=8 * HOUR)
    ports = alarm.floor.hosting.ports
    [stored] = await ports.event_store.read_stream("T1/health/opportunity:O1")
    for language, words in (("en", "calls: measured 1"), ("zh", "calls：测得 1")):
        path = f"/why/{stored.event_id}"
        answer = (await alarm.floor.get(path, "rep-1", Accept_Language=language)).json()
        assert any(words in sentence for sentence in answer["sentences"])
    assert code_of(await alarm.floor.get(f"/why/{stored.event_id}", "rep-2"))[0] == 404
