"""Pages of customers: one record, and duplicates merged, told apart and merged back (L1)."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.sales_floor import SalesFloor, code_of, sales_floor
from tests.services.test_page_forms import following
from tests.services.test_pages import (
    SCRIPT,
    holds_nothing_inline_or_from_outside,
    page,
    sent,
    shown,
)

WANG = {"contact_id": "K1", "name": "Wang <KP>", "role": "KP", "phone": "+8613800000001"}


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    """C1 and C2 with the same phone; C1 has an opportunity of rep-1, C2 a lead and a ticket."""
    async with sales_floor(tmp_path / "data") as running:
        first = {"customer_id": "C1", "name": SCRIPT, "industry": "food", "contacts": [WANG]}
        second = {"customer_id": "C2", "name": "Tianrun", "contacts": [WANG]}
        await running.told("/customers", first)
        await running.told("/customers", {**second, "confirmed_as_new": True})
        await running.open("O1", "rep-1", amount="1000", currency="CNY")
        call = {"type": "call", "summary": "wants <prices>"}
        await running.told("/opportunities/O1/log-action", call, "rep-1")
        fields = {"budget_status": "oral", "core_needs": ["cost"], "region": "Zhejiang"}
        lead = {"lead_id": "L1", "customer_id": "C2", "owner_id": "rep-1", "source": "referral"}
        await running.told("/leads", {**lead, **fields})
        await running.told("/tickets", {"ticket_id": "S1", "customer_id": "C2", "kind": "repair"})
        await running.hosting.catch_up()
        yield running


async def look_alike(floor: SalesFloor) -> None:
    """C3 has the phone of both, and nobody has told them apart."""
    other = {"customer_id": "C3", "name": "Third", "contacts": []}
    await floor.told("/customers", other)
    await floor.told("/customers/C3/describe", {"name": "Third", "contacts": [WANG]})
    await floor.hosting.catch_up()


async def decide(floor: SalesFloor, deed: str, one: str, other: str, **more: str) -> Any:
    fields = {"customer_id": one, "other_customer_id": other, **more}
    return await following(floor, sent(floor, f"/duplicates/{deed}", fields, "director"))


async def test_a_record_holds_leads_opportunities_actions_tickets_and_what_is_said(
    floor: SalesFloor,
) -> None:
    await floor.told("/customers/C2/merge", {"into_customer_id": "C1"})
    await floor.hosting.catch_up()

    one = await shown(floor, "/customers/C2", "director")

    assert SCRIPT not in one
    assert "<h1>&lt;script&gt;alert(1)&lt;/script&gt;</h1>" in one
    assert "<strong>Wang &lt;KP&gt;</strong> · key person" in one
    assert 'href="/timelines/opportunity/O1"' in one
    assert "2 days left" in one
    assert 'href="/leads/L1"' in one
    assert "Zhejiang · Budget: said · cost" in one
    assert "<dt>Tags</dt><dd>referral · Zhejiang</dd>" in one
    assert "wants &lt;prices&gt;" in one
    assert "repair" in one
    assert "Tianrun" in one


async def test_duplicates_are_shown_with_the_reason_of_each(floor: SalesFloor) -> None:
    assert "No two customers look like one." in await shown(floor, "/duplicates", "director")
    await look_alike(floor)

    text = await shown(floor, "/duplicates", "director")
    in_chinese = await shown(floor, "/duplicates", "director", "zh")

    assert "same phone" in text
    assert "电话相同" in in_chinese
    for customer_id in ("C1", "C2", "C3"):
        assert f'href="/customers/{customer_id}"' in text
    assert SCRIPT not in text


async def test_duplicates_are_merged_and_the_merge_is_undone(floor: SalesFloor) -> None:
    await look_alike(floor)

    answer = await decide(floor, "merge", "C3", "C1")

    assert (answer.status_code, answer.headers["location"]) == (303, "/customers/C1")
    record = await floor.shown("/customers/C3")
    assert record["customer_id"] == "C1"
    assert "Undo the merge" in await shown(floor, "/customers/C1", "director")

    undone = await following(
        floor,
        sent(floor, "/customers/C1/undo-merge", {"merged_customer_id": "C3"}, "director"),
    )
    assert undone.status_code == 303
    assert (await floor.shown("/customers/C3"))["customer_id"] == "C3"
    assert "Undo the merge" not in await shown(floor, "/customers/C1", "director")


async def test_look_alikes_confirmed_as_new_are_not_asked_about_again(floor: SalesFloor) -> None:
    await look_alike(floor)

    for other in ("C1", "C2"):
        answer = await decide(floor, "keep-apart", "C3", other)
        assert (answer.status_code, answer.headers["location"]) == (303, "/duplicates")

    assert "No two customers look like one." in await shown(floor, "/duplicates", "director")
    assert (await floor.shown("/customers/C3"))["customer_id"] == "C3"


async def test_a_refused_merge_says_so_at_its_field_and_keeps_what_was_chosen(
    floor: SalesFloor,
) -> None:
    await look_alike(floor)

    itself = await decide(floor, "merge", "C3", "C3", group="C1 C2 C3")
    nobody = await decide(floor, "keep-apart", "C3", "C9", group="C1 C2 C3")
    nothing = await decide(floor, "merge", "C3", "", group="gone by now")

    assert itself.status_code == 409
    assert 'name="other_customer_id" aria-invalid="true"' in itself.text
    assert "Choose two different records." in itself.text
    assert itself.text.count('<option value="C3" selected>') == 2
    assert "There is no such customer." in nobody.text
    assert nothing.status_code == 422
    assert '<p class="notice bad" role="alert">This is needed.</p>' in nothing.text


async def test_a_merge_that_is_none_any_more_cannot_be_undone(floor: SalesFloor) -> None:
    answer = await sent(floor, "/customers/C1/undo-merge", {"merged_customer_id": "C2"}, "director")
    assert answer.status_code == 409
    assert "This is not merged any more." in answer.text


async def test_of_a_shared_customer_a_rep_sees_their_part_and_strangers_nothing(
    floor: SalesFloor,
) -> None:
    assert (await page(floor, "/customers/C1", "rep-2")).status_code == 404
    assert (await page(floor, "/customers/C1", "legal")).status_code == 403
    assert code_of(await floor.get("/customers/C1", "rep-2")) == (404, "not-found")
    await look_alike(floor)
    auditor = await shown(floor, "/duplicates", "auditor")
    assert "same phone" in auditor
    assert "Merge the first into the second" not in auditor


async def test_pages_of_customers_hold_nothing_inline_in_either_language(
    floor: SalesFloor,
) -> None:
    await look_alike(floor)
    for path in ("/customers/C1", "/customers/C2", "/duplicates"):
        for language in ("zh", "en"):
            answer = await page(floor, path, "director", language)
            assert f'<html lang="{language}"' in answer.text
            holds_nothing_inline_or_from_outside(answer)


async def test_duplicates_are_a_file_too(floor: SalesFloor) -> None:
    await look_alike(floor)
    lines = (await page(floor, "/duplicates?format=csv", "director")).text.splitlines()
    assert lines[0] == "\ufeffGroup,Reason,Id,Customer"
    assert lines[2] == "1,same phone,C2,Tianrun"


async def test_a_group_stands_once_in_the_file_however_far_apart_its_reasons_are_found(
    floor: SalesFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.projections.pages.tables.ROWS_AT_ONCE", 1)
    contact = {**WANG, "phone": "+8613800000009"}
    for customer_id in ("C8", "C9"):
        await floor.told("/customers", {"customer_id": customer_id, "name": customer_id})
        alike = {"name": "Evergreen", "contacts": [contact]}
        await floor.told(f"/customers/{customer_id}/describe", alike)
    await floor.hosting.catch_up()

    lines = (await page(floor, "/duplicates?format=csv", "director")).text.splitlines()

    assert [each for each in lines if "Evergreen" in each] == [
        "1,same company name · same phone,C8,Evergreen",
        "1,same company name · same phone,C9,Evergreen",
    ]


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ({"name": "TIANRUN Ltd."}, "same company name"),
        ({"phone": "138 0000 0001"}, "same phone"),
        ({"id": "C2"}, "this id"),
    ],
)
async def test_a_customer_is_found_by_what_is_known(
    floor: SalesFloor, typed: dict[str, str], why: str
) -> None:
    answer = await sent(floor, "/customers", typed, "director")

    assert answer.status_code == 200
    found = answer.text[answer.text.index('id="found"') :]
    assert 'href="/customers/C2">Tianrun</a>' in found
    assert why in found
    assert all(f'value="{value}"' in answer.text for value in typed.values())


async def test_leads_and_opportunities_are_found_by_their_ids(floor: SalesFloor) -> None:
    lead = await sent(floor, "/customers", {"id": "L1"}, "director")
    opportunity = await sent(floor, "/customers", {"id": "O1"}, "director")

    assert 'href="/leads/L1"' in lead.text
    assert 'href="/timelines/opportunity/O1"' in opportunity.text


async def test_who_may_not_see_a_customer_does_not_find_it(floor: SalesFloor) -> None:
    for typed in ({"name": "Tianrun"}, {"phone": "+8613800000001"}, {"id": "L1"}):
        answer = await sent(floor, "/customers", typed, "rep-2")
        assert "Nobody in your sight fits." in answer.text
        assert "C2" not in answer.text
        assert "Tianrun</a>" not in answer.text


@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({}, "name", "This is needed."),
        ({"credit_code": "91330106MA2CFLDGX1"}, "credit_code", "This does not fit."),
        ({"id": "no id"}, "id", "1-64 of letters"),
    ],
)
async def test_what_cannot_be_looked_for_is_said_at_its_field(
    floor: SalesFloor, typed: dict[str, str], field: str, said: str
) -> None:
    answer = await sent(floor, "/customers", typed, "director")

    assert answer.status_code == 422
    at_field = answer.text.split(f'id="fault-{field}" role="alert">')[1].split("<")[0]
    assert said in at_field
    assert all(f'value="{value}"' in answer.text for value in typed.values())
