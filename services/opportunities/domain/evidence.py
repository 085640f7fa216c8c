"""What proves an action (O5): the kinds there are, and the object stored once under its hash."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from services.opportunities.domain.names import not_among
from shared.decider import Decider
from shared.errors import DomainError, FieldProblem, Malformed
from shared.events.opportunities import Evidence, EvidenceStored

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


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreEvidence:
    """The bytes are in the object store under `sha256`, the hex digest of their content."""

    sha256: str
    size_bytes: int
    media_type: str
    stored_by: str | None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Never uploaded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    sha256: str
    size_bytes: int
    media_type: str


EvidenceObject = Unknown | Stored


def store(command: StoreEvidence, evidence: EvidenceObject) -> Sequence[EvidenceStored]:
    """The same bytes again change nothing: evidence is never overwritten."""
    match evidence:
        case Unknown():
            return [
                EvidenceStored(
                    sha256=command.sha256,
                    size_bytes=command.size_bytes,
                    media_type=command.media_type,
                    stored_by=command.stored_by,
                    stored_at=command.now,
                )
            ]
        case Stored():
            return []
        case _:
            assert_never(evidence)


def evolve(evidence: EvidenceObject, event: EvidenceStored) -> EvidenceObject:
    return Stored(sha256=event.sha256, size_bytes=event.size_bytes, media_type=event.media_type)


EVIDENCE: Decider[StoreEvidence, EvidenceObject, EvidenceStored] = Decider(
    "evidence", store, evolve, Unknown()
)
