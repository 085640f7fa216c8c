"""Events posted to webhooks: signed, tried again, kept, replayed, given up in the end (G4)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.receivers.receiver import Behaviour, Receiver, receiving
from tests.receivers.webhook import WebhookRules, seen_once
from tests.services.alarm_floor import AlarmFloor, alarm_floor
from tests.services.sales_floor import NOW, code_of

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
ADMINISTRATOR = "administrator"
OPENED = "opportunities.opportunity_opened.v1"
LOGGED = "opportunities.action_logged.v1"


@pytest.fixture
async def alarm(tmp_path: Path) -> AsyncIterator[AlarmFloor]:
    async with alarm_floor(tmp_path / "data") as running:
        yield running


@pytest.fixture
async def hook() -> AsyncIterator[Receiver]:
    async with receiving(WebhookRules("whsec_", int(NOW.timestamp()), 30 * DAY)) as receiver:
        yield receiver


async def subscribed(
    alarm: AlarmFloor, hook: Receiver, *event_types: str, **more: Any
) -> dict[str, Any]:
    """The answer to the subscription; the receiver checks by its secret from now on."""
    body = {
        "webhook_id": "W1",
        "url": f"http://127.0.0.1:{hook.port}/hook",
        "event_types": list(event_types) or [OPENED],
        **more,
    }
    answer = await alarm.floor.told("/webhooks", body, ADMINISTRATOR)
    hook.rules = WebhookRules(answer["secret"], int(NOW.timestamp()), 30 * DAY)
    await alarm.floor.hosting.catch_up()
    return answer


async def deliveries(alarm: AlarmFloor, **query: str) -> list[dict[str, Any]]:
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    path = f"/webhooks/W1/deliveries?{asked}"
    rows: list[dict[str, Any]] = (await alarm.floor.shown(path, ADMINISTRATOR))["rows"]
    return rows


async def later(alarm: AlarmFloor, pause: timedelta) -> None:
    clock = alarm.floor.clock
    clock.move_to(clock() + pause)
    await alarm.floor.hosting.catch_up()


async def test_an_event_arrives_signed_with_its_own_id(alarm: AlarmFloor, hook: Receiver) -> None:
    await subscribed(alarm, hook)
    opened = await alarm.floor.open("O1", owner_id="rep-1")
    await alarm.floor.hosting.catch_up()

    [received] = hook.arrived
    assert received.headers["webhook-id"] == opened["events"][0]
    document = received.document
    assert document["type"] == OPENED
    assert document["data"]["data"]["opportunity_id"] == "O1"
    [delivery] = await deliveries(alarm)
    assert delivery["state"] == "arrived"
    assert [each["outcome"] for each in delivery["attempts"]] == ["accepted"]


async def test_only_events_that_were_asked_for_leave(alarm: AlarmFloor, hook: Receiver) -> None:
    await alarm.floor.open("O0", owner_id="rep-1")
    await subscribed(alarm, hook, LOGGED)
    await alarm.floor.open("O1", owner_id="rep-1")
    action = {"type": "call", "summary": "asked for a quote"}
    await alarm.floor.told("/opportunities/O1/log-action", action, "rep-1")
    await alarm.floor.hosting.catch_up()

    assert [each.document["type"] for each in hook.arrived] == [LOGGED]


async def test_personal_fields_stay_here_unless_granted(alarm: AlarmFloor, hook: Receiver) -> None:
    await subscribed(alarm, hook, LOGGED)
    await subscribed(alarm, hook, LOGGED, webhook_id="W2", personal_fields=True)
    await alarm.floor.open("O1", owner_id="rep-1")
    action = {"type": "call", "summary": "his number is 13800000000"}
    hook.rules = AnySecret()
    await alarm.floor.told("/opportunities/O1/log-action", action, "rep-1")
    await alarm.floor.hosting.catch_up()

    bodies = sorted((each.document["data"]["data"] for each in hook.arrived), key=len)
    assert "summary" not in bodies[0]
    assert bodies[1]["summary"] == "his number is 13800000000"


async def until_asked(hook: Receiver) -> None:
    for _ in range(500):
        if hook.requests:
            return
        await asyncio.sleep(0.01)


class AnySecret(WebhookRules):
    def __init__(self) -> None:
        super().__init__("whsec_", 0)

    def problem(self, received: Any) -> None:
        return None


async def test_a_failure_is_tried_again_under_the_same_id(
    alarm: AlarmFloor, hook: Receiver
) -> None:
    await subscribed(alarm, hook)
    hook.then(Behaviour.FAIL, Behaviour.TAKE_AND_HANG_UP)
    await alarm.floor.open("O1", owner_id="rep-1")
    await alarm.floor.hosting.catch_up()
    [waiting] = await deliveries(alarm, state="waiting")
    assert waiting["next_try_at"] == "2026-03-02T09:00:05.000Z"

    await later(alarm, timedelta(seconds=5))
    await later(alarm, 5 * MINUTE)

    assert len(hook.requests) == 3
    assert len(seen_once(hook.requests)) == 1
    [delivery] = await deliveries(alarm, state="arrived")
    outcomes = [each["outcome"] for each in delivery["attempts"]]
    assert outcomes == ["unknown", "unknown", "accepted"]


async def test_what_was_under_way_at_a_kill_is_sent_again_under_its_id(tmp_path: Path) -> None:
    async with receiving(AnySecret()) as hook, alarm_floor(tmp_path / "data") as alarm:
        await subscribed(alarm, hook)
        hook.rules = AnySecret()
        hook.then(Behaviour.TAKE_AND_STAY_SILENT)
        await alarm.floor.open("O1", owner_id="rep-1")
        killed = asyncio.create_task(alarm.floor.hosting.catch_up())
        await until_asked(hook)
        killed.cancel()
        with suppress(asyncio.CancelledError):
            await killed
        await alarm.floor.hosting.catch_up()
        [delivery] = await deliveries(alarm)

    assert len(hook.requests) == 2
    assert len(seen_once(hook.requests)) == 1
    assert [each["outcome"] for each in delivery["attempts"]] == ["unknown", "accepted"]


async def test_a_rotated_secret_signs_beside_the_former_one(
    alarm: AlarmFloor, hook: Receiver
) -> None:
    first = await subscribed(alarm, hook)
    rotated = await alarm.floor.told("/webhooks/W1/rotate-secret", {}, ADMINISTRATOR)
    assert rotated["secret"] != first["secret"]
    await alarm.floor.open("O1", owner_id="rep-1")
    await alarm.floor.hosting.catch_up()
    assert len(hook.arrived) == 1

    hook.rules = WebhookRules(rotated["secret"], int(NOW.timestamp()), 30 * DAY)
    await alarm.floor.open("O2", owner_id="rep-1")
    await alarm.floor.hosting.catch_up()
    assert len(hook.arrived) == 2

    hook.rules = WebhookRules(first["secret"], int(NOW.timestamp()), 30 * DAY)
    await later(alarm, DAY)
    await alarm.floor.open("O3", owner_id="rep-1")
    await alarm.floor.hosting.catch_up()
    assert len(hook.arrived) == 2


async def test_the_secret_is_shown_once(alarm: AlarmFloor, hook: Receiver) -> None:
    body = {
        "url": f"http://127.0.0.1:{hook.port}/hook",
        "event_types": [OPENED],
    }
    first = await alarm.floor.post("/webhooks", body, ADMINISTRATOR, Idempotency_Key="once")
    again = await alarm.floor.post("/webhooks", body, ADMINISTRATOR, Idempotency_Key="once")
    listed = await alarm.floor.get("/webhooks", ADMINISTRATOR)

    secret = first.json()["secret"]
    assert secret.startswith("whsec_")
    assert again.json()["secret"] is None
    assert again.json()["webhook_id"] == first.json()["webhook_id"]
    assert secret not in listed.text
    assert "/hook" not in listed.text


async def test_after_the_last_try_it_waits_for_a_replay(alarm: AlarmFloor, hook: Receiver) -> None:
    await subscribed(alarm, hook)
    hook.then(*[Behaviour.FAIL] * 8)
    await alarm.floor.open("O1", owner_id="rep-1")
    await alarm.floor.hosting.catch_up()
    for _ in range(7):
        await later(alarm, timedelta(hours=11))
    [failed] = await deliveries(alarm, state="failed")
    assert len(failed["attempts"]) == 8

    answer = await alarm.floor.told("/webhooks/W1/replay", {"state": "failed"}, ADMINISTRATOR)
    await alarm.floor.hosting.catch_up()

    assert answer == {"replayed": 1}
    [delivery] = await deliveries(alarm)
    assert delivery["state"] == "arrived"
    assert hook.arrived[-1].headers["webhook-id"] == failed["event_id"]


async def test_days_of_failures_disable_it_and_tell_the_administrator(
    alarm: AlarmFloor, hook: Receiver
) -> None:
    await subscribed(alarm, hook)
    hook.then(*[Behaviour.FAIL] * 99)
    for day in range(7):
        await alarm.floor.open(f"O{day}", owner_id="rep-1")
        await later(alarm, DAY)

    [webhook] = (await alarm.floor.shown("/webhooks", ADMINISTRATOR))["rows"]
    assert (webhook["state"], webhook["disabled_because"]) == ("disabled", "failing")
    told = await alarm.floor.shown("/escalations?rule=webhook_disabled", "auditor")
    assert [each["subject_id"] for each in told["rows"]] == ["W1"]

    tried = len(hook.requests)
    await alarm.floor.open("O9", owner_id="rep-1")
    await later(alarm, DAY)
    assert len(hook.requests) == tried

    hook.behaviours.clear()
    await alarm.floor.told("/webhooks/W1/enable", {}, ADMINISTRATOR)
    await alarm.floor.hosting.catch_up()
    assert {each["event_id"] for each in await deliveries(alarm, state="waiting")} == set()
    opened = {each.document["data"]["data"]["opportunity_id"] for each in hook.arrived}
    assert "O9" in opened


async def test_an_address_that_is_gone_is_not_tried_again(
    alarm: AlarmFloor, hook: Receiver
) -> None:
    await subscribed(alarm, hook)
    hook.then(Behaviour.REFUSE)
    await alarm.floor.open("O1", owner_id="rep-1")
    await alarm.floor.hosting.catch_up()

    [webhook] = (await alarm.floor.shown("/webhooks", ADMINISTRATOR))["rows"]
    assert webhook["disabled_because"] == "gone"


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/hook",
        "https://10.0.0.1/hook",
        "https://169.254.169.254/latest",
        "ftp://x",
    ],
)
async def test_an_address_inside_or_without_tls_is_refused(alarm: AlarmFloor, url: str) -> None:
    body = {"url": url, "event_types": [OPENED]}

    refused = await alarm.floor.post("/webhooks", body, ADMINISTRATOR)

    assert code_of(refused) == (422, "malformed")
    assert [each["field"] for each in refused.json()["errors"]] == ["url"]


async def test_unknown_events_are_refused_and_reps_subscribe_to_nothing(
    alarm: AlarmFloor, hook: Receiver
) -> None:
    url = f"http://127.0.0.1:{hook.port}/hook"
    unknown = {"url": url, "event_types": ["opportunities.mood_changed.v1"]}
    own = {"url": url, "event_types": ["notifications.webhook_disabled.v1"]}
    known = {"url": url, "event_types": [OPENED]}

    assert code_of(await alarm.floor.post("/webhooks", unknown, ADMINISTRATOR))[0] == 422
    assert code_of(await alarm.floor.post("/webhooks", own, ADMINISTRATOR))[0] == 422
    assert code_of(await alarm.floor.post("/webhooks", known, "rep-1")) == (403, "forbidden")


async def test_events_of_another_tenant_never_leave(alarm: AlarmFloor, hook: Receiver) -> None:
    await subscribed(alarm, hook)
    hook.arrived.clear()

    await alarm.floor.open("O7", "elsewhere")
    await alarm.floor.hosting.catch_up()

    assert hook.arrived == []
