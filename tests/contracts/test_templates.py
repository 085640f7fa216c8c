"""A request as data: whatever is put into it stays what it is, wherever it stands (N1)."""

import json
import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from services.notifications.channels.channel import Address, Outgoing, Report
from services.notifications.channels.known_templates import SLACK, TEAMS
from services.notifications.channels.table import CHANNELS
from services.notifications.channels.template import (
    Template,
    read_template,
    request_body,
    request_headers,
)
from services.notifications.domain.message_commands import (
    Outcome,
)
from shared.outbound import Outbound
from tests.receivers.receiver import Behaviour, Received, Reply, Rules, receiving
from tests.receivers.templated import FormGatewayRules, GatewayRules, SlackRules, TeamsRules

OUTBOUND = Outbound(allowed_hosts=frozenset({"127.0.0.1"}), longest_wait_seconds=0.5)
MESSAGE = Outgoing(
    message_id="M1",
    language="en",
    title='O-1 "quoted" \\ {body}',
    body="first\nsecond\t<b>&amp;</b> {secret}",
    link="https://pulsetrail.example/told/M1",
    escalation_ids=("E1",),
    may_be_repeat=False,
    sent_at=datetime(2026, 3, 2, 1, 30, tzinfo=UTC),
)
DOCUMENTED = re.findall(
    r"```json\n(.*?)```", Path("docs/channels.md").read_text(encoding="utf-8"), flags=re.DOTALL
)


def template(**given: Any) -> Template:
    return read_template(json.dumps({"body": {"text": "{title}"}, **given}))


def filled(body: Any, message: Outgoing = MESSAGE, recipient: str | None = "U1") -> Any:
    return json.loads(request_body(template(body=body), message, recipient))


def test_a_value_never_becomes_json_and_is_never_filled_itself() -> None:
    document = filled({"text": "{title} / {body}", "to": ["{recipient}"], "number": 7})
    assert document == {
        "text": f"{MESSAGE.title} / {MESSAGE.body}",
        "to": ["U1"],
        "number": 7,
    }


def test_a_value_never_becomes_a_second_field_of_a_form() -> None:
    wicked = replace(MESSAGE, title="x&To=+1900")
    form = template(encoding="form", body={"Body": "{title}", "To": "{recipient}"})
    assert parse_qs(request_body(form, wicked, "+86138").decode()) == {
        "Body": ["x&To=+1900"],
        "To": ["+86138"],
    }


@pytest.mark.parametrize(
    ("escape", "expected"),
    [
        ("none", "<a> & [x](y)"),
        ("html", "&lt;a&gt; &amp; [x](y)"),
        ("markdown", "＜a＞ & [x] (y)"),
    ],
)
def test_what_people_wrote_is_escaped_as_the_template_asks(escape: str, expected: str) -> None:
    message = replace(MESSAGE, body="<a> & [x](y)")
    body = request_body(template(escape=escape, body={"t": "{body}"}), message, None)
    assert json.loads(body) == {"t": expected}


def test_without_its_value_the_innermost_element_is_left_out() -> None:
    body = {
        "blocks": [
            {"type": "text", "text": "{title}"},
            {"type": "buttons", "buttons": [{"url": "{link!}"}]},
            {"type": "mention", "who": "<@{recipient!}>"},
        ]
    }
    assert [each["type"] for each in filled(body)["blocks"]] == ["text", "buttons", "mention"]
    alone = filled(body, replace(MESSAGE, link=None), None)
    assert [each["type"] for each in alone["blocks"]] == ["text"]


def test_headers_hold_the_secret_and_nothing_that_people_wrote() -> None:
    given = template(headers={"X-Key": "Key {secret}", "X-Id": "{message_id}"})
    headers = request_headers(given, MESSAGE, Address(secret="s3"))
    assert headers == {
        "content-type": "application/json; charset=utf-8",
        "user-agent": "Pulsetrail",
        "x-key": "Key s3",
        "x-id": "M1",
    }
    with pytest.raises(ValueError, match="no header can hold"):
        request_headers(given, MESSAGE, Address(secret="s3\r\nX-Admin: yes"))


@pytest.mark.parametrize(
    "given",
    [
        {"headers": {"X": "{title}"}},
        {"headers": {"X": "a\r\nY: b"}},
        {"headers": {"Host": "inside"}},
        {"headers": {"Content-Length": "0"}},
        {"headers": {"X Y": "1"}},
        {"body": {"text": "{owner}"}},
        {"body": {"deep": [{"text": "{secret}"}]}},
        {"body": ["{title}"]},
        {"method": "GET"},
        {"escape": "shell"},
        {"url": "https://elsewhere.example"},
        {"encoding": "form", "body": {"a": {"b": "c"}}},
        {"taken": {"statuses": [302]}},
        {"taken": {"field": "code"}},
        {"taken": {"equals": [0]}},
        {"taken": {"field": "a b", "equals": [0]}},
    ],
)
def test_a_template_that_could_not_be_used_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        template(**given)


@dataclass(frozen=True)
class Answering:
    """Answers everything in the same way."""

    reply: Reply

    def problem(self, received: Received) -> Reply | None:
        return self.reply

    def taken(self) -> Reply:
        return self.reply

    def refused(self) -> Reply:
        return self.reply

    def limited(self) -> Reply:
        return self.reply


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, '{"code": 0}', Outcome.ACCEPTED),
        (200, '{"code": "0"}', Outcome.REFUSED),
        (200, '{"code": false}', Outcome.REFUSED),
        (200, '{"code": 7}', Outcome.REFUSED),
        (200, '{"code": 429}', Outcome.LIMITED),
        (200, '{"other": 0}', Outcome.UNKNOWN),
        (200, "[]", Outcome.UNKNOWN),
        (200, "taken", Outcome.UNKNOWN),
        (202, '{"code": 0}', Outcome.REFUSED),
        (404, '{"code": 0}', Outcome.REFUSED),
        (500, '{"code": 0}', Outcome.UNKNOWN),
    ],
)
async def test_status_and_field_say_together_whether_it_was_taken(
    status: int, body: str, expected: Outcome
) -> None:
    rule = {"statuses": [200], "field": "code", "equals": [0], "limited": [429]}
    async with receiving(Answering(Reply(status, body.encode()))) as receiver:
        report = await posted("http", template(taken=rule), receiver.port, "/")
    assert report.outcome is expected


async def posted(
    kind: str, given: Template | None, port: int, path: str, mention: str = "+8613800138000"
) -> Report:
    text = "" if given is None else given.model_dump_json()
    url = f"http://127.0.0.1:{port}{path}"
    address = Address(url=url, secret="the-key", template=text, mention=mention)
    return await CHANNELS[kind].send(MESSAGE, address, OUTBOUND)


async def test_a_template_can_put() -> None:
    async with receiving(Answering(Reply(200, b"{}"))) as receiver:
        report = await posted("http", template(method="PUT"), receiver.port, "/")
        assert report.outcome is Outcome.ACCEPTED
        assert [each.method for each in receiver.requests] == ["PUT"]


def test_slack_and_teams_are_documented_as_they_are() -> None:
    assert read_template(DOCUMENTED[0]) == SLACK
    assert read_template(DOCUMENTED[1]) == TEAMS


@pytest.mark.parametrize(
    ("number", "kind", "rules", "path"),
    [
        (0, "slack", SlackRules("/in"), "/in"),
        (0, "http", SlackRules("/in"), "/in"),
        (1, "teams", TeamsRules("s"), "/in?sig=s"),
        (1, "http", TeamsRules("s"), "/in?sig=s"),
        (2, "sms", GatewayRules("the-key"), "/in"),
        (3, "sms", FormGatewayRules("AC1", "the-token"), "/in"),
    ],
)
async def test_every_documented_template_works(
    number: int, kind: str, rules: Rules, path: str
) -> None:
    given = read_template(DOCUMENTED[number])
    async with receiving(rules) as receiver:
        assert (await posted(kind, given, receiver.port, path)).outcome is Outcome.ACCEPTED
        receiver.then(Behaviour.REFUSE, Behaviour.LIMIT)
        assert (await posted(kind, given, receiver.port, path)).outcome is Outcome.REFUSED
        assert (await posted(kind, given, receiver.port, path)).outcome is Outcome.LIMITED
        assert receiver.refusals == []
