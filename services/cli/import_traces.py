"""What an import left in the logs: whom it made, and what of a stream still holds."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from shared.envelope import StoredEvent
from shared.event_type import event_type_of
from shared.events.leads import (
    CustomerRegistered,
    CustomerWithdrawn,
    LeadAllocated,
    LeadAssigned,
    LeadCaptured,
    LeadConverted,
    LeadDisqualified,
    LeadEndingTakenBack,
    LeadFellAsleep,
    LeadFoundNobody,
    LeadReturned,
    LeadScored,
    LeadUnitChanged,
    LeadWithdrawn,
)
from shared.events.opportunities import (
    OpportunityCustomerChanged,
    OpportunityUnitChanged,
    OpportunityWithdrawn,
)
from shared.ports import Ports

LOG = "leads"
BATCH = 2_000


def _names(*classes: type) -> frozenset[str]:
    return frozenset(event_type_of(each).name for each in classes)


ENDINGS = _names(LeadConverted, LeadDisqualified)
_CUSTOMERS = _names(CustomerRegistered)
_LEADS = _names(LeadCaptured) | ENDINGS
_WITHDRAWN = _names(LeadWithdrawn, CustomerWithdrawn, OpportunityWithdrawn)
_TAKEN_BACK = _names(LeadEndingTakenBack)
_OF_THE_SYSTEM = _names(
    LeadAllocated,
    LeadAssigned,
    LeadFellAsleep,
    LeadFoundNobody,
    LeadReturned,
    LeadScored,
    LeadUnitChanged,
    OpportunityCustomerChanged,
    OpportunityUnitChanged,
)
"""What follows of itself, where nobody is named who did it."""


class Made(NamedTuple):
    """By id: the leads that were captured or ended, the customers that were registered."""

    leads: Sequence[str]
    customers: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportTraces:
    ports: Ports
    tenant_id: str
    run: str

    async def made(self) -> Made:
        store = self.ports.event_store
        leads: set[str] = set()
        customers: set[str] = set()
        for partition in range(store.partitions):
            offset = 0
            while stored := await store.read_log(LOG, partition, offset, BATCH):
                offset = stored[-1].offset + 1
                for each in filter(self.is_of_run, stored):
                    if each.type in _LEADS:
                        leads.add(self.ports.codec.decode(each).event.lead_id)
                    elif each.type in _CUSTOMERS:
                        customers.add(self.ports.codec.decode(each).event.customer_id)
        return Made(sorted(leads), sorted(customers))

    def is_of_run(self, stored: StoredEvent) -> bool:
        return stored.tenant_id == self.tenant_id and stored.correlation_id == self.run

    def is_untouched(self, stored: Iterable[StoredEvent]) -> bool:
        return all(
            self.is_of_run(each) or (each.type in _OF_THE_SYSTEM and each.actor_id is None)
            for each in stored
        )

    def began(self, stored: Sequence[StoredEvent]) -> bool:
        """Whether what still holds begins with the import's own event."""
        return bool(stored) and self.is_of_run(stored[0])


def still_holding(stored: Iterable[StoredEvent]) -> list[StoredEvent]:
    """Of a stream what no taking back of an import has undone."""
    found: list[StoredEvent] = []
    for each in stored:
        if each.type in _WITHDRAWN:
            found = []
        elif each.type in _TAKEN_BACK:
            del found[ended_at(found)]
        else:
            found.append(each)
    return found


def ended_at(stored: Sequence[StoredEvent]) -> int:
    """The place of the latest ending of a lead, len(stored) where there is none."""
    places = [place for place, each in enumerate(stored) if each.type in ENDINGS]
    return places[-1] if places else len(stored)
