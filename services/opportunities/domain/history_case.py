"""How a case of a history stands: the little that the meaning of its next row depends on."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from services.opportunities.domain.opportunity_state import Open, Opportunity, Unknown
from shared.events.opportunities import (
    OpportunityAssigned,
    OpportunityLost,
    OpportunityMigrated,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityWon,
    StageChanged,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseState:
    """`changed_at`: the last change of state, the opening included; `entered`: when which stage."""

    stage: str
    closed: bool
    owner_id: str | None
    changed_at: datetime
    entered: tuple[tuple[datetime, str], ...]

    def stage_at(self, moment: datetime) -> str | None:
        """The stage last entered at or before the moment, None before the opening."""
        found = None
        for entered_at, stage in self.entered:
            if entered_at <= moment:
                found = stage
        return found


def opened_case(stage: str, owner_id: str | None, opened_at: datetime) -> CaseState:
    return CaseState(
        stage=stage,
        closed=False,
        owner_id=owner_id,
        changed_at=opened_at,
        entered=((opened_at, stage),),
    )


def moved_case(state: CaseState, stage: str, moved_at: datetime) -> CaseState:
    return replace(
        state, stage=stage, changed_at=moved_at, entered=(*state.entered, (moved_at, stage))
    )


def closed_case(state: CaseState, closed_at: datetime) -> CaseState:
    return replace(state, closed=True, changed_at=closed_at)


def case_of(opportunity: Opportunity) -> CaseState | None:
    """The case as its opportunity stands; the same as `stored_case` of the opportunity's events."""
    if isinstance(opportunity, Unknown):
        return None
    situation = opportunity.situation
    return CaseState(
        stage=situation.stage,
        closed=not isinstance(opportunity, Open),
        owner_id=situation.owner_id,
        changed_at=situation.changed_at,
        entered=tuple((entry.entered_at, entry.stage) for entry in situation.entries),
    )


def stored_case(events: Iterable[Any]) -> CaseState | None:
    """The case as the opportunity's stored events leave it; None where it was never opened."""
    state: CaseState | None = None
    for event in events:
        state = _after(state, event)
    return state


def _after(state: CaseState | None, event: Any) -> CaseState | None:
    if isinstance(event, OpportunityOpened):
        return opened_case(event.stage, event.owner_id, event.opened_at)
    if state is None:
        return None
    match event:
        case StageChanged():
            return moved_case(state, event.to_stage, event.changed_at)
        case OpportunityWon():
            return closed_case(state, event.won_at)
        case OpportunityLost():
            return closed_case(state, event.lost_at)
        case OpportunityReopened():
            return replace(state, closed=False, changed_at=event.reopened_at)
        case OpportunityAssigned():
            return replace(state, owner_id=event.owner_id)
        case OpportunityMigrated() if event.stage != state.stage:
            entered = (*state.entered, (event.migrated_at, event.stage))
            return replace(state, stage=event.stage, entered=entered)
        case _:
            return state
