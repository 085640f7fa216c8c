"""Escalations are ordered by the server, by their heads, in the address; gaps are marked."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.projections.pages import escalations, tables
from tests.services.alarm_floor import AlarmFloor, alarm_floor
from tests.services.test_incomplete_rows import spoil
from tests.services.test_pages import page, shown

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
ORDERS = {
    "": ["S5", "S4", "S3", "S2", "S1"],
    "due": ["S3", "S2", "S4", "S5", "S1"],
    "-due": ["S1", "S5", "S4", "S2", "S3"],
    "rule": ["S2", "S4", "S3", "S5", "S1"],
    "-rule": ["S1", "S5", "S3", "S4", "S2"],
}
DUE_BEFORE = {"S1": 1, "S2": 20, "S3": 30, "S4": 20, "S5": 5}


@pytest.fixture
async def alarm(tmp_path: Path) -> AsyncIterator[AlarmFloor]:
    """Five, each opened a minute after the one before: S2 and S4 of another rule than the rest,
    and due at one moment."""
    async with alarm_floor(tmp_path / "data") as running:
        now = running.floor.clock()
        for name, hours in DUE_BEFORE.items():
            late = hours * HOUR + (running.floor.clock() - now)
            rule = "no_response" if name in {"S2", "S4"} else "stalled"
            await running.signal(name, rule=rule, due_before=late)
            await running.settle(after=MINUTE)
        yield running


@pytest.mark.parametrize("order", ORDERS)
async def test_escalations_are_ordered_as_asked_over_pages(alarm: AlarmFloor, order: str) -> None:
    found, cursor = [], ""
    sort = f"&sort={order}" if order else ""
    while cursor is not None:
        after = f"&cursor={cursor}" if cursor else ""
        answer = await alarm.floor.shown(f"/escalations?limit=1{sort}{after}")
        found += [row["escalation_id"] for row in answer["rows"]]
        cursor = answer["next_cursor"]

    assert found == ORDERS[order]


@pytest.mark.parametrize("order", ORDERS)
async def test_the_page_and_its_file_are_ordered_as_the_address_says_and_keep_the_filter(
    alarm: AlarmFloor, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    monkeypatch.setattr(escalations, "_SHOWN", 2)
    monkeypatch.setattr(tables, "ROWS_AT_ONCE", 2)
    path, found = f"/escalations?state=open&sort={order}", []
    while path:
        text = await shown(alarm.floor, path)
        found += re.findall(r'class="lead"><a href="/escalations/(S\d)"', text)
        following = re.search(r'href="([^"]+)" rel="next"', text)
        path = following[1].replace("&amp;", "&") if following else ""
        assert "state=open" in path or not path
    file = await page(alarm.floor, f"/escalations?sort={order}&format=csv")
    [_head, *lines] = file.text.splitlines()

    assert found == ORDERS[order]
    assert [line.partition(",")[0] for line in lines] == ORDERS[order]


async def test_a_head_of_escalations_says_how_its_column_is_ordered(alarm: AlarmFloor) -> None:
    text = await shown(alarm.floor, "/escalations?state=open&sort=due")

    head = r'<th aria-sort="ascending"><a class="order" href="([^"]*)">Due'
    link = re.search(head, text)
    assert link is not None
    assert {"state=open", "sort=-due"} <= set(re.split(r"[?&]", link[1].replace("&amp;", "&")))
    assert text.count("aria-sort") == 1
    assert '<option value="due" selected>by due time, earliest first' in text
    assert "aria-sort" not in await shown(alarm.floor, "/escalations")
    assert (await page(alarm.floor, "/escalations?sort=owner")).status_code == 422
    assert (await alarm.floor.get("/escalations?sort=owner")).status_code == 422


async def test_a_cursor_of_another_order_is_refused(alarm: AlarmFloor) -> None:
    first = await alarm.floor.shown("/escalations?limit=1&sort=rule")
    cursor = first["next_cursor"]
    assert (await alarm.floor.get(f"/escalations?sort=due&cursor={cursor}")).status_code == 422


async def test_an_escalation_that_lacks_an_event_says_so(alarm: AlarmFloor) -> None:
    type_name = "notifications.escalation_acknowledged.v1"
    await spoil(alarm.floor, "notifications", "escalation/S3", type_name)

    rows = (await alarm.floor.shown("/escalations"))["rows"]
    text = await shown(alarm.floor, "/escalations")
    in_chinese = await shown(alarm.floor, "/escalations", language="zh")
    [_head, *lines] = (await page(alarm.floor, "/escalations?format=csv")).text.splitlines()

    assert [row["escalation_id"] for row in rows if row["incomplete"]] == ["S3"]
    assert len(rows) == len(ORDERS[""])
    assert text.count("</svg>incomplete</span>") == 1
    assert "dead-letters list" in text
    assert in_chinese.count("</svg>不完整</span>") == 1
    assert [line[:2] for line in lines if line.endswith(",an event is missing")] == ["S3"]
