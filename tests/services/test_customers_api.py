"""Customers over HTTP: named by opportunities, described, seen by those whose they are (L1, A9)."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.services.sales_floor import SalesFloor, code_of, sales_floor

DESCRIPTION = {
    "name": "Hongda Pharmacy",
    "customer_type": "pharmacy",
    "industry": "health",
    "is_key": True,
    "contacts": [{"contact_id": "K1", "name": "Wang Fang", "role": "KP", "phone": "13800000000"}],
}


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with sales_floor(tmp_path) as running:
        yield running


async def test_an_opportunity_makes_a_bare_unconfirmed_customer(floor: SalesFloor) -> None:
    await floor.open("O1")
    await floor.open("O2")
    await floor.hosting.catch_up()
    shown = await floor.shown("/customers/C1", "rep-1")
    assert (shown["confirmed"], shown["name"]) == (False, None)
    assert await floor.events("customer/C1") == ["customer_registered"]


async def test_describing_confirms_and_is_sealed_where_it_lies(floor: SalesFloor) -> None:
    await floor.open()
    await floor.hosting.catch_up()
    described = await floor.told("/customers/C1/describe", DESCRIPTION, "rep-1")
    assert described["confirmed"] is True
    shown = await floor.shown("/customers/C1", "rep-1")
    assert shown["name"] == "Hongda Pharmacy"
    assert shown["contacts"][0]["name"] == "Wang Fang"
    stored = await floor.hosting.ports.event_store.read_stream("T1/customer/C1")
    assert all(b"Hongda" not in each.payload for each in stored)
    assert all(b"Wang" not in each.payload for each in stored)


async def test_a_registered_customer_is_confirmed_from_the_start(floor: SalesFloor) -> None:
    registered = await floor.post("/customers", DESCRIPTION, "rep-1", Idempotency_Key="once")
    assert registered.status_code == 201
    again = await floor.post("/customers", DESCRIPTION, "rep-1", Idempotency_Key="once")
    assert again.json() == registered.json()
    named = {"customer_id": registered.json()["customer_id"], "name": "Other"}
    assert code_of(await floor.post("/customers", named, "rep-2")) == (
        409,
        "customer-is-already-registered",
    )


async def test_a_customer_is_seen_by_those_whose_opportunities_name_it(floor: SalesFloor) -> None:
    await floor.open()
    await floor.hosting.catch_up()
    seen = {
        key: (await floor.get("/customers/C1", key)).status_code
        for key in ("rep-1", "rep-2", "boss-1", "director", "auditor", "administrator", "elsewhere")
    }
    assert seen == {
        "rep-1": 200,
        "rep-2": 404,
        "boss-1": 200,
        "director": 200,
        "auditor": 200,
        "administrator": 403,
        "elsewhere": 404,
    }
    assert code_of(await floor.post("/customers/C1/describe", {}, "rep-2")) == (404, "not-found")
    assert code_of(await floor.post("/customers/C9/describe", {}, "rep-2")) == (404, "not-found")


async def test_what_is_malformed_names_the_field(floor: SalesFloor) -> None:
    refused = await floor.post("/customers", {"name": "", "contacts": [{"name": "x"}]})
    assert code_of(refused) == (422, "malformed")
    assert [each["field"] for each in refused.json()["errors"]] == [
        "name",
        "contacts.0.contact_id",
    ]
    for time in ("2026-03-03T09:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"):
        absurd = await floor.post("/customers", {"occurred_at": time})
        assert code_of(absurd) == (422, "malformed")
        assert [each["field"] for each in absurd.json()["errors"]] == ["occurred_at"]
    twice = {"contacts": [{"contact_id": "K1", "name": "Wang"}, {"contact_id": "K1", "name": "Li"}]}
    refused = await floor.post("/customers", twice)
    assert [each["field"] for each in refused.json()["errors"]] == ["contacts"]


async def test_nobody_registers_a_customer_over_the_heads_of_its_people(floor: SalesFloor) -> None:
    await floor.open()
    await floor.hosting.catch_up()
    body = {"customer_id": "C1", "name": "Other"}
    assert code_of(await floor.post("/customers", body, "rep-2")) == (
        409,
        "customer-is-already-registered",
    )
    assert (await floor.shown("/customers/C1", "rep-1"))["confirmed"] is False
    assert (await floor.post("/customers", body, "rep-1")).status_code == 201
