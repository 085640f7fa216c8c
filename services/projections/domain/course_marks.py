"""An opportunity's course as numbers: what a funnel over 100,000 of them is counted from (P6).

Pairs of 64-bit numbers, (value, code); the code's highest byte says of what kind a pair is. Texts
are there as hashes of theirs: whoever asks for one hashes it too.
"""

from array import array
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

from services.projections.domain.funnel import EVENTS, SEGMENTS, Mark, marks_of, segment_of
from services.projections.domain.opportunity_row import OpportunityProcess, Ownership
from shared.clock import milliseconds

BEGINS = 0
"""The first pair of every course."""
OWNER = 1
"""Value: the owner, 0 for none; the code says of which span of ownership, as that of UNIT does."""
UNIT = 2
"""Value: a unit on the path from the root, one pair each."""
SEGMENT = 3
"""Value: what segment it is in; this and the following kinds, in the order of SEGMENTS."""
EVENT = 16
"""Value: when it happened in milliseconds; this and the following kinds, in the order of EVENTS.
The code holds the span of ownership then, and the detail."""

KIND_AT = 56
SPAN_AT = 40
DETAILS = (1 << SPAN_AT) - 1
"""The detail's bits: that one stage or action is taken for another of a thousand is one in 10^9."""

_KIND_OF = {event: EVENT + number for number, event in enumerate(EVENTS)}


def course_of(row: OpportunityProcess) -> bytes:
    """Whose it was and what segments it is in; after that its marks in the order of time."""
    pairs = [0, BEGINS << KIND_AT]
    for number, segment in enumerate(SEGMENTS):
        pairs += (hashed(segment_of(row, segment)), (SEGMENT + number) << KIND_AT)
    for span, owner in enumerate(row.owners):
        place = span << SPAN_AT
        pairs += (hashed(owner.owner_id or ""), OWNER << KIND_AT | place)
        for unit_id in owner.unit_path:
            pairs += (hashed(unit_id), UNIT << KIND_AT | place)
    has_one_owner = len(row.owners) == 1
    for mark in marks_of(row):
        place = 0 if has_one_owner else _span(row.owners, mark) << SPAN_AT
        pairs += (milliseconds(mark.at), event_code(*mark.node) | place)
    return array("q", pairs).tobytes()


@lru_cache(maxsize=100_000)
def hashed(text: str) -> int:
    """63 bits, never 0; of the empty text 0."""
    if not text:
        return 0
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) >> 1 or 1


@lru_cache(maxsize=10_000)
def event_code(event: str, detail: str) -> int:
    """Of a mark, without its span of ownership; the detail's bits are 0 where there is none."""
    return _KIND_OF[event] << KIND_AT | hashed(detail) & DETAILS


def _span(owners: Sequence[Ownership], mark: Mark) -> int:
    """The last that began by then, the first before any."""
    found = 0
    for span, owner in enumerate(owners[1:], start=1):
        if (owner.since, owner.version) <= (mark.at, mark.version):
            found = span
    return found
