"""Forms of the pages: whose they are, what they do, and what they say where they are refused."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.services.alarm_floor import AlarmFloor, alarm_floor
from tests.services.sales_floor import NOW, SalesFloor
from tests.services.test_pages import sent, shown, token_of

PHOTO = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8cfc000"
    "00030101001894b5e70000000049454e44ae426082"
)


@pytest.fixture
async def alarm(tmp_path: Path) -> AsyncIterator[AlarmFloor]:
    async with alarm_floor(tmp_path / "data") as found:
        yield found


@pytest.fixture
async def floor(alarm: AlarmFloor) -> SalesFloor:
    return alarm.floor


async def actions(floor: SalesFloor) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await floor.shown("/opportunities/O1"))["actions"]
    return found


async def escalation(floor: SalesFloor) -> dict[str, Any]:
    """One that the manager of rep-1 was told of."""
    await floor.open("O1", owner_id="rep-1")
    floor.clock.move_to(NOW + timedelta(days=5))
    await floor.hosting.catch_up()
    rows = (await floor.shown("/escalations?rule=stalled", "boss-1"))["rows"]
    found: dict[str, Any] = rows[0]
    return found


async def test_a_manager_acknowledges_on_the_page_and_the_escalation_is_quiet(
    floor: SalesFloor,
) -> None:
    one = await escalation(floor)
    path = f"/escalations/{one['escalation_id']}"
    assert "Got it" in await shown(floor, path)

    answer = await following(floor, sent(floor, f"{path}/acknowledge", {}))

    assert (answer.status_code, answer.headers["location"]) == (303, path)
    now = await floor.shown(path)
    assert (now["state"], now["acknowledged_by"]) == ("acknowledged", "boss-1")


async def following(floor: SalesFloor, answering: Any) -> Any:
    """Read models follow while a form waits for them."""
    task = asyncio.ensure_future(answering)
    while not task.done():
        await asyncio.sleep(0.01)
        await floor.hosting.catch_up()
    return task.result()


async def test_an_escalation_is_put_off_handed_over_and_resolved_by_forms(
    floor: SalesFloor,
) -> None:
    one = await escalation(floor)
    path = f"/escalations/{one['escalation_id']}"

    await following(floor, sent(floor, f"{path}/snooze", {"until": "tomorrow"}))
    assert (await floor.shown(path))["snoozed_until"] == "2026-03-08T01:00:00.000Z"

    await following(floor, sent(floor, f"{path}/hand-over", {"to_person_id": "rep-1"}))
    assert (await floor.shown(path))["holder_id"] == "rep-1"

    await following(floor, sent(floor, f"{path}/resolve", {"reason": "called"}))
    now = await floor.shown(path)
    assert (now["state"], now["reason"]) == ("resolved", "called")


async def test_a_refused_form_says_at_its_field_what_is_wrong_and_keeps_what_was_typed(
    floor: SalesFloor,
) -> None:
    one = await escalation(floor)
    path = f"/escalations/{one['escalation_id']}"

    nobody = await sent(floor, f"{path}/hand-over", {"to_person_id": "no body"})
    too_long = await sent(floor, f"{path}/resolve", {"reason": "r" * 65})

    assert nobody.status_code == 422
    assert 'aria-describedby="fault-to_person_id"' in nobody.text
    assert too_long.status_code == 422
    assert f'value="{"r" * 65}" aria-invalid="true"' in too_long.text
    assert "This is too long." in too_long.text


async def test_a_page_with_a_refused_form_stays_as_it_is_and_is_opened_again_by_its_links(
    floor: SalesFloor,
) -> None:
    one = await escalation(floor)
    path = f"/escalations/{one['escalation_id']}"

    refused = await sent(floor, f"{path}/resolve", {"reason": "r" * 65})

    assert 'id="live"' in await shown(floor, path)
    assert 'id="live"' not in refused.text
    assert f'href="{path}?language=zh"' in refused.text


async def test_a_rep_logs_an_action_with_a_photo_and_a_next_step(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    await floor.hosting.catch_up()
    fields = {"type": "visit", "opportunity_id": "O1", "summary": "met", "next_in": "3"}

    answer = await following(
        floor,
        sent(
            floor,
            "/my-day/log",
            fields,
            "rep-1",
            files={"file_1": ("shop.png", PHOTO, "image/png")},
        ),
    )

    assert (answer.status_code, answer.headers["location"]) == (303, "/my-day#sent")
    [action] = await actions(floor)
    assert (action["type"], [each["kind"] for each in action["evidence"]]) == ("visit", ["photo"])
    day = await shown(floor, "/my-day", "rep-1")
    assert "5 Mar 18:00" in day


async def test_what_was_kept_offline_is_sent_late_and_counts_once(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    floor.clock.move_to(NOW + timedelta(hours=5))
    await floor.hosting.catch_up()
    fields = {
        "type": "call",
        "opportunity_id": "O1",
        "key": "kept-1",
        "occurred_at": "2026-03-02T10:00:00Z",
        "sent_at": "2026-03-02T14:00:00Z",
    }
    json = {"Accept": "application/json"}

    for _ in range(2):
        answer = await following(floor, sent(floor, "/my-day/log", fields, "rep-1", headers=json))
        assert answer.json() == {"logged": True}

    [action] = await actions(floor)
    assert action["happened_at"] == "2026-03-02T10:00:00.000Z"


async def test_a_refused_action_is_told_and_nothing_typed_is_lost(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    await floor.hosting.catch_up()
    fields = {"type": "dance", "opportunity_id": "O1", "summary": "typed <with care>"}

    answer = await sent(floor, "/my-day/log", fields, "rep-1")
    said = await sent(floor, "/my-day/log", fields, "rep-1", headers={"Accept": "application/json"})

    assert answer.status_code == 422
    assert 'value="typed &lt;with care&gt;"' in answer.text
    assert 'id="fault-type"' in answer.text
    assert said.status_code == 422
    assert said.json()["detail"]
    assert await actions(floor) == []


async def test_a_form_of_somebody_elses_page_does_nothing(floor: SalesFloor) -> None:
    one = await escalation(floor)
    path = f"/escalations/{one['escalation_id']}"
    acknowledge = f"{path}/acknowledge"
    of_rep = await token_of(floor, "rep-1")
    mine = await token_of(floor, "boss-1")
    elsewhere = {"Origin": "https://evil.example"}
    cross = {"Sec-Fetch-Site": "cross-site"}

    answers = [
        await sent(floor, acknowledge, {"csrf": "nonsense"}),
        await sent(floor, acknowledge, {"csrf": of_rep}),
        await sent(floor, acknowledge, {"csrf": mine}, headers=elsewhere),
        await sent(floor, acknowledge, {"csrf": mine}, headers=cross),
    ]

    assert [each.status_code for each in answers] == [403] * 4
    assert (await floor.shown(path))["state"] == "open"


async def test_no_page_holds_the_same_token_twice(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    await floor.hosting.catch_up()

    assert await token_of(floor, "rep-1") != await token_of(floor, "rep-1")


async def test_who_may_not_write_gets_no_button_and_no_effect(floor: SalesFloor) -> None:
    one = await escalation(floor)
    path = f"/escalations/{one['escalation_id']}"

    assert "Got it" not in await shown(floor, path, "auditor")
    answer = await sent(floor, f"{path}/acknowledge", {"csrf": "any"}, "auditor")
    assert answer.status_code == 403


async def test_a_form_leads_nowhere_outside(floor: SalesFloor) -> None:
    one = await escalation(floor)
    path = f"/escalations/{one['escalation_id']}"
    fields = {"back": "https://evil.example/"}

    answer = await following(floor, sent(floor, f"{path}/acknowledge", fields))

    assert answer.headers["location"] == path
