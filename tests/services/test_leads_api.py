"""Leads over HTTP: captured, assigned, followed up, judged as time passes, converted (L2, L4)."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.http import BASE
from tests.services.sales_floor import NOW, SalesFloor, code_of, sales_floor

HOUR = timedelta(hours=1)


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with sales_floor(tmp_path) as running:
        await running.hosting.catch_up()
        yield running


async def captured(floor: SalesFloor, key: str = "boss-1", **more: Any) -> dict[str, Any]:
    body = {"lead_id": "L1", "customer_id": "C1", "source": "referral", "unit_id": "team-1", **more}
    return await floor.told("/leads", body, key)


async def mine(floor: SalesFloor, **more: Any) -> None:
    """A lead of rep-1's."""
    await captured(floor, **more)
    await floor.told("/leads/L1/assign", {"owner_id": "rep-1"}, "boss-1")
    await floor.hosting.catch_up()


async def pass_time(floor: SalesFloor, hours: float) -> None:
    floor.clock.move_to(floor.clock() + hours * HOUR)
    await floor.hosting.catch_up()


async def test_a_lead_names_its_customer_who_exists_from_then_on(floor: SalesFloor) -> None:
    answer = await captured(floor)
    assert (answer["lead_id"], answer["status"], answer["version"]) == ("L1", "captured", 1)
    await floor.hosting.catch_up()
    assert (await floor.shown("/customers/C1", "boss-1"))["confirmed"] is False
    assert (await floor.get("/customers/C1", "rep-2")).status_code == 404


async def test_a_lead_shows_every_part_of_its_score_and_its_tags(floor: SalesFloor) -> None:
    await captured(floor, source="web_form", behaviours=["white_paper"], industry="health")
    shown = await floor.shown("/leads/L1", "boss-1")
    assert shown["score"] == {
        "total": 58,
        "source": 20,
        "behaviour": 8,
        "timeliness": 30,
        "missing": {"source": 10, "behaviour": 32, "timeliness": 0},
        "judged_at": None,
        "judged_total": None,
        "for_allocation": 58,
    }
    assert shown["tags"] == ["source:web_form", "industry:health", "behaviour:white_paper"]


async def test_a_rep_captures_for_themselves_and_sees_only_their_own(floor: SalesFloor) -> None:
    await floor.told("/leads", {"lead_id": "L1", "customer_id": "C1"}, "rep-1")
    await floor.hosting.catch_up()
    assert (await floor.shown("/leads/L1", "rep-1"))["owner_id"] == "rep-1"
    assert code_of(await floor.get("/leads/L1", "rep-2")) == (404, "not-found")
    assert [each["lead_id"] for each in (await floor.shown("/leads", "rep-1"))["rows"]] == ["L1"]
    assert (await floor.shown("/leads", "rep-2"))["rows"] == []
    assert (await floor.shown("/leads", "elsewhere"))["rows"] == []
    elsewhere = {"customer_id": "C1", "unit_id": "team-2"}
    assert code_of(await floor.post("/leads", elsewhere, "rep-1")) == (403, "forbidden")


async def test_the_inbox_is_paged_and_filtered(floor: SalesFloor) -> None:
    for number in range(5):
        await captured(floor, lead_id=f"L{number}", owner_id="rep-1" if number % 2 else None)
    await floor.hosting.catch_up()
    first = await floor.shown("/leads?limit=2", "boss-1")
    assert [each["lead_id"] for each in first["rows"]] == ["L0", "L1"]
    rest = await floor.shown(f"/leads?limit=10&cursor={first['next_cursor']}", "boss-1")
    assert [each["lead_id"] for each in rest["rows"]] == ["L2", "L3", "L4"]
    assert rest["next_cursor"] is None
    of_rep = await floor.shown("/leads?owner_id=rep-1&status=assigned", "boss-1")
    assert [each["lead_id"] for each in of_rep["rows"]] == ["L1", "L3"]
    assert (await floor.shown("/leads?unit_id=south"))["rows"] == []
    assert code_of(await floor.get("/leads?cursor=none", "boss-1")) == (422, "malformed")


async def test_a_repeated_command_gets_its_first_answer(floor: SalesFloor) -> None:
    body = {"customer_id": "C1", "unit_id": "team-1"}
    first = await floor.post("/leads", body, "boss-1", Idempotency_Key="once")
    again = await floor.post("/leads", body, "boss-1", Idempotency_Key="once")
    assert (again.status_code, again.json()) == (201, first.json())
    lead_id = first.json()["lead_id"]
    path = f"/leads/{lead_id}/assign"
    give = await floor.post(path, {"owner_id": "rep-1"}, "boss-1", Idempotency_Key="give")
    await floor.told(path, {"owner_id": "rep-2"}, "director")
    repeated = await floor.post(path, {"owner_id": "rep-1"}, "boss-1", Idempotency_Key="give")
    assert repeated.json() == give.json()
    stale = await floor.post(path, {"owner_id": "rep-1"}, "director", If_Match='"1"')
    assert code_of(stale) == (412, "version-conflict")


async def test_a_unit_or_owner_that_does_not_fit_is_named(floor: SalesFloor) -> None:
    unknown = await floor.post("/leads", {"customer_id": "C1", "unit_id": "nowhere"})
    assert code_of(unknown) == (409, "not-yet-known")
    nobody = await floor.post("/leads", {"customer_id": "C1", "owner_id": "nobody"})
    assert code_of(nobody) == (409, "not-yet-known")
    other = {"customer_id": "C1", "owner_id": "rep-1", "unit_id": "team-2"}
    assert code_of(await floor.post("/leads", other)) == (409, "unit-is-not-the-owners")
    await floor.told("/people/rep-2/leave", {}, "administrator")
    left = await floor.post("/leads", {"customer_id": "C1", "owner_id": "rep-2"})
    assert code_of(left) == (409, "owner-has-left")


async def test_who_captures_a_lead_for_somebody_says_its_budget_status_where_it_is_wanted(
    floor: SalesFloor,
) -> None:
    await floor.told("/settings", {"settings": {"budget_status_required": True}}, "administrator")
    for_another = {"lead_id": "L1", "customer_id": "C1", "owner_id": "rep-1"}
    for_oneself = {"lead_id": "L1", "customer_id": "C1"}
    for body, key in ((for_another, "boss-1"), (for_oneself, "rep-1")):
        refused = await floor.post("/leads", body, key)
        assert code_of(refused) == (409, "budget-status-is-missing")
        assert [each["field"] for each in refused.json()["errors"]] == ["budget_status"]
    line = {"command": "capture-lead", **for_another}
    told = await floor.http.post(
        f"{BASE}/commands",
        content=json.dumps(line),
        headers={"Authorization": "Bearer key-boss-1", "Content-Type": "application/x-ndjson"},
    )
    assert json.loads(told.text)["problem"]["errors"][0]["field"] == "budget_status"
    assert await floor.events("lead/L1") == []
    await floor.told("/leads", {**for_oneself, "budget_status": "untouched"}, "rep-1")
    assert await floor.events("lead/L1") == ["lead_captured", "lead_assigned"]


async def test_budget_status_is_wanted_where_the_tenant_says_so(floor: SalesFloor) -> None:
    await floor.told("/settings", {"settings": {"budget_status_required": True}}, "administrator")
    await captured(floor)
    give = {"owner_id": "rep-1"}
    refused = await floor.post("/leads/L1/assign", give, "boss-1")
    assert code_of(refused) == (409, "budget-status-is-missing")
    await floor.told("/leads/L1/change-fields", {"budget_status": "untouched"}, "boss-1")
    await floor.told("/leads/L1/assign", give, "boss-1")
    contacted = {"type": "call", "budget_status": "oral", "core_needs": ["cost"]}
    answer = await floor.told("/leads/L1/contact", contacted, "rep-1")
    assert (answer["status"], answer["budget_status"]) == ("contacted", "oral")


async def test_what_was_said_to_a_customer_is_sealed(floor: SalesFloor) -> None:
    await mine(floor)
    await floor.told("/leads/L1/contact", {"type": "call", "summary": "Wang asks"}, "rep-1")
    stored = await floor.hosting.ports.event_store.read_stream("T1/lead/L1")
    assert stored[-1].type == "leads.lead_contacted.v1"
    assert b"Wang" not in stored[-1].payload


async def test_a_lead_not_called_in_time_goes_back_and_sales_was_late(floor: SalesFloor) -> None:
    await mine(floor)
    await pass_time(floor, 24)
    assert (await floor.shown("/leads/L1", "boss-1"))["status"] == "assigned"
    await pass_time(floor, 1)
    shown = await floor.shown("/leads/L1", "boss-1")
    assert (shown["status"], shown["reason"], shown["owner_id"]) == ("returned", "sales_late", None)
    assert shown["score"]["judged_total"] == 59.375
    refused = await floor.post("/leads/L1/contact", {"type": "call"}, "boss-1")
    assert code_of(refused) == (409, "lead-is-returned")
    await floor.told("/leads/L1/release", {}, "boss-1")
    assert (await floor.shown("/leads/L1", "boss-1"))["status"] == "captured"


async def test_a_lead_called_in_time_stays(floor: SalesFloor) -> None:
    await mine(floor)
    await pass_time(floor, 1)
    await floor.told("/leads/L1/contact", {"type": "call"}, "rep-1")
    await pass_time(floor, 24 * 10)
    shown = await floor.shown("/leads/L1", "boss-1")
    assert (shown["status"], shown["score"]["judged_total"]) == ("contacted", 60)


async def test_the_weekend_does_not_count_against_sales(floor: SalesFloor) -> None:
    floor.clock.move_to(NOW + timedelta(days=4))
    await mine(floor)
    await pass_time(floor, 72)
    assert (await floor.shown("/leads/L1", "boss-1"))["status"] == "assigned"
    await pass_time(floor, 1)
    assert (await floor.shown("/leads/L1", "boss-1"))["status"] == "returned"


async def test_a_lead_is_judged_daily_while_nothing_happens(floor: SalesFloor) -> None:
    await mine(floor, behaviours=["demo_booked"])
    for hours, timeliness in ((25, 29.375), (25, 13.75)):
        await pass_time(floor, hours)
        judged = (await floor.shown("/leads/L1", "boss-1"))["score"]["judged_total"]
        assert judged == 45 + timeliness
    assert (await floor.events("lead/L1"))[-2:] == ["lead_scored", "lead_returned"]


async def test_judging_again_after_being_killed_adds_nothing(floor: SalesFloor) -> None:
    await mine(floor, behaviours=["demo_booked"])
    await pass_time(floor, 25)
    before = await floor.events("lead/L1")
    [runner] = [each for each in floor.hosting.runners if each.name == "leads.judging"]
    async with floor.hosting.ports.read_store.transaction() as connection:
        await connection.exec_driver_sql("UPDATE leads_lead_list_deadlines_v1 SET due_at = 0")
    assert await runner.step(floor.clock()) is True
    assert await runner.step(floor.clock()) is False
    assert await floor.events("lead/L1") == before


async def test_a_converted_lead_becomes_an_opportunity_of_its_owner(floor: SalesFloor) -> None:
    await mine(floor)
    answer = await floor.told("/leads/L1/convert", {"opportunity_id": "O7"}, "rep-1")
    assert (answer["status"], answer["opportunity_id"]) == ("converted", "O7")
    await floor.hosting.catch_up()
    opened = await floor.shown("/opportunities/O7", "rep-1")
    assert (opened["customer_id"], opened["owner_id"], opened["stage"]) == (
        "C1",
        "rep-1",
        "first_contact",
    )


async def test_a_live_lead_ends_the_history_clock(floor: SalesFloor) -> None:
    assert not (await floor.hosting.ports.organisations.of("T1")).is_live
    await captured(floor)
    await floor.hosting.catch_up()
    assert (await floor.hosting.ports.organisations.of("T1")).is_live


async def test_leads_are_commanded_in_batches(floor: SalesFloor) -> None:
    lines = [
        {"command": "capture-lead", "id": "1", "lead_id": "L1", "customer_id": "C1"},
        {"command": "assign-lead", "id": "2", "lead_id": "L1", "owner_id": "rep-1"},
        {"command": "contact-lead", "id": "3", "lead_id": "L1", "type": "smoke"},
        {"command": "qualify-lead", "id": "4", "lead_id": "L9"},
    ]
    response = await floor.http.post(
        "/api/v1/commands",
        content="\n".join(json.dumps(each) for each in lines).encode(),
        headers={"Authorization": "Bearer key-director", "Content-Type": "application/x-ndjson"},
    )
    answers = [json.loads(each) for each in response.text.splitlines()]
    assert [each["outcome"] for each in answers] == ["done", "done", "refused", "refused"]
    assert [each["problem"]["code"] for each in answers[2:]] == ["malformed", "not-found"]
