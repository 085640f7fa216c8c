"""What proves the demonstration's actions: small pictures and notes, the same for the same deed."""

import struct
import zlib
from datetime import datetime
from hashlib import sha256
from typing import NamedTuple

from services.opportunities.domain.evidence import DOCUMENT, MINUTES

_TILES_ACROSS, _TILES_DOWN, _TILE = 6, 4, 16
_TITLES = {(MINUTES, "zh"): "会议纪要", (MINUTES, "en"): "Minutes of the meeting"}


class Proof(NamedTuple):
    media_type: str
    content: bytes

    @property
    def sha256(self) -> str:
        return sha256(self.content).hexdigest()


_OFFERS = {
    "zh": Proof("text/plain", "方案与报价（标准版）\n演示数据，纯属虚构。\n".encode()),
    "en": Proof("text/plain", b"Proposal and price list\nDemonstration, all made up.\n"),
}


class Shown(NamedTuple):
    """What a proof shows: whose, of which opportunity, when."""

    opportunity_id: str
    customer: str
    language: str
    at: datetime


def proof_of(kind: str, shown: Shown) -> Proof:
    """The house's own document, the same for everybody; a note of the very meeting; a made-up
    picture for everything that is photographed."""
    if kind == DOCUMENT:
        return _OFFERS[shown.language]
    title = _TITLES.get((kind, shown.language))
    if title is not None:
        return Proof("text/plain", _note(title, shown).encode())
    caption = f"{kind} {shown.opportunity_id} {shown.at.isoformat()}"
    return Proof("image/png", _picture(caption))


def _note(title: str, shown: Shown) -> str:
    made_up = "演示数据，纯属虚构。" if shown.language == "zh" else "Demonstration, all made up."
    lines = (title, shown.customer, shown.opportunity_id, f"{shown.at:%Y-%m-%d %H:%M}", made_up)
    return "\n".join(lines) + "\n"


def _picture(caption: str) -> bytes:
    """A PNG of coloured tiles, with its caption as text."""
    colours = sha256(caption.encode()).digest()
    rows = b"".join(_row(colours[each:]) * _TILE for each in range(_TILES_DOWN))
    size = (_TILES_ACROSS * _TILE, _TILES_DOWN * _TILE)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)),
        (b"tEXt", b"Description\0" + caption.encode("latin-1")),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*each) for each in chunks)


def _row(colours: bytes) -> bytes:
    tiles = (colours[3 * each : 3 * each + 3] * _TILE for each in range(_TILES_ACROSS))
    return b"\0" + b"".join(tiles)


def _chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)
