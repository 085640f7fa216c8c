"""One record of a customer: leads, opportunities, tickets of every id that names it (L1, L12)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.services.sales_floor import SalesFloor, code_of, sales_floor


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with sales_floor(tmp_path) as running:
        yield running


async def furnished(floor: SalesFloor) -> None:
    await floor.open("O1", "rep-1")
    await floor.told("/leads", {"lead_id": "L1", "customer_id": "C2"}, "rep-1")
    await floor.told("/leads", {"lead_id": "L2", "customer_id": "C2"}, "rep-2")
    ticket = {"ticket_id": "S1", "customer_id": "C2", "kind": "repair", "summary": "Wang calls"}
    await floor.told("/tickets", ticket, "director")
    await floor.hosting.catch_up()
    await floor.told("/customers/C2/merge", {"into_customer_id": "C1"}, "director")


async def test_the_record_holds_what_every_merged_id_names(floor: SalesFloor) -> None:
    await furnished(floor)
    for name in ("C1", "C2"):
        record = await floor.shown(f"/customers/{name}/record", "director")
        assert record["customer"]["customer_id"] == "C1"
        assert [each["lead_id"] for each in record["leads"]] == ["L1", "L2"]
        assert [each["opportunity_id"] for each in record["opportunities"]] == ["O1"]
        assert [each["ticket_id"] for each in record["tickets"]] == ["S1"]


async def test_of_a_shared_customer_a_rep_sees_their_own_leads_and_opportunities(
    floor: SalesFloor,
) -> None:
    await furnished(floor)
    record = await floor.shown("/customers/C1/record", "rep-2")
    assert [each["lead_id"] for each in record["leads"]] == ["L2"]
    assert record["opportunities"] == []
    nobody = await floor.get("/customers/C9/record", "director")
    assert code_of(nobody) == (404, "not-found")


async def test_a_tickets_customer_exists_and_its_words_are_sealed(floor: SalesFloor) -> None:
    await furnished(floor)
    assert (await floor.shown("/tickets/S1", "rep-1"))["summary"] == "Wang calls"
    [stored] = await floor.hosting.ports.event_store.read_stream("T1/ticket/S1")
    assert b"Wang" not in stored.payload
    other = {"ticket_id": "S2", "customer_id": "C7", "kind": "repair"}
    await floor.told("/tickets", other, "director")
    await floor.hosting.catch_up()
    assert (await floor.shown("/customers/C7", "director"))["confirmed"] is False


async def test_a_ticket_is_closed_once(floor: SalesFloor) -> None:
    await furnished(floor)
    closed = await floor.told("/tickets/S1/close", {"outcome": "repaired"}, "rep-1")
    assert closed["status"] == "closed"
    await floor.told("/tickets/S1/close", {"outcome": "repaired"}, "rep-1")
    again = await floor.post("/tickets/S1/close", {"outcome": "refused"}, "rep-1")
    assert code_of(again) == (409, "ticket-is-closed")
    twice = {"ticket_id": "S1", "customer_id": "C1", "kind": "repair"}
    assert code_of(await floor.post("/tickets", twice)) == (409, "ticket-already-opened")
    assert code_of(await floor.post("/tickets/S9/close", {"outcome": "x"})) == (404, "not-found")
    elsewhere = {"customer_id": "C1", "kind": "repair", "unit_id": "nowhere"}
    assert code_of(await floor.post("/tickets", elsewhere)) == (409, "not-yet-known")
