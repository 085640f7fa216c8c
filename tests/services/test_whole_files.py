"""Files of pages hold every row, one page of it at a time, and everything that fills a page."""

import csv
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.responses import StreamingResponse

from services.projections.pages import tables, timelines
from services.projections.pages.visits import Visit
from shared.clock import iso
from tests.services.alarm_floor import AlarmFloor, alarm_floor
from tests.services.sales_floor import NOW
from tests.services.test_authenticity import Planting, burst
from tests.services.test_pages import page

PHONE = "+8613800000001"


@pytest.fixture
async def alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AlarmFloor]:
    """Two rows are asked for at once."""
    for module in (tables, timelines):
        monkeypatch.setattr(module, "ROWS_AT_ONCE", 2)
    async with alarm_floor(tmp_path / "data") as running:
        yield running


async def rows(alarm: AlarmFloor, path: str, key: str = "boss-1") -> list[list[str]]:
    answer = await page(alarm.floor, path, key)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/csv")
    [_head, *found] = csv.reader(io.StringIO(answer.text.removeprefix("\ufeff")))
    return found


async def test_silence_is_a_file_with_every_opportunity_and_its_customers_name(
    alarm: AlarmFloor,
) -> None:
    for number in range(5):
        customer = {"customer_id": f"C{number}", "name": f"Customer {number}"}
        await alarm.floor.told("/customers", customer)
        opened = {"customer_id": f"C{number}", "occurred_at": iso(NOW - timedelta(hours=number))}
        await alarm.floor.open(f"O{number}", "rep-1", **opened)
    await alarm.settle()

    found = await rows(alarm, "/silence?format=csv")

    assert [row[:2] for row in found] == [[f"O{n}", f"Customer {n}"] for n in (4, 3, 2, 1, 0)]


async def test_a_timeline_is_a_file_with_every_entry(alarm: AlarmFloor) -> None:
    await alarm.floor.open("O1")
    for number in range(4):
        called = {"type": "call", "summary": f"call {number}"}
        await alarm.floor.told("/opportunities/O1/log-action", called, "rep-1")
    await alarm.settle()

    found = await rows(alarm, "/timelines/opportunity/O1?format=csv")

    assert [row[3] for row in found] == ["call 3", "call 2", "call 1", "call 0", ""]


async def test_leads_are_a_file_with_every_lead(alarm: AlarmFloor) -> None:
    for number in range(5):
        lead = {"lead_id": f"L{number}", "customer_id": f"C{number}", "source": "referral"}
        await alarm.floor.told("/leads", {**lead, "owner_id": "rep-1", "unit_id": "team-1"})
    await alarm.settle()

    for path in ("/leads?format=csv", "/leads?unit=team-1&rep=rep-1&format=csv"):
        assert sorted(row[0] for row in await rows(alarm, path)) == [f"L{n}" for n in range(5)]


async def test_duplicates_are_a_file_with_every_group(alarm: AlarmFloor) -> None:
    for number in range(10):
        name = f"Customer {number}"
        await alarm.floor.told("/customers", {"customer_id": f"C{number}", "name": name})
        contact = {"contact_id": "K1", "name": "Wang", "role": "KP", "phone": PHONE[:-1]}
        contact["phone"] += str(number // 2)
        described = {"name": name, "contacts": [contact]}
        await alarm.floor.told(f"/customers/C{number}/describe", described)
    await alarm.settle()

    found = await rows(alarm, "/duplicates?format=csv", "director")

    assert [row[0] for row in found] == [str(1 + n // 2) for n in range(10)]
    assert {row[2] for row in found} == {f"C{n}" for n in range(10)}


async def test_escalations_and_what_was_sent_of_them_are_files_with_every_row(
    alarm: AlarmFloor,
) -> None:
    for number in range(5):
        await alarm.signal(f"S{number}")
        await alarm.settle(after=timedelta(hours=1))

    escalations = await rows(alarm, "/escalations?format=csv")
    messages = await rows(alarm, "/sent?person=rep-1&format=csv", "auditor")

    assert len({row[0] for row in escalations}) == len(escalations) == 5
    assert {row[1] for row in escalations} == {"Silent for too long"}
    there = (await alarm.floor.shown("/sent?person=rep-1", "auditor"))["rows"]
    assert len(messages) == len(there) > 2
    assert not await rows(alarm, "/escalations?state=resolved&format=csv")


async def test_approvals_are_a_file_with_every_customers_name(alarm: AlarmFloor) -> None:
    for number in range(51):
        customer = {"customer_id": f"C{number}", "name": f"Customer {number}"}
        await alarm.floor.told("/customers", customer)
        await alarm.floor.open(f"O{number}", "rep-1", customer_id=f"C{number}")
        asked = {"approval_id": "A1", "kind": "discount", "steps": ["manager"]}
        await alarm.floor.told(f"/opportunities/O{number}/request-approval", asked, "rep-1")
    await alarm.settle()

    found = await rows(alarm, "/approvals?format=csv")

    assert {row[1] for row in found} == {f"Customer {number}" for number in range(51)}


async def test_doubted_records_are_a_file_with_every_case(
    alarm: AlarmFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "ROWS_AT_ONCE", 1)
    await alarm.floor.open()
    await alarm.settle()
    planting = Planting(alarm)
    await burst(alarm, planting)
    await alarm.settle(after=timedelta(days=3))
    for hours in range(24, 29):
        await planting.action(alarm.floor.clock() - timedelta(hours=hours))
    await alarm.settle(after=timedelta(minutes=1))

    found = await rows(alarm, "/authenticity-cases?format=csv")

    there = (await alarm.floor.shown("/authenticity-cases", "boss-1"))["rows"]
    assert len(there) > 1
    assert {row[0] for row in found} == {each["case_id"] for each in there}


async def test_process_health_is_files_of_weeks_units_and_reps(alarm: AlarmFloor) -> None:
    await alarm.floor.open(owner_id="rep-1")
    await alarm.settle(after=timedelta(days=8))

    weeks = await rows(alarm, "/process-health?format=csv")
    units = await rows(alarm, "/process-health?of=units&format=csv")
    reps = await rows(alarm, "/process-health?of=reps&format=csv")

    assert [row[:3] for row in weeks] == [["north", "", "2026-W10"], ["north", "", "2026-W11"]]
    assert {tuple(row[:2]) for row in units} == {("team-1", "")}
    assert {row[1] for row in reps} == {"rep-1"}
    assert len(reps[0]) == 7


async def test_policies_and_channels_are_files(alarm: AlarmFloor) -> None:
    robot = {"channel_id": "group", "kind": "dingtalk", "unit_id": "north"}
    await alarm.floor.told("/channels", {**robot, "url": "http://127.0.0.1:9/in"}, "administrator")
    await alarm.settle()

    channels = await rows(alarm, "/policies?format=csv", "administrator")
    policies = await rows(alarm, "/policies?of=policies&format=csv", "administrator")

    assert [row[1:3] for row in channels] == [["group", "north"]]
    assert len(policies) > 1
    assert all("→" in row[2] for row in policies)


@pytest.mark.parametrize("name", [" =1+1", "\uff1d1+1", "\u00a0@x", "-1+1", "\t+x", "=1"])
def test_no_cell_of_a_file_is_what_a_spreadsheet_takes_for_a_formula(name: str) -> None:
    answer = tables.csv_file("names", ("Name", "Left"), [(name, -4.5)])
    [_head, row] = csv.reader(io.StringIO(bytes(answer.body).decode(), newline=""))
    assert row == [f"'{name}", "-4.5"]


async def test_a_page_of_a_file_is_asked_for_when_the_one_before_is_written() -> None:
    asked: list[str | None] = []

    async def ask(cursor: str | None, _limit: int) -> dict[str, Any]:
        asked.append(cursor)
        return {"rows": [{"id": f"row-{len(asked)}"}], "next_cursor": "more"}

    async def lines(found: list[dict[str, Any]]) -> tables.Lines:
        return [(row["id"],) for row in found]

    visit = cast(Visit, type("Reader", (), {"customers": {"C1": "of the page before"}}))
    answer = await tables.whole_file(visit, "rows", ("Id",), tables.every_page(ask), lines)
    assert isinstance(answer, StreamingResponse)
    parts = aiter(answer.body_iterator)

    assert await anext(parts) == "\ufeffId\r\nrow-1\r\n".encode()
    assert asked == [None]
    assert await anext(parts) == b"row-2\r\n"
    assert asked == [None, "more"]
    assert not visit.customers
