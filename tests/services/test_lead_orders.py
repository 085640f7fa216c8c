"""Leads are ordered by the server, by their heads, in the address; gaps are marked."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.projections.pages import leads, tables
from tests.services.sales_floor import NOW, SalesFloor, sales_floor
from tests.services.test_incomplete_rows import spoil
from tests.services.test_pages import page, shown

BY_STATUS = ["L3", "L1", "L5", "L4", "L2"]
BY_CAPTURE = ["L1", "L2", "L3", "L4", "L5"]
ORDERS = {
    "status": BY_STATUS,
    "-status": BY_STATUS[::-1],
    "captured": BY_CAPTURE,
    "-captured": BY_CAPTURE[::-1],
}


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    """L1 was assigned an hour after L3, L2 contacted an hour after L4; nothing is due of L5, which
    is appealed."""
    async with sales_floor(tmp_path / "data") as running:
        await captured(running, "L1")
        await captured(running, "L2", owner_id="rep-1")
        at(running, 1)
        await captured(running, "L3", owner_id="rep-1")
        at(running, 2)
        await running.told("/leads/L1/assign", {"owner_id": "rep-1"}, "boss-1")
        await captured(running, "L4", owner_id="rep-1")
        await captured(running, "L5", owner_id="rep-1")
        await running.told("/leads/L4/contact", {"type": "call"}, "rep-1")
        await running.told("/leads/L5/appeal", {"reason": "a student"}, "rep-1")
        at(running, 3)
        await running.told("/leads/L2/contact", {"type": "call"}, "rep-1")
        await running.hosting.catch_up()
        yield running


def at(floor: SalesFloor, hours: float) -> None:
    floor.clock.move_to(NOW + timedelta(hours=hours))


async def captured(floor: SalesFloor, lead_id: str, **owner: str) -> None:
    body = {"lead_id": lead_id, "customer_id": f"C-{lead_id}", "unit_id": "team-1"}
    await floor.told("/leads", {**body, "source": "referral", **owner})


@pytest.mark.parametrize("path", ["/leads", "/boards/leads"])
@pytest.mark.parametrize("order", ["", *ORDERS])
async def test_leads_are_ordered_as_asked_over_pages(
    floor: SalesFloor, path: str, order: str
) -> None:
    found, cursor = [], ""
    sort = f"&sort={order}" if order else ""
    while cursor is not None:
        after = f"&cursor={cursor}" if cursor else ""
        answer = await floor.shown(f"{path}?limit=1{sort}{after}")
        found += [row["lead_id"] for row in answer["rows"]]
        cursor = answer["next_cursor"]

    assert found == ORDERS[order or "captured"]


@pytest.mark.parametrize("order", ["", "-status", "captured", "-captured"])
async def test_the_page_and_its_file_are_ordered_as_the_address_says_and_keep_the_filter(
    floor: SalesFloor, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    monkeypatch.setattr(leads, "_SHOWN", 2)
    monkeypatch.setattr(tables, "ROWS_AT_ONCE", 2)
    path, found = f"/leads?rep=rep-1&sort={order}", []
    while path:
        text = await shown(floor, path)
        found += re.findall(r'id="row-(L\d)"', text)
        following = re.search(r'href="([^"]+)" rel="next"', text)
        path = following[1].replace("&amp;", "&") if following else ""
        assert "rep=rep-1" in path or not path
    file = await page(floor, f"/leads?rep=rep-1&sort={order}&format=csv")
    [_head, *lines] = file.text.splitlines()

    assert found == ORDERS[order or "status"]
    assert [line.partition(",")[0] for line in lines] == ORDERS[order or "status"]


async def test_a_head_of_leads_says_how_its_column_is_ordered(floor: SalesFloor) -> None:
    text = await shown(floor, "/leads?rep=rep-1&sort=captured")

    link = re.search(r'<th aria-sort="ascending"><a class="order" href="([^"]*)">Captured', text)
    assert link is not None
    assert {"rep=rep-1", "sort=-captured"} <= set(re.split(r"[?&]", link[1].replace("&amp;", "&")))
    assert text.count("aria-sort") == 1
    assert '<option value="captured" selected>oldest first' in text
    assert re.search(r'aria-sort="ascending"><a [^>]*>State', await shown(floor, "/leads"))
    assert (await page(floor, "/leads?sort=owner")).status_code == 422
    assert (await floor.get("/leads?sort=owner")).status_code == 422


async def test_the_first_response_that_is_due_next_is_named_in_every_order(
    floor: SalesFloor,
) -> None:
    for order in ("", "captured"):
        assert "the first: 22 hours left" in await shown(floor, f"/leads?sort={order}")


async def test_a_cursor_of_another_order_is_refused(floor: SalesFloor) -> None:
    by_capture = (await floor.shown("/leads?limit=1"))["next_cursor"]
    for cursor in (by_capture, "assigned_x_1_L1"):
        answer = await floor.get(f"/leads?sort=status&cursor={cursor}")
        assert answer.status_code == 422


async def test_a_lead_that_lacks_an_event_says_so(floor: SalesFloor) -> None:
    await spoil(floor, "leads", "lead/L3", "leads.lead_contacted.v1")

    for path in ("/leads", "/boards/leads"):
        rows = (await floor.shown(path))["rows"]
        assert [row["lead_id"] for row in rows if row["incomplete"]] == ["L3"]
        assert len(rows) == len(BY_CAPTURE)
    text = await shown(floor, "/leads")
    in_chinese = await shown(floor, "/leads", language="zh")
    [_head, *lines] = (await page(floor, "/leads?format=csv")).text.splitlines()

    assert text.count("</svg>incomplete</span>") == 1
    assert "dead-letters list" in text
    assert in_chinese.count("</svg>不完整</span>") == 1
    assert [line[:2] for line in lines if line.endswith(",an event is missing")] == ["L3"]
