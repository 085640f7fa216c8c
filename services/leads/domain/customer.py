"""The one customer record (L1): named by an opportunity or lead, described by somebody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from shared.decider import Decider
from shared.errors import DomainError, NotFound
from shared.events.leads import (
    Contact,
    CustomerDescribed,
    CustomerRegistered,
    CustomerWithdrawn,
)


class CustomerIsAlreadyRegistered(DomainError):
    code = "customer-is-already-registered"


class CustomerLooksFamiliar(DomainError):
    """`members["candidates"]` are those it may be: link to one, or confirm that it is new."""

    code = "customer-looks-familiar"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerDescription:
    """`marks`: what it is recognised by, sealed under the tenant's key (L1)."""

    name: str | None = None
    customer_type: str | None = None
    industry: str | None = None
    is_key: bool = False
    contacts: tuple[Contact, ...] = ()
    credit_code: str | None = None
    marks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterCustomer:
    """`distinct_from`: look-alikes from which it was confirmed to be another."""

    customer_id: str
    description: CustomerDescription
    distinct_from: tuple[str, ...] = ()
    occurred_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteCustomer:
    """An opportunity or a lead named this id."""

    customer_id: str
    occurred_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeCustomer:
    """The whole description as it is to stand."""

    customer_id: str
    description: CustomerDescription
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawCustomer:
    """The import that made it is taken back; nobody else names it."""

    customer_id: str
    now: datetime


CustomerCommand = RegisterCustomer | NoteCustomer | DescribeCustomer | WithdrawCustomer
CustomerEvent = CustomerRegistered | CustomerDescribed | CustomerWithdrawn


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Never named, or withdrawn."""

    withdrawn_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unconfirmed:
    """Only named by an opportunity or a lead so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """Described by somebody; what was said is personal and not kept for deciding."""


Customer = Unknown | Unconfirmed | Confirmed


def register(command: RegisterCustomer, customer: Customer) -> Sequence[CustomerEvent]:
    match customer:
        case Unknown():
            return [_registered(command, command.description, command.distinct_from)]
        case Unconfirmed():
            return [_described(command.customer_id, command.description, command.distinct_from)]
        case Confirmed():
            raise CustomerIsAlreadyRegistered(f"{command.customer_id!r} is registered already")
        case _:
            assert_never(customer)


def note(command: NoteCustomer, customer: Customer) -> Sequence[CustomerEvent]:
    """What named it before it was withdrawn comes again and is done with."""
    match customer:
        case Unknown(withdrawn_at=at) if at is not None and command.now < at:
            return []
        case Unknown():
            return [_registered(command, CustomerDescription(), ())]
        case Unconfirmed() | Confirmed():
            return []
        case _:
            assert_never(customer)


def describe(command: DescribeCustomer, customer: Customer) -> Sequence[CustomerEvent]:
    match customer:
        case Unknown():
            raise NotFound(f"there is no customer {command.customer_id!r}")
        case Unconfirmed() | Confirmed():
            return [_described(command.customer_id, command.description, ())]
        case _:
            assert_never(customer)


def withdraw(command: WithdrawCustomer, customer: Customer) -> Sequence[CustomerEvent]:
    if isinstance(customer, Unknown):
        return []
    return [CustomerWithdrawn(customer_id=command.customer_id, withdrawn_at=command.now)]


def decide(command: CustomerCommand, customer: Customer) -> Sequence[CustomerEvent]:
    match command:
        case RegisterCustomer():
            return register(command, customer)
        case NoteCustomer():
            return note(command, customer)
        case DescribeCustomer():
            return describe(command, customer)
        case WithdrawCustomer():
            return withdraw(command, customer)
        case _:
            assert_never(command)


def evolve(customer: Customer, event: CustomerEvent) -> Customer:
    match event:
        case CustomerRegistered(confirmed=False):
            return Unconfirmed()
        case CustomerRegistered() | CustomerDescribed():
            return Confirmed()
        case CustomerWithdrawn():
            return Unknown(withdrawn_at=event.withdrawn_at)
        case _:
            assert_never(event)


CUSTOMER: Decider[CustomerCommand, Customer, CustomerEvent] = Decider(
    "customer", decide, evolve, Unknown()
)


def _registered(
    command: RegisterCustomer | NoteCustomer,
    description: CustomerDescription,
    distinct_from: tuple[str, ...],
) -> CustomerRegistered:
    return CustomerRegistered(
        customer_id=command.customer_id,
        name=description.name,
        customer_type=description.customer_type,
        industry=description.industry,
        is_key=description.is_key,
        contacts=list(description.contacts) or None,
        confirmed=isinstance(command, RegisterCustomer),
        registered_at=command.occurred_at,
        credit_code=description.credit_code,
        marks=list(description.marks),
        distinct_from=list(distinct_from),
        decision_chain=_roles(description),
    )


def _described(
    customer_id: str, description: CustomerDescription, distinct_from: tuple[str, ...]
) -> CustomerDescribed:
    return CustomerDescribed(
        customer_id=customer_id,
        name=description.name,
        customer_type=description.customer_type,
        industry=description.industry,
        is_key=description.is_key,
        contacts=list(description.contacts) or None,
        credit_code=description.credit_code,
        marks=list(description.marks),
        distinct_from=list(distinct_from),
        decision_chain=_roles(description),
    )


def _roles(description: CustomerDescription) -> list[str]:
    """Who is known to decide, influence or use; the contacts themselves are sealed."""
    return sorted({contact.role for contact in description.contacts if contact.role})
