"""Who holds a customer: the owner and unit of each opportunity that names it (A9)."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.envelope import RecordedEvent
from shared.events.opportunities import (
    OpportunityAssigned,
    OpportunityOpened,
    OpportunityUnitChanged,
    OpportunityWithdrawn,
)
from shared.projection import Projection


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerHolding:
    customer_id: str
    owner_id: str | None
    unit_id: str


def evolve(row: CustomerHolding | None, recorded: RecordedEvent) -> CustomerHolding | None:
    event = recorded.event
    if isinstance(event, OpportunityOpened):
        return CustomerHolding(
            customer_id=event.customer_id, owner_id=event.owner_id, unit_id=event.unit_id
        )
    if row is None or isinstance(event, OpportunityWithdrawn):
        return None
    if isinstance(event, OpportunityAssigned):
        return replace(row, owner_id=event.owner_id, unit_id=event.unit_id)
    return replace(row, unit_id=event.unit_id)


def columns(row: CustomerHolding) -> Mapping[str, Any]:
    return {"customer_id": row.customer_id}


def _opportunity_id(event: Any) -> str:
    return str(event.opportunity_id)


CUSTOMER_HOLDING: Projection[CustomerHolding] = Projection(
    name="customer_holding",
    version=1,
    reads=(OpportunityOpened, OpportunityAssigned, OpportunityUnitChanged, OpportunityWithdrawn),
    row_type=CustomerHolding,
    key=_opportunity_id,
    evolve=evolve,
    columns=columns,
)
