"""What partners and web forms send about leads; anything else is refused."""

from pydantic import Field, model_validator

from services.leads.api.customer_bodies import CreditCode, LongName
from services.leads.api.lead_bodies import Behaviour, SharedFields, Source
from services.leads.domain.customer import CustomerDescription
from shared.events.leads import Contact
from shared.http import Body, Name, When


class LeadFromPartner(SharedFields):
    """Who it is: by a name, a company, a phone number, an e-mail address or a credit code."""

    company: LongName | None = None
    name: LongName | None = None
    phone: Name | None = None
    email: LongName | None = None
    credit_code: CreditCode | None = None
    source: Source = "other"
    behaviours: list[Behaviour] = Field(default_factory=list, max_length=20)
    occurred_at: When | None = None

    @model_validator(mode="after")
    def _is_somebody(self) -> "LeadFromPartner":
        if not (self.company or self.name or self.phone or self.email or self.credit_code):
            raise ValueError("says nothing of who it is")
        return self

    def description(self) -> CustomerDescription:
        reachable = self.name or self.phone or self.email
        contact = Contact(
            contact_id="first", name=self.name or "", phone=self.phone, email=self.email
        )
        return CustomerDescription(
            name=self.company or self.name,
            industry=self.industry,
            contacts=(contact,) if reachable else (),
            credit_code=self.credit_code,
        )


class WebForm(Body):
    """`website` is not shown: who fills it in is a program."""

    company: LongName | None = None
    name: LongName | None = None
    phone: Name | None = None
    email: LongName | None = None
    industry: Name | None = None
    region: Name | None = None
    website: str = ""

    def lead(self, source: Source) -> LeadFromPartner:
        """Raises ValidationError for nobody."""
        said = self.model_dump(exclude={"website"}, exclude_none=True)
        return LeadFromPartner(**said, source=source)
