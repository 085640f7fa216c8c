"""The links in messages: one person, once, for a time; a look changes nothing (N3)."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from services.notifications.api.page_template import SAID_ON_THE_BOARD
from services.notifications.domain.person_link import PersonLink, token_of
from services.projections.pages.catalogue import catalogue
from tests.receivers.receiver import Receiver, receiving
from tests.receivers.webhook import WebhookRules
from tests.services.alarm_floor import AlarmFloor, alarm_floor
from tests.services.sales_floor import NOW

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WEBHOOK = WebhookRules(SECRET, int(NOW.timestamp()), timedelta(days=8))
POLICY = {
    "name": "to-the-hook",
    "rules": ["stalled"],
    "steps": [{"after_seconds": 0, "to": "owner", "channels": ["webhook"]}],
    "group_seconds": 0,
}


@pytest.fixture
async def alarm(tmp_path: Path) -> AsyncIterator[AlarmFloor]:
    async with alarm_floor(tmp_path / "data") as running:
        yield running


@pytest.fixture
async def hook(alarm: AlarmFloor) -> AsyncIterator[Receiver]:
    async with receiving(WEBHOOK) as receiver:
        await alarm.robot("webhook", f"http://127.0.0.1:{receiver.port}/", SECRET)
        await alarm.floor.told("/policies", POLICY, "administrator")
        await alarm.signal("S1", facts={"since": "2026-02-28T09:00:00.000Z", "limit_hours": 48.0})
        await alarm.settle()
        yield receiver


def link_in(hook: Receiver) -> str:
    link: str = hook.arrived[-1].document["data"]["link"]
    assert link.startswith("https://pulsetrail.example/act/")
    return link.removeprefix("https://pulsetrail.example")


async def act(alarm: AlarmFloor, path: str, action: str, **more: str) -> httpx.Response:
    return await alarm.floor.http.post(path, data={"action": action, **more})


async def state(alarm: AlarmFloor) -> str:
    await alarm.settle()
    return str((await alarm.escalations())["S1"]["state"])


async def test_looking_shows_a_button_and_changes_nothing(
    alarm: AlarmFloor, hook: Receiver
) -> None:
    for _ in range(3):
        page = await alarm.floor.http.get(link_in(hook))
        assert page.status_code == 200
    assert "Opportunity O-S1 is silent" in page.text
    assert '<button name="action" value="acknowledge">' in page.text
    assert page.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert await state(alarm) == "open"


async def test_the_button_acknowledges_in_the_persons_name(
    alarm: AlarmFloor, hook: Receiver
) -> None:
    done = await act(alarm, link_in(hook), "acknowledge")
    assert (done.status_code, "Acknowledged." in done.text) == (200, True)
    assert await state(alarm) == "acknowledged"
    assert (await alarm.escalations())["S1"]["acknowledged_by"] == "rep-1"


@pytest.mark.parametrize("second", ["acknowledge", "resolve"])
async def test_a_link_works_once(alarm: AlarmFloor, hook: Receiver, second: str) -> None:
    await act(alarm, link_in(hook), "acknowledge")
    again = await act(alarm, link_in(hook), second)
    assert (again.status_code, "This link was used before" in again.text) == (410, True)
    assert await state(alarm) == "acknowledged"


# the clock stands at Monday 17:00 in Shanghai
@pytest.mark.parametrize(
    ("until", "moment", "said"),
    [
        ("hour", "2026-03-02T10:00:00.000Z", "2026-03-02 18:00"),
        ("tomorrow", "2026-03-03T01:00:00.000Z", "2026-03-03 09:00"),
    ],
)
async def test_it_can_be_put_off_by_an_hour_or_until_tomorrow_at_nine(
    alarm: AlarmFloor, hook: Receiver, until: str, moment: str, said: str
) -> None:
    done = await act(alarm, link_in(hook), "snooze", until=until)
    assert (done.status_code, said in done.text) == (200, True)
    assert await state(alarm) == "snoozed"
    assert (await alarm.escalations())["S1"]["snoozed_until"] == moment


async def test_it_can_be_resolved_in_own_words(alarm: AlarmFloor, hook: Receiver) -> None:
    assert (await act(alarm, link_in(hook), "resolve", reason="customer called")).status_code == 200
    assert await state(alarm) == "resolved"
    assert (await alarm.escalations())["S1"]["reason"] == "customer called"


async def test_it_can_be_handed_over_to_a_colleague(alarm: AlarmFloor, hook: Receiver) -> None:
    link = link_in(hook)
    page = (await alarm.floor.http.get(link)).text
    offered = re.findall(r'<option value="([^"]*)"', page)
    assert offered == ["", "boss-1", "lawyer-1"]
    done = await act(alarm, link, "hand-over", to_person_id="boss-1")
    assert (done.status_code, "Handed over to boss-1." in done.text) == (200, True)
    await alarm.settle()
    taken = (await alarm.escalations())["S1"]
    assert (taken["holder_id"], "boss-1" in taken["told"]) == ("boss-1", True)
    again = await act(alarm, link, "hand-over", to_person_id="lawyer-1")
    assert again.status_code == 410


@pytest.mark.parametrize(
    ("action", "typed", "said"),
    [
        ("hand-over", {"to_person_id": ""}, "This is needed."),
        ("hand-over", {"to_person_id": "rep-2"}, "This is none of what can be chosen."),
        ("resolve", {"reason": "x" * 65}, "This is too long."),
        ("snooze", {}, "This is needed."),
    ],
)
async def test_what_cannot_be_is_said_at_its_field_and_does_not_use_up_the_link(
    alarm: AlarmFloor, hook: Receiver, action: str, typed: dict[str, str], said: str
) -> None:
    link = link_in(hook)
    refused = await act(alarm, link, action, **typed)
    assert (refused.status_code, f">{said}</p>" in refused.text) == (422, True)
    if action == "resolve":
        assert f'value="{typed["reason"]}"' in refused.text
    assert await state(alarm) == "open"
    assert (await act(alarm, link, "acknowledge")).status_code == 200


async def test_the_page_offers_the_choices_of_the_board_in_its_words(
    alarm: AlarmFloor, hook: Receiver
) -> None:
    page = (await alarm.floor.http.get(link_in(hook))).text
    mine = {"Authorization": "Bearer key-rep-1", "Accept-Language": "en"}
    board = (await alarm.floor.http.get("/escalations/S1", headers=mine)).text
    for choice in ("Got it", "In an hour", "Tomorrow 9:00", "Hand over", "Resolved"):
        assert f">{choice}</button>" in page
        assert f">{choice}</button>" in board
    chinese = catalogue("zh")
    said = SAID_ON_THE_BOARD
    assert {key: chinese.gettext(words) for key, words in said["en"].items()} == said["zh"]


async def test_a_link_expires(alarm: AlarmFloor, hook: Receiver) -> None:
    link = link_in(hook)
    alarm.floor.clock.move_to(alarm.now + timedelta(hours=72))
    page = await alarm.floor.http.get(link)
    assert (page.status_code, "This link has expired" in page.text) == (410, True)
    assert (await act(alarm, link, "acknowledge")).status_code == 410


async def test_a_link_that_was_tampered_with_leads_nowhere(
    alarm: AlarmFloor, hook: Receiver
) -> None:
    link = link_in(hook)
    claims, _, signature = link.rpartition(".")
    forged = PersonLink(
        tenant_id="T1",
        person_id="boss-1",
        message_id="M1",
        expires_at=NOW + timedelta(days=9),
    )
    for broken in (
        f"{claims}.{'A' * len(signature)}",
        f"{claims}x.{signature}",
        claims,
        "/act/nonsense",
        "/act/bnVsbA.AAAA",
        f"/act/{token_of(forged, b'0' * 32)}",
    ):
        assert (await alarm.floor.http.get(broken)).status_code == 404
        assert (await act(alarm, broken, "acknowledge")).status_code == 404
    assert await state(alarm) == "open"


async def test_an_unknown_action_is_refused(alarm: AlarmFloor, hook: Receiver) -> None:
    assert (await act(alarm, link_in(hook), "delete")).status_code == 422


async def told_path(alarm: AlarmFloor, hook: Receiver) -> str:
    return f"/told/{hook.arrived[-1].document['data']['message_id']}"


async def test_a_link_from_a_group_asks_for_sign_in(alarm: AlarmFloor, hook: Receiver) -> None:
    path = await told_path(alarm, hook)
    page = await alarm.floor.http.get(path)
    assert (page.status_code, "Sign in first" in page.text) == (401, True)
    assert "Ask your administrator for a sign-in link" in page.text
    assert "href" not in page.text
    assert (await act(alarm, path, "acknowledge")).status_code == 401


async def test_whoever_is_signed_in_acts_in_their_own_name(
    alarm: AlarmFloor, hook: Receiver
) -> None:
    path = await told_path(alarm, hook)
    mine = {"Authorization": "Bearer key-boss-1"}
    page = await alarm.floor.http.get(path, headers=mine)
    assert '<button name="action" value="acknowledge">' in page.text
    done = await alarm.floor.http.post(path, data={"action": "acknowledge"}, headers=mine)
    assert done.status_code == 200
    await alarm.settle()
    assert (await alarm.escalations())["S1"]["acknowledged_by"] == "boss-1"


async def test_whoever_is_signed_in_hands_over_from_the_group_too(
    alarm: AlarmFloor, hook: Receiver
) -> None:
    path = await told_path(alarm, hook)
    mine = {"Authorization": "Bearer key-boss-1"}
    offered = re.findall(
        r'<option value="([^"]*)"', (await alarm.floor.http.get(path, headers=mine)).text
    )
    assert offered == ["", "lawyer-1", "rep-1"]
    taken = {"action": "hand-over", "to_person_id": "lawyer-1"}
    done = await alarm.floor.http.post(path, data=taken, headers=mine)
    assert done.status_code == 200
    await alarm.settle()
    assert (await alarm.escalations())["S1"]["holder_id"] == "lawyer-1"


async def test_whoever_may_not_see_it_finds_nothing(alarm: AlarmFloor, hook: Receiver) -> None:
    path = await told_path(alarm, hook)
    for key in ("rep-2", "elsewhere"):
        signed_in = {"Authorization": f"Bearer key-{key}"}
        assert (await alarm.floor.http.get(path, headers=signed_in)).status_code == 404


async def test_a_form_on_somebody_elses_page_does_nothing(
    alarm: AlarmFloor, hook: Receiver
) -> None:
    path = await told_path(alarm, hook)
    for foreign in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        headers = {"Authorization": "Bearer key-boss-1", **foreign}
        posted = await alarm.floor.http.post(path, data={"action": "resolve"}, headers=headers)
        assert posted.status_code == 403
    assert await state(alarm) == "open"
