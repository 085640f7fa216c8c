"""Messages on their way to robots and webhooks: at least once, a repeat marked (N4, N5)."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from services.notifications.channels.channel import Address, Outgoing, Report
from services.notifications.channels.table import CHANNELS
from services.notifications.channels.webhook import Webhook
from services.notifications.domain.message import MESSAGE
from services.notifications.domain.message_commands import (
    MessageCommand,
    Outcome,
    QueueMessage,
)
from services.notifications.domain.throttle import Hold, MustWait
from services.notifications.outbox.delivery import Delivery
from services.notifications.outbox.robot_limits import RobotLimits
from services.notifications.queries.tenant_choices import TenantChoices
from shared.outbound import Outbound
from tests.receivers.dingtalk import DingTalkRules
from tests.receivers.receiver import Behaviour, Receiver, receiving
from tests.receivers.webhook import WebhookRules, seen_once
from tests.services.alarm_floor import AlarmFloor, alarm_floor
from tests.services.sales_floor import NOW, code_of

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
DINGTALK_SECRET = "SEC000000000000000000000"
WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
DINGTALK = DingTalkRules(DINGTALK_SECRET, int((NOW + DAY).timestamp() * 1000), "t", 8 * DAY)
WEBHOOK = WebhookRules(WEBHOOK_SECRET, int(NOW.timestamp()), 8 * DAY)
TO_THE_HOOK: dict[str, Any] = {
    "name": "to-the-hook",
    "rules": ["stalled"],
    "steps": [{"after_seconds": 0, "to": "owner", "channels": ["webhook", "dingtalk"]}],
    "group_seconds": 0,
    "quiet_hours": None,
}


@pytest.fixture
async def alarm(tmp_path: Path) -> AsyncIterator[AlarmFloor]:
    async with alarm_floor(tmp_path / "data") as running:
        yield running


@pytest.fixture
async def robot() -> AsyncIterator[Receiver]:
    async with receiving(DINGTALK) as receiver:
        yield receiver


@pytest.fixture
async def hook() -> AsyncIterator[Receiver]:
    async with receiving(WEBHOOK) as receiver:
        yield receiver


async def with_robot(alarm: AlarmFloor, robot: Receiver) -> None:
    url = f"http://127.0.0.1:{robot.port}/robot/send?access_token=t"
    await alarm.robot("dingtalk", url, DINGTALK_SECRET, "north")


async def with_hook(alarm: AlarmFloor, hook: Receiver) -> None:
    await alarm.robot("webhook", f"http://127.0.0.1:{hook.port}/in", WEBHOOK_SECRET)
    await alarm.floor.told("/policies", TO_THE_HOOK, "administrator")


def repeats(hook: Receiver) -> list[bool]:
    return [bool(each.document["data"]["may_be_repeat"]) for each in hook.requests]


async def test_the_robot_of_the_nearest_unit_mentions_the_owner(
    alarm: AlarmFloor, robot: Receiver
) -> None:
    await with_robot(alarm, robot)
    await alarm.signal("S1")
    await alarm.settle()
    assert robot.arrived == []
    await alarm.settle(after=MINUTE)
    [received] = robot.arrived
    assert robot.refusals == []
    assert received.document["at"]["atUserIds"] == ["mention-1"]
    text = received.document["markdown"]["text"]
    assert "Opportunity O-S1 is silent" in text
    assert "https://pulsetrail.example/told/" in text
    assert len(await alarm.inbox("rep-1")) == 1


async def test_whoever_has_no_robot_is_told_in_the_inbox_only(
    alarm: AlarmFloor, robot: Receiver
) -> None:
    await with_robot(alarm, robot)
    await alarm.signal("S1", owner_id="rep-2")
    await alarm.settle(after=MINUTE)
    await alarm.settle(after=MINUTE)
    assert robot.requests == []
    assert len(await alarm.inbox("rep-2")) == 1


async def test_in_quiet_hours_the_robot_waits_and_the_inbox_does_not(
    alarm: AlarmFloor, robot: Receiver
) -> None:
    await with_robot(alarm, robot)
    await alarm.settle(after=5 * HOUR)
    for number in range(3):
        await alarm.signal(f"S{number}")
        await alarm.settle(after=HOUR)
    await alarm.settle(after=MINUTE)
    assert robot.requests == []
    assert len(await alarm.inbox("rep-1")) == 3
    await alarm.settle(after=7 * HOUR)
    [received] = robot.arrived
    assert received.document["markdown"]["title"] == "3 escalations wait for you"


async def at_the_robot(alarm: AlarmFloor, channels: list[str]) -> None:
    """The clock is moved to Monday 20:59 in Shanghai; nobody is disturbed from 21:00 to 08:00."""
    body = {
        **TO_THE_HOOK,
        "steps": [{**TO_THE_HOOK["steps"][0], "channels": channels}],
        "quiet_hours": ["21:00", "08:00"],
    }
    await alarm.floor.told("/policies", body, "administrator")
    await alarm.settle(after=4 * HOUR - MINUTE)


async def test_what_a_limited_robot_could_not_take_before_the_night_waits_until_the_morning(
    alarm: AlarmFloor, robot: Receiver
) -> None:
    await with_robot(alarm, robot)
    await at_the_robot(alarm, ["robot"])
    for number in range(22):
        await alarm.signal(f"S{number:02d}")
        await alarm.settle(after=timedelta(seconds=1))
    assert len(robot.arrived) == 20
    for _ in range(11):
        await alarm.settle(after=HOUR)
    assert len(robot.requests) == 20
    await alarm.settle(after=MINUTE)
    texts = [each.document["markdown"]["text"] for each in robot.arrived[20:]]
    assert ["O-S20" in texts[0], "O-S21" in texts[1], len(texts)] == [True, True, 2]


async def test_a_back_off_that_ends_in_the_night_goes_on_in_the_morning(
    alarm: AlarmFloor, hook: Receiver, robot: Receiver
) -> None:
    await with_hook(alarm, hook)
    await with_robot(alarm, robot)
    await at_the_robot(alarm, ["webhook", "dingtalk"])
    hook.then(*[Behaviour.REFUSE] * 4)
    await alarm.signal("S1")
    await alarm.settle()
    await alarm.settle(after=MINUTE / 2)
    assert len(hook.requests) == 2
    for _ in range(12):
        await alarm.settle(after=55 * MINUTE)
    assert (len(hook.requests), robot.requests) == (2, [])
    for _ in range(4):
        await alarm.settle(after=10 * MINUTE)
    assert (len(hook.requests), len(robot.arrived)) == (4, 1)


async def test_what_disturbs_at_any_time_goes_on_at_night(
    alarm: AlarmFloor, hook: Receiver
) -> None:
    await with_hook(alarm, hook)
    await alarm.settle(after=4 * HOUR - MINUTE)
    hook.then(Behaviour.REFUSE, Behaviour.REFUSE)
    await alarm.signal("S1")
    for _ in range(3):
        await alarm.settle(after=5 * MINUTE)
    assert len(hook.arrived) == 1


async def test_what_waits_for_the_morning_still_expires_at_its_time(
    alarm: AlarmFloor, hook: Receiver
) -> None:
    await with_hook(alarm, hook)
    night = {**TO_THE_HOOK, "quiet_hours": ["21:00", "08:00"], "expires_seconds": 3600}
    await alarm.floor.told("/policies", night, "administrator")
    await alarm.settle(after=4 * HOUR - MINUTE)
    hook.then(*[Behaviour.REFUSE] * 9)
    await alarm.signal("S1")
    await alarm.settle()
    await alarm.settle(after=MINUTE / 2)
    await alarm.settle(after=HOUR)
    [message_id] = await message_ids(alarm)
    assert (await alarm.events(f"message/{message_id}"))[-1] == "message_closed"
    assert len(hook.requests) == 2


async def test_a_refusal_is_repeated_and_is_no_repeat(alarm: AlarmFloor, hook: Receiver) -> None:
    await with_hook(alarm, hook)
    hook.then(Behaviour.REFUSE, Behaviour.REFUSE)
    await alarm.signal("S1")
    for _ in range(4):
        await alarm.settle(after=5 * MINUTE)
    assert len(hook.arrived) == 1
    assert repeats(hook) == [False, False, False]


async def test_after_an_unknown_outcome_the_same_id_comes_again_marked(
    alarm: AlarmFloor, hook: Receiver
) -> None:
    await with_hook(alarm, hook)
    hook.then(Behaviour.TAKE_AND_HANG_UP, Behaviour.FAIL)
    await alarm.signal("S1")
    for _ in range(4):
        await alarm.settle(after=5 * MINUTE)
    assert len(hook.arrived) == 2
    assert repeats(hook) == [False, True, True]
    assert len(seen_once(hook.arrived)) == 1


async def test_a_used_up_channel_is_followed_by_the_next(
    alarm: AlarmFloor, hook: Receiver, robot: Receiver
) -> None:
    await with_hook(alarm, hook)
    await with_robot(alarm, robot)
    hook.then(*[Behaviour.REFUSE] * 4)
    await alarm.signal("S1")
    for _ in range(8):
        await alarm.settle(after=5 * MINUTE)
    assert hook.arrived == []
    assert len(robot.arrived) == 1
    undelivered = await alarm.floor.shown("/undelivered", "administrator")
    assert undelivered["rows"] == []


async def test_what_nobody_takes_ends_with_the_operator(alarm: AlarmFloor, hook: Receiver) -> None:
    await with_hook(alarm, hook)
    hook.then(*[Behaviour.REFUSE] * 4)
    await alarm.signal("S1")
    for _ in range(8):
        await alarm.settle(after=5 * MINUTE)
    [message] = (await alarm.floor.shown("/undelivered", "administrator"))["rows"]
    assert (message["state"], message["reason"]) == ("operator", "every-channel-failed")
    assert [each["outcome"] for each in message["attempts"]] == ["refused"] * 4
    [channel] = (await alarm.floor.shown("/channels", "administrator"))["rows"]
    assert (channel["delivery_rate_24h"], channel["alert"]) == (0.0, True)
    metrics = (await alarm.floor.http.get("/metrics")).text.splitlines()
    labels = f'channel="{channel["channel_id"]}",tenant="T1"'
    assert f"pulsetrail_delivery_rate{{{labels}}} 0.0" in metrics
    assert f"pulsetrail_delivery_rate_alert{{{labels}}} 1.0" in metrics


async def test_a_message_that_nobody_takes_in_time_expires(
    alarm: AlarmFloor, hook: Receiver
) -> None:
    await with_hook(alarm, hook)
    short = {**TO_THE_HOOK, "expires_seconds": 60}
    await alarm.floor.told("/policies", short, "administrator")
    hook.then(*[Behaviour.LIMIT] * 9)
    await alarm.signal("S1")
    for _ in range(9):
        await alarm.settle(after=MINUTE / 4)
    [message_id] = await message_ids(alarm)
    assert (await alarm.events(f"message/{message_id}"))[-1] == "message_closed"
    assert hook.arrived == []
    assert len(hook.requests) < 9


async def test_a_robots_limit_is_kept_and_nothing_is_dropped(
    alarm: AlarmFloor, robot: Receiver
) -> None:
    await with_robot(alarm, robot)
    body = {**TO_THE_HOOK, "steps": [{**TO_THE_HOOK["steps"][0], "channels": ["robot"]}]}
    await alarm.floor.told("/policies", body, "administrator")
    for number in range(25):
        await alarm.signal(f"S{number:02d}")
        await alarm.settle()
    assert len(robot.arrived) == 20
    await alarm.settle(after=timedelta(seconds=60))
    assert len(robot.arrived) == 20
    await alarm.settle(after=timedelta(seconds=1))
    assert len(robot.arrived) == 25


async def two_channels_of_one_robot(alarm: AlarmFloor, robot: Receiver, messages: int) -> None:
    """Two teams gave the address of the same group; that many messages wait for it by turns."""
    token = "access_token=t"
    for unit_id, query in (("north", token), ("south", f"{token}&")):
        body = {
            "channel_id": f"robot-{unit_id}",
            "kind": "dingtalk",
            "unit_id": unit_id,
            "url": f"http://127.0.0.1:{robot.port}/robot/send?{query}",
            "secret": DINGTALK_SECRET,
        }
        await alarm.floor.told("/channels", body, "administrator")
    for number in range(messages):
        queue = to_a_group(alarm, number, "robot-south" if number % 2 else "robot-north")
        await alarm.floor.handle("notifications", MESSAGE, queue.message_id, queue)


async def test_two_channels_of_one_robot_share_its_limit(
    alarm: AlarmFloor, robot: Receiver
) -> None:
    await two_channels_of_one_robot(alarm, robot, 24)
    await alarm.settle()
    assert len(robot.requests) == 20
    await alarm.settle(after=timedelta(seconds=60))
    assert len(robot.requests) == 20
    await alarm.settle(after=timedelta(seconds=1))
    assert len(robot.arrived) == 24


async def test_after_a_start_what_left_by_another_channel_of_the_robot_counts_too(
    alarm: AlarmFloor, robot: Receiver
) -> None:
    await two_channels_of_one_robot(alarm, robot, 20)
    await alarm.settle()
    ports = alarm.floor.hosting.ports
    choices = TenantChoices(ports, ports.commands("notifications"))
    book = await choices.channel_book("T1")
    limits = RobotLimits(ports.read_store, b"key")
    for channel_id in ("robot-north", "robot-south"):
        robot_asked = book.by_id[channel_id]
        decision = await limits.admission("T1", robot_asked, book, alarm.now)
        until = alarm.now + timedelta(seconds=61)
        assert decision == MustWait(until=until, why=Hold.WINDOW_IS_FULL)


async def test_a_robot_that_asks_to_wait_is_left_by_all_its_channels(
    alarm: AlarmFloor, robot: Receiver
) -> None:
    robot.then(Behaviour.LIMIT)
    await two_channels_of_one_robot(alarm, robot, 2)
    await alarm.settle(after=5 * MINUTE)
    assert len(robot.requests) == 1


async def test_a_robot_that_asks_to_wait_is_left_alone_for_all_messages(
    alarm: AlarmFloor, robot: Receiver
) -> None:
    await with_robot(alarm, robot)
    body = {**TO_THE_HOOK, "steps": [{**TO_THE_HOOK["steps"][0], "channels": ["robot"]}]}
    await alarm.floor.told("/policies", body, "administrator")
    robot.then(Behaviour.LIMIT)
    await alarm.signal("S1")
    await alarm.settle()
    await alarm.signal("S2")
    await alarm.settle(after=5 * MINUTE)
    assert len(robot.requests) == 1
    await alarm.settle(after=6 * MINUTE)
    assert len(robot.arrived) == 2


async def test_what_was_resolved_before_it_could_leave_does_not_leave(
    alarm: AlarmFloor, hook: Receiver
) -> None:
    await with_hook(alarm, hook)
    night = {**TO_THE_HOOK, "quiet_hours": ["00:00", "23:59"]}
    await alarm.floor.told("/policies", night, "administrator")
    await alarm.signal("S1")
    await alarm.settle()
    await alarm.resolved("S1")
    await alarm.settle(after=DAY)
    assert hook.requests == []


def to_a_group(
    alarm: AlarmFloor, number: int, channel_id: str, lasts: timedelta = HOUR
) -> QueueMessage:
    """The higher its number, the less urgent."""
    return QueueMessage(
        message_id=f"M{number}",
        person_id=None,
        subject="tenant/channel-tests",
        channels=(channel_id,),
        escalation_ids=(),
        language="en",
        title="Hello",
        body="Hello",
        urgency=99 - number,
        not_before=alarm.now,
        expires_at=alarm.now + lasts,
        now=alarm.now,
    )


@dataclass(frozen=True)
class Dying(Webhook):
    """The process is killed when the request has left and before its answer is stored."""

    async def send(self, outgoing: Outgoing, address: Address, outbound: Outbound) -> Report:
        await super().send(outgoing, address, outbound)
        raise asyncio.CancelledError


async def test_killed_between_request_and_answer_it_is_repeated_and_marked(
    tmp_path: Path, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with alarm_floor(tmp_path / "data") as alarm:
        await with_hook(alarm, hook)
        await alarm.signal("S1")
        with monkeypatch.context() as dying:
            dying.setitem(CHANNELS, "webhook", Dying())
            with suppress(asyncio.CancelledError):
                await alarm.settle()
        assert len(hook.arrived) == 1
        for _ in range(3):
            await alarm.settle(after=5 * MINUTE)
    assert repeats(hook) == [False, True]
    assert len(seen_once(hook.arrived)) == 1


@dataclass(frozen=True, kw_only=True)
class Hanging(Webhook):
    """Answers nobody for ten seconds. `told`: what had arrived at the robot at each try."""

    alarm: AlarmFloor
    robot: Receiver
    told: list[int] = field(default_factory=list)

    async def send(self, outgoing: Outgoing, address: Address, outbound: Outbound) -> Report:
        self.told.append(len(self.robot.arrived))
        self.alarm.floor.clock.move_to(self.alarm.now + timedelta(seconds=10))
        return Report(outcome=Outcome.UNKNOWN, detail="no-answer: TimeoutError")


async def test_a_channel_that_hangs_does_not_keep_the_others_waiting(
    tmp_path: Path, robot: Receiver, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFICATIONS_DELIVERIES_AT_ONCE", "3")
    async with alarm_floor(tmp_path / "data") as alarm:
        await with_hook(alarm, hook)
        await with_robot(alarm, robot)
        hanging = Hanging(alarm=alarm, robot=robot)
        monkeypatch.setitem(CHANNELS, "webhook", hanging)
        for number, channel in enumerate(["webhook"] * 4 + ["dingtalk"]):
            queue = to_a_group(alarm, number, f"the-{channel}", lasts=MINUTE / 2)
            await alarm.floor.handle("notifications", MESSAGE, queue.message_id, queue)
        await alarm.settle()
        assert hanging.told[:3] == [0, 0, 1]


@pytest.mark.parametrize("is_stored_first", [False, True])
@pytest.mark.parametrize("number", range(6))
async def test_killed_at_whichever_write_it_arrives_and_repeats_are_marked(
    alarm: AlarmFloor,
    hook: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    is_stored_first: bool,
) -> None:
    """The promise of N5: at least once; twice only under the same id and marked so."""
    await with_hook(alarm, hook)
    await alarm.signal("S1")
    await alarm.signal("S2", owner_id="rep-2")
    send_command = Delivery._send_command
    written = count()

    async def dying(self: Delivery, tenant_id: str, command: MessageCommand, *more: Any) -> None:
        is_the_one = next(written) == number
        if is_stored_first or not is_the_one:
            await send_command(self, tenant_id, command, *more)
        if is_the_one:
            raise asyncio.CancelledError

    with monkeypatch.context() as killed:
        killed.setattr(Delivery, "_send_command", dying)
        with suppress(asyncio.CancelledError):
            await alarm.settle()
    for _ in range(3):
        await alarm.settle(after=5 * MINUTE)
    times = Counter(each.headers["webhook-id"] for each in hook.requests)
    assert len(times) == 2
    marks = Counter(
        each.headers["webhook-id"]
        for each in hook.requests
        if each.document["data"]["may_be_repeat"]
    )
    for message_id, requests in times.items():
        assert requests <= 2
        if requests == 2:
            assert marks[message_id] == 1


async def test_exactly_once_where_nothing_goes_wrong(alarm: AlarmFloor, hook: Receiver) -> None:
    await with_hook(alarm, hook)
    for number in range(12):
        await alarm.signal(f"S{number:02d}")
        await alarm.settle(after=MINUTE)
    await alarm.settle(after=DAY)
    told = Counter(
        escalation_id
        for each in hook.arrived
        for escalation_id in each.document["data"]["escalation_ids"]
    )
    assert told == {f"S{number:02d}": 1 for number in range(12)}


async def test_secrets_go_in_and_never_out(alarm: AlarmFloor, hook: Receiver) -> None:
    await with_hook(alarm, hook)
    shown = await alarm.floor.get("/channels", "administrator")
    assert WEBHOOK_SECRET not in shown.text
    assert str(hook.port) not in shown.text
    [stored] = await alarm.floor.hosting.ports.event_store.read_stream("T1/channels/all")
    assert WEBHOOK_SECRET.encode() not in stored.payload
    log = await alarm.floor.get("/events", "auditor")
    assert WEBHOOK_SECRET not in log.text
    assert str(hook.port) not in log.text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "pigeon"}, "kind"),
        ({"kind": "inbox"}, "kind"),
        ({"channel_id": "robot"}, "channel_id"),
        ({"url": "ftp://127.0.0.1/"}, "url"),
        ({"secret": "not-a-secret"}, "secret"),
    ],
)
async def test_a_channel_that_could_never_work_is_refused(
    alarm: AlarmFloor, change: dict[str, str], field: str
) -> None:
    body = {
        "channel_id": "hook-1",
        "kind": "webhook",
        "unit_id": "company",
        "url": "https://example.com/in",
        "secret": WEBHOOK_SECRET,
    }
    refused = await alarm.floor.post("/channels", {**body, **change}, "administrator")
    assert code_of(refused) == (422, "malformed")
    assert [problem["field"] for problem in refused.json()["errors"]] == [field]
    unknown = await alarm.floor.post("/channels", {**body, "unit_id": "moon"}, "administrator")
    assert code_of(unknown) == (409, "not-yet-known")


async def test_the_test_button_says_what_became_of_it(alarm: AlarmFloor, hook: Receiver) -> None:
    await with_hook(alarm, hook)
    alarm.floor.hosting.start()
    tried = await alarm.floor.told("/channels/the-webhook/test", {}, "administrator")
    assert (tried["outcome"], tried["state"]) == ("accepted", "delivered")
    hook.then(Behaviour.REFUSE)
    tried = await alarm.floor.told("/channels/the-webhook/test", {}, "administrator")
    assert (tried["outcome"], tried["detail"]) == ("refused", "http-410")
    unknown = await alarm.floor.post("/channels/nothing/test", {}, "administrator")
    assert unknown.status_code == 404


async def test_a_removed_channel_is_used_no_more(alarm: AlarmFloor, hook: Receiver) -> None:
    await with_hook(alarm, hook)
    await alarm.floor.told("/channels/the-webhook/remove", {}, "administrator")
    await alarm.signal("S1")
    await alarm.settle()
    assert hook.requests == []
    [message] = (await alarm.floor.shown("/undelivered", "administrator"))["rows"]
    assert message["reason"] == "no-channel-reaches-the-person"


async def message_ids(alarm: AlarmFloor) -> set[str]:
    store = alarm.floor.hosting.ports.event_store
    stored = await store.read_log("notifications", 0, 0, 1_000)
    return {each.stream.split("/")[2] for each in stored if "/message/" in each.stream}
