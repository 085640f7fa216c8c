"""What a photo says of itself: when and where it was taken (EXIF), read and never trusted (S4)."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

from PIL.JpegImagePlugin import JpegImageFile

from services.opportunities.domain.places import is_on_earth
from shared.events.opportunities import PhotoTags

MOST_TAG_BYTES = 256 * 1024
"""How much of the beginning is looked at: EXIF has at most 64 KiB and stands at the front."""

_READ = "image/jpeg"
"""What phones take. Of other formats the library decodes the picture, which nobody needs here."""

_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_TAKEN_AT, _OFFSET = 0x9003, 0x9011
_LATITUDE_REF, _LATITUDE, _LONGITUDE_REF, _LONGITUDE = 1, 2, 3, 4
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)


def has_tags(media_type: str) -> bool:
    """Whether tags of such a photo can be read at all."""
    return media_type == _READ


def photo_tags(media_type: str, beginning: bytes, zone: str) -> PhotoTags | None:
    """From the first bytes of a photo; None where it says neither when nor where.

    A camera's clock that names no offset is read in the tenant's `zone`.
    """
    if not has_tags(media_type):
        return None
    try:
        with JpegImageFile(BytesIO(beginning)) as photo:
            exif = photo.getexif()
            taken_at = _moment(exif.get_ifd(_EXIF_IFD), zone)
            place = _place(exif.get_ifd(_GPS_IFD))
    except Exception:  # hostile bytes make the library fail in any way: a photo that says nothing
        return None
    if taken_at is None and place is None:
        return None
    latitude, longitude = place or (None, None)
    return PhotoTags(taken_at=taken_at, latitude=latitude, longitude=longitude)


def _moment(tags: Mapping[int, Any], zone: str) -> datetime | None:
    text = tags.get(_TAKEN_AT)
    if not isinstance(text, str):
        return None
    try:
        local = datetime.strptime(text.strip("\0 "), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007  # EXIF has no zone
        offset = tags.get(_OFFSET)
        if isinstance(offset, str) and offset.strip("\0 "):
            hours = datetime.strptime(offset.strip("\0 "), "%z").utcoffset() or timedelta()
            moment = (local - hours).replace(tzinfo=UTC)
        else:
            moment = local.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if moment >= _EARLIEST else None


def _place(tags: Mapping[int, Any]) -> tuple[float, float] | None:
    latitude = _degrees(tags.get(_LATITUDE), tags.get(_LATITUDE_REF), "S")
    longitude = _degrees(tags.get(_LONGITUDE), tags.get(_LONGITUDE_REF), "W")
    if latitude is None or longitude is None or not is_on_earth(latitude, longitude):
        return None
    return latitude, longitude


def _degrees(value: Any, reference: Any, negative: str) -> float | None:
    """Degrees, minutes and seconds in one number."""
    if not isinstance(value, tuple) or len(value) != 3:
        return None
    degrees, minutes, seconds = map(float, value)
    found = degrees + minutes / 60 + seconds / 3600
    if not math.isfinite(found):
        return None
    return -found if str(reference).strip("\0 ").upper() == negative else found
