"""Approvals that wait for somebody: whose they are, approved, or refused with a reason (O6)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.services.sales_floor import NOW, SalesFloor, sales_floor
from tests.services.test_page_forms import following
from tests.services.test_pages import (
    SCRIPT,
    holds_nothing_inline_or_from_outside,
    page,
    shown,
)
from tests.services.test_pages import sent as sent_from


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    """A discount on O1 waits for the manager and then for legal; both have 48 hours."""
    async with sales_floor(tmp_path / "data") as running:
        await running.told("/customers", {"customer_id": "C1", "name": SCRIPT})
        await running.open("O1", "rep-1", amount="120000", currency="CNY")
        asked = {"approval_id": "A1", "kind": "discount", "note": "8 % <please>"}
        steps = ["manager", "legal"]
        await running.told("/opportunities/O1/request-approval", {**asked, "steps": steps}, "rep-1")
        await running.hosting.catch_up()
        yield running


async def waiting(floor: SalesFloor, key: str, query: str = "?mine=true") -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await floor.shown(f"/approvals{query}", key))["rows"]
    return rows


async def sent(floor: SalesFloor, key: str, **fields: str) -> Any:
    token = await page(floor, "/approvals", key)
    csrf = token.text.split('name="csrf" value="')[1].split('"')[0]
    return await following(
        floor, sent_from(floor, "/approvals/O1/A1", {"csrf": csrf, **fields}, key)
    )


async def outcome(floor: SalesFloor) -> tuple[str, int]:
    [approval] = (await floor.shown("/opportunities/O1"))["approvals"]
    return approval["outcome"], approval["step"]


async def test_what_waits_is_listed_for_whoever_its_step_names(floor: SalesFloor) -> None:
    [row] = await waiting(floor, "boss-1")
    assert (row["approval_id"], row["role"], row["hours_left"]) == ("A1", "manager", 48.0)
    assert row["due_at"] == "2026-03-04T09:00:00.000Z"
    assert await waiting(floor, "legal") == []
    assert await waiting(floor, "rep-1") == []
    assert [each["mine"] for each in await waiting(floor, "rep-1", "")] == [False]
    assert await waiting(floor, "rep-2", "") == []


async def test_the_page_shows_the_time_left_who_asked_and_why(floor: SalesFloor) -> None:
    text = await shown(floor, "/approvals", "boss-1")
    in_chinese = await shown(floor, "/approvals", "boss-1", "zh")

    assert "2 days left" in text
    assert "还剩 2 天" in in_chinese
    assert "rep-1: 8 % &lt;please&gt;" in text
    assert "manager → legal" in text
    assert SCRIPT not in text
    assert 'href="/timelines/opportunity/O1"' in text


async def test_approving_hands_on_to_the_next_step(floor: SalesFloor) -> None:
    answer = await sent(floor, "boss-1", decision="approve", step="0", note="agreed")

    assert (answer.status_code, answer.headers["location"]) == (303, "/approvals")
    assert await outcome(floor) == ("pending", 1)
    assert "Nothing waits for your decision." in await shown(floor, "/approvals", "boss-1")
    of_legal = await shown(floor, "/approvals", "legal")
    assert "Waits for legal" in of_legal
    assert "boss-1: agreed" in of_legal

    await sent(floor, "legal", decision="approve", step="1")
    assert await outcome(floor) == ("granted", 1)
    assert await waiting(floor, "director", "") == []


async def test_refusing_needs_a_reason_said_at_its_field(floor: SalesFloor) -> None:
    nothing = await sent(floor, "boss-1", decision="reject", step="0")
    too_long = await sent(floor, "boss-1", decision="send_back", step="0", note="r" * 2_001)

    assert nothing.status_code == 422
    assert 'aria-describedby="fault-note"' in nothing.text
    assert "This is needed." in nothing.text
    assert f'value="{"r" * 2_001}" aria-invalid="true"' in too_long.text
    assert "This is too long." in too_long.text
    assert await outcome(floor) == ("pending", 0)

    await sent(floor, "boss-1", decision="reject", step="0", note="too much")
    assert await outcome(floor) == ("rejected", 0)


async def test_a_step_that_has_passed_is_told_and_not_decided(floor: SalesFloor) -> None:
    decided = {"approval_id": "A1", "decision": "approve"}
    await floor.told("/opportunities/O1/decide-approval", decided, "boss-1")

    answer = await sent_by_who_saw_it_before(floor)

    assert answer.status_code == 409
    assert "This step was decided already; look at it again." in answer.text
    assert await outcome(floor) == ("pending", 1)


async def sent_by_who_saw_it_before(floor: SalesFloor) -> Any:
    fields = {"decision": "reject", "step": "0", "note": "no"}
    return await sent_from(floor, "/approvals/O1/A1", fields, "boss-1")


async def test_what_was_sent_back_waits_again_when_it_is_submitted(floor: SalesFloor) -> None:
    await sent(floor, "boss-1", decision="send_back", step="0", note="add the quote")
    assert await waiting(floor, "boss-1") == []
    await floor.told("/opportunities/O1/resubmit-approval", {"approval_id": "A1"}, "rep-1")
    await floor.hosting.catch_up()
    assert [each["approval_id"] for each in await waiting(floor, "boss-1")] == ["A1"]


async def test_of_a_lost_opportunity_nothing_waits_until_it_is_reopened(
    floor: SalesFloor,
) -> None:
    await floor.told("/opportunities/O1/lose", {"reason": "price"}, "rep-1")
    await floor.hosting.catch_up()
    assert await waiting(floor, "boss-1") == []
    floor.clock.move_to(NOW + timedelta(hours=5))
    await floor.told("/opportunities/O1/reopen", {}, "rep-1")
    await floor.hosting.catch_up()
    [row] = await waiting(floor, "boss-1")
    assert row["since"] == "2026-03-02T14:00:00.000Z"


async def test_an_overdue_approval_says_whom_to_ask(floor: SalesFloor) -> None:
    floor.clock.move_to(NOW + timedelta(days=3))
    await floor.hosting.catch_up()

    of_rep = await shown(floor, "/approvals?whose=all", "rep-1")

    assert "24 hours over" in of_rep
    assert "Next step: ask manager to decide it." in of_rep
    assert '<button name="decision"' not in of_rep


async def test_pages_of_approvals_hold_nothing_inline_and_are_a_file_too(
    floor: SalesFloor,
) -> None:
    for path in ("/approvals", "/approvals?whose=all"):
        holds_nothing_inline_or_from_outside(await page(floor, path, "boss-1", "zh"))
    lines = (await page(floor, "/approvals?format=csv", "boss-1")).text.splitlines()
    assert lines[0].startswith("\ufeffOpportunity,Customer,What,Waits for")
    assert lines[1].startswith(f"O1,{SCRIPT},discount,manager,2026-03-02 17:00:00,48.0,120000")
    assert (await page(floor, "/approvals", "clerk")).status_code == 403
