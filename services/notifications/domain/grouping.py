"""Many escalations for one person become one message or a digest; the too long is split (N4)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from services.notifications.domain.default_words import (
    CONDENSED,
    DIGEST_TITLE,
    GOING_LIVE_TITLE,
    PART,
)

RESERVED_BYTES = 600
"""Kept free in every body for its link, the mention and the words that it may be a repeat."""
_LONGEST_PART_WORDS = len(" (99999/99999)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One escalation for one person, in words; the higher the urgency, the earlier it stands."""

    escalation_id: str
    person_id: str
    channels: tuple[str, ...]
    language: str
    urgency: int
    due_at: datetime
    title: str
    line: str
    going_live: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """What becomes one message."""

    person_id: str
    channels: tuple[str, ...]
    language: str
    urgency: int
    title: str
    body: str
    escalation_ids: tuple[str, ...]


def letters(notices: Sequence[Notice], limit_bytes: int) -> list[Letter]:
    """One letter per person and way of reaching them, as many parts as the body limit asks for.

    Every escalation stands in exactly one letter, the most urgent first, then the one due first.
    """
    ordered = sorted(notices, key=_address)
    return [
        letter
        for _, of_one_address in groupby(ordered, key=_address)
        for letter in _letters_to_one(sorted(of_one_address, key=_rank), limit_bytes)
    ]


def _address(notice: Notice) -> tuple[str, tuple[str, ...], str, bool]:
    return (notice.person_id, notice.channels, notice.language, notice.going_live)


def _rank(notice: Notice) -> tuple[int, datetime, str]:
    return (-notice.urgency, notice.due_at, notice.escalation_id)


def _letters_to_one(notices: list[Notice], limit_bytes: int) -> Iterator[Letter]:
    first = notices[0]
    title = _title(notices)
    room = limit_bytes - RESERVED_BYTES - size(title) - _LONGEST_PART_WORDS
    mark = "- " if len(notices) > 1 else ""
    lines = [mark + shortened(notice.line, room - len(mark), first.language) for notice in notices]
    parts = list(_packed(lines, room))
    begins = 0
    for number, part in enumerate(parts, start=1):
        held = notices[begins : begins + len(part)]
        begins += len(part)
        of_how_many = PART[first.language].format(part=number, parts=len(parts))
        yield Letter(
            person_id=first.person_id,
            channels=first.channels,
            language=first.language,
            urgency=held[0].urgency,
            title=title + of_how_many if len(parts) > 1 else title,
            body="\n".join(part),
            escalation_ids=tuple(notice.escalation_id for notice in held),
        )


def _title(notices: list[Notice]) -> str:
    first = notices[0]
    if first.going_live:
        return GOING_LIVE_TITLE[first.language].format(count=len(notices))
    if len(notices) == 1:
        return first.title
    return DIGEST_TITLE[first.language].format(count=len(notices))


def _packed(lines: list[str], room: int) -> Iterator[list[str]]:
    part: list[str] = []
    used = 0
    for line in lines:
        needed = size(line) + 1
        if part and used + needed > room:
            yield part
            part, used = [], 0
        part.append(line)
        used += needed
    if part:
        yield part


def size(text: str) -> int:
    """Bytes of a text as robots count them."""
    return len(text.encode())


def shortened(text: str, room: int, language: str) -> str:
    """A single line longer than a whole body keeps its beginning and says that it was cut."""
    if size(text) < room:
        return text
    ending = CONDENSED[language]
    kept = text.encode()[: room - size(ending) - 1].decode(errors="ignore")
    return kept + ending
