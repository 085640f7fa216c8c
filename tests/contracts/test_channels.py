"""What every channel promises, against a receiver that checks by the vendor's rule (N1, N5)."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from services.notifications.channels.channel import Address, Channel, Outgoing, Report
from services.notifications.channels.dingtalk import DingTalkRobot, signed
from services.notifications.channels.feishu import FeishuRobot, signature
from services.notifications.channels.inbox import Inbox
from services.notifications.channels.table import CHANNELS
from services.notifications.channels.webhook import Webhook, secret_bytes
from services.notifications.channels.wecom import WeComRobot
from services.notifications.domain.grouping import RESERVED_BYTES
from services.notifications.domain.message_commands import (
    Outcome,
)
from shared.outbound import Outbound
from tests.receivers.dingtalk import DingTalkRules
from tests.receivers.feishu import FeishuRules
from tests.receivers.receiver import Behaviour, Received, Receiver, Rules, receiving
from tests.receivers.templated import GatewayRules, SlackRules, TeamsRules
from tests.receivers.webhook import WebhookRules, seen_once
from tests.receivers.wecom import WeComRules

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
DINGTALK_SECRET = "SEC000000000000000000000"
FEISHU_SECRET = "feishu-secret"
SMS_KEY = "gateway-key"
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


GATEWAY = json.dumps(
    {
        "headers": {"Authorization": "Bearer {secret}"},
        "body": {"phone": "{recipient}", "text": "{title} {body} {link}", "id": "{message_id}"},
        "taken": {"field": "result.status", "equals": ["ok"], "limited": ["too-many"]},
    }
)


@dataclass(frozen=True)
class Vendor:
    """`wrong_path` or `wrong_secret`: how a stranger would try, who does not know the right one."""

    channel: Channel
    rules: Rules
    path: str
    words_of: Callable[[Received], str]
    secret: str = ""
    wrong_path: str = ""
    wrong_secret: str = ""
    template: str = ""
    mention: str = "zhang.wei"

    def address(self, receiver: Receiver) -> Address:
        url = f"http://127.0.0.1:{receiver.port}{self.path}"
        return Address(url=url, secret=self.secret, template=self.template, mention=self.mention)


DINGTALK = Vendor(
    channel=DingTalkRobot(),
    rules=DingTalkRules(DINGTALK_SECRET, int(NOW.timestamp() * 1000)),
    path="/robot/send?access_token=token-1",
    secret=DINGTALK_SECRET,
    words_of=lambda received: str(received.document["markdown"]["text"]),
    wrong_secret="SEC1",
)
WECOM = Vendor(
    channel=WeComRobot(),
    rules=WeComRules(),
    path="/cgi-bin/webhook/send?key=token-1",
    words_of=lambda received: str(received.document["markdown"]["content"]),
    wrong_path="/cgi-bin/webhook/send?key=token-2",
)
FEISHU = Vendor(
    channel=FeishuRobot(),
    rules=FeishuRules(FEISHU_SECRET, int(NOW.timestamp())),
    path="/open-apis/bot/v2/hook/token-1",
    secret=FEISHU_SECRET,
    words_of=lambda received: json.dumps(received.document["card"], ensure_ascii=False),
    wrong_secret="wrong",
)
SLACK = Vendor(
    channel=CHANNELS["slack"],
    rules=SlackRules(),
    path="/services/T1/B1/token-1",
    words_of=lambda received: received.body.decode(),
    wrong_path="/services/T1/B1/token-2",
)
TEAMS = Vendor(
    channel=CHANNELS["teams"],
    rules=TeamsRules(),
    path="/workflows/1?sig=token-1",
    words_of=lambda received: received.body.decode(),
    wrong_path="/workflows/1?sig=token-2",
)
SMS = Vendor(
    channel=CHANNELS["sms"],
    rules=GatewayRules(SMS_KEY),
    path="/send",
    secret=SMS_KEY,
    template=GATEWAY,
    mention="+8613800138000",
    words_of=lambda received: str(received.document["text"]),
    wrong_secret="wrong",
)
WEBHOOK = Vendor(
    channel=Webhook(),
    rules=WebhookRules(WEBHOOK_SECRET, int(NOW.timestamp())),
    path="/hook",
    secret=WEBHOOK_SECRET,
    words_of=lambda received: "{title} {body} {link}".format(**received.document["data"]),
    wrong_secret="whsec_d3Jvbmc=",
)
ALL = [DINGTALK, WECOM, FEISHU, SLACK, TEAMS, SMS, WEBHOOK]
VENDORS = pytest.mark.parametrize("vendor", ALL, ids=lambda v: v.channel.kind)


async def sent(vendor: Vendor, receiver: Receiver, message: Outgoing = MESSAGE) -> Report:
    return await vendor.channel.send(message, vendor.address(receiver), OUTBOUND)


@VENDORS
async def test_what_is_signed_by_the_vendors_rule_is_accepted(vendor: Vendor) -> None:
    async with receiving(vendor.rules) as receiver:
        report = await sent(vendor, receiver)
        assert report.outcome is Outcome.ACCEPTED
        assert receiver.refusals == []
        words = vendor.words_of(receiver.arrived[-1])
        assert MESSAGE.title in words
        assert MESSAGE.body in words
        assert str(MESSAGE.link) in words


@VENDORS
async def test_who_does_not_know_the_secret_is_refused(vendor: Vendor) -> None:
    async with receiving(vendor.rules) as receiver:
        wrong = replace(
            vendor,
            path=vendor.wrong_path or vendor.path,
            secret=vendor.wrong_secret or vendor.secret,
        )
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
        assert report.retry_after_seconds in {17.0, 60.0, 600.0}


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
        assert "可能重复" in vendor.words_of(receiver.arrived[-1])
        await sent(vendor, receiver, replace(MESSAGE, may_be_repeat=True, language="en"))
        assert "may be a repeat" in vendor.words_of(receiver.arrived[-1])
        await sent(vendor, receiver)
        assert "可能重复" not in vendor.words_of(receiver.arrived[-1])


@VENDORS
async def test_reports_hold_no_secret(vendor: Vendor) -> None:
    async with receiving(vendor.rules) as receiver:
        receiver.then(*Behaviour)
        for _ in Behaviour:
            report = await sent(vendor, receiver)
            assert "token-1" not in report.detail
            assert not vendor.secret or vendor.secret not in report.detail
    shown = repr(vendor.address(receiver))
    assert "token-1" not in shown
    assert not vendor.secret or vendor.secret not in shown


@VENDORS
async def test_neither_key_nor_secret_is_logged(
    vendor: Vendor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with receiving(vendor.rules) as receiver:
        receiver.then(Behaviour.TAKE, Behaviour.REFUSE, Behaviour.TAKE_AND_HANG_UP)
        for _ in range(3):
            await sent(vendor, receiver)
    assert "token-1" not in caplog.text
    assert not vendor.secret or vendor.secret not in caplog.text


@pytest.mark.parametrize(
    "vendor", [DINGTALK, WECOM, FEISHU, SLACK, TEAMS, WEBHOOK], ids=lambda v: v.channel.kind
)
async def test_the_longest_body_that_the_channel_names_arrives_whole(vendor: Vendor) -> None:
    async with receiving(vendor.rules) as receiver:
        room = vendor.channel.body_limit_bytes - RESERVED_BYTES - len(MESSAGE.title.encode())
        longest = replace(MESSAGE, body="静" * (room // 3))
        assert (await sent(vendor, receiver, longest)).outcome is Outcome.ACCEPTED
        assert longest.body in vendor.words_of(receiver.arrived[-1])


@pytest.mark.parametrize(
    "vendor", [DINGTALK, WECOM, FEISHU, SLACK, TEAMS, SMS], ids=lambda v: v.channel.kind
)
async def test_what_is_too_long_once_escaped_is_cut_and_says_so(vendor: Vendor) -> None:
    async with receiving(vendor.rules) as receiver:
        monster = replace(MESSAGE, body='"&\n' * vendor.channel.body_limit_bytes)
        assert (await sent(vendor, receiver, monster)).outcome is Outcome.ACCEPTED
        assert receiver.refusals == []
        words = vendor.words_of(receiver.arrived[-1])
        assert "……内容过长" in words
        assert str(MESSAGE.link) in words


JUDGES_BY_ANSWER = pytest.mark.parametrize(
    "vendor", [DINGTALK, WECOM, FEISHU, SMS], ids=lambda v: v.channel.kind
)


@JUDGES_BY_ANSWER
async def test_an_answer_that_the_vendor_would_not_give_is_unknown(vendor: Vendor) -> None:
    async with receiving(vendor.rules) as receiver:
        receiver.then(Behaviour.GABBLE)
        assert (await sent(vendor, receiver)).outcome is Outcome.UNKNOWN


@JUDGES_BY_ANSWER
async def test_a_refusal_inside_an_answer_of_200_is_a_refusal(vendor: Vendor) -> None:
    assert vendor.rules.refused().status == 200
    async with receiving(vendor.rules) as receiver:
        receiver.then(Behaviour.REFUSE)
        assert (await sent(vendor, receiver)).outcome is Outcome.REFUSED


@pytest.mark.parametrize(
    ("vendor", "mentioned"),
    [
        (DINGTALK, "@zhang.wei"),
        (WECOM, "<@zhang.wei>"),
        (FEISHU, "<at id=zhang.wei></at>"),
        (SLACK, "<@zhang.wei>"),
    ],
    ids=lambda value: value.channel.kind if isinstance(value, Vendor) else "",
)
async def test_a_robot_mentions_the_person_in_its_group(vendor: Vendor, mentioned: str) -> None:
    async with receiving(vendor.rules) as receiver:
        await sent(vendor, receiver)
        assert mentioned in vendor.words_of(receiver.arrived[-1])
        for everybody in ("all", "@all", "x></at><at id=all", "!channel> <@U1"):
            await sent(replace(vendor, mention=everybody), receiver)
            assert everybody not in receiver.arrived[-1].body.decode()


@pytest.mark.parametrize(
    "vendor", [DINGTALK, WECOM, FEISHU, SLACK, TEAMS, SMS, WEBHOOK], ids=lambda v: v.channel.kind
)
async def test_a_customers_name_can_neither_mention_nor_link(vendor: Vendor) -> None:
    """Where text cannot be escaped it is put into a part of the card that is no markup."""
    wicked = replace(MESSAGE, body="<script> <@all> <!channel> [here](https://evil.example)")
    async with receiving(vendor.rules) as receiver:
        assert (await sent(vendor, receiver, wicked)).outcome is Outcome.ACCEPTED
        document = receiver.arrived[-1].document
    match vendor.channel.kind:
        case "feishu":
            body = document["card"]["elements"][0]["text"]
            assert body == {"tag": "plain_text", "content": wicked.body}
        case "sms":
            assert wicked.body in document["text"]
        case "webhook":
            assert document["data"]["body"] == wicked.body
        case _:
            text = json.dumps(document)
            assert "<script>" not in text
            assert "<@all>" not in text
            assert "<!channel>" not in text
            assert "](https://evil" not in text or vendor.channel.kind == "slack"


@pytest.mark.parametrize(
    ("vendor", "kind", "leads_to"),
    [
        (DINGTALK, "actionCard", lambda card: card["singleURL"]),
        (WECOM, "template_card", lambda card: card["card_action"]["url"]),
    ],
)
async def test_where_nobody_is_mentioned_a_card_is_tapped(
    vendor: Vendor, kind: str, leads_to: Callable[[dict[str, Any]], str]
) -> None:
    async with receiving(vendor.rules) as receiver:
        report = await sent(replace(vendor, mention=""), receiver)
        assert report.outcome is Outcome.ACCEPTED
        document = receiver.arrived[-1].document
        assert document["msgtype"] == kind
        assert leads_to(document[kind]) == MESSAGE.link


@pytest.mark.parametrize("vendor", [FEISHU, SLACK, TEAMS], ids=lambda v: v.channel.kind)
async def test_a_card_has_a_button_only_where_it_leads_somewhere(vendor: Vendor) -> None:
    async with receiving(vendor.rules) as receiver:
        await sent(vendor, receiver)
        assert MESSAGE.link_words in receiver.arrived[-1].body.decode()
        report = await sent(vendor, receiver, replace(MESSAGE, link=None))
        assert report.outcome is Outcome.ACCEPTED
        assert MESSAGE.link_words not in receiver.arrived[-1].body.decode()


async def test_a_digest_goes_to_wecom_as_markdown() -> None:
    async with receiving(WECOM.rules) as receiver:
        digest = replace(MESSAGE, body="- 商机静默\n" * 40)
        await sent(replace(WECOM, mention=""), receiver, digest)
        assert receiver.arrived[-1].document["msgtype"] == "markdown"


def test_feishu_signs_nothing_with_seconds_and_secret_as_key() -> None:
    at = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert signature("this is secret", at) == {
        "timestamp": "1700000000",
        "sign": "OfGzRzoUICBOoc8wVra1e4A1hPfbZ9zqXozA8CWVUuY=",
    }
    assert signature("", at) == {}


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
        kind: kind
        for kind in (
            "dingtalk",
            "wecom",
            "feishu",
            "slack",
            "teams",
            "http",
            "sms",
            "app",
            "email",
            "webhook",
            "inbox",
        )
    }


def test_what_reaches_one_person_is_no_groups_robot() -> None:
    """So that a link that names a person is never posted where others read along (N3)."""
    robots = {kind for kind, channel in CHANNELS.items() if channel.is_group_robot}
    assert robots == {"dingtalk", "wecom", "feishu", "slack", "teams", "http"}
    by_address = {kind for kind, channel in CHANNELS.items() if channel.needs_address}
    assert by_address == {"email", "sms", "app"}
