"""The one customer record (L1), bare for now: named by an opportunity, described by somebody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from shared.decider import Decider
from shared.errors import DomainError, NotFound
from shared.events.leads import Contact, CustomerDescribed, CustomerRegistered


class CustomerIsAlreadyRegistered(DomainError):
    code = "customer-is-already-registered"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerDescription:
    name: str | None = None
    customer_type: str | None = None
    industry: str | None = None
    is_key: bool = False
    contacts: tuple[Contact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterCustomer:
    customer_id: str
    description: CustomerDescription
    occurred_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteCustomer:
    """An opportunity named this id."""

    customer_id: str
    occurred_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DescribeCustomer:
    """The whole description as it is to stand."""

    customer_id: str
    description: CustomerDescription
    now: datetime


CustomerCommand = RegisterCustomer | NoteCustomer | DescribeCustomer
CustomerEvent = CustomerRegistered | CustomerDescribed


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Never named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unconfirmed:
    """Only named by an opportunity so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmed:
    """Described by somebody; what was said is personal and not kept for deciding."""


Customer = Unknown | Unconfirmed | Confirmed


def register(command: RegisterCustomer, customer: Customer) -> Sequence[CustomerEvent]:
    match customer:
        case Unknown():
            return [_registered(command, command.description, confirmed=True)]
        case Unconfirmed():
            return [_described(command.customer_id, command.description)]
        case Confirmed():
            raise CustomerIsAlreadyRegistered(f"{command.customer_id!r} is registered already")
        case _:
            assert_never(customer)


def note(command: NoteCustomer, customer: Customer) -> Sequence[CustomerEvent]:
    match customer:
        case Unknown():
            return [_registered(command, CustomerDescription(), confirmed=False)]
        case Unconfirmed() | Confirmed():
            return []
        case _:
            assert_never(customer)


def describe(command: DescribeCustomer, customer: Customer) -> Sequence[CustomerEvent]:
    match customer:
        case Unknown():
            raise NotFound(f"there is no customer {command.customer_id!r}")
        case Unconfirmed() | Confirmed():
            return [_described(command.customer_id, command.description)]
        case _:
            assert_never(customer)


def decide(command: CustomerCommand, customer: Customer) -> Sequence[CustomerEvent]:
    match command:
        case RegisterCustomer():
            return register(command, customer)
        case NoteCustomer():
            return note(command, customer)
        case DescribeCustomer():
            return describe(command, customer)
        case _:
            assert_never(command)


def evolve(customer: Customer, event: CustomerEvent) -> Customer:
    match event:
        case CustomerRegistered(confirmed=False):
            return Unconfirmed()
        case CustomerRegistered() | CustomerDescribed():
            return Confirmed()
        case _:
            assert_never(event)


CUSTOMER: Decider[CustomerCommand, Customer, CustomerEvent] = Decider(
    "customer", decide, evolve, Unknown()
)


def _registered(
    command: RegisterCustomer | NoteCustomer, description: CustomerDescription, *, confirmed: bool
) -> CustomerRegistered:
    return CustomerRegistered(
        customer_id=command.customer_id,
        name=description.name,
        customer_type=description.customer_type,
        industry=description.industry,
        is_key=description.is_key,
        contacts=list(description.contacts) or None,
        confirmed=confirmed,
        registered_at=command.occurred_at,
    )


def _described(customer_id: str, description: CustomerDescription) -> CustomerDescribed:
    return CustomerDescribed(
        customer_id=customer_id,
        name=description.name,
        customer_type=description.customer_type,
        industry=description.industry,
        is_key=description.is_key,
        contacts=list(description.contacts) or None,
    )
