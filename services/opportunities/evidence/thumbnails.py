"""Small pictures of photos for a page, painted anew: no byte of the original goes along (O5)."""

from io import BytesIO

from PIL import Image, ImageOps

MOST_BYTES = 16 * 1024 * 1024
"""Of larger files there is none."""
_SIDE = 192
_MOST_PIXELS = 16_000_000
"""Decoded at once; JPEG is decoded in a fraction of its size."""
_OPENED = ("JPEG", "PNG", "WEBP")
_QUALITY = 70


def thumbnail(content: bytes) -> bytes | None:
    """A JPEG of at most 192 by 192 pixels, upright, without tags; None for what is no photo that
    can be opened."""
    try:
        with Image.open(BytesIO(content), formats=_OPENED) as photo:
            photo.draft("RGB", (_SIDE, _SIDE))
            if photo.width * photo.height > _MOST_PIXELS:
                return None
            photo.thumbnail((_SIDE, _SIDE))
            small = BytesIO()
            ImageOps.exif_transpose(photo).convert("RGB").save(small, "JPEG", quality=_QUALITY)
    except Exception:  # hostile bytes make the library fail in any way: nothing to be shown
        return None
    return small.getvalue()
