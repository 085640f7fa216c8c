"""DEAL_OUTCOMES: whose opportunities closed when, won or not; win rates rest on them (L5)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from shared.clock import milliseconds
from shared.envelope import RecordedEvent
from shared.events.opportunities import (
    OpportunityAssigned,
    OpportunityLost,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityWithdrawn,
    OpportunityWon,
)
from shared.projection import Projection


@dataclass(frozen=True, slots=True, kw_only=True)
class DealOutcome:
    """`owner_id` at the closing, once it is closed."""

    owner_id: str | None
    closed_at: datetime | None = None
    won: bool = False


def evolve(row: DealOutcome | None, recorded: RecordedEvent) -> DealOutcome | None:
    event = recorded.event
    match event:
        case OpportunityOpened():
            return DealOutcome(owner_id=event.owner_id)
        case OpportunityWithdrawn():
            return None
        case _ if row is None:
            return None
        case OpportunityAssigned():
            return row if row.closed_at else replace(row, owner_id=event.owner_id)
        case OpportunityWon() | OpportunityLost():
            won = isinstance(event, OpportunityWon)
            return replace(row, closed_at=recorded.occurred_at, won=won)
        case _:
            return replace(row, closed_at=None, won=False)


def columns(row: DealOutcome) -> Mapping[str, Any]:
    closed_at = None if row.closed_at is None else milliseconds(row.closed_at)
    return {"owner_id": row.owner_id, "closed_at": closed_at, "won": row.won}


def _opportunity_id(event: Any) -> str:
    return str(event.opportunity_id)


DEAL_OUTCOMES: Projection[DealOutcome] = Projection(
    name="deal_outcomes",
    version=1,
    reads=(
        OpportunityOpened,
        OpportunityAssigned,
        OpportunityWon,
        OpportunityLost,
        OpportunityReopened,
        OpportunityWithdrawn,
    ),
    row_type=DealOutcome,
    key=_opportunity_id,
    evolve=evolve,
    columns=columns,
)
