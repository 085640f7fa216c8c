"""What every channel promises, against a receiver that checks by the vendor's rule (N1, N5)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest

from services.notifications.channels.channel import Address, Channel, Outgoing, Report
from services.notifications.channels.dingtalk import DingTalkRobot, signed
from services.notifications.channels.inbox import Inbox
from services.notifications.channels.table import CHANNELS
from services.notifications.channels.webhook import Webhook, secret_bytes
from services.notifications.domain.message_commands import (
    Outcome,
)
from shared.outbound import Outbound
from tests.receivers.dingtalk import DingTalkRules
from tests.receivers.receiver import Behaviour, Receiver, Rules, receiving
from tests.receivers.webhook import WebhookRules, seen_once

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
DINGTALK_SECRET = "SEC000000000000000000000"
OUTBOUND = Outbound(allowed_hosts=frozenset({"127.0.0.1"}), longest_wait_seconds=0.5)

MESSAGE = Outgoing(
    message_id="M1",
    language="zh",
    title="商机 O-1 静默超限",
    body="商机 O-1 静默已超限 9.0 小时",
    link="https://pulsetrail.example/l/abc",
    escalation_ids=("E1",),
    may_be_repeat=False,
    sent_at=NOW,
)


@dataclass(frozen=True)
class Vendor:
    channel: Channel
    rules: Rules
    path: str
    secret: str
    words_of: Callable[[Receiver], str]

    def address(self, receiver: Receiver) -> Address:
        url = f"http://127.0.0.1:{receiver.port}{self.path}"
        return Address(url=url, secret=self.secret, mention="zhang.wei")


DINGTALK = Vendor(
    channel=DingTalkRobot(),
    rules=DingTalkRules(DINGTALK_SECRET, int(NOW.timestamp() * 1000)),
    path="/robot/send?access_token=token-1",
    secret=DINGTALK_SECRET,
    words_of=lambda receiver: str(receiver.arrived[-1].document["markdown"]["text"]),
)
WEBHOOK = Vendor(
    channel=Webhook(),
    rules=WebhookRules(WEBHOOK_SECRET, int(NOW.timestamp())),
    path="/hook",
    secret=WEBHOOK_SECRET,
    words_of=lambda receiver: "{title} {body} {link}".format(
        **receiver.arrived[-1].document["data"]
    ),
)
VENDORS = pytest.mark.parametrize("vendor", [DINGTALK, WEBHOOK], ids=lambda v: v.channel.kind)


async def sent(vendor: Vendor, receiver: Receiver, message: Outgoing = MESSAGE) -> Report:
    return await vendor.channel.send(message, vendor.address(receiver), OUTBOUND)


@VENDORS
async def test_what_is_signed_by_the_vendors_rule_is_accepted(vendor: Vendor) -> None:
    async with receiving(vendor.rules) as receiver:
        report = await sent(vendor, receiver)
        assert report.outcome is Outcome.ACCEPTED
        assert receiver.refusals == []
        words = vendor.words_of(receiver)
        assert MESSAGE.title in words
        assert MESSAGE.body in words
        assert str(MESSAGE.link) in words


@VENDORS
async def test_a_wrong_secret_is_refused(vendor: Vendor) -> None:
    async with receiving(vendor.rules) as receiver:
        wrong = replace(vendor, secret="whsec_d3Jvbmc=")
        assert (await sent(wrong, receiver)).outcome is Outcome.REFUSED
        assert receiver.arrived == []


@VENDORS
async def test_a_refusal_is_told_apart_from_an_acceptance(vendor: Vendor) -> None:
    async with receiving(vendor.rules) as receiver:
        receiver.then(Behaviour.REFUSE)
        assert (await sent(vendor, receiver)).outcome is Outcome.REFUSED


@VENDORS
async def test_a_limit_says_when_to_come_again(vendor: Vendor) -> None:
    async with receiving(vendor.rules) as receiver:
        receiver.then(Behaviour.LIMIT)
        report = await sent(vendor, receiver)
        assert report.outcome is Outcome.LIMITED
        assert report.retry_after_seconds in {17.0, 600.0}


@VENDORS
@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour.STAY_SILENT,
        Behaviour.TAKE_AND_STAY_SILENT,
        Behaviour.TAKE_AND_HANG_UP,
        Behaviour.FAIL,
        Behaviour.FLOOD,
    ],
    ids=lambda behaviour: behaviour.value,
)
async def test_without_a_whole_answer_the_outcome_is_unknown(
    vendor: Vendor, behaviour: Behaviour
) -> None:
    async with receiving(vendor.rules) as receiver:
        receiver.then(behaviour)
        assert (await sent(vendor, receiver)).outcome is Outcome.UNKNOWN


@VENDORS
async def test_a_redirect_is_not_followed(vendor: Vendor) -> None:
    async with receiving(vendor.rules) as receiver:
        receiver.then(Behaviour.REDIRECT)
        assert (await sent(vendor, receiver)).outcome is Outcome.REFUSED
        assert len(receiver.requests) == 1


@VENDORS
async def test_what_never_left_is_refused_and_not_unknown(vendor: Vendor) -> None:
    async with receiving(vendor.rules) as receiver:
        address = vendor.address(receiver)
    report = await vendor.channel.send(MESSAGE, address, OUTBOUND)
    assert report.outcome is Outcome.REFUSED
    assert report.detail == "not-sent: ConnectError"


@VENDORS
async def test_a_private_address_is_refused_unless_the_operator_allows_it(vendor: Vendor) -> None:
    async with receiving(vendor.rules) as receiver:
        report = await vendor.channel.send(MESSAGE, vendor.address(receiver), Outbound())
        assert report == Report(outcome=Outcome.REFUSED, detail="address-not-allowed")
        assert receiver.requests == []


@VENDORS
async def test_a_repeat_says_that_it_may_be_one(vendor: Vendor) -> None:
    async with receiving(vendor.rules) as receiver:
        await sent(vendor, receiver, replace(MESSAGE, may_be_repeat=True))
        assert "可能重复" in vendor.words_of(receiver)
        await sent(vendor, receiver, replace(MESSAGE, may_be_repeat=True, language="en"))
        assert "may be a repeat" in vendor.words_of(receiver)
        await sent(vendor, receiver)
        assert "可能重复" not in vendor.words_of(receiver)


@VENDORS
async def test_reports_hold_no_secret(vendor: Vendor) -> None:
    async with receiving(vendor.rules) as receiver:
        receiver.then(*Behaviour)
        for _ in Behaviour:
            report = await sent(vendor, receiver)
            assert "token-1" not in report.detail
            assert vendor.secret not in report.detail
    assert vendor.secret not in repr(vendor.address(receiver))


@VENDORS
async def test_the_longest_body_that_the_channel_names_is_taken(vendor: Vendor) -> None:
    async with receiving(vendor.rules) as receiver:
        room = vendor.channel.body_limit_bytes - 600 - len(MESSAGE.title.encode())
        longest = replace(MESSAGE, body="静" * (room // 3))
        assert (await sent(vendor, receiver, longest)).outcome is Outcome.ACCEPTED


async def test_an_answer_that_dingtalk_would_not_give_is_unknown() -> None:
    async with receiving(DINGTALK.rules) as receiver:
        receiver.then(Behaviour.GABBLE)
        assert (await sent(DINGTALK, receiver)).outcome is Outcome.UNKNOWN


async def test_dingtalk_mentions_the_person_in_its_group() -> None:
    async with receiving(DINGTALK.rules) as receiver:
        await sent(DINGTALK, receiver)
        document = receiver.arrived[-1].document
        assert document["at"]["atUserIds"] == ["zhang.wei"]
        assert "@zhang.wei" in document["markdown"]["text"]


def test_dingtalk_signs_milliseconds_with_the_secret_as_key() -> None:
    at = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    url = signed("https://oapi.dingtalk.com/robot/send?access_token=x", "this is secret", at)
    assert url == (
        "https://oapi.dingtalk.com/robot/send?access_token=x&timestamp=1700000000000"
        "&sign=sSFWELbV2YwjdDQhWZwTcWlX5BWUx5J6TPpsZmuPii0%3D"
    )


async def test_a_receiver_that_dedupes_by_id_sees_a_repeated_message_once() -> None:
    async with receiving(WEBHOOK.rules) as receiver:
        receiver.then(Behaviour.TAKE_AND_HANG_UP, Behaviour.TAKE_AND_STAY_SILENT)
        await sent(WEBHOOK, receiver)
        await sent(WEBHOOK, receiver, replace(MESSAGE, may_be_repeat=True))
        report = await sent(WEBHOOK, receiver, replace(MESSAGE, may_be_repeat=True))
        assert report.outcome is Outcome.ACCEPTED
        assert len(receiver.arrived) == 3
        assert seen_once(receiver.arrived) == {"M1"}


def test_a_webhook_secret_is_base64_after_its_prefix() -> None:
    assert secret_bytes("whsec_d3Jvbmc=") == b"wrong"
    for broken in ("d3Jvbmc=", "whsec_d3Jvbmc", "whsec_!"):
        with pytest.raises(ValueError, match="whsec_"):
            secret_bytes(broken)


async def test_the_inbox_delivers_by_being_an_event() -> None:
    report = await Inbox().send(MESSAGE, Address(), Outbound())
    assert report.outcome is Outcome.ACCEPTED


def test_every_channel_is_listed_under_its_own_kind() -> None:
    assert {kind: channel.kind for kind, channel in CHANNELS.items()} == {
        "dingtalk": "dingtalk",
        "webhook": "webhook",
        "inbox": "inbox",
    }
