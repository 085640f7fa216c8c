"""What photos say of themselves: read within bounds, believed in nothing (S4)."""

from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from services.opportunities.evidence.photo_tags import MOST_TAG_BYTES, photo_tags
from shared.events.opportunities import PhotoTags

SHANGHAI = "Asia/Shanghai"
JPEG = "image/jpeg"


def photo(taken_at: Any = None, offset: str | None = None, gps: Any = None) -> bytes:
    exif = Image.Exif()
    details = exif.get_ifd(0x8769)
    if taken_at is not None:
        details[0x9003] = taken_at
    if offset is not None:
        details[0x9011] = offset
    if gps:
        exif.get_ifd(0x8825).update(gps)
    content = BytesIO()
    Image.new("RGB", (4, 4)).save(content, "JPEG", exif=exif)
    return content.getvalue()


def degrees(*parts: float) -> tuple[IFDRational, ...]:
    return tuple(IFDRational(round(part * 100), 100) for part in parts)


def test_a_photo_without_tags_says_nothing() -> None:
    assert photo_tags(JPEG, photo(), SHANGHAI) is None


def test_a_clock_without_offset_is_read_in_the_tenants_zone() -> None:
    tags = photo_tags(JPEG, photo("2026:03:02 17:00:00"), SHANGHAI)
    assert tags == PhotoTags(taken_at=datetime(2026, 3, 2, 9, tzinfo=UTC))


def test_an_offset_that_the_camera_names_counts() -> None:
    tags = photo_tags(JPEG, photo("2026:03:02 17:00:00", "+02:00"), SHANGHAI)
    assert tags == PhotoTags(taken_at=datetime(2026, 3, 2, 15, tzinfo=UTC))


def test_south_and_west_are_negative() -> None:
    gps = {1: "S", 2: degrees(22, 54, 0), 3: "W", 4: degrees(43, 12, 36)}
    tags = photo_tags(JPEG, photo(gps=gps), SHANGHAI)
    assert tags is not None
    assert tags.latitude == pytest.approx(-22.9)
    assert tags.longitude == pytest.approx(-43.21)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xe1\xff\xffExif\0\0" + b"II*\0" + b"\xff" * 60_000,
        b"\xff\xd8\xff\xe1\x00\x10Exif\0\0MM\0*\0\0\0\x08\0\0",
        photo("0000:00:00 00:00:00"),
        photo("yesterday"),
        photo("1970:01:01 00:00:00"),
        photo(gps={1: "N", 2: degrees(99, 0, 0), 3: "E", 4: degrees(1, 0, 0)}),
        photo(gps={1: "N", 3: "E", 4: degrees(1, 0, 0)}),
        photo(gps={1: "N", 2: (IFDRational(1, 0),) * 3, 3: "E", 4: degrees(1, 0, 0)}),
        photo("2026:03:02 17:00:00")[:40],
    ],
)
def test_tags_that_cannot_be_read_are_none(content: bytes) -> None:
    assert photo_tags(JPEG, content[:MOST_TAG_BYTES], SHANGHAI) is None


@pytest.mark.parametrize("media_type", ["image/png", "image/heic", "application/pdf"])
def test_only_what_phones_take_is_read(media_type: str) -> None:
    assert photo_tags(media_type, photo("2026:03:02 17:00:00"), SHANGHAI) is None
