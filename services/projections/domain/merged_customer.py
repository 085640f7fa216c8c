"""MERGED_CUSTOMERS: since when a customer's record is known to be a duplicate (P14)."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from shared.envelope import RecordedEvent
from shared.events.leads import CustomerMerged, CustomerMergeUndone
from shared.projection import Projection


class MergeChange(NamedTuple):
    at: datetime
    is_merged: bool
    event_id: str


@dataclass(slots=True, kw_only=True)
class MergedCustomer:
    changes: list[MergeChange] = field(default_factory=list)


def evolve(row: MergedCustomer | None, recorded: RecordedEvent) -> MergedCustomer:
    merged = MergedCustomer() if row is None else row
    event = recorded.event
    is_merged = isinstance(event, CustomerMerged)
    at = event.merged_at if is_merged else event.undone_at
    merged.changes.append(MergeChange(at, is_merged, str(recorded.event_id)))
    return merged


def _customer_id(event: CustomerMerged | CustomerMergeUndone) -> str:
    return event.customer_id


MERGED_CUSTOMERS: Projection[MergedCustomer] = Projection(
    name="merged_customers",
    version=1,
    reads=(CustomerMerged, CustomerMergeUndone),
    row_type=MergedCustomer,
    key=_customer_id,
    evolve=evolve,
)
