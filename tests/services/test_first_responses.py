"""First responses by unit, live; slow ones and failing channels become signals (L10)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.leads.queries.first_responses import MedianResponse, median_responses
from tests.services.alarm_floor import AlarmFloor, alarm_floor

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
async def alarm(tmp_path: Path) -> AsyncIterator[AlarmFloor]:
    """Two responses are enough."""
    async with alarm_floor(tmp_path) as running:
        fewer = {"settings": {"first_response_least": 2}}
        await running.floor.told("/settings", fewer, "administrator")
        yield running


async def answered(alarm: AlarmFloor, lead_id: str, after: timedelta, rep: str = "rep-1") -> None:
    body = {"lead_id": lead_id, "customer_id": f"C-{lead_id}", "source": "referral"}
    await alarm.floor.told("/leads", {**body, "owner_id": rep})
    await alarm.settle(after=after)
    await alarm.floor.told(f"/leads/{lead_id}/contact", {"type": "call"}, rep)
    await alarm.settle()


async def slow_signals(alarm: AlarmFloor) -> list[tuple[str, str]]:
    rows = (await alarm.floor.shown("/signals?rule=first_response_slow"))["rows"]
    return sorted((each["subject_id"], each["state"]) for each in rows)


async def test_medians_are_over_what_is_below_the_unit(alarm: AlarmFloor) -> None:
    begins = alarm.now
    for number, hours in enumerate((1, 2, 6)):
        await answered(alarm, f"L{number}", hours * HOUR, "rep-2" if number == 2 else "rep-1")
    window = (begins, alarm.now + HOUR)
    found = await median_responses(alarm.floor.hosting.ports, "T1", window)
    assert found["team-1"] == MedianResponse(1.5 * 3600, 2)
    assert found["company"] == MedianResponse(2 * 3600, 3)
    assert found["south"] == MedianResponse(6 * 3600, 1)


async def test_a_unit_that_answers_slowly_is_told_until_it_no_longer_does(
    alarm: AlarmFloor,
) -> None:
    for number in range(2):
        await answered(alarm, f"before-{number}", 2 * HOUR)
    await alarm.settle(after=10 * DAY)
    for number in range(2):
        await answered(alarm, f"late-{number}", 7 * HOUR)
    assert await slow_signals(alarm) == []
    await alarm.settle(after=DAY)
    assert await slow_signals(alarm) == [
        ("company", "open"),
        ("north", "open"),
        ("team-1", "open"),
    ]
    for number in range(5):
        await answered(alarm, f"quick-{number}", HOUR)
    await alarm.settle(after=DAY)
    assert await slow_signals(alarm) == [
        ("company", "resolved"),
        ("north", "resolved"),
        ("team-1", "resolved"),
    ]
    rows = (await alarm.floor.shown("/signals?rule=first_response_slow"))["rows"]
    for language, word in (("en", "median"), ("zh", "中位数")):
        answer = await alarm.floor.get(f"/why/{rows[0]['signal_id']}", Accept_Language=language)
        assert word in answer.json()["sentences"][0]


async def test_the_managers_are_told_that_their_unit_is_slow(alarm: AlarmFloor) -> None:
    for number in range(2):
        await answered(alarm, f"before-{number}", 2 * HOUR)
    await alarm.settle(after=10 * DAY)
    for number in range(2):
        await answered(alarm, f"late-{number}", 7 * HOUR)
    for _each in range(16):
        await alarm.settle(after=6 * HOUR)
    told = [each["body"] for each in await alarm.inbox("boss-1")]
    assert any("team-1: first responses take much longer than before" in body for body in told)


async def test_a_lead_that_sales_never_answered_counts_with_the_time_until_it_went_back(
    alarm: AlarmFloor,
) -> None:
    begins = alarm.now
    body = {"lead_id": "L1", "customer_id": "C1", "source": "referral", "owner_id": "rep-1"}
    await alarm.floor.told("/leads", body)
    await alarm.settle(after=DAY + HOUR)
    lead = await alarm.floor.shown("/leads/L1")
    assert (lead["status"], lead["reason"]) == ("returned", "sales_late")
    window = (begins, alarm.now + HOUR)
    found = await median_responses(alarm.floor.hosting.ports, "T1", window)
    assert found["team-1"] == MedianResponse(25 * 3600, 1)
