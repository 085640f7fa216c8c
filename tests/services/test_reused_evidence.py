"""The same photo or recording used for two actions is signalled (O5)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from services.directory.domain.person import PERSON, GiveGrant
from services.projections.queries.read_models import EVIDENCE
from shared.clock import iso
from shared.http import BASE
from tests.services.sales_floor import NOW, SalesFloor, sales_floor

PHOTO = b"\xff\xd8\xff a storefront"
SHA = sha256(PHOTO).hexdigest()


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with sales_floor(tmp_path) as running:
        await put(running, PHOTO, "image/jpeg")
        for opportunity_id, key in (("O1", "rep-1"), ("O2", "rep-1"), ("O3", "rep-2")):
            await running.open(opportunity_id, key, customer_id=f"C-{opportunity_id}")
        running.clock.move_to(NOW + timedelta(hours=8))
        yield running


async def put(floor: SalesFloor, content: bytes, media_type: str) -> None:
    headers = {"Authorization": "Bearer key-rep-1", "Content-Type": media_type}
    sent = await floor.http.put(f"{BASE}/evidence", content=content, headers=headers)
    assert sent.status_code == 201


async def visit(
    floor: SalesFloor, opportunity_id: str, hour: int, key: str = "rep-1", **more: Any
) -> str:
    body = {
        "type": "visit",
        "occurred_at": iso(NOW + timedelta(hours=hour)),
        "evidence": [{"sha256": SHA, "kind": "photo_storefront"}],
        **more,
    }
    told = await floor.told(f"/opportunities/{opportunity_id}/log-action", body, key)
    action_id: str = told["action_id"]
    return action_id


async def signals(floor: SalesFloor, state: str = "open") -> list[dict[str, Any]]:
    await floor.hosting.catch_up()
    found = await floor.shown(f"/signals?rule=evidence_reused&state={state}")
    rows: list[dict[str, Any]] = found["rows"]
    return rows


async def subjects(floor: SalesFloor) -> list[str]:
    return sorted(row["subject_id"] for row in await signals(floor))


async def test_a_photo_used_for_two_actions_is_signalled_at_the_later_one(
    floor: SalesFloor,
) -> None:
    first = await visit(floor, "O1", 1)
    assert await signals(floor) == []
    second = await visit(floor, "O3", 2, "rep-2")
    [signal] = await signals(floor)
    assert (signal["subject_kind"], signal["subject_id"]) == ("opportunity", "O3")
    assert (signal["owner_id"], signal["unit_id"]) == ("rep-2", "team-2")
    assert signal["due_at"] == iso(NOW + timedelta(hours=2))
    why = await floor.shown(f"/why/{signal['signal_id']}")
    sentence = " ".join(why["sentences"])
    assert all(each in sentence for each in (SHA, first, second, "O1"))
    anchor = next(each for each in why["events"] if each["event_id"] == signal["anchor_event_id"])
    assert anchor["data"]["action_id"] == second


async def test_two_actions_of_one_opportunity_are_two_as_well(floor: SalesFloor) -> None:
    await visit(floor, "O1", 1)
    await visit(floor, "O1", 2)
    assert await subjects(floor) == ["O1"]


async def test_one_photo_that_shows_two_things_of_one_visit_is_used_once(
    floor: SalesFloor,
) -> None:
    both = [{"sha256": SHA, "kind": kind} for kind in ("photo_storefront", "photo_display")]
    await visit(floor, "O1", 1, evidence=both)
    assert await signals(floor) == []


async def test_a_document_may_be_used_again(floor: SalesFloor) -> None:
    brochure = b"%PDF-1.7 brochure"
    await put(floor, brochure, "application/pdf")
    piece = {"sha256": sha256(brochure).hexdigest(), "kind": "document"}
    for opportunity_id in ("O1", "O2"):
        await visit(floor, opportunity_id, 1, evidence=[piece])
    assert await signals(floor) == []


async def test_a_recording_used_for_two_calls_is_signalled(floor: SalesFloor) -> None:
    call = b"ID3 a call"
    await put(floor, call, "audio/mpeg")
    piece = {"sha256": sha256(call).hexdigest(), "kind": "recording", "consent": True}
    for opportunity_id in ("O1", "O2"):
        await visit(floor, opportunity_id, 1, type="call", evidence=[piece])
    assert await subjects(floor) == ["O2"]


@pytest.mark.parametrize("voided", [0, 1])
async def test_voiding_either_action_takes_the_signal_back(floor: SalesFloor, voided: int) -> None:
    actions = [("O1", await visit(floor, "O1", 1)), ("O2", await visit(floor, "O2", 2))]
    assert await subjects(floor) == ["O2"]
    opportunity_id, action_id = actions[voided]
    void = {"action_id": action_id, "reason": "entered twice"}
    await floor.told(f"/opportunities/{opportunity_id}/void-action", void, "rep-1")
    assert await signals(floor) == []
    [retracted] = await signals(floor, "retracted")
    assert retracted["subject_id"] == "O2"


async def test_a_correction_to_another_photo_takes_the_signal_back(floor: SalesFloor) -> None:
    other = PHOTO + b" of today"
    await put(floor, other, "image/jpeg")
    await visit(floor, "O1", 1)
    action_id = await visit(floor, "O2", 2)
    assert await subjects(floor) == ["O2"]
    correction = {
        "action_id": action_id,
        "keep_evidence": False,
        "evidence": [{"sha256": sha256(other).hexdigest(), "kind": "photo_storefront"}],
    }
    await floor.told("/opportunities/O2/correct-action", correction, "rep-1")
    assert await signals(floor) == []


async def test_an_earlier_use_that_comes_late_moves_the_signal(floor: SalesFloor) -> None:
    await visit(floor, "O1", 3)
    await visit(floor, "O2", 5)
    assert await subjects(floor) == ["O2"]
    await visit(floor, "O3", 1, "rep-2")
    assert await subjects(floor) == ["O1", "O2"]


async def test_evidence_attached_later_is_used_too(floor: SalesFloor) -> None:
    await visit(floor, "O1", 1)
    action_id = await visit(floor, "O2", 2, evidence=[])
    assert await signals(floor) == []
    piece = {"sha256": SHA, "kind": "photo"}
    attached = {"action_id": action_id, "evidence": [piece]}
    await floor.told("/opportunities/O2/attach-evidence", attached, "rep-1")
    assert await subjects(floor) == ["O2"]


async def test_a_closed_opportunity_proves_nothing_any_more(floor: SalesFloor) -> None:
    await floor.told("/opportunities/O1/lose", {"reason": "price"}, "rep-1")
    floor.clock.move_to(NOW + timedelta(hours=12))
    await visit(floor, "O1", 10)
    await visit(floor, "O2", 11)
    assert await signals(floor) == []


async def test_looking_again_says_nothing_twice(floor: SalesFloor) -> None:
    await visit(floor, "O1", 1)
    await visit(floor, "O2", 2)
    await floor.hosting.catch_up()
    store = floor.hosting.ports.event_store
    said = await store.head("projections", 0)
    async with floor.hosting.ports.read_store.transaction() as connection:
        await connection.execute(update(EVIDENCE.deadlines).values(due_at=0))
    await floor.hosting.catch_up()
    assert await store.head("projections", 0) == said


async def test_the_manager_is_told_of_it(floor: SalesFloor) -> None:
    grant = GiveGrant(person_id="boss-1", role="manager", unit_id="north", now=floor.clock())
    await floor.handle("directory", PERSON, "boss-1", grant)
    await visit(floor, "O1", 1)
    await visit(floor, "O2", 2)
    await floor.hosting.catch_up()
    rows = (await floor.shown("/escalations?rule=evidence_reused"))["rows"]
    assert [row["rule"] for row in rows] == ["evidence_reused"]
    stored = await floor.hosting.ports.event_store.read_log("notifications", 0, 0, 1_000)
    reached = [each for each in stored if "escalation_step_reached" in each.type]
    people = floor.hosting.ports.codec.decode(reached[0]).event.person_ids
    assert people == ("boss-1",)
