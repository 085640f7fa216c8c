"""What clients send about leads; anything else is refused with the field at fault."""

from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictFloat, StringConstraints, model_validator

from services.leads.domain.lead_state import LeadFields
from shared.http import Body, Id, Name, When

Source = Literal[
    "referral",
    "demo_request",
    "web_form",
    "group_chat",
    "event",
    "advertisement",
    "bought_list",
    "other",
]
Behaviour = Literal[
    "demo_booked",
    "hot_word",
    "live_stream",
    "white_paper",
    "page_dwell",
    "trial_opened",
    "contact_left",
    "comparison_asked",
    "sample_asked",
]
BudgetStatus = Literal["untouched", "oral", "written"]
CoreNeed = Literal["cost", "efficiency", "compliance", "experience"]
Attribute = (
    StrictBool
    | Annotated[StrictFloat, Field(allow_inf_nan=False)]
    | Annotated[str, StringConstraints(max_length=100)]
    | None
)
"""What a source knows of a lead: yes or no, a number, a choice by its name."""
ContactType = Literal["call", "visit", "message", "email", "meeting"]
Text = Annotated[str, StringConstraints(max_length=20_000)]


class SharedFields(Body):
    """One vocabulary for marketing, sales and service (L2)."""

    industry: Name | None = None
    size: Name | None = None
    region: Name | None = None
    budget_status: BudgetStatus | None = None
    core_needs: list[CoreNeed] = Field(default_factory=list, max_length=4)

    def fields(self) -> LeadFields:
        return LeadFields(
            industry=self.industry,
            size=self.size,
            region=self.region,
            budget_status=self.budget_status,
            core_needs=tuple(dict.fromkeys(self.core_needs)),
        )


class NewLead(SharedFields):
    lead_id: Id | None = None
    customer_id: Id
    source: Source = "other"
    behaviours: list[Behaviour] = Field(default_factory=list, max_length=20)
    unit_id: Id | None = None
    owner_id: Id | None = None
    attributes: dict[Name, Attribute] = Field(default_factory=dict, max_length=50)
    occurred_at: When | None = None


class FieldsChange(SharedFields):
    """All of them as they are to stand."""


class NewBehaviour(Body):
    behaviour: Behaviour
    occurred_at: When | None = None


class Assignment(Body):
    owner_id: Id


class NewContact(Body):
    """`budget_status` and `core_needs`, where given, are what is known from then on. `interested`:
    so they say; it counts once behaviour proves it (O16)."""

    type: ContactType
    summary: Text | None = None
    budget_status: BudgetStatus | None = None
    core_needs: list[CoreNeed] | None = Field(None, max_length=4)
    interested: bool = False
    occurred_at: When | None = None


class Appeal(Body):
    reason: Annotated[str, StringConstraints(min_length=1, max_length=2_000)]


class AppealDecision(Body):
    """`owner_id`: to whom it is reassigned."""

    decision: Literal["keep", "rescore", "reassign"]
    owner_id: Id | None = None

    @model_validator(mode="after")
    def _names_the_next(self) -> "AppealDecision":
        if (self.decision == "reassign") != (self.owner_id is not None):
            raise ValueError("an owner_id goes with reassign, and with nothing else")
        return self


class Nothing(Body):
    pass


class Disqualification(Body):
    reason: Name


class Conversion(Body):
    opportunity_id: Id | None = None
    pipeline: Id = "standard"
