"""The ways out in use: robots of three vendors, mail with a personal link, templates (N1, N3)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.directory.domain.api_key import API_KEY, CreateApiKey
from services.directory.domain.person import PERSON, SetAddress
from shared.http import key_hash
from tests.receivers.certificates import tls_contexts
from tests.receivers.feishu import FeishuRules
from tests.receivers.receiver import Behaviour, receiving
from tests.receivers.smtp import MailReceiver, receiving_mail
from tests.receivers.templated import GatewayRules, SlackRules
from tests.receivers.wecom import WeComRules
from tests.services.alarm_floor import AlarmFloor, alarm_floor
from tests.services.sales_floor import NOW, code_of

MINUTE = timedelta(minutes=1)
USER = "alerts@pulsetrail.example"
GATEWAY: dict[str, Any] = {
    "headers": {"Authorization": "Bearer {secret}"},
    "body": {"phone": "{recipient}", "text": "{title}: {link}"},
    "taken": {"field": "result.status", "equals": ["ok"], "limited": ["too-many"]},
}


@pytest.fixture
async def alarm(tmp_path: Path) -> AsyncIterator[AlarmFloor]:
    async with alarm_floor(tmp_path / "data") as running:
        yield running


@pytest.fixture
async def mail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MailReceiver]:
    """A mail server whose certificate the installation trusts."""
    server, _client = tls_contexts("127.0.0.1", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "server.pem"))
    async with receiving_mail(USER, "mail-password", server) as receiver:
        yield receiver


def policy(*channels: str) -> dict[str, Any]:
    return {
        "name": "by-these",
        "rules": ["stalled"],
        "steps": [{"after_seconds": 0, "to": "owner", "channels": list(channels)}],
        "group_seconds": 0,
        "quiet_hours": None,
    }


async def address(alarm: AlarmFloor, person_id: str, channel: str, text: str) -> None:
    command = SetAddress(person_id=person_id, channel=channel, address=text, now=NOW)
    await alarm.floor.handle("directory", PERSON, person_id, command)
    await alarm.floor.hosting.catch_up()


async def an_administrator(alarm: AlarmFloor, person_id: str) -> None:
    key = CreateApiKey(
        key_id="K-the-boss",
        key_hash=key_hash("key-the-boss"),
        role="administrator",
        unit_id="company",
        person_id=person_id,
        name="the-boss",
        now=NOW,
    )
    await alarm.floor.handle("directory", API_KEY, key.key_id, key)
    await alarm.floor.hosting.catch_up()


async def configured(alarm: AlarmFloor, kind: str, url: str, **more: Any) -> None:
    body = {"channel_id": f"the-{kind}", "kind": kind, "unit_id": "company", "url": url, **more}
    await alarm.floor.told("/channels", body, "administrator")


async def test_every_robot_of_the_unit_posts_a_link_to_the_sign_in(alarm: AlarmFloor) -> None:
    """Whoever reads along in a group acts as themselves (N3)."""
    seconds = int(NOW.timestamp())
    async with (
        receiving(WeComRules("k")) as wecom,
        receiving(FeishuRules("s", seconds, "t")) as feishu,
        receiving(SlackRules("/services/1")) as slack,
    ):
        base = "http://127.0.0.1"
        await configured(alarm, "wecom", f"{base}:{wecom.port}/cgi-bin/webhook/send?key=k")
        hook = f"{base}:{feishu.port}/open-apis/bot/v2/hook/t"
        await configured(alarm, "feishu", hook, secret="s")
        await configured(alarm, "slack", f"{base}:{slack.port}/services/1")
        for kind in ("wecom", "feishu", "slack"):
            await alarm.floor.told("/policies", policy(kind), "administrator")
            await alarm.signal(f"S-{kind}")
            await alarm.settle()
        for robot in (wecom, feishu, slack):
            assert robot.refusals == []
            [received] = robot.arrived
            text = received.body.decode()
            assert "https://pulsetrail.example/told/" in text
            assert "/act/" not in text


async def test_mail_reaches_one_person_with_a_link_of_their_own(
    mail: MailReceiver, tmp_path: Path
) -> None:
    async with alarm_floor(tmp_path / "data") as alarm:
        url = f"smtp://alerts%40pulsetrail.example@127.0.0.1:{mail.port}"
        await configured(alarm, "email", url, secret="mail-password")
        await address(alarm, "rep-1", "email", "rep-1@example.com")
        await alarm.floor.told("/policies", policy("email"), "administrator")
        await alarm.signal("S1")
        await alarm.settle()
        [letter] = mail.arrived
        assert letter.recipients == ("rep-1@example.com",)
        assert b"https://pulsetrail.example/act/" in letter.content.replace(b"=\r\n", b"")


async def test_who_has_no_address_is_reached_by_the_next_channel(alarm: AlarmFloor) -> None:
    async with receiving(WeComRules("k")) as robot, receiving(GatewayRules("key")) as gateway:
        url = f"http://127.0.0.1:{gateway.port}/send"
        await configured(alarm, "sms", url, secret="key", template=GATEWAY)
        key = f"http://127.0.0.1:{robot.port}/cgi-bin/webhook/send?key=k"
        await configured(alarm, "wecom", key)
        await alarm.floor.told("/policies", policy("sms", "robot"), "administrator")
        await alarm.signal("S1")
        await alarm.settle()
        assert (len(gateway.requests), len(robot.arrived)) == (0, 1)
        await address(alarm, "rep-1", "sms", "+8613800138000")
        await alarm.signal("S2")
        await alarm.settle()
        assert (len(gateway.arrived), len(robot.arrived)) == (1, 1)
        assert gateway.arrived[0].document["phone"] == "+8613800138000"
        assert "https://pulsetrail.example/act/" in gateway.arrived[0].document["text"]


async def test_a_gateways_limit_in_its_answer_is_waited_for(alarm: AlarmFloor) -> None:
    async with receiving(GatewayRules("key")) as gateway:
        url = f"http://127.0.0.1:{gateway.port}/send"
        await configured(alarm, "sms", url, secret="key", template=GATEWAY)
        await address(alarm, "rep-1", "sms", "+8613800138000")
        await alarm.floor.told("/policies", policy("sms"), "administrator")
        gateway.then(Behaviour.LIMIT, Behaviour.REFUSE)
        await alarm.signal("S1")
        await alarm.settle()
        await alarm.settle(after=MINUTE)
        assert gateway.arrived == []
        await alarm.settle(after=MINUTE)
        assert len(gateway.arrived) == 1


async def test_the_test_button_reaches_whoever_presses_it(alarm: AlarmFloor) -> None:
    async with receiving(GatewayRules("key")) as gateway:
        url = f"http://127.0.0.1:{gateway.port}/send"
        await configured(alarm, "sms", url, secret="key", template=GATEWAY)
        await address(alarm, "boss-1", "sms", "+8613900139000")
        await an_administrator(alarm, "boss-1")
        alarm.floor.hosting.start()
        tried = await alarm.floor.told("/channels/the-sms/test", {}, "the-boss")
        assert (tried["outcome"], tried["state"]) == ("accepted", "delivered")
        assert gateway.arrived[0].document["phone"] == "+8613900139000"


async def test_who_has_no_address_is_told_so_by_the_test_button(alarm: AlarmFloor) -> None:
    async with receiving(GatewayRules("key")) as gateway:
        url = f"http://127.0.0.1:{gateway.port}/send"
        await configured(alarm, "sms", url, secret="key", template=GATEWAY)
        alarm.floor.hosting.start()
        tried = await alarm.floor.told("/channels/the-sms/test", {}, "administrator")
        assert (tried["outcome"], tried["detail"]) == ("refused", "no-address")
        assert gateway.requests == []


async def test_a_templates_secrets_go_in_and_never_out(alarm: AlarmFloor) -> None:
    template = {**GATEWAY, "headers": {"Authorization": "Basic topsecret"}}
    await configured(alarm, "sms", "https://sms.example.com/send", template=template)
    [shown] = (await alarm.floor.shown("/channels", "administrator"))["rows"]
    assert shown["has_template"]
    stored = await alarm.floor.hosting.ports.event_store.read_stream("T1/channels/all")
    assert all(b"topsecret" not in each.payload for each in stored)
    for path in ("/channels", "/events"):
        assert "topsecret" not in (await alarm.floor.get(path, "auditor")).text


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"kind": "sms", "template": None}, "template"),
        ({"kind": "http", "template": None}, "template"),
        ({"template": {**GATEWAY, "body": {"text": "{owner}"}}}, "template"),
        ({"template": {**GATEWAY, "method": "DELETE"}}, "template.method"),
        ({"kind": "email", "template": None}, "url"),
    ],
)
async def test_a_template_that_could_never_be_filled_is_refused(
    alarm: AlarmFloor, change: dict[str, Any], field: str
) -> None:
    body = {
        "channel_id": "gateway-1",
        "kind": "sms",
        "unit_id": "company",
        "url": "https://sms.example.com/send",
        "template": GATEWAY,
    }
    refused = await alarm.floor.post("/channels", {**body, **change}, "administrator")
    assert code_of(refused) == (422, "malformed")
    assert [problem["field"] for problem in refused.json()["errors"]] == [field]
