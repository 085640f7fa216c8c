"""Facts of services/leads; for now the one customer record."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from shared.event_type import PersonalText, Plain, Withheld, event, personal


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    contact_id: str
    name: str
    role: str | None = None
    phone: str | None = None
    email: str | None = None


@event("leads.customer_registered.v1")
class CustomerRegistered:
    """`confirmed` False: only named by an opportunity so far, nobody has described it."""

    customer_id: Plain[str]
    name: Annotated[PersonalText, personal("customer_id", "customer")]
    customer_type: Plain[str | None]
    industry: Plain[str | None]
    is_key: Plain[bool]
    contacts: Annotated[list[Contact] | Withheld | None, personal("customer_id", "customer")]
    confirmed: Plain[bool]
    registered_at: Plain[datetime]


@event("leads.customer_described.v1")
class CustomerDescribed:
    """The whole description as it stands now; describing an unconfirmed customer confirms it."""

    customer_id: Plain[str]
    name: Annotated[PersonalText, personal("customer_id", "customer")]
    customer_type: Plain[str | None]
    industry: Plain[str | None]
    is_key: Plain[bool]
    contacts: Annotated[list[Contact] | Withheld | None, personal("customer_id", "customer")]
