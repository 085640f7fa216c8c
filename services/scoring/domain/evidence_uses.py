"""EVIDENCE_USES: which actions a photo or recording proves (O5, S4)."""

from dataclasses import dataclass, field
from datetime import datetime

from shared.envelope import RecordedEvent
from shared.events.opportunities import EvidenceReferred
from shared.projection import Projection


@dataclass(slots=True, kw_only=True)
class EvidenceUse:
    """`proves`: when each action that it proves happened, by action."""

    sha256: str
    proves: dict[str, datetime] = field(default_factory=dict)
    looked_for_at: datetime


def evolve(row: EvidenceUse | None, recorded: RecordedEvent) -> EvidenceUse:
    event: EvidenceReferred = recorded.event
    recorded_at = recorded.stored.recorded_at
    use = row or EvidenceUse(sha256=event.sha256, looked_for_at=recorded_at)
    if event.proves:
        use.proves[event.action_id] = event.happened_at
    else:
        use.proves.pop(event.action_id, None)
    use.looked_for_at = recorded_at
    return use


def reused(use: EvidenceUse) -> tuple[str, tuple[str, ...]] | None:
    """The action that it proved first, and the others in their order."""
    if len(use.proves) < 2:
        return None
    first, *others = sorted(use.proves, key=lambda action_id: (use.proves[action_id], action_id))
    return first, tuple(others)


def next_due(use: EvidenceUse) -> datetime | None:
    return use.looked_for_at if len(use.proves) > 1 else None


def _sha256(event: EvidenceReferred) -> str:
    return event.sha256


EVIDENCE_USES: Projection[EvidenceUse] = Projection(
    name="evidence_uses",
    version=1,
    reads=(EvidenceReferred,),
    row_type=EvidenceUse,
    key=_sha256,
    evolve=evolve,
    next_due=next_due,
)
