"""Pages of notification policies: sentences, who would be told when, channels, what was sent."""

from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest

from tests.receivers.receiver import Behaviour, receiving
from tests.receivers.webhook import WebhookRules
from tests.services.alarm_floor import AlarmFloor, alarm_floor
from tests.services.sales_floor import NOW
from tests.services.test_page_forms import following
from tests.services.test_pages import page, sent, shown

ADMINISTRATOR = "administrator"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WEBHOOK = WebhookRules(SECRET, int(NOW.timestamp()))


@pytest.fixture
async def alarm(tmp_path: Path) -> AsyncIterator[AlarmFloor]:
    async with alarm_floor(tmp_path / "data") as found:
        yield found


async def set_policy(alarm: AlarmFloor) -> None:
    at_once = {"after_seconds": 0, "to": "owner", "channels": ["inbox", "dingtalk"]}
    later = {
        "after_seconds": 4 * 3600,
        "to": "manager",
        "channels": ["sms"],
        "in_business_hours": True,
    }
    last = {"after_seconds": 86_400, "to": "role:auditor", "channels": ["email"]}
    policy = {
        "name": "silence",
        "rules": ["stalled"],
        "steps": [at_once, later, last],
        "repeat_seconds": 86_400,
        "repeat_limit": 3,
        "title": {"zh": "静默", "en": "<script>alert(1)</script>"},
    }
    await alarm.floor.told("/policies", policy, ADMINISTRATOR)


async def test_a_policy_is_read_as_a_sentence_in_both_languages(alarm: AlarmFloor) -> None:
    await set_policy(alarm)

    chinese = await shown(alarm.floor, "/policies", ADMINISTRATOR, "zh")
    english = await shown(alarm.floor, "/policies", ADMINISTRATOR)

    assert (
        "静默超时 → 立即通知销售本人(收件箱、钉钉群);4 工作小时未确认则通知主管(短信);"
        "24 小时未确认则通知所有“审计”(邮件)。"
    ) in chinese
    assert "之后每 24 小时再次通知,每次升高一级, 最多 3 次。 21:00 至 08:00 只进收件箱。" in chinese
    assert (
        "Silent for too long → at once tell the owner (inbox, DingTalk group); 4 working hours"
        " without “Got it”: the manager (text message);"
    ) in english
    assert "<script>alert" not in english


async def test_the_page_says_who_would_be_told_when_of_an_owner(alarm: AlarmFloor) -> None:
    text = await shown(alarm.floor, "/policies?rule=stalled&owner=rep-1", ADMINISTRATOR)

    told = text[text.index('class="cards-list told"') :]
    assert told.index("the owner: rep-1") < told.index("the manager: boss-1")
    assert told.index("the manager: boss-1") < told.index("the director: lawyer-1")
    assert 'id="policy-opportunity-stands-still" class="notice"' in text


async def test_of_a_real_opportunity_its_manager_sees_who_would_be_told(alarm: AlarmFloor) -> None:
    floor = alarm.floor
    await floor.open("O1", owner_id="rep-1")
    await floor.open("O2", "rep-2", owner_id="rep-2")
    await floor.hosting.catch_up()

    assert 'href="/who-is-told?opportunity=O1"' in await shown(floor, "/timelines/opportunity/O1")
    told = await shown(floor, "/who-is-told?opportunity=O1")
    assert "the owner: rep-1" in told
    assert 'href="/timelines/opportunity/O1"' in told
    of_others = await shown(floor, "/who-is-told?opportunity=O2")
    assert "There is nothing here, or it is not yours to see." in of_others
    assert 'value="O2" aria-invalid="true" aria-describedby="fault-opportunity"' in of_others
    assert "rep-2" not in of_others.replace('value="rep-2"', "").replace(">rep-2</option>", "")


async def test_policies_are_shown_to_those_who_set_them_and_to_auditors(alarm: AlarmFloor) -> None:
    for path in ("/policies", "/sent"):
        for key, status in ((ADMINISTRATOR, 200), ("auditor", 200), ("boss-1", 403)):
            assert (await page(alarm.floor, path, key)).status_code == status
    auditor = await shown(alarm.floor, "/policies", "auditor")
    assert "/policies/test/" not in auditor


async def test_a_channel_is_tested_by_a_button_and_its_rate_leads_to_what_was_sent(
    alarm: AlarmFloor,
) -> None:
    floor = alarm.floor
    async with receiving(WEBHOOK) as receiver:
        await alarm.robot("webhook", f"http://127.0.0.1:{receiver.port}/in", SECRET)
        await floor.hosting.catch_up()
        answer = await following(
            floor, sent(floor, "/policies/test/the-webhook", {}, ADMINISTRATOR)
        )
        assert answer.headers["location"] == (
            "/policies?tested=the-webhook&outcome=accepted#channels"
        )
    text = await shown(floor, "/policies?tested=the-webhook&outcome=accepted", ADMINISTRATOR)
    assert "Test of the-webhook:" in text
    assert 'href="/sent?channel=the-webhook"' in text
    assert "100.0 %" in text
    assert "accepted" in await shown(floor, "/sent?channel=the-webhook", ADMINISTRATOR)
    assert "Nothing was sent yet." in await shown(floor, "/sent?channel=another", ADMINISTRATOR)


async def test_a_channel_that_fails_names_the_next_step_and_leads_to_its_attempts(
    alarm: AlarmFloor,
) -> None:
    floor = alarm.floor
    async with receiving(WEBHOOK) as receiver:
        receiver.then(Behaviour.REFUSE)
        await alarm.robot("webhook", f"http://127.0.0.1:{receiver.port}/in", SECRET)
        await floor.hosting.catch_up()
        answer = await following(
            floor, sent(floor, "/policies/test/the-webhook", {}, ADMINISTRATOR)
        )
    text = await shown(floor, answer.headers["location"].partition("#")[0], ADMINISTRATOR)

    assert "1 channel fails to deliver" in text
    assert "Next step: test it" in text
    assert "0.0 %" in text
    assert "refused" in await shown(floor, "/sent?channel=the-webhook", ADMINISTRATOR)


async def test_everything_that_was_sent_is_shown_and_to_auditors_what_it_said(
    alarm: AlarmFloor,
) -> None:
    await alarm.signal("S1")
    await alarm.settle()
    await alarm.settle(after=timedelta(hours=1))
    said = (await alarm.floor.shown("/sent?person=rep-1", "auditor"))["rows"][0]["title"]

    by_auditor = await shown(alarm.floor, "/sent?person=rep-1", "auditor")
    by_administrator = await shown(alarm.floor, "/sent?person=rep-1", ADMINISTRATOR)

    assert "delivered" in by_auditor
    assert said in unescape(by_auditor)
    assert said not in unescape(by_administrator)
    answer = await page(alarm.floor, "/sent?person=rep-1&format=csv", "auditor")
    assert answer.headers["content-type"].startswith("text/csv")
    assert "inbox accepted" in answer.text
