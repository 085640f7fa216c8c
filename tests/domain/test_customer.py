"""The bare customer: named by an opportunity, described by somebody (L1)."""

from datetime import UTC, datetime

from services.leads.domain.customer import (
    CUSTOMER,
    CustomerDescription,
    CustomerIsAlreadyRegistered,
    DescribeCustomer,
    NoteCustomer,
    RegisterCustomer,
)
from shared.errors import NotFound
from shared.events.leads import Contact, CustomerDescribed, CustomerRegistered
from tests.specs import Spec

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
OWNER = Contact(contact_id="K1", name="Wang Fang", role="KP")
DESCRIPTION = CustomerDescription(
    name="Hongda Pharmacy",
    customer_type="pharmacy",
    industry="health",
    is_key=True,
    contacts=(OWNER,),
)
BARE = CustomerRegistered(
    customer_id="C1",
    name=None,
    customer_type=None,
    industry=None,
    is_key=False,
    contacts=None,
    confirmed=False,
    registered_at=NOW,
)
REGISTERED = CustomerRegistered(
    customer_id="C1",
    name="Hongda Pharmacy",
    customer_type="pharmacy",
    industry="health",
    is_key=True,
    contacts=[OWNER],
    confirmed=True,
    registered_at=NOW,
    decision_chain=["KP"],
)
DESCRIBED = CustomerDescribed(
    customer_id="C1",
    name="Hongda Pharmacy",
    customer_type="pharmacy",
    industry="health",
    is_key=True,
    contacts=[OWNER],
    decision_chain=["KP"],
)
REGISTER = RegisterCustomer(customer_id="C1", description=DESCRIPTION, occurred_at=NOW, now=NOW)
NOTE = NoteCustomer(customer_id="C1", occurred_at=NOW, now=NOW)
DESCRIBE = DescribeCustomer(customer_id="C1", description=DESCRIPTION, now=NOW)
customer = Spec(CUSTOMER)


class TestUnknown:
    def test_registering_confirms(self) -> None:
        customer.when(REGISTER).then(REGISTERED)

    def test_being_named_by_an_opportunity_makes_a_bare_unconfirmed_one(self) -> None:
        customer.when(NOTE).then(BARE)

    def test_describing_is_refused(self) -> None:
        customer.when(DESCRIBE).then_refused(NotFound)


class TestUnconfirmed:
    def test_registering_describes(self) -> None:
        customer.given(BARE).when(REGISTER).then(DESCRIBED)

    def test_being_named_again_does_nothing(self) -> None:
        customer.given(BARE).when(NOTE).then_nothing()

    def test_describing_confirms(self) -> None:
        customer.given(BARE).when(DESCRIBE).then(DESCRIBED)
        customer.given(BARE, DESCRIBED).when(REGISTER).then_refused(CustomerIsAlreadyRegistered)


class TestConfirmed:
    def test_registering_again_is_refused(self) -> None:
        customer.given(REGISTERED).when(REGISTER).then_refused(CustomerIsAlreadyRegistered)

    def test_being_named_does_nothing(self) -> None:
        customer.given(REGISTERED).when(NOTE).then_nothing()

    def test_describing_replaces_the_description(self) -> None:
        customer.given(REGISTERED).when(DESCRIBE).then(DESCRIBED)
