"""What clients send about customers; anything else is refused with the field at fault."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints, field_validator

from services.leads.domain.customer import CustomerDescription
from services.leads.domain.recognition import credit_code, credit_code_flaw
from shared.events.leads import Contact
from shared.http import Body, Id, Name, When

LongName = Annotated[str, StringConstraints(min_length=1, max_length=200)]


def _existing_code(text: str) -> str:
    code = credit_code(text)
    flaw = credit_code_flaw(code)
    if flaw is not None:
        raise ValueError(flaw)
    return code


CreditCode = Annotated[str, StringConstraints(max_length=64), AfterValidator(_existing_code)]


class ContactBody(Body):
    """`role` in the decision chain (L2)."""

    contact_id: Id
    name: LongName
    role: Literal["KP", "influencer", "user"] | None = None
    phone: Name | None = None
    email: LongName | None = None


class CustomerBody(Body):
    """The whole description as it is to stand."""

    name: LongName | None = None
    customer_type: Name | None = None
    industry: Name | None = None
    is_key: bool = False
    contacts: list[ContactBody] = Field(default_factory=list, max_length=200)
    credit_code: CreditCode | None = None

    @field_validator("contacts")
    @classmethod
    def _each_once(cls, contacts: list[ContactBody]) -> list[ContactBody]:
        if len({each.contact_id for each in contacts}) < len(contacts):
            raise ValueError("names a contact_id twice")
        return contacts

    def description(self) -> CustomerDescription:
        return CustomerDescription(
            name=self.name,
            customer_type=self.customer_type,
            industry=self.industry,
            is_key=self.is_key,
            contacts=tuple(Contact(**each.model_dump()) for each in self.contacts),
            credit_code=self.credit_code,
        )


class CustomerSearch(Body):
    """By whatever is known; an e-mail address goes with the name."""

    name: LongName | None = None
    phone: Name | None = None
    email: LongName | None = None
    credit_code: CreditCode | None = None

    def description(self) -> CustomerDescription:
        contact = Contact(
            contact_id="sought", name=self.name or "", phone=self.phone, email=self.email
        )
        return CustomerDescription(
            name=self.name, contacts=(contact,), credit_code=self.credit_code
        )


class NewCustomer(CustomerBody):
    """`confirmed_as_new`: none of the look-alikes that were answered is meant."""

    customer_id: Id | None = None
    occurred_at: When | None = None
    confirmed_as_new: bool = False


class Merge(Body):
    into_customer_id: Id


class MergeUndoing(Body):
    pass


class KeepingApart(Body):
    other_customer_id: Id
