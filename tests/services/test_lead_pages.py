"""Pages of leads: the inbox with the time left, allocation in the open, appeals (L4-L7)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from tests.services.sales_floor import NOW, SalesFloor, sales_floor
from tests.services.test_page_forms import following
from tests.services.test_pages import (
    SCRIPT,
    holds_nothing_inline_or_from_outside,
    page,
    sent,
    shown,
)

HOUR = timedelta(hours=1)


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    """One lead that waits in team-1 and one of rep-1, of a customer with a script for a name."""
    async with sales_floor(tmp_path / "data") as running:
        await running.told("/customers", {"customer_id": "C-L1", "name": SCRIPT})
        body = {"unit_id": "team-1", "source": "referral"}
        mine = {"owner_id": "rep-1", "behaviours": ["demo_booked"]}
        await running.told("/leads", {**body, "lead_id": "L0", "customer_id": "C-L0"})
        await running.told("/leads", {**body, "lead_id": "L1", "customer_id": "C-L1", **mine})
        await running.hosting.catch_up()
        yield running


async def at(floor: SalesFloor, hours: float) -> None:
    floor.clock.move_to(NOW + timedelta(hours=hours))
    await floor.hosting.catch_up()


async def lead(floor: SalesFloor, lead_id: str) -> dict[str, Any]:
    return await floor.shown(f"/leads/{lead_id}")


async def do(floor: SalesFloor, deed: str, key: str, **fields: str) -> Any:
    return await following(floor, sent(floor, f"/leads/{deed}", fields, key))


async def test_a_reps_inbox_says_how_long_is_left_and_what_to_do(floor: SalesFloor) -> None:
    await at(floor, 2)

    inbox = await shown(floor, "/leads", "rep-1")

    assert "1 lead waits for its first response" in inbox
    assert "22 hours left" in inbox
    assert "Call or message the customer for the first time." in inbox
    assert 'id="row-L0"' not in inbox
    assert SCRIPT not in inbox
    assert "&lt;script&gt;alert(1)" in inbox


async def test_a_late_first_response_is_marked_and_leads_to_the_events(floor: SalesFloor) -> None:
    await at(floor, 26)

    inbox = await shown(floor, "/leads", "rep-1", "zh")
    assert "超时 2 小时" in inbox
    assert "马上打电话给客户" in inbox
    assert 'href="/leads/L1"' in inbox
    assert 'href="/timelines/lead/L1"' in await shown(floor, "/leads/L1", "rep-1")


async def test_after_the_first_contact_the_second_is_due(floor: SalesFloor) -> None:
    await do(floor, "L1/contact", "rep-1", type="call", summary="will think", interested="yes")
    await at(floor, 1)

    assert (await lead(floor, "L1"))["intent"] == "claimed"
    inbox = await shown(floor, "/leads", "rep-1")
    assert "Contact the customer a second time." in inbox
    assert "2 days left" in inbox
    await at(floor, 24 * 5)
    assert "Wake it up" in await shown(floor, "/leads", "rep-1")


async def test_waiting_leads_say_why_nobody_has_them_and_are_given_by_hand(
    floor: SalesFloor,
) -> None:
    await at(floor, 1)

    assert "1 waits for a rep" in await shown(floor, "/leads", "boss-1")
    waiting = await shown(floor, "/leads?state=waiting", "boss-1")
    one = await shown(floor, "/leads/L0", "boss-1")
    assert 'id="row-L0"' in waiting
    assert 'id="row-L1"' not in waiting
    assert "<strong>In their first weeks</strong>: rep-1" in one

    answer = await do(floor, "L0/assign", "boss-1", owner_id="rep-1")

    assert (answer.status_code, answer.headers["location"]) == (303, "/leads/L0")
    assert (await lead(floor, "L0"))["owner_id"] == "rep-1"
    assert "It was given by hand" in await shown(floor, "/leads/L0", "boss-1")


async def test_an_assignment_shows_the_eligible_their_weights_and_the_others(
    floor: SalesFloor,
) -> None:
    await at(floor, 24 * 15)
    await floor.told("/presence", {"on_duty": True}, "rep-1")
    await floor.hosting.catch_up()
    behaviours = ["demo_booked", "hot_word"]
    body = {"lead_id": "L9", "customer_id": "C9", "unit_id": "team-1", "source": "referral"}
    await floor.told("/leads", {**body, "behaviours": behaviours})
    await floor.hosting.catch_up()

    one = await shown(floor, "/leads/L9", "boss-1")
    month = await shown(floor, "/allocation?unit=team-1", "rep-1")

    assert "Had gathered the most weight." in one
    assert "25.0 %" in one  # (0 won + 1) / (0 closed + 4)
    assert "it had 85 points; number 2 in the unit's book" in unescape(one)  # L0 was the first
    assert "Passed over" not in one
    assert '<a href="/leads?rep=rep-1">rep-1</a>' in month


async def test_a_reps_appeal_is_decided_by_the_manager(floor: SalesFloor) -> None:
    await at(floor, 1)
    await do(floor, "L1/appeal", "rep-1", reason="a student <no buyer>")

    assert (await lead(floor, "L1"))["appealed_at"] == "2026-03-02T10:00:00.000Z"
    assert (await lead(floor, "L1"))["contact_due_at"] is None
    assert "1 appeal to decide" in await shown(floor, "/leads", "boss-1")
    assert 'id="row-L1"' in await shown(floor, "/leads?state=appealed", "boss-1")
    one = await shown(floor, "/leads/L1", "boss-1")
    assert "a student &lt;no buyer&gt;" in one
    assert "decide-appeal" in one
    assert "decide-appeal" not in await shown(floor, "/leads/L1", "rep-1")

    answer = await do(floor, "L1/decide-appeal", "boss-1", decision="keep")

    assert answer.status_code == 303
    assert (await lead(floor, "L1"))["appealed_at"] is None


async def test_while_its_appeal_waits_a_lead_is_not_overdue_for_its_rep(floor: SalesFloor) -> None:
    """The manager is to decide; the second contact is not asked for meanwhile (L6, L11)."""
    await do(floor, "L1/contact", "rep-1", type="call")
    await at(floor, 1)
    await do(floor, "L1/appeal", "rep-1", reason="wrong")
    await at(floor, 1 + 24 * 77)

    inbox = await shown(floor, "/leads", "rep-1")
    row = inbox[inbox.index('id="row-L1"') :].split("</tr>")[0]
    assert "waits 77 days" in row
    assert "The manager decides the appeal" in row
    assert "mark over" not in row

    await do(floor, "L1/decide-appeal", "boss-1", decision="keep")
    inbox = await shown(floor, "/leads", "rep-1")
    assert "mark over" in inbox[inbox.index('id="row-L1"') :].split("</tr>")[0]


async def test_a_refused_form_of_a_lead_says_so_at_its_field(floor: SalesFloor) -> None:
    await at(floor, 1)
    await do(floor, "L1/appeal", "rep-1", reason="wrong")

    nobody = await sent(floor, "/leads/L1/decide-appeal", {"decision": "reassign"}, "boss-1")
    assert nobody.status_code == 422
    assert 'aria-describedby="fault-owner_id"' in nobody.text
    assert 'value="reassign" required checked' in nobody.text

    again = await sent(floor, "/leads/L1/appeal", {"reason": "typed with care"}, "rep-1")
    assert again.status_code == 409
    assert 'value="typed with care" aria-invalid="true"' in again.text
    assert "It is appealed already; the manager decides." in again.text

    await do(floor, "L1/decide-appeal", "boss-1", decision="keep")
    await at(floor, 3)
    late = await sent(floor, "/leads/L1/appeal", {"reason": "typed late"}, "rep-1")
    assert "It is too late" in late.text
    assert "typed late" in late.text

    dance = {"type": "dance", "summary": "typed <too>"}
    unknown = await sent(floor, "/leads/L1/contact", dance, "rep-1")
    assert 'id="fault-type"' in unknown.text
    assert 'value="typed &lt;too&gt;"' in unknown.text


async def test_pages_of_leads_hold_nothing_inline_in_either_language(floor: SalesFloor) -> None:
    for path in ("/leads", "/leads/L0", "/leads/L1", "/allocation"):
        for language in ("zh", "en"):
            answer = await page(floor, path, "boss-1", language)
            assert answer.status_code == 200
            assert f'<html lang="{language}"' in answer.text
            holds_nothing_inline_or_from_outside(answer)


async def test_who_may_not_see_a_lead_finds_nothing(floor: SalesFloor) -> None:
    assert (await page(floor, "/leads/L1", "rep-2")).status_code == 404
    assert (await page(floor, "/leads", "legal")).status_code == 403
    refused = await sent(floor, "/leads/L1/appeal", {"reason": "x"}, "auditor")
    assert refused.status_code == 403
    assert "Assign by hand" not in await shown(floor, "/leads/L0", "auditor")


async def test_how_leads_fare_is_shown_by_unit_and_reps_see_only_the_month(
    floor: SalesFloor,
) -> None:
    await do(floor, "L1/contact", "rep-1", type="call")
    await at(floor, 1)

    of_boss = await shown(floor, "/allocation", "boss-1")
    of_rep = await shown(floor, "/allocation", "rep-1")

    assert "How leads fare by unit" in of_boss
    assert "0 minutes" in of_boss
    assert "How leads fare by unit" not in of_rep


async def test_allocation_opens_at_the_readers_own_unit(floor: SalesFloor) -> None:
    headings = {"rep-1": "team-1", "boss-1": "north", "director": "company", "auditor": "company"}
    for key, unit in headings.items():
        assert f"<h2>{unit} · 2026-03</h2>" in await shown(floor, "/allocation", key)
    assert "<h2>team-1 · 2026-03</h2>" in await shown(floor, "/allocation?unit=team-1", "boss-1")


async def test_leads_and_allocation_are_files_too(floor: SalesFloor) -> None:
    await at(floor, 1)
    leads = (await page(floor, "/leads?format=csv", "rep-1")).text.splitlines()
    month = (await page(floor, "/allocation?format=csv", "rep-1")).text.splitlines()

    assert leads[0].startswith("\ufeffLead,Customer,State,Hours left,Next step,Score")
    assert leads[1].startswith("L1,")
    assert ",23.0," in leads[1]
    assert month[0].startswith("\ufeffRep,Tenure,Leads")
