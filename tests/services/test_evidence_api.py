"""Evidence over HTTP: uploaded once, sealed, referred to, handed out as a download (O5)."""

from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path

import httpx
import pytest

from shared.http import BASE
from shared.settings import InstallationSettings
from tests.services.sales_floor import SalesFloor, code_of, sales_floor

PHOTO = b"\xff\xd8\xff a storefront"
SHA = sha256(PHOTO).hexdigest()


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    settings = InstallationSettings(max_evidence_bytes=1024)
    async with sales_floor(tmp_path, settings) as running:
        yield running


async def put(
    floor: SalesFloor,
    content: bytes,
    media_type: str = "image/jpeg",
    key: str = "rep-1",
    **more: str,
) -> httpx.Response:
    headers = {"Authorization": f"Bearer key-{key}", "Content-Type": media_type}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    return await floor.http.put(f"{BASE}/evidence", content=content, headers=headers)


async def test_the_same_bytes_answer_the_same_hash(floor: SalesFloor) -> None:
    first = await put(floor, PHOTO)
    assert first.status_code == 201
    assert first.json()["sha256"] == SHA
    again = await put(floor, PHOTO, key="rep-2")
    assert (again.status_code, again.json()["sha256"]) == (200, SHA)
    assert await floor.events(f"evidence/{SHA}") == ["evidence_stored"]


async def test_bytes_are_sealed_where_they_lie(floor: SalesFloor) -> None:
    await put(floor, PHOTO)
    lying = await floor.hosting.ports.object_store.get("T1", SHA)
    assert lying is not None
    assert PHOTO not in lying


@pytest.mark.parametrize(
    ("content", "media_type", "answer"),
    [
        (PHOTO, "text/html", (415, "unsupported")),
        (PHOTO, "", (415, "unsupported")),
        (b"x" * 1025, "image/jpeg", (413, "too-large")),
        (b"", "image/jpeg", (422, "malformed")),
    ],
)
async def test_what_is_not_taken_in_says_why(
    floor: SalesFloor, content: bytes, media_type: str, answer: tuple[int, str]
) -> None:
    assert code_of(await put(floor, content, media_type)) == answer


async def test_a_stream_that_grows_too_large_is_stopped(floor: SalesFloor) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100

    headers = {"Authorization": "Bearer key-rep-1", "Content-Type": "image/jpeg"}
    response = await floor.http.put(f"{BASE}/evidence", content=endless(), headers=headers)
    assert code_of(response) == (413, "too-large")


async def test_a_key_used_for_other_bytes_is_refused(floor: SalesFloor) -> None:
    assert (await put(floor, PHOTO, Idempotency_Key="once")).status_code == 201
    assert (await put(floor, PHOTO, Idempotency_Key="once")).json()["sha256"] == SHA
    assert code_of(await put(floor, b"other", Idempotency_Key="once")) == (
        409,
        "idempotency-key-reused",
    )


async def test_evidence_proves_an_action_and_is_handed_out_as_a_download(
    floor: SalesFloor,
) -> None:
    await put(floor, PHOTO)
    await floor.open()
    piece = {"sha256": SHA, "kind": "photo_storefront"}
    action = await floor.told("/opportunities/O1/log-action", {"type": "visit"}, "rep-1")
    attached = await floor.told(
        "/opportunities/O1/attach-evidence",
        {"action_id": action["action_id"], "evidence": [piece]},
        "rep-1",
    )
    assert attached["action"]["evidence"] == [piece]
    path = f"/opportunities/O1/evidence/{SHA}"
    download = await floor.get(path, "rep-1")
    assert download.content == PHOTO
    assert download.headers["Content-Type"] == "image/jpeg"
    assert download.headers["Content-Disposition"].startswith("attachment")
    assert download.headers["X-Content-Type-Options"] == "nosniff"
    assert (await floor.get(path, "rep-2")).status_code == 404
    await floor.open("O2")
    assert (await floor.get(f"/opportunities/O2/evidence/{SHA}", "rep-1")).status_code == 404


async def test_a_recording_without_consent_is_refused(floor: SalesFloor) -> None:
    await put(floor, PHOTO, "audio/mpeg")
    await floor.open()
    recording = {"type": "call", "evidence": [{"sha256": SHA, "kind": "recording"}]}
    refused = await floor.post("/opportunities/O1/log-action", recording, "rep-1")
    assert code_of(refused) == (409, "consent-is-missing")
