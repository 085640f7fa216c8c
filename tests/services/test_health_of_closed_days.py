"""Health of days made up for is judged by how things stood on those days (S2)."""

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from services.embedded import LOGS
from shared.events.scoring import HealthScored, HealthStayedLow
from tests.oracle import health
from tests.oracle.behaviour import Told, told
from tests.services.alarm_floor import AlarmFloor, alarm_floor

Event = TypeVar("Event")
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
async def alarm(tmp_path: Path) -> AsyncIterator[AlarmFloor]:
    """Monday 2 March, 17:00 in Shanghai; O1 is open. Nothing is looked at until `settle`. In the
    end a reckoning of our own says the same."""
    async with alarm_floor(tmp_path) as running:
        await running.floor.open()
        yield running
        assert health.disagreements(health.Tenant(await recorded(running), "Asia/Shanghai")) == []


async def recorded(alarm: AlarmFloor) -> list[Told]:
    store = alarm.floor.hosting.ports.event_store
    stored = [event for log in LOGS for event in await store.read_log(log, 0, 0, 10_000)]
    return told([event for event in stored if event.tenant_id == "T1"])


async def said(alarm: AlarmFloor, subject: str, kind: type[Event]) -> list[Event]:
    ports = alarm.floor.hosting.ports
    stored = await ports.event_store.read_stream(f"T1/health/{subject}")
    events = [ports.codec.decode(each).event for each in stored]
    return [each for each in events if isinstance(each, kind)]


async def scored_days(alarm: AlarmFloor, subject: str = "opportunity:O1") -> list[date]:
    return [each.day for each in await said(alarm, subject, HealthScored)]


async def passes(alarm: AlarmFloor, time: timedelta) -> datetime:
    """Nobody looks meanwhile."""
    alarm.floor.clock.move_to(alarm.floor.clock() + time)
    return alarm.floor.clock()


async def lose(alarm: AlarmFloor) -> None:
    await alarm.floor.told("/opportunities/O1/lose", {"reason": "price"}, "rep-1")


async def reopen(alarm: AlarmFloor) -> None:
    await alarm.floor.told("/opportunities/O1/reopen", {"reason": "they called"}, "rep-1")


async def test_days_on_which_it_was_closed_are_not_scored_when_it_is_reopened(
    alarm: AlarmFloor,
) -> None:
    await lose(alarm)
    await passes(alarm, 3 * DAY)
    await reopen(alarm)
    await alarm.settle(after=DAY)
    assert await scored_days(alarm) == [date(2026, 3, 5)]


async def test_days_on_which_it_was_open_are_scored_though_it_is_closed_by_now(
    alarm: AlarmFloor,
) -> None:
    await passes(alarm, 2 * DAY)
    await lose(alarm)
    await alarm.settle(after=3 * DAY)
    assert await scored_days(alarm) == [date(2026, 3, 2), date(2026, 3, 3)]


async def test_low_days_before_the_closing_do_not_bring_the_manager_in_after_reopening(
    alarm: AlarmFloor,
) -> None:
    await alarm.settle(after=8 * HOUR)
    [low] = await said(alarm, "opportunity:O1", HealthScored)
    assert low.low_since == date(2026, 3, 2)
    await lose(alarm)
    await alarm.settle(after=3 * DAY)
    await reopen(alarm)
    await alarm.settle(after=DAY)
    assert await said(alarm, "opportunity:O1", HealthStayedLow) == []
    await alarm.settle(after=DAY)
    [stayed] = await said(alarm, "opportunity:O1", HealthStayedLow)
    assert stayed.low_since == date(2026, 3, 6)


async def test_what_was_done_before_the_closing_counts_after_reopening_what_was_while_closed_not(
    alarm: AlarmFloor,
) -> None:
    call = {"type": "call", "direction": "inbound"}
    await alarm.floor.told("/opportunities/O1/log-action", call, "rep-1")
    await passes(alarm, HOUR)
    await lose(alarm)
    await passes(alarm, HOUR)
    visit = {"type": "call", "direction": "outbound"}
    await alarm.floor.told("/opportunities/O1/log-action", visit, "rep-1")
    await passes(alarm, HOUR)
    await reopen(alarm)
    await alarm.settle(after=DAY)
    [event] = await said(alarm, "opportunity:O1", HealthScored)
    parts = {part.input: part.measured for part in event.parts}
    assert (parts["calls"], parts["two_way_ratio"]) == (1, 1.0)


async def test_silence_of_a_day_made_up_for_is_what_it_was_on_that_day(alarm: AlarmFloor) -> None:
    await passes(alarm, 2 * DAY)
    step = {"stage": "needs_confirmed"}
    await alarm.floor.told("/opportunities/O1/change-stage", step, "rep-1")
    await alarm.settle(after=HOUR)
    first, second = await said(alarm, "opportunity:O1", HealthScored)
    silences = [
        part.measured for each in (first, second) for part in each.parts if part.input == "silence"
    ]
    assert silences == pytest.approx([7 / 48, 31 / 48], abs=1e-4)


async def test_a_lead_is_scored_on_the_days_somebody_had_it(alarm: AlarmFloor) -> None:
    body = {"lead_id": "L1", "customer_id": "C1", "source": "referral", "owner_id": "rep-1"}
    await alarm.floor.told("/leads", body, "boss-1")
    await passes(alarm, DAY)
    await alarm.floor.told("/leads/L1/return", {}, "rep-1")
    await passes(alarm, 2 * DAY)
    await alarm.floor.told("/leads/L1/release", {}, "boss-1")
    await alarm.floor.told("/leads/L1/assign", {"owner_id": "rep-1"}, "boss-1")
    await alarm.settle(after=DAY)
    assert await scored_days(alarm, "lead:L1") == [date(2026, 3, 2), date(2026, 3, 5)]
