"""What leads need is told: who waits, was late, sleeps, is appealed (L4, L5, L6, L11)."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.leads.domain.presence import PRESENCE, NotePresence
from tests.services.alarm_floor import AlarmFloor, alarm_floor
from tests.services.sales_floor import code_of

DAY = timedelta(days=1)


@pytest.fixture
async def alarm(tmp_path: Path) -> AsyncIterator[AlarmFloor]:
    """Monday four weeks later, 10:00 in Shanghai."""
    async with alarm_floor(tmp_path) as running:
        await running.settle(after=28 * DAY - timedelta(hours=7))
        yield running


async def capture(alarm: AlarmFloor, **more: Any) -> None:
    body = {"lead_id": "L1", "customer_id": "C1", "source": "referral", "unit_id": "team-1", **more}
    await alarm.floor.told("/leads", body, "boss-1")
    await alarm.settle()


async def signals(alarm: AlarmFloor) -> list[tuple[str, str]]:
    rows = (await alarm.floor.shown("/signals", "boss-1"))["rows"]
    return sorted(
        (each["rule"], each["state"]) for each in rows if each["rule"].startswith("lead_")
    )


async def test_a_lead_that_waits_is_told_to_the_manager_until_somebody_has_it(
    alarm: AlarmFloor,
) -> None:
    await capture(alarm)
    assert await signals(alarm) == [("lead_waits", "open")]
    await alarm.settle(after=timedelta(minutes=5))
    assert any("L1" in each["title"] for each in await alarm.inbox("boss-1"))
    command = NotePresence(person_id="rep-1", on_duty=True, now=alarm.now)
    await alarm.floor.handle("leads", PRESENCE, "rep-1", command)
    await alarm.settle()
    assert await signals(alarm) == [("lead_waits", "resolved")]


async def test_why_a_lead_waits_is_said_in_both_languages(alarm: AlarmFloor) -> None:
    await capture(alarm)
    [row] = (await alarm.floor.shown("/signals", "boss-1"))["rows"]
    for language, word in (("en", "eligible"), ("zh", "线索")):
        response = await alarm.floor.get(
            f"/why/{row['signal_id']}", "boss-1", Accept_Language=language
        )
        assert word in response.json()["sentences"][0]


async def test_sales_being_late_is_told(alarm: AlarmFloor) -> None:
    await capture(alarm, owner_id="rep-1")
    await alarm.settle(after=timedelta(hours=25))
    assert await signals(alarm) == [("lead_sales_late", "open")]


async def test_a_sleeping_lead_is_told_and_woken_by_the_next_contact(alarm: AlarmFloor) -> None:
    await capture(alarm, owner_id="rep-1")
    await alarm.floor.told("/leads/L1/contact", {"type": "call"}, "rep-1")
    await alarm.settle(after=timedelta(hours=72))
    assert await signals(alarm) == []
    await alarm.settle(after=timedelta(seconds=1))
    assert await signals(alarm) == [("lead_sleeps", "open")]
    await alarm.floor.told("/leads/L1/contact", {"type": "visit"}, "rep-1")
    await alarm.settle()
    assert await signals(alarm) == [("lead_sleeps", "resolved")]


async def test_a_contact_entered_late_disproves_that_a_lead_slept(alarm: AlarmFloor) -> None:
    await capture(alarm, owner_id="rep-1")
    await alarm.floor.told("/leads/L1/contact", {"type": "call"}, "rep-1")
    in_time = (alarm.now + timedelta(hours=70)).isoformat()
    await alarm.settle(after=timedelta(hours=73))
    assert await signals(alarm) == [("lead_sleeps", "open")]
    late = {"type": "visit", "occurred_at": in_time}
    await alarm.floor.told("/leads/L1/contact", late, "rep-1")
    await alarm.settle()
    assert await signals(alarm) == []


async def test_an_appeal_is_told_to_the_manager_who_decides(alarm: AlarmFloor) -> None:
    await capture(alarm, owner_id="rep-1")
    await alarm.settle(after=timedelta(hours=2))
    await alarm.floor.told("/leads/L1/appeal", {"reason": "Wang has no budget"}, "rep-1")
    await alarm.settle()
    assert await signals(alarm) == [("lead_appealed", "open")]
    stored = await alarm.floor.hosting.ports.event_store.read_stream("T1/lead/L1")
    assert all(b"Wang" not in each.payload for each in stored)
    own = await alarm.floor.post("/leads/L1/decide-appeal", {"decision": "keep"}, "rep-1")
    assert code_of(own) == (403, "forbidden")
    for body in ({"decision": "reassign"}, {"decision": "keep", "owner_id": "rep-1"}):
        wrong = await alarm.floor.post("/leads/L1/decide-appeal", body, "boss-1")
        assert code_of(wrong) == (422, "malformed")
    decision = {"decision": "reassign", "owner_id": "rep-2"}
    answer = await alarm.floor.told("/leads/L1/decide-appeal", decision, "boss-1")
    assert (answer["owner_id"], answer["unit_id"]) == ("rep-2", "team-2")
    await alarm.settle()
    rows = (await alarm.floor.shown("/signals"))["rows"]
    assert [(each["rule"], each["state"]) for each in rows] == [("lead_appealed", "resolved")]


async def given_to_another(alarm: AlarmFloor) -> None:
    await alarm.floor.told("/leads/L1/assign", {"owner_id": "rep-2"}, "boss-1")


async def given_back(alarm: AlarmFloor) -> None:
    await alarm.floor.told("/leads/L1/return", {}, "rep-1")


async def found_useless(alarm: AlarmFloor) -> None:
    await alarm.floor.told("/leads/L1/disqualify", {"reason": "no-need"}, "rep-1")


async def made_an_opportunity(alarm: AlarmFloor) -> None:
    await alarm.floor.told("/leads/L1/convert", {"pipeline": "standard"}, "rep-1")


async def qualified(alarm: AlarmFloor) -> None:
    await alarm.floor.told("/leads/L1/qualify", {}, "rep-1")


ENDS = (given_to_another, given_back, found_useless, made_an_opportunity)


@pytest.mark.parametrize("end", ENDS)
async def test_an_appeal_is_over_once_the_lead_is_no_longer_with_who_appealed(
    alarm: AlarmFloor, end: Callable[[AlarmFloor], Awaitable[None]]
) -> None:
    await capture(alarm, owner_id="rep-1")
    await alarm.floor.told("/leads/L1/appeal", {"reason": "no budget"}, "rep-1")
    await alarm.settle()
    assert await signals(alarm) == [("lead_appealed", "open")]
    await end(alarm)
    await alarm.settle()
    assert await signals(alarm) == [("lead_appealed", "resolved")]


@pytest.mark.parametrize("end", [*ENDS, qualified])
async def test_a_lead_sleeps_no_longer_once_somebody_decides_about_it(
    alarm: AlarmFloor, end: Callable[[AlarmFloor], Awaitable[None]]
) -> None:
    await capture(alarm, owner_id="rep-1")
    await alarm.floor.told("/leads/L1/contact", {"type": "call"}, "rep-1")
    await alarm.settle(after=timedelta(hours=73))
    assert await signals(alarm) == [("lead_sleeps", "open")]
    await end(alarm)
    await alarm.settle()
    assert await signals(alarm) == [("lead_sleeps", "resolved")]


async def test_an_appeal_a_second_after_two_hours_is_refused(alarm: AlarmFloor) -> None:
    await capture(alarm, owner_id="rep-1")
    await alarm.settle(after=timedelta(hours=2, seconds=1))
    late = await alarm.floor.post("/leads/L1/appeal", {"reason": "no budget"}, "rep-1")
    assert code_of(late) == (409, "appeal-is-too-late")


async def test_a_leads_timeline_holds_its_events_and_signals(alarm: AlarmFloor) -> None:
    await capture(alarm)
    entries = (await alarm.floor.shown("/timelines/lead/L1", "boss-1"))["rows"]
    assert {each["type"] for each in entries} == {
        "leads.lead_captured.v1",
        "leads.lead_found_nobody.v1",
        "projections.signal_raised.v1",
    }
    assert code_of(await alarm.floor.get("/timelines/lead/L1", "rep-2")) == (404, "not-found")
    assert code_of(await alarm.floor.get("/timelines/lead/L9", "boss-1")) == (404, "not-found")
