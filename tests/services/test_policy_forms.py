"""Policies and channels edited on pages: as sentences, with who would be told; secrets unseen."""

import re
from collections.abc import AsyncIterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.receivers.receiver import receiving
from tests.receivers.webhook import WebhookRules
from tests.services.alarm_floor import AlarmFloor, alarm_floor
from tests.services.sales_floor import NOW
from tests.services.test_page_forms import following
from tests.services.test_pages import page, sent, shown

ADMINISTRATOR = "administrator"
EDIT = "/policies/edit"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
DRAFT: dict[str, Any] = {
    "name": "calls",
    "rules": ["stalled"],
    "zh": "静默",
    "en": "Silence",
    "steps.0.after": "0m",
    "steps.0.to": "owner",
    "steps.0.channels": ["inbox", "dingtalk"],
    "steps.1.after": "4h",
    "steps.1.to": "person",
    "steps.1.person": "lawyer-1",
    "steps.1.channels": ["sms"],
    "steps.1.business": "yes",
    "repeat": "1d",
    "repeat_limit": "3",
    "group": "1m",
    "expires": "7d",
    "quiet_begins": "21:00",
    "quiet_ends": "08:00",
}


@pytest.fixture
async def alarm(tmp_path: Path) -> AsyncIterator[AlarmFloor]:
    async with alarm_floor(tmp_path / "data") as found:
        yield found


async def edited(alarm: AlarmFloor, path: str, **changed: Any) -> Any:
    return await following(
        alarm.floor, sent(alarm.floor, path, {**DRAFT, **changed}, ADMINISTRATOR)
    )


async def test_what_is_stored_is_read_as_a_sentence_above_its_form(alarm: AlarmFloor) -> None:
    text = await shown(alarm.floor, f"{EDIT}?name=reminder", ADMINISTRATOR)

    assert "Next action due soon → at once tell the owner" in text
    assert 'name="steps.0.after" maxlength="12" autocomplete="off" value="0m"' in text


async def base_of(alarm: AlarmFloor, name: str) -> str:
    found = re.search(
        r'name="base" value="(\w+)"',
        await shown(alarm.floor, f"{EDIT}?name={name}", ADMINISTRATOR),
    )
    assert found is not None
    return found[1]


async def test_a_policy_is_made_by_a_form_and_applies(alarm: AlarmFloor) -> None:
    answer = await edited(alarm, EDIT, do="save")

    assert (answer.status_code, answer.headers["location"]) == (303, "/policies#sentences")
    stored = await alarm.floor.shown("/policies/calls", ADMINISTRATOR)
    assert [step["to"] for step in stored["steps"]] == ["owner", "person:lawyer-1"]
    assert [step["after_seconds"] for step in stored["steps"]] == [0, 4 * 3600]
    assert stored["steps"][1]["in_business_hours"] is True
    assert (stored["repeat_seconds"], stored["repeat_limit"]) == (86_400, 3)
    assert "Silent for too long → at once tell the owner" in await shown(
        alarm.floor, "/policies", ADMINISTRATOR
    )


async def test_a_draft_is_read_as_a_sentence_with_who_would_be_told_and_nothing_is_stored(
    alarm: AlarmFloor,
) -> None:
    answer = await edited(alarm, EDIT, do="check", owner="rep-1")

    assert answer.status_code == 200
    assert "4 working hours without “Got it”: lawyer-1 (text message)" in answer.text
    told = answer.text[answer.text.index('class="cards-list told"') :]
    assert told.index("the owner: rep-1") < told.index("lawyer-1: lawyer-1")
    known = (await alarm.floor.shown("/policies", ADMINISTRATOR))["rows"]
    assert "calls" not in {row["name"] for row in known}


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"name": "no name"}, "name", "1-64 of letters"),
        ({"rules": []}, "rules", "This is needed."),
        ({"steps.0.channels": []}, "steps.0.channels", "This is needed."),
        ({"steps.1.after": "soon"}, "steps.1.after", "A length of time, like 90m, 48h or 7d."),
        ({"steps.0.after": "5h"}, "steps.1.after", "Not before the step above it."),
        ({"steps.1.person": ""}, "steps.1.person", "There is nothing of this name."),
        ({"repeat": "1m"}, "repeat", "This is less or more than we take."),
        ({"quiet_begins": "08:00"}, "quiet_ends", "Two different times"),
        ({"repeat_limit": "often"}, "repeat_limit", "a whole number is needed"),
        ({"quiet_begins": "night"}, "quiet_begins", "Two different times"),
    ],
)
async def test_what_cannot_be_followed_is_said_at_its_field_and_nothing_typed_is_lost(
    alarm: AlarmFloor, changed: dict[str, Any], field: str, said: str
) -> None:
    answer = await edited(alarm, EDIT, do="save", **changed)

    assert answer.status_code == 422
    fault = re.search(rf'id="fault-{re.escape(field)}" role="alert">([^<]+)<', answer.text)
    assert fault is not None, field
    assert re.search(said, fault[1])
    for name, typed in changed.items():
        assert not typed or f'name="{name}"' in answer.text
        assert not isinstance(typed, str) or f'value="{typed}"' in answer.text
    assert 'value="lawyer-1" selected' in answer.text or changed.get("steps.1.person") == ""


async def test_steps_are_added_and_taken_away_before_anything_is_stored(alarm: AlarmFloor) -> None:
    more = (await edited(alarm, EDIT, do="add")).text
    fewer = (await edited(alarm, EDIT, do="remove 0")).text

    assert 'name="steps.2.to"' in more
    assert 'name="steps.1.to"' not in fewer
    assert 'name="steps.0.after" maxlength="12" autocomplete="off" value="4h"' in fewer


async def test_what_somebody_else_stored_meanwhile_is_not_overwritten(alarm: AlarmFloor) -> None:
    await edited(alarm, EDIT, do="save")
    seen = await base_of(alarm, "calls")
    await edited(alarm, f"{EDIT}?name=calls", do="save", base=seen, repeat="2d")

    late = await edited(alarm, f"{EDIT}?name=calls", do="save", base=seen, repeat="3d")

    assert late.status_code == 412
    assert "Somebody was faster" in late.text
    stored = await alarm.floor.shown("/policies/calls", ADMINISTRATOR)
    assert stored["repeat_seconds"] == 2 * 86_400


async def test_a_policy_is_removed_by_its_form(alarm: AlarmFloor) -> None:
    await edited(alarm, EDIT, do="save")

    await edited(alarm, f"{EDIT}?name=calls", do="remove")

    assert (await alarm.floor.get("/policies/calls", ADMINISTRATOR)).status_code == 404


async def test_only_who_sets_policies_edits_them(alarm: AlarmFloor) -> None:
    for path in (EDIT, "/policies/channel"):
        assert (await page(alarm.floor, path, "auditor")).status_code == 403
        assert path not in await shown(alarm.floor, "/policies", "auditor")


async def test_a_channel_is_set_up_by_a_form_that_never_shows_its_secret(
    alarm: AlarmFloor,
) -> None:
    floor = alarm.floor
    async with receiving(WebhookRules(SECRET, int(NOW.timestamp()))) as receiver:
        url = f"http://127.0.0.1:{receiver.port}/in"
        typed = {"channel_id": "hook", "kind": "webhook", "unit_id": "company"}
        fields = {**typed, "url": url, "secret": SECRET}
        answer = await following(floor, sent(floor, "/policies/channel", fields, ADMINISTRATOR))
        assert (answer.status_code, answer.headers["location"]) == (303, "/policies#channels")

        again = await shown(floor, "/policies/channel?channel=hook", ADMINISTRATOR)
        assert SECRET not in again
        assert url not in again
        moved = {"kind": "webhook", "unit_id": "team-1"}
        await following(floor, sent(floor, "/policies/channel?channel=hook", moved, ADMINISTRATOR))
        [row] = (await floor.shown("/channels", ADMINISTRATOR))["rows"]
        assert (row["unit_id"], row["has_secret"]) == ("team-1", True)
        tried = await following(floor, sent(floor, "/policies/test/hook", {}, ADMINISTRATOR))
        assert "outcome=accepted" in tried.headers["location"]


async def test_a_secret_is_never_sent_to_another_address(alarm: AlarmFloor) -> None:
    await alarm.robot("dingtalk", "https://oapi.dingtalk.com/robot/send?access_token=a", "s")

    moved = {"kind": "dingtalk", "unit_id": "company", "url": "https://elsewhere.example/in"}
    path = "/policies/channel?channel=the-dingtalk"
    await following(alarm.floor, sent(alarm.floor, path, moved, ADMINISTRATOR))

    [row] = (await alarm.floor.shown("/channels", ADMINISTRATOR))["rows"]
    assert row["has_secret"] is False


@pytest.mark.parametrize(
    ("changed", "field", "said"),
    [
        ({"channel_id": "no id"}, "channel_id", "1-64 of letters"),
        ({"channel_id": "email"}, "channel_id", "take another name"),
        ({"url": ""}, "url", "This is needed."),
        ({"url": "gopher://nowhere"}, "url", "This does not fit."),
        ({"unit_id": "moon"}, "unit_id", "We have not heard of this person or unit yet."),
        ({"template": "{"}, "template", "This is no JSON."),
        ({"template": '{"body": 7}'}, "template", "This does not fit."),
        ({"kind": "pigeon"}, "kind", "There is nothing of this name."),
    ],
)
async def test_a_channel_that_cannot_be_used_is_said_at_its_field_and_nothing_typed_is_lost(
    alarm: AlarmFloor, changed: dict[str, str], field: str, said: str
) -> None:
    url = "https://example.com/some-hook"
    typed = {"channel_id": "hook", "kind": "http", "unit_id": "company", "url": url}
    fields = {**typed, "secret": "s3cret", "template": '{"body": {"text": "{title}"}}', **changed}
    answer = await sent(alarm.floor, "/policies/channel", fields, ADMINISTRATOR)

    assert answer.status_code == 422 or field == "unit_id"
    fault = re.search(rf'id="fault-{field}" role="alert">([^<]+)<', answer.text)
    assert fault is not None
    assert said in fault[1]
    assert fields["template"] in unescape(answer.text)
    for name in ("url", "secret", "channel_id"):
        assert f'value="{fields[name]}"' in answer.text


async def test_a_channel_is_removed_by_its_form(alarm: AlarmFloor) -> None:
    await alarm.robot("dingtalk", "https://oapi.dingtalk.com/robot/send?access_token=a", "s")

    path = "/policies/channel?channel=the-dingtalk"
    await following(alarm.floor, sent(alarm.floor, path, {"do": "remove"}, ADMINISTRATOR))

    assert (await alarm.floor.shown("/channels", ADMINISTRATOR))["rows"] == []
