"""The types of content that evidence may have, each known by how it begins (O5)."""

from collections.abc import Callable, Mapping

from shared.errors import DomainError

HEAD_BYTES = 512
"""How much of the beginning tells what it is."""


class WrongMediaType(DomainError):
    """The type is not taken, or the content is not of the type that it was declared to be."""

    code = "unsupported"
    status = 415


def _begins(*beginnings: bytes) -> Callable[[bytes], bool]:
    return lambda head: head.startswith(beginnings)


def _is_iso_media(head: bytes) -> bool:
    return head[4:8] == b"ftyp"


def _is_riff(form: bytes) -> Callable[[bytes], bool]:
    return lambda head: head[:4] == b"RIFF" and head[8:12] == form


def _is_mpeg_audio(head: bytes) -> bool:
    return head.startswith(b"ID3") or (len(head) > 1 and head[0] == 0xFF and head[1] >= 0xE0)


def _is_aac(head: bytes) -> bool:
    return _is_iso_media(head) or head.startswith(
        (b"\xff\xf0", b"\xff\xf1", b"\xff\xf8", b"\xff\xf9")
    )


def _is_text(head: bytes) -> bool:
    """UTF-8 or GB 18030: neither writes a zero byte."""
    return b"\0" not in head


_ZIP = _begins(b"PK\x03\x04")
_OFFICE = "application/vnd.openxmlformats-officedocument."

_BEGINNINGS: Mapping[str, Callable[[bytes], bool]] = {
    "image/jpeg": _begins(b"\xff\xd8\xff"),
    "image/png": _begins(b"\x89PNG\r\n\x1a\n"),
    "image/gif": _begins(b"GIF87a", b"GIF89a"),
    "image/webp": _is_riff(b"WEBP"),
    "image/heic": _is_iso_media,
    "audio/mpeg": _is_mpeg_audio,
    "audio/mp4": _is_iso_media,
    "audio/aac": _is_aac,
    "audio/amr": _begins(b"#!AMR"),
    "audio/ogg": _begins(b"OggS"),
    "audio/wav": _is_riff(b"WAVE"),
    "audio/webm": _begins(b"\x1a\x45\xdf\xa3"),
    "video/mp4": _is_iso_media,
    "application/pdf": _begins(b"%PDF-"),
    "text/plain": _is_text,
    f"{_OFFICE}wordprocessingml.document": _ZIP,
    f"{_OFFICE}spreadsheetml.sheet": _ZIP,
}

MEDIA_TYPES = frozenset(_BEGINNINGS)


def is_written_as(media_type: str, head: bytes) -> bool:
    """Whether content that begins like this can be of the type; one not taken is nothing's."""
    fits = _BEGINNINGS.get(media_type)
    return fits is not None and fits(head)
