"""Leads from web forms and partners, with bounds against spam and nothing sent back."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.directory.domain.api_key import API_KEY, CreateApiKey
from shared.http import key_hash
from shared.settings import InstallationSettings
from tests.services.sales_floor import NOW, SalesFloor, code_of, sales_floor

SETTINGS = InstallationSettings(intake_per_address_a_minute=5, intake_per_key_a_minute=8)
WANG: dict[str, Any] = {"company": "杭州云杉科技有限公司", "name": "王芳", "phone": "138 0013 8000"}


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    """A partner's key for team-1."""
    async with sales_floor(tmp_path, SETTINGS) as running:
        key = CreateApiKey(
            key_id="K-partner",
            key_hash=key_hash("key-partner"),
            role="partner",
            unit_id="team-1",
            person_id=None,
            name="partner",
            now=NOW,
        )
        await running.handle("directory", API_KEY, key.key_id, key)
        await running.hosting.catch_up()
        yield running


async def send(floor: SalesFloor, key: str = "key-partner", **fields: str) -> httpx.Response:
    return await floor.http.post(f"/forms/{key}", data=fields)


async def leads(floor: SalesFloor) -> list[dict[str, Any]]:
    await floor.hosting.catch_up()
    rows: list[dict[str, Any]] = (await floor.shown("/leads"))["rows"]
    return rows


async def test_a_partners_lead_becomes_a_customer_and_a_lead_of_the_keys_unit(
    floor: SalesFloor,
) -> None:
    answer = await floor.told("/intake/leads", {**WANG, "source": "referral"}, "partner")
    assert set(answer) == {"lead_id", "version", "events"}
    [lead] = await leads(floor)
    assert (lead["source"], lead["unit_id"]) == ("referral", "team-1")
    assert (lead["behaviours"], lead["intent"]) == (["contact_left"], "high")
    customer = await floor.shown(f"/customers/{lead['customer_id']}")
    assert (customer["name"], customer["contacts"][0]["phone"]) == (WANG["company"], WANG["phone"])


async def test_a_partner_reads_nothing(floor: SalesFloor) -> None:
    for path in ("/leads", "/customers/C1", "/boards/silence"):
        assert code_of(await floor.get(path, "partner")) == (403, "forbidden")


async def test_a_known_customer_is_linked_and_the_partner_not_told(floor: SalesFloor) -> None:
    await floor.told("/intake/leads", WANG, "partner")
    second = await floor.told("/intake/leads", {"phone": "+86 13800138000"}, "partner")
    first, later = await leads(floor)
    assert first["customer_id"] == later["customer_id"]
    assert set(second) == {"lead_id", "version", "events"}


async def test_what_fits_several_customers_is_left_to_be_reviewed(floor: SalesFloor) -> None:
    for number, name in enumerate(("甲有限公司", "乙有限公司")):
        body = {"customer_id": f"C{number}", "name": name}
        await floor.told("/customers", body)
    contacts = [{"contact_id": "c1", "name": "李", "phone": "13900139000"}]
    for number, name in enumerate(("甲有限公司", "乙有限公司")):
        described = {"name": name, "contacts": contacts}
        await floor.told(f"/customers/C{number}/describe", described)
    await floor.told("/intake/leads", {"phone": "13900139000"}, "partner")
    [lead] = await leads(floor)
    assert lead["customer_id"] not in ("C0", "C1")
    [pair] = (await floor.shown("/boards/duplicates"))["rows"]
    assert set(pair["customer_ids"]) == {"C0", "C1", lead["customer_id"]}


async def test_a_partners_repeated_lead_is_taken_once(floor: SalesFloor) -> None:
    answers = [
        await floor.post("/intake/leads", WANG, "partner", Idempotency_Key="k1") for _ in range(2)
    ]
    assert answers[0].json() == answers[1].json()
    assert len(await leads(floor)) == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"industry": "health"},
        {"name": "x", "unit_id": "team-2"},
        {"name": "x" * 201},
        {"credit_code": "91330100799655058A"},
    ],
)
async def test_what_says_nobody_or_too_much_is_refused(
    floor: SalesFloor, body: dict[str, Any]
) -> None:
    assert code_of(await floor.post("/intake/leads", body, "partner")) == (422, "malformed")


async def test_a_web_form_becomes_a_lead_and_nothing_of_it_comes_back(floor: SalesFloor) -> None:
    answer = await send(floor, company="<script>alert(1)</script>", phone="13800138000", x="1")
    assert answer.status_code == 200
    assert "script" not in answer.text
    assert "已收到" in answer.text
    assert answer.headers["content-security-policy"] == "default-src 'none'"
    [lead] = await leads(floor)
    assert (lead["source"], lead["unit_id"]) == ("web_form", "team-1")


async def test_a_form_sent_twice_is_taken_once(floor: SalesFloor) -> None:
    for _each in range(2):
        assert (await send(floor, name="王芳", phone="13800138000")).status_code == 200
    assert len(await leads(floor)) == 1


async def test_who_fills_in_what_nobody_sees_is_thanked_and_forgotten(floor: SalesFloor) -> None:
    honest = await send(floor, name="王芳", phone="13800138000")
    robot = await send(floor, name="Bot", phone="13900139000", website="http://spam.example")
    assert (robot.status_code, robot.text) == (honest.status_code, honest.text)
    assert len(await leads(floor)) == 1


async def test_a_form_with_nobody_in_it_is_refused_without_saying_what_was_sent(
    floor: SalesFloor,
) -> None:
    for fields in ({"region": "<b>east</b>"}, {"name": "y" * 201}):
        answer = await send(floor, **fields)
        assert answer.status_code == 422
        assert "<b>" not in answer.text
        assert "yyy" not in answer.text
    broken = await floor.http.post("/forms/key-partner", content=b"name=%ff")
    assert broken.status_code == 422


async def test_one_address_may_send_so_many_forms_a_minute(floor: SalesFloor) -> None:
    statuses = [(await send(floor, name=f"N{number}")).status_code for number in range(6)]
    assert statuses == [200] * 5 + [429]


async def test_one_partner_may_send_so_many_leads_a_minute(floor: SalesFloor) -> None:
    for number in range(8):
        await floor.told("/intake/leads", {"name": f"N{number}"}, "partner")
    refused = await floor.post("/intake/leads", {"name": "N9"}, "partner")
    assert code_of(refused) == (429, "too-many-requests")
    assert "Retry-After" in refused.headers


async def test_too_large_a_form_is_refused(floor: SalesFloor) -> None:
    assert (await send(floor, name="x", region="y" * 20_000)).status_code == 413
    large = await floor.post("/intake/leads", {"name": " " * 20_000}, "partner")
    assert large.status_code in (413, 422)


@pytest.mark.parametrize("key", ["nobodys", "key-director", "key-administrator"])
async def test_a_form_of_no_partner_is_not_found(floor: SalesFloor, key: str) -> None:
    assert (await send(floor, key, name="x")).status_code == 404
    assert await leads(floor) == []
