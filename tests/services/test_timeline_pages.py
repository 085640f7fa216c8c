"""Pages of timelines: what a correction corrected, and photos to be seen where they prove."""

from collections.abc import AsyncIterator
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from services.opportunities.evidence import thumbnails
from services.projections.pages import timelines
from shared.http import BASE
from tests.services.sales_floor import SalesFloor, code_of, sales_floor
from tests.services.test_pages import page, shown

TIMELINE = "/timelines/opportunity/O1"
ORIENTATION = 0x0112


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with sales_floor(tmp_path / "data") as running:
        await running.open("O1", owner_id="rep-1")
        yield running


async def logged(floor: SalesFloor, **action: object) -> str:
    body = {"type": "call", "summary": "wants prices", "action_id": "A1", **action}
    await floor.told("/opportunities/O1/log-action", body, "rep-1")
    await floor.hosting.catch_up()
    rows = (await floor.shown(TIMELINE))["rows"]
    return next(str(row["event_id"]) for row in reversed(rows))


async def correct(floor: SalesFloor, summary: str) -> None:
    body = {"action_id": "A1", "type": "visit", "summary": summary}
    await floor.told("/opportunities/O1/correct-action", body, "rep-1")
    await floor.hosting.catch_up()


async def test_a_correction_shows_the_action_that_it_corrected(floor: SalesFloor) -> None:
    first = await logged(floor)
    await correct(floor, "wants samples")

    text = await shown(floor, TIMELINE)
    in_chinese = await shown(floor, TIMELINE, language="zh")

    assert f'Before: <a href="#event-{first}">Call' in text
    assert "<q>wants prices</q>" in text
    assert "更正前:" in in_chinese


async def test_a_second_correction_shows_the_first_and_voiding_shows_the_last(
    floor: SalesFloor,
) -> None:
    first = await logged(floor)
    await correct(floor, "wants samples")
    await correct(floor, "wants nothing")
    void = {"action_id": "A1", "reason": "never was"}
    await floor.told("/opportunities/O1/void-action", void, "rep-1")
    await floor.hosting.catch_up()

    rows = (await floor.shown(TIMELINE))["rows"]

    kinds = [(row["type"].split(".")[1], row["corrects"]) for row in rows]
    before = [found and found["event_id"] for _kind, found in kinds]
    ids = [row["event_id"] for row in rows]
    assert [kind for kind, found in kinds if found] == [
        *("action_corrected", "action_corrected", "action_voided"),
    ]
    assert before == [None, None, first, ids[2], ids[3]]
    assert [found["action"] for _kind, found in kinds if found] == ["call", "visit", "visit"]


async def test_what_stands_on_an_earlier_page_is_opened_by_itself(
    floor: SalesFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timelines, "_SHOWN", 1)
    first = await logged(floor)
    await correct(floor, "wants samples")

    text = await shown(floor, TIMELINE)

    assert f'Before: <a href="/why/{first}">Call' in text
    assert "<q>wants prices</q>" in text


def photo(width: int = 800, height: int = 600, kind: str = "JPEG") -> bytes:
    """Taken with the camera on its side."""
    picture, written = Image.new("RGB", (width, height), "green"), BytesIO()
    tags = Image.Exif()
    tags[ORIENTATION] = 6
    picture.save(written, kind, exif=tags)
    return written.getvalue()


async def proven_by(
    floor: SalesFloor, content: bytes, media_type: str = "image/jpeg", kind: str = "photo"
) -> str:
    """The path of the evidence."""
    headers = {"Authorization": "Bearer key-rep-1", "Content-Type": media_type}
    answer = await floor.http.put(f"{BASE}/evidence", content=content, headers=headers)
    assert answer.status_code == 201, answer.text
    digest = sha256(content).hexdigest()
    await logged(floor, type="visit", evidence=[{"sha256": digest, "kind": kind, "consent": True}])
    return f"/opportunities/O1/evidence/{digest}"


async def test_a_photo_is_seen_on_the_timeline_small_upright_and_without_its_tags(
    floor: SalesFloor,
) -> None:
    path = await proven_by(floor, photo())

    answer = await page(floor, TIMELINE)
    small = await floor.get(f"{path}/thumbnail", "boss-1")

    assert f'<img src="{BASE}{path}/thumbnail" alt="photo" width="96" height="96"' in answer.text
    assert f'href="{BASE}{path}" download' in answer.text
    assert "img-src 'self' data: blob:" in answer.headers["content-security-policy"]
    assert small.headers["content-type"] == "image/jpeg"
    assert small.headers["content-disposition"].startswith("attachment")
    with Image.open(BytesIO(small.content)) as picture:
        assert picture.size == (144, 192)
        assert not picture.getexif()


async def test_a_thumbnail_is_for_who_may_see_the_evidence(floor: SalesFloor) -> None:
    path = await proven_by(floor, photo())
    for key in ("rep-2", "elsewhere"):
        assert code_of(await floor.get(f"{path}/thumbnail", key)) == (404, "not-found")
    other = path[:-1] + ("0" if path[-1] != "0" else "1")
    assert code_of(await floor.get(f"{other}/thumbnail", "boss-1")) == (404, "not-found")


async def test_a_recording_is_a_button_and_has_no_thumbnail(floor: SalesFloor) -> None:
    path = await proven_by(floor, b"ID3 a recording", "audio/mpeg", "recording")

    text = await shown(floor, TIMELINE)

    assert "<img" not in text
    assert f'href="{BASE}{path}" download' in text
    assert code_of(await floor.get(f"{path}/thumbnail", "rep-1")) == (404, "not-found")


@pytest.mark.parametrize("content", [b"\xff\xd8\xff no photo", photo()[:400]])
async def test_what_cannot_be_opened_has_no_thumbnail(floor: SalesFloor, content: bytes) -> None:
    path = await proven_by(floor, content)
    assert code_of(await floor.get(f"{path}/thumbnail", "rep-1")) == (404, "not-found")


async def test_of_a_file_too_large_there_is_no_thumbnail(
    floor: SalesFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.opportunities.api.evidence.MOST_BYTES", 1_000)
    path = await proven_by(floor, photo())
    assert code_of(await floor.get(f"{path}/thumbnail", "rep-1")) == (404, "not-found")


def test_a_picture_that_would_fill_the_memory_is_not_decoded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(thumbnails, "_MOST_PIXELS", 200_000)
    assert thumbnails.thumbnail(photo(kind="PNG")) is None
    assert thumbnails.thumbnail(photo(kind="JPEG")) is not None
