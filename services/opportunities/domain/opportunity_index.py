"""Where to find the opportunities of a person, a unit, a customer or a pipeline version."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.envelope import RecordedEvent
from shared.events.opportunities import (
    OpportunityAssigned,
    OpportunityLost,
    OpportunityMigrated,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityUnitChanged,
    OpportunityWithdrawn,
    OpportunityWon,
)
from shared.projection import Projection


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexedOpportunity:
    customer_id: str
    owner_id: str | None
    unit_id: str
    pipeline: str
    pipeline_version: int
    is_open: bool = True


def evolve(row: IndexedOpportunity | None, recorded: RecordedEvent) -> IndexedOpportunity | None:
    match recorded.event:
        case OpportunityOpened() as event:
            return IndexedOpportunity(
                customer_id=event.customer_id,
                owner_id=event.owner_id,
                unit_id=event.unit_id,
                pipeline=event.pipeline.name,
                pipeline_version=event.pipeline.version,
            )
        case OpportunityWithdrawn():
            return None
        case _ if row is None:
            return None
        case OpportunityAssigned() as event:
            return replace(row, owner_id=event.owner_id, unit_id=event.unit_id)
        case OpportunityUnitChanged() as event:
            return replace(row, unit_id=event.unit_id)
        case OpportunityMigrated(pipeline=pipeline):
            return replace(row, pipeline=pipeline.name, pipeline_version=pipeline.version)
        case OpportunityReopened():
            return replace(row, is_open=True)
        case _:
            return replace(row, is_open=False)


def columns(row: IndexedOpportunity) -> Mapping[str, Any]:
    """Closed ones are found by nobody: what moves with people and units are the open ones."""
    return {
        "customer_id": row.customer_id if row.is_open else None,
        "owner_id": row.owner_id if row.is_open else None,
        "unit_id": row.unit_id if row.is_open else None,
        "pipeline": row.pipeline if row.is_open else None,
        "pipeline_version": row.pipeline_version if row.is_open else None,
    }


def _opportunity_id(event: Any) -> str:
    return str(event.opportunity_id)


OPPORTUNITY_INDEX: Projection[IndexedOpportunity] = Projection(
    name="opportunity_index",
    version=2,
    reads=(
        OpportunityOpened,
        OpportunityAssigned,
        OpportunityUnitChanged,
        OpportunityMigrated,
        OpportunityWithdrawn,
        OpportunityWon,
        OpportunityLost,
        OpportunityReopened,
    ),
    row_type=IndexedOpportunity,
    key=_opportunity_id,
    evolve=evolve,
    columns=columns,
)
