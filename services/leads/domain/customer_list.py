"""CUSTOMER_LIST: what a customer is recognised by now, and from whom it was told apart (L1)."""

from dataclasses import dataclass

from shared.envelope import RecordedEvent
from shared.events.leads import CustomerDescribed, CustomerRegistered, CustomerWithdrawn
from shared.projection import Projection


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerRow:
    """`marks`: `<reason>:<HMAC>`."""

    customer_id: str
    confirmed: bool
    marks: tuple[str, ...]
    distinct_from: tuple[str, ...]


def evolve(row: CustomerRow | None, recorded: RecordedEvent) -> CustomerRow | None:
    event: CustomerRegistered | CustomerDescribed | CustomerWithdrawn = recorded.event
    if isinstance(event, CustomerWithdrawn):
        return None
    before = () if row is None else row.distinct_from
    return CustomerRow(
        customer_id=event.customer_id,
        confirmed=not isinstance(event, CustomerRegistered) or event.confirmed,
        marks=tuple(event.marks),
        distinct_from=tuple(dict.fromkeys((*before, *event.distinct_from))),
    )


def _customer_id(event: CustomerRegistered | CustomerDescribed | CustomerWithdrawn) -> str:
    return event.customer_id


CUSTOMER_LIST: Projection[CustomerRow] = Projection(
    name="customer_list",
    version=1,
    reads=(CustomerRegistered, CustomerDescribed, CustomerWithdrawn),
    row_type=CustomerRow,
    key=_customer_id,
    evolve=evolve,
)
