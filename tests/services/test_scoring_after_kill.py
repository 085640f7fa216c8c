"""Scores and cases are said once: killed before it remembers, a watch finds nothing more to say."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from services.scoring.queries.read_models import ACTIONS, LEADS, OPPORTUNITIES
from services.scoring.watch.authenticity import AuthenticityWatch
from services.scoring.watch.health import HealthWatch
from services.scoring.watch.leads import LeadWatch
from shared.clock import iso
from tests.services.alarm_floor import AlarmFloor, alarm_floor

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@pytest.fixture
async def alarm(tmp_path: Path) -> AsyncIterator[AlarmFloor]:
    """O1 is open, rep-1 has L1, five calls were entered in a burst; three days go by."""
    async with alarm_floor(tmp_path) as running:
        floor = running.floor
        await floor.open()
        lead = {"lead_id": "L1", "customer_id": "C1", "source": "referral", "owner_id": "rep-1"}
        await floor.told("/leads", lead, "boss-1")
        happened = iso(running.now - 30 * HOUR)
        for number in range(5):
            body = {"action_id": f"A{number}", "type": "call", "occurred_at": happened}
            await floor.told("/opportunities/O1/log-action", body, "rep-1")
        yield running


async def said(alarm: AlarmFloor) -> list[str]:
    store = alarm.floor.hosting.ports.event_store
    return [each.type for each in await store.read_log("scoring", 0, 0, 10_000)]


async def forget(alarm: AlarmFloor) -> None:
    """As if the watch had been killed after each thing it said."""
    async with alarm.floor.hosting.ports.read_store.transaction() as connection:
        for model in (OPPORTUNITIES, LEADS, ACTIONS):
            await connection.execute(update(model.deadlines).values(due_at=0, watched_until=0))


async def test_what_was_said_before_it_was_killed_is_not_said_again(alarm: AlarmFloor) -> None:
    await alarm.settle(after=3 * DAY)
    before = await said(alarm)
    assert {each.split(".")[1] for each in before} >= {
        "health_scored",
        "health_stayed_low",
        "conversion_estimated",
        "authenticity_case_opened",
    }
    await forget(alarm)
    await alarm.settle()
    assert await said(alarm) == before


async def test_two_watches_at_once_say_everything_once(alarm: AlarmFloor) -> None:
    hosting = alarm.floor.hosting
    await hosting.catch_up(runners=False)
    alarm.floor.clock.move_to(alarm.now + DAY)
    ports, now = hosting.ports, alarm.now
    for watch in (HealthWatch, LeadWatch, AuthenticityWatch):
        await asyncio.gather(watch(ports).step(now), watch(ports).step(now))
    types = [each.split(".")[1] for each in await said(alarm)]
    assert types.count("authenticity_case_opened") == 1
    assert types.count("conversion_estimated") == 1
    assert types.count("health_scored") == 2
