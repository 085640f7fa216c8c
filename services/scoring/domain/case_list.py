"""CASE_LIST: every case as managers see it (S4)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.clock import milliseconds
from shared.envelope import RecordedEvent
from shared.errors import PoisonMessage
from shared.events.scoring import (
    AuthenticityCaseDecided,
    AuthenticityCaseOpened,
    AuthenticityProofAdded,
    CaseFact,
    ProofLine,
)
from shared.projection import Projection

OPEN = "open"
STATES = (OPEN, "genuine", "false")


@dataclass(slots=True, kw_only=True)
class CaseRow:
    """`decision_event_id`: the event that holds the reason, sealed."""

    case_id: str
    rule: str
    rep_id: str
    unit_path: tuple[str, ...]
    proof: list[ProofLine]
    facts: dict[str, CaseFact]
    only_marks: bool
    proven_at: datetime
    opened_at: datetime
    event_id: str
    state: str = OPEN
    decided_by: str | None = None
    decided_at: datetime | None = None
    decision_event_id: str | None = None


CaseEvent = AuthenticityCaseOpened | AuthenticityProofAdded | AuthenticityCaseDecided


def evolve(row: CaseRow | None, recorded: RecordedEvent) -> CaseRow:
    event: CaseEvent = recorded.event
    if isinstance(event, AuthenticityCaseOpened):
        return CaseRow(
            case_id=event.case_id,
            rule=event.rule,
            rep_id=event.rep_id,
            unit_path=tuple(event.unit_path),
            proof=event.proof,
            facts=event.facts,
            only_marks=event.only_marks,
            proven_at=event.proven_at,
            opened_at=event.opened_at,
            event_id=str(recorded.event_id),
        )
    if row is None:
        raise PoisonMessage(f"{recorded.stored.type} of a case that was never opened")
    if isinstance(event, AuthenticityProofAdded):
        row.proof, row.facts = event.proof, event.facts
        return row
    row.state, row.decided_by, row.decided_at = event.verdict, event.decided_by, event.decided_at
    row.decision_event_id = str(recorded.event_id)
    return row


def columns(row: CaseRow) -> Mapping[str, Any]:
    return {
        "rule": row.rule,
        "state": row.state,
        "rep_id": row.rep_id,
        "unit_id": row.unit_path[-1] if row.unit_path else None,
        "opened_at": milliseconds(row.opened_at),
    }


def _case_id(event: CaseEvent) -> str:
    return event.case_id


CASE_LIST: Projection[CaseRow] = Projection(
    name="authenticity_cases",
    version=1,
    reads=(AuthenticityCaseOpened, AuthenticityProofAdded, AuthenticityCaseDecided),
    row_type=CaseRow,
    key=_case_id,
    evolve=evolve,
    columns=columns,
)
