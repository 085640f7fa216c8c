"""EVIDENCE_WAITING: uploads that nothing refers to yet, and since when they wait."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from services.opportunities.domain.evidence_object import EvidenceEvent
from shared.clock import milliseconds
from shared.envelope import RecordedEvent
from shared.events.opportunities import (
    EvidenceAwaited,
    EvidenceReferred,
    EvidenceRemoved,
)
from shared.projection import Projection


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingEvidence:
    awaited_at: datetime


def evolve(_row: WaitingEvidence | None, recorded: RecordedEvent) -> WaitingEvidence | None:
    """What is referred to, or gone, waits no more: it has no row."""
    event: EvidenceAwaited | EvidenceReferred | EvidenceRemoved = recorded.event
    match event:
        case EvidenceAwaited():
            return WaitingEvidence(awaited_at=event.awaited_at)
        case EvidenceReferred() | EvidenceRemoved():
            return None
        case _:
            assert_never(event)


def columns(row: WaitingEvidence) -> Mapping[str, Any]:
    return {"awaited_at": milliseconds(row.awaited_at)}


def _sha256(event: EvidenceEvent) -> str:
    return event.sha256


EVIDENCE_WAITING: Projection[WaitingEvidence] = Projection(
    name="evidence_waiting",
    version=1,
    reads=(EvidenceAwaited, EvidenceReferred, EvidenceRemoved),
    row_type=WaitingEvidence,
    key=_sha256,
    evolve=evolve,
    columns=columns,
)
