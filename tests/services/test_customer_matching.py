"""One customer record over HTTP: look-alikes answered, merged, told apart (L1)."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.cli.history_customers import HistoryCustomers
from services.leads.marking import MATCHING_KEY, Marking
from services.opportunities.domain.history_statement import CustomerOfHistory, OpenCase
from shared.command_handling import CommandContext
from tests.services.sales_floor import NOW, SalesFloor, code_of, sales_floor

HONGDA = {
    "customer_id": "C1",
    "name": "宏達科技有限公司",
    "credit_code": "91350100M000100Y43",
    "contacts": [
        {
            "contact_id": "K1",
            "name": "Wang Fang",
            "role": "KP",
            "phone": "13800000000",
            "email": "wang@hongda.example",
        }
    ],
}


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with sales_floor(tmp_path) as running:
        yield running


async def candidates(floor: SalesFloor, body: Any, key: str = "director") -> Any:
    response = await floor.post("/customers", body, key)
    assert code_of(response) == (409, "customer-looks-familiar"), response.text
    assert response.headers["content-type"] == "application/problem+json"
    return response.json()["candidates"]


async def told_two(floor: SalesFloor) -> None:
    await floor.told("/customers", HONGDA)
    await floor.told(
        "/customers", {"customer_id": "C2", "name": "宏达科技", "confirmed_as_new": True}
    )


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"name": "宏达科技股份有限公司"}, "company-name"),
        ({"name": "🚀　宏達科技（有限公司）✨"}, "company-name"),
        ({"credit_code": "９１３５０１００m000100y43"}, "credit-code"),
        (
            {"contacts": [{"contact_id": "K9", "name": "Li", "phone": "+86 138-0000-0000"}]},
            "phone",
        ),
        (
            {"contacts": [{"contact_id": "K9", "name": "WANG FANG", "email": "x@hongda.example"}]},
            "email-domain-and-name",
        ),
    ],
)
async def test_a_look_alike_is_answered_with_its_candidate_and_the_reason(
    floor: SalesFloor, body: Any, reason: str
) -> None:
    await floor.told("/customers", HONGDA)
    for _caught_up in range(2):
        assert await candidates(floor, body) == [
            {
                "customer_id": "C1",
                "reasons": [reason],
                "name": "宏達科技有限公司",
                "visible": True,
            }
        ]
        await floor.hosting.catch_up()
    assert await floor.shown("/boards/duplicates") == {"rows": [], "next_cursor": None}


async def test_looking_before_writing_shows_the_same(floor: SalesFloor) -> None:
    await floor.told("/customers", HONGDA)
    looked = await floor.told("/customers/look-alikes", {"name": "宏达科技"})
    assert looked["candidates"] == await candidates(floor, {"name": "宏达科技"})


async def test_what_is_confirmed_as_new_is_registered_and_not_asked_about_again(
    floor: SalesFloor,
) -> None:
    await told_two(floor)
    await floor.hosting.catch_up()
    assert (await floor.shown("/customers/C2"))["confirmed"] is True
    assert (await floor.shown("/boards/duplicates"))["rows"] == []
    assert {each["customer_id"] for each in await candidates(floor, {"name": "宏达科技"})} == {
        "C1",
        "C2",
    }


async def test_a_registration_repeated_under_its_key_is_answered_as_the_first_time(
    floor: SalesFloor,
) -> None:
    body = {"name": "宏达科技"}
    first = await floor.post("/customers", body, Idempotency_Key="once")
    twin = {"name": "宏达科技", "confirmed_as_new": True}
    await floor.told("/customers", twin)
    again = await floor.post("/customers", body, Idempotency_Key="once")
    assert (again.status_code, again.json()) == (201, first.json())


async def test_a_new_description_changes_what_a_customer_is_recognised_by(
    floor: SalesFloor,
) -> None:
    await floor.told("/customers", HONGDA)
    await floor.hosting.catch_up()
    await floor.told("/customers/C1/describe", {"name": "Alder Foods"})
    for _caught_up in range(2):
        assert (await floor.post("/customers/look-alikes", {"name": "宏达科技"})).json() == {
            "candidates": []
        }
        looked = await floor.told("/customers/look-alikes", {"name": "ALDER FOODS Ltd"})
        assert [each["customer_id"] for each in looked["candidates"]] == ["C1"]
        await floor.hosting.catch_up()


async def test_the_same_words_are_sealed_otherwise_for_another_tenant(floor: SalesFloor) -> None:
    await floor.told("/customers", HONGDA)
    await floor.told("/customers", HONGDA, "elsewhere")
    store = floor.hosting.ports.event_store
    marks = []
    for tenant in ("T1", "T2"):
        [stored] = await store.read_stream(f"{tenant}/customer/C1")
        marks.append(set(json.loads(stored.payload)["marks"]))
        for word in ("13800000000", "hongda", "91350100M000100Y43", "宏"):
            assert word.encode() not in stored.payload
    assert len(marks[0]) == len(marks[1]) == 4
    assert not marks[0] & marks[1]
    keys = await floor.hosting.ports.key_store.existing_keys("T1", {MATCHING_KEY})
    assert keys[MATCHING_KEY] is not None


async def test_a_name_is_not_shown_to_who_may_not_see_the_customer(floor: SalesFloor) -> None:
    await floor.open("O1", "rep-1")
    await floor.hosting.catch_up()
    await floor.told("/customers/C1/describe", {"name": "Hongda"}, "rep-1")
    [shown] = await candidates(floor, {"name": "Hongda Ltd"}, "rep-2")
    assert shown == {
        "customer_id": "C1",
        "reasons": ["company-name"],
        "name": None,
        "visible": False,
    }


async def test_a_merged_customers_id_shows_whom_it_was_merged_into(floor: SalesFloor) -> None:
    await told_two(floor)
    answer = await floor.told("/customers/C2/merge", {"into_customer_id": "C1"})
    assert (answer["customer_id"], answer["resolves_to"]) == ("C2", "C1")
    shown = await floor.shown("/customers/C2")
    assert (shown["customer_id"], shown["merged_customer_ids"]) == ("C1", ["C2"])
    assert shown["name"] == "宏達科技有限公司"
    described = await floor.told("/customers/C2/describe", {"name": "Hongda Technology"})
    assert described["customer_id"] == "C1"
    assert (await floor.shown("/customers/C1"))["name"] == "Hongda Technology"


async def test_a_wrong_merge_is_undone(floor: SalesFloor) -> None:
    await told_two(floor)
    await floor.told("/customers/C2/merge", {"into_customer_id": "C1"})
    undone = await floor.told("/customers/C2/undo-merge", {})
    assert undone["resolves_to"] == "C2"
    assert (await floor.shown("/customers/C2"))["name"] == "宏达科技"
    refused = await floor.post("/customers/C2/undo-merge", None)
    assert code_of(refused) == (409, "customer-is-not-merged")


async def test_circles_and_merges_into_oneself_or_nobody_are_refused(floor: SalesFloor) -> None:
    await told_two(floor)
    into_itself = await floor.post("/customers/C1/merge", {"into_customer_id": "C1"})
    assert code_of(into_itself) == (409, "customer-cannot-merge-into-itself")
    await floor.told("/customers/C1/merge", {"into_customer_id": "C2"})
    circle = await floor.post("/customers/C2/merge", {"into_customer_id": "C1"})
    assert code_of(circle) == (409, "merge-would-be-a-circle")
    nobody = await floor.post("/customers/C2/merge", {"into_customer_id": "C9"})
    assert code_of(nobody) == (422, "malformed")
    assert [each["field"] for each in nobody.json()["errors"]] == ["into_customer_id"]
    unknown = await floor.post("/customers/C9/merge", {"into_customer_id": "C1"})
    assert code_of(unknown) == (404, "not-found")


async def test_who_may_see_one_of_two_customers_may_not_merge_them(floor: SalesFloor) -> None:
    await floor.open("O1", "rep-1")
    await floor.open("O2", "rep-2", customer_id="C2")
    await floor.hosting.catch_up()
    other = await floor.post("/customers/C1/merge", {"into_customer_id": "C2"}, "rep-1")
    assert code_of(other) == (422, "malformed")
    hidden = await floor.post("/customers/C2/merge", {"into_customer_id": "C1"}, "rep-1")
    assert code_of(hidden) == (404, "not-found")
    await floor.told("/customers/C1/merge", {"into_customer_id": "C2"}, "director")
    assert (await floor.shown("/customers/C1", "rep-1"))["customer_id"] == "C2"
    assert (await floor.shown("/customers/C2", "rep-1"))["customer_id"] == "C2"


async def test_duplicates_wait_for_review_until_merged_or_told_apart(floor: SalesFloor) -> None:
    for customer_id in ("C1", "C2", "C3"):
        await floor.told("/customers", {"customer_id": customer_id, "name": customer_id})
        await floor.told(f"/customers/{customer_id}/describe", {"name": "Hongda"})
    await floor.hosting.catch_up()

    async def waiting() -> Any:
        return [each["customer_ids"] for each in (await floor.shown("/boards/duplicates"))["rows"]]

    assert await waiting() == [["C1", "C2", "C3"]]
    await floor.told("/customers/C3/merge", {"into_customer_id": "C1"})
    assert await waiting() == [["C1", "C2"]]
    await floor.told("/customers/C2/keep-apart", {"other_customer_id": "C1"})
    assert await waiting() == []
    await floor.told("/customers/C3/undo-merge", {})
    assert await waiting() == [["C1", "C2", "C3"]]


async def test_a_credit_code_with_a_wrong_check_digit_names_the_field(floor: SalesFloor) -> None:
    refused = await floor.post("/customers", {"credit_code": "91350100M000100Y44"})
    assert code_of(refused) == (422, "malformed")
    [problem] = refused.json()["errors"]
    assert (problem["field"], "check digit" in problem["message"]) == ("credit_code", True)


async def test_the_decision_chain_has_three_words(floor: SalesFloor) -> None:
    body = {"contacts": [{"contact_id": "K1", "name": "Wang", "role": "boss"}]}
    refused = await floor.post("/customers", body)
    assert [each["field"] for each in refused.json()["errors"]] == ["contacts.0.role"]
    for role in ("KP", "influencer", "user"):
        body["contacts"][0]["role"] = role
        assert (await floor.post("/customers", body)).status_code == 201


async def test_a_look_alike_in_a_batch_is_refused_with_its_candidates(floor: SalesFloor) -> None:
    lines = [
        {"command": "register-customer", "id": "1", "customer_id": "C1", "name": "Hongda"},
        {"command": "register-customer", "id": "2", "customer_id": "C2", "name": "Hongda Ltd."},
        {
            "command": "register-customer",
            "id": "3",
            "customer_id": "C2",
            "name": "Hongda Ltd.",
            "confirmed_as_new": True,
        },
        {"command": "merge-customer", "id": "4", "customer_id": "C2", "into_customer_id": "C1"},
    ]
    response = await floor.http.post(
        "/api/v1/commands",
        content="\n".join(json.dumps(each) for each in lines).encode(),
        headers={"Authorization": "Bearer key-director", "Content-Type": "application/x-ndjson"},
    )
    answers = [json.loads(each) for each in response.text.splitlines()]
    assert [each["outcome"] for each in answers] == ["done", "refused", "done", "done"]
    assert [each["customer_id"] for each in answers[1]["problem"]["candidates"]] == ["C1"]


async def test_a_customer_of_an_imported_history_is_recognised(floor: SalesFloor) -> None:
    ports = floor.hosting.ports
    context = CommandContext(
        tenant_id="T1", actor_id=None, occurred_at=NOW, correlation_id="import", origin="import"
    )
    history = HistoryCustomers(ports.commands("leads"), Marking(ports), context, NOW)
    opening = OpenCase(
        customer=CustomerOfHistory(
            customer_id="C1", name="宏達科技有限公司", customer_type=None, industry=None
        ),
        stage="first_contact",
        unit_id="team-1",
        owner=None,
        amount=None,
        currency=None,
        at=NOW,
    )
    await history.register([opening])
    [shown] = await candidates(floor, {"name": "宏达科技"})
    assert (shown["customer_id"], shown["reasons"]) == ("C1", ["company-name"])


async def test_a_country_announced_for_later_does_not_read_phones_yet(floor: SalesFloor) -> None:
    reached = {"contact_id": "K1", "name": "Ann", "phone": "+1 650 253 0000"}
    await floor.told("/customers", {"customer_id": "C1", "contacts": [reached]})
    from_then_on = NOW + timedelta(hours=1)
    announced = {
        "settings": {"phone_region": "US"},
        "effective_at": from_then_on.isoformat(),
    }
    await floor.told("/settings", announced, "administrator")
    local = {"contact_id": "K1", "name": "Bob", "phone": "650 253 0000"}
    await floor.told("/customers", {"customer_id": "C2", "contacts": [local]})
    floor.clock.move_to(from_then_on)
    [candidate] = await candidates(floor, {"customer_id": "C3", "contacts": [local]})
    assert (candidate["customer_id"], candidate["reasons"]) == ("C1", ["phone"])
