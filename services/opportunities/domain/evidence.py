"""What proves an action (O5): the kinds there are, and what referring to them asks for."""

import re
from collections.abc import Iterable, Sequence

from services.opportunities.domain.names import not_among
from shared.errors import DomainError, FieldProblem, Malformed
from shared.events.opportunities import Evidence

PHOTO_STOREFRONT = "photo_storefront"
PHOTO_DISPLAY = "photo_display"
PHOTO_CONVERSATION = "photo_conversation"
PHOTO = "photo"
RECORDING = "recording"
TRANSCRIPT = "transcript"
DOCUMENT = "document"
MINUTES = "minutes"
SIGNATURE = "signature"
SCREENSHOT = "screenshot"

EVIDENCE_KINDS = (
    PHOTO_STOREFRONT,
    PHOTO_DISPLAY,
    PHOTO_CONVERSATION,
    PHOTO,
    RECORDING,
    TRANSCRIPT,
    DOCUMENT,
    MINUTES,
    SIGNATURE,
    SCREENSHOT,
)

PHOTOS = frozenset({PHOTO_STOREFRONT, PHOTO_DISPLAY, PHOTO_CONVERSATION, PHOTO})
PROVES_ONE_ACTION = PHOTOS | {RECORDING}
"""Photos and recordings show one moment; a document may well be used again."""

_SHA256 = re.compile(r"[0-9a-f]{64}")


class ConsentIsMissing(DomainError):
    """A recording does not name the customer's consent (O5)."""

    code = "consent-is-missing"


def check_evidence(evidence: Iterable[Evidence], field: str = "evidence") -> None:
    """Raises Malformed for an unknown kind or hash, ConsentIsMissing for a recording (O5)."""
    pieces = tuple(evidence)
    problems = [
        problem
        for index, piece in enumerate(pieces)
        for problem in _problems(piece, f"{field}[{index}]")
    ]
    if problems:
        raise Malformed("the evidence cannot be referred to like this", errors=problems)
    for index, piece in enumerate(pieces):
        if piece.kind == RECORDING and piece.consent is not True:
            missing = FieldProblem(
                f"{field}[{index}].consent", "required", "a recording names the customer's consent"
            )
            raise ConsentIsMissing("the customer's consent is not named", errors=[missing])


def _problems(piece: Evidence, path: str) -> Sequence[FieldProblem]:
    problems = []
    if piece.kind not in EVIDENCE_KINDS:
        problems.append(not_among(f"{path}.kind", piece.kind, EVIDENCE_KINDS))
    if not _SHA256.fullmatch(piece.sha256):
        message = "must be 64 lower-case hexadecimal digits"
        problems.append(FieldProblem(f"{path}.sha256", "not-a-sha256", message))
    return problems
