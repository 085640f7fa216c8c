"""A channel that loses messages is escalated to the administrators until it is well (N5, L10)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.directory.domain.person import PERSON, GiveGrant
from tests.receivers.receiver import Behaviour, Receiver, receiving
from tests.receivers.webhook import WebhookRules
from tests.services.alarm_floor import AlarmFloor, alarm_floor
from tests.services.sales_floor import NOW

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WEBHOOK = WebhookRules(SECRET, int(NOW.timestamp()), timedelta(days=8))
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
POLICY: dict[str, Any] = {
    "name": "to-the-hook",
    "rules": ["stalled"],
    "steps": [{"after_seconds": 0, "to": "owner", "channels": ["webhook"]}],
    "group_seconds": 0,
    "quiet_hours": None,
}


@pytest.fixture
async def alarm(tmp_path: Path) -> AsyncIterator[AlarmFloor]:
    async with alarm_floor(tmp_path / "data") as running:
        grant = GiveGrant(person_id="lawyer-1", role="administrator", unit_id="company", now=NOW)
        await running.floor.handle("directory", PERSON, "lawyer-1", grant)
        await running.floor.hosting.catch_up()
        yield running


@pytest.fixture
async def hook(alarm: AlarmFloor) -> AsyncIterator[Receiver]:
    async with receiving(WEBHOOK) as receiver:
        url = f"http://127.0.0.1:{receiver.port}/in"
        await alarm.robot("webhook", url, SECRET, "north")
        await alarm.floor.told("/policies", POLICY, "administrator")
        yield receiver


async def messages(alarm: AlarmFloor, name: str, number: int) -> None:
    for each in range(number):
        await alarm.signal(f"{name}{each:02d}")
        await alarm.settle()


async def alarms(alarm: AlarmFloor) -> list[dict[str, Any]]:
    found = (await alarm.escalations(query="?rule=channel_failing")).values()
    return sorted(found, key=lambda row: str(row["opened_at"]))


async def signals(alarm: AlarmFloor) -> list[tuple[str, str]]:
    rows = (await alarm.floor.shown("/signals?rule=channel_failing"))["rows"]
    return [(each["subject_id"], each["state"]) for each in rows]


async def test_below_95_percent_the_administrators_are_told_until_it_recovers(
    alarm: AlarmFloor, hook: Receiver
) -> None:
    hook.then(Behaviour.REFUSE, Behaviour.REFUSE)
    await messages(alarm, "A", 18)
    await alarm.settle(after=2 * MINUTE)
    assert len(hook.requests) == 20
    await alarm.settle(after=MINUTE)
    [raised] = await alarms(alarm)
    assert (raised["subject_kind"], raised["subject_id"]) == ("channel", "the-webhook")
    assert (raised["unit_id"], raised["state"]) == ("north", "open")
    assert raised["told"] == ["lawyer-1"]
    assert await signals(alarm) == [("the-webhook", "open")]
    await alarm.settle(after=MINUTE)
    [told] = await alarm.inbox("legal")
    assert told["title"] == "Channel the-webhook fails to deliver"
    await messages(alarm, "B", 25)
    await alarm.settle(after=MINUTE)
    [ended] = await alarms(alarm)
    assert (ended["state"], ended["reason"]) == ("resolved", "delivery-recovered")
    await alarm.settle()
    assert await signals(alarm) == [("the-webhook", "resolved")]
    titles = {message["title"] for message in await alarm.inbox("legal")}
    assert "Resolved by itself: Channel the-webhook fails to deliver" in titles


async def test_nineteen_attempts_are_not_enough(alarm: AlarmFloor, hook: Receiver) -> None:
    hook.then(*[Behaviour.REFUSE] * 19)
    await messages(alarm, "A", 19)
    await alarm.settle(after=MINUTE / 6)
    assert await alarms(alarm) == []


async def test_a_channel_alarms_again_when_it_fails_again(
    alarm: AlarmFloor, hook: Receiver
) -> None:
    for day, name in enumerate(("A", "B"), start=1):
        hook.then(*[Behaviour.LIMIT, Behaviour.REFUSE] * 10, *[Behaviour.REFUSE] * 10)
        await messages(alarm, name, 20)
        for _ in range(30):
            await alarm.settle(after=2 * MINUTE)
        rows = await alarms(alarm)
        assert [row["state"] for row in rows] == ["resolved"] * (day - 1) + ["open"]
        await alarm.settle(after=25 * HOUR)
        await alarm.settle(after=2 * MINUTE)
        rows = await alarms(alarm)
        assert [row["state"] for row in rows] == ["resolved"] * day


async def test_a_removed_channel_alarms_nobody(alarm: AlarmFloor, hook: Receiver) -> None:
    hook.then(*[Behaviour.REFUSE] * 20)
    await messages(alarm, "A", 20)
    await alarm.settle(after=MINUTE)
    [raised] = await alarms(alarm)
    assert raised["state"] == "open"
    await alarm.floor.told("/channels/the-webhook/remove", {}, "administrator")
    await alarm.settle(after=MINUTE)
    [ended] = await alarms(alarm)
    assert ended["state"] == "resolved"
