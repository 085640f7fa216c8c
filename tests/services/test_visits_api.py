"""Visits in five nodes over HTTP: doors, photos with their tags, cards passed on (O4)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from shared.events.opportunities import EvidenceAttached
from shared.events.visits import VisitStarted
from shared.http import BASE
from tests.services.sales_floor import NOW, SalesFloor, code_of, sales_floor

DOOR = {"latitude": 31.2304, "longitude": 121.4737}
HERE = {"latitude": 31.2305, "longitude": 121.4737}
KINDS = ("photo_storefront", "photo_display", "photo_conversation")
HOUR = timedelta(hours=1)


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with sales_floor(tmp_path / "data") as found:
        pharmacy = {"customer_id": "C1", "name": "Hongda", "customer_type": "pharmacy"}
        await found.told("/customers", pharmacy, "boss-1")
        await found.hosting.catch_up()
        await found.open("O1", owner_id="rep-1")
        yield found


def at(hours: float) -> str:
    return (NOW + timedelta(hours=hours)).isoformat()


async def door_code(floor: SalesFloor, **more: Any) -> str:
    body = {"customer_id": "C1", "place": DOOR, **more}
    return str((await floor.told("/doors", body, "boss-1"))["door_code"])


def photo(number: int, taken_at: str | None = None) -> bytes:
    exif = Image.Exif()
    if taken_at is not None:
        exif.get_ifd(0x8769)[0x9003] = taken_at
        rational = IFDRational
        gps = exif.get_ifd(0x8825)
        gps[1], gps[2] = "N", (rational(31), rational(13), rational(72))
        gps[3], gps[4] = "E", (rational(121), rational(28), rational(2532, 100))
    content = BytesIO()
    Image.new("RGB", (8, 8), (number, 0, 0)).save(content, "JPEG", exif=exif)
    return content.getvalue()


async def uploaded(floor: SalesFloor, content: bytes) -> str:
    headers = {"Authorization": "Bearer key-rep-1", "Content-Type": "image/jpeg"}
    response = await floor.http.put(f"{BASE}/evidence", content=content, headers=headers)
    assert response.status_code in (200, 201), response.text
    return sha256(content).hexdigest()


async def start(floor: SalesFloor, code: str, key: str = "rep-1", **more: Any) -> Any:
    body = {"visit_id": "V1", "door_code": code, "position": HERE, **more}
    return await floor.post("/opportunities/O1/start-visit", body, key)


async def photographed(floor: SalesFloor, **more: Any) -> Any:
    evidence = [
        {"sha256": await uploaded(floor, photo(number)), "kind": kind}
        for number, kind in enumerate(KINDS)
    ]
    body = {"action_id": "V1", "evidence": evidence, **more}
    return await floor.told("/opportunities/O1/attach-evidence", body, "rep-1")


async def completed(floor: SalesFloor) -> Any:
    await photographed(floor)
    fields = {"visit_id": "V1", "fields": {"out_of_stock": "aspirin"}}
    await floor.told("/opportunities/O1/fill-visit", fields, "rep-1")
    booked = {"visit_id": "V1", "next_action": {"due_at": at(48), "type": "call"}}
    await floor.told("/opportunities/O1/book-next-action", booked, "rep-1")
    card = {
        "visit_id": "V1",
        "summary": "They are short of aspirin",
        "customer_tags": ["loyal"],
        "promises": [{"text": "samples", "due_at": at(72)}],
        "open_points": ["shelf space"],
    }
    return await floor.told("/opportunities/O1/summarise-visit", card, "rep-1")


async def test_a_visit_is_complete_when_all_five_nodes_are_there(floor: SalesFloor) -> None:
    started = (await start(floor, await door_code(floor))).json()
    assert started["action"]["invalid_reasons"] == [
        *(f"evidence-missing:{kind}" for kind in KINDS),
        "field-missing:out_of_stock",
        "next-action-missing",
        "summary-card-missing",
    ]

    done = await completed(floor)

    assert done["action"]["valid"]
    shown = await floor.shown("/opportunities/O1/visits/V1", "rep-1")
    assert (shown["complete"], shown["missing"]) == (True, [])
    assert shown["fields"] == {"out_of_stock": "aspirin"}
    assert shown["card"]["summary"] == "They are short of aspirin"
    assert shown["card"]["promises"][0]["text"] == "samples"


async def test_place_and_time_are_fixed_by_the_scan(floor: SalesFloor) -> None:
    await start(floor, await door_code(floor), occurred_at=at(-2))
    started = await last(floor, VisitStarted)
    assert started.scanned_at == NOW - 2 * HOUR
    assert (started.place_latitude, started.place_longitude) == (31.23, 121.474)
    assert started.scan_distance_metres == pytest.approx(11.1, abs=0.5)
    assert started.actor_id == "rep-1"


async def last(floor: SalesFloor, event_class: type[Any]) -> Any:
    ports = floor.hosting.ports
    stored = await ports.event_store.read_stream("T1/opportunity/O1")
    events = [ports.codec.decode(each).event for each in stored]
    return [event for event in events if isinstance(event, event_class)][-1]


async def test_a_photos_own_place_and_time_are_held_against_the_visit(floor: SalesFloor) -> None:
    await start(floor, await door_code(floor))
    tagged = await uploaded(floor, photo(7, "2026:03:02 17:05:00"))
    bare = await uploaded(floor, photo(8))
    evidence = [
        {"sha256": tagged, "kind": "photo_storefront"},
        {"sha256": bare, "kind": "photo_display"},
    ]
    body = {"action_id": "V1", "evidence": evidence}
    await floor.told("/opportunities/O1/attach-evidence", body, "rep-1")
    first, second = (await last(floor, EvidenceAttached)).evidence
    assert first.exif.taken_at == datetime(2026, 3, 2, 9, 5, tzinfo=UTC)
    assert first.exif.distance_metres == pytest.approx(700, abs=60)
    assert second.exif is None


async def test_where_a_photo_was_taken_is_sealed(floor: SalesFloor) -> None:
    sha = await uploaded(floor, photo(9, "2026:03:02 17:05:00"))
    [*_, stored] = await floor.hosting.ports.event_store.read_stream(f"T1/evidence/{sha}")
    assert b"121" not in stored.payload.split(b"photo_tags")[1]


@pytest.mark.parametrize(
    ("spoiled", "code"),
    [
        (lambda code: "not a code", "door-code-is-forged"),
        (lambda code: code[:-3] + "abc", "door-code-is-forged"),
        (lambda code: code.replace(".", "", 1), "door-code-is-forged"),
    ],
)
async def test_a_forged_door_code_is_refused(floor: SalesFloor, spoiled: Any, code: str) -> None:
    answer = await start(floor, spoiled(await door_code(floor)))
    assert code_of(answer) == (409, code)


async def test_a_door_code_of_another_tenant_is_refused(floor: SalesFloor) -> None:
    body = {"customer_id": "C1", "place": DOOR}
    other = (await floor.told("/doors", body, "elsewhere"))["door_code"]
    assert code_of(await start(floor, other)) == (409, "door-code-is-of-another-tenant")


async def test_an_expired_door_code_is_refused_unless_scanned_in_time(floor: SalesFloor) -> None:
    code = await door_code(floor, expires_at=at(1))
    floor.clock.move_to(NOW + 2 * HOUR)
    assert code_of(await start(floor, code)) == (409, "door-code-has-expired")
    in_time = await start(floor, code, occurred_at=at(1))
    assert in_time.status_code == 200, in_time.text


async def test_a_door_code_that_was_replaced_or_withdrawn_is_refused(floor: SalesFloor) -> None:
    old = await door_code(floor)
    new = await door_code(floor)
    assert code_of(await start(floor, old)) == (409, "door-code-is-replaced")
    await floor.told("/doors/C1/withdraw-code", {}, "boss-1")
    assert code_of(await start(floor, new)) == (409, "door-code-is-replaced")


async def test_another_customers_door_is_no_proof(floor: SalesFloor) -> None:
    other = (await floor.told("/doors", {"customer_id": "C2"}, "boss-1"))["door_code"]
    assert code_of(await start(floor, other)) == (409, "door-is-of-another-customer")


async def test_a_rep_does_not_print_door_codes(floor: SalesFloor) -> None:
    answer = await floor.post("/doors", {"customer_id": "C1"}, "rep-1")
    assert answer.status_code == 403


async def test_the_next_action_is_due_within_seven_days(floor: SalesFloor) -> None:
    await start(floor, await door_code(floor))
    late = {"visit_id": "V1", "next_action": {"due_at": at(7 * 24 + 0.01)}}
    answer = await floor.post("/opportunities/O1/book-next-action", late, "rep-1")
    assert code_of(answer) == (422, "next-action-is-too-late")
    just = {"visit_id": "V1", "next_action": {"due_at": at(7 * 24)}}
    await floor.told("/opportunities/O1/book-next-action", just, "rep-1")


async def test_an_incomplete_visit_stays_open_and_is_signalled(floor: SalesFloor) -> None:
    await start(floor, await door_code(floor))
    floor.clock.move_to(NOW + 24 * HOUR)
    await floor.hosting.catch_up()
    assert not await incomplete(floor)
    floor.clock.move_to(NOW + 24 * HOUR + timedelta(seconds=1))
    await floor.hosting.catch_up()
    [signal] = await incomplete(floor)
    assert (signal["owner_id"], signal["state"]) == ("rep-1", "open")
    assert signal["due_at"] == "2026-03-03T09:00:00.000Z"


async def incomplete(floor: SalesFloor) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = (await floor.shown("/signals?rule=visit_incomplete"))["rows"]
    return rows


async def test_parts_that_arrive_late_take_the_signal_back(floor: SalesFloor) -> None:
    await start(floor, await door_code(floor))
    floor.clock.move_to(NOW + 30 * HOUR)
    await floor.hosting.catch_up()
    assert len(await incomplete(floor)) == 1

    await photographed(floor, occurred_at=at(0.2))
    for path, body in (
        ("summarise-visit", {"summary": "Short of aspirin"}),
        ("book-next-action", {"next_action": {"due_at": at(48)}}),
        ("fill-visit", {"fields": {"out_of_stock": "aspirin"}}),
    ):
        sent = {"visit_id": "V1", "occurred_at": at(0.5), **body}
        await floor.told(f"/opportunities/O1/{path}", sent, "rep-1")
    await floor.hosting.catch_up()

    assert not await incomplete(floor)
    board = await floor.shown("/boards/silence")
    assert board["rows"][0]["last_activity_at"] == "2026-03-02T09:00:00.000Z"


async def test_a_card_is_passed_on_to_colleagues_by_one_tap(floor: SalesFloor) -> None:
    await start(floor, await door_code(floor))
    too_early = await floor.post("/opportunities/O1/pass-on-visit", {"visit_id": "V1"}, "rep-1")
    assert code_of(too_early) == (409, "visit-has-no-summary-card")
    await completed(floor)
    passing = {"visit_id": "V1", "to": ["rep-2"]}
    await floor.told("/opportunities/O1/pass-on-visit", passing, "rep-1")
    await floor.hosting.catch_up()

    [card] = (await floor.shown("/visit-cards", "rep-2"))["rows"]
    assert (card["visit_id"], card["card"]["open_points"]) == ("V1", ["shelf space"])
    assert (await floor.shown("/visit-cards", "rep-1"))["rows"] == []
    hidden = await floor.get("/opportunities/O1/visits/V1", "rep-2")
    assert hidden.status_code == 404


async def test_customer_types_are_data_of_the_tenant(floor: SalesFloor) -> None:
    types = (await floor.shown("/customer-types"))["rows"]
    assert [each["type"] for each in types] == ["clinic", "pharmacy"]
    stricter = {"type": "pharmacy", "fields": [{"name": "shelf", "kind": "number"}]}
    await floor.told("/customer-types", stricter, "administrator")
    started = (await start(floor, await door_code(floor))).json()
    assert "field-missing:out_of_stock" not in started["action"]["invalid_reasons"]


async def test_a_visit_is_not_corrected_as_a_whole(floor: SalesFloor) -> None:
    await start(floor, await door_code(floor))
    body = {"action_id": "V1", "summary": "All well"}
    answer = await floor.post("/opportunities/O1/correct-action", body, "rep-1")
    assert code_of(answer) == (409, "visit-is-recorded-in-nodes")


async def test_the_nodes_of_a_visit_come_in_a_batch_too(floor: SalesFloor) -> None:
    code = await door_code(floor)
    lines = "\n".join(
        [
            f'{{"command": "start-visit", "id": "a", "opportunity_id": "O1", "visit_id": "V1",'
            f' "door_code": "{code}"}}',
            '{"command": "fill-visit", "id": "b", "opportunity_id": "O1", "visit_id": "V1",'
            ' "fields": {"out_of_stock": "none"}}',
        ]
    )
    headers = {"Authorization": "Bearer key-rep-1", "Content-Type": "application/x-ndjson"}
    response = await floor.http.post(f"{BASE}/commands", content=lines, headers=headers)
    assert response.text.count('"outcome":"done"') == 2, response.text
