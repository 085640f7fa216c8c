"""The lead's life as states: captured, assigned, contacted, qualified; returned or closed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from services.leads.domain.lead_score import LeadScore
from shared.errors import DomainError, FieldProblem, NotFound

UNTOUCHED = "untouched"
"""The budget status that says nothing of the budget."""
BY_HAND = "by_hand"
"""The track of a lead that somebody gave to somebody."""


class LeadAlreadyCaptured(DomainError):
    code = "lead-already-captured"


class LeadIsClosed(DomainError):
    """Converted or disqualified."""

    code = "lead-is-closed"


class LeadIsReturned(DomainError):
    """Marketing has it; it must be released first."""

    code = "lead-is-returned"


class LeadIsNotReturned(DomainError):
    code = "lead-is-not-returned"


class LeadIsWorkedOn(DomainError):
    """It is too late to take it back."""

    code = "lead-is-worked-on"


class LeadHasNoOwner(DomainError):
    code = "lead-has-no-owner"


class LeadIsNotContacted(DomainError):
    code = "lead-is-not-contacted"


class BudgetStatusIsMissing(DomainError):
    """The tenant wants it said before a lead is assigned or followed up (L2)."""

    code = "budget-status-is-missing"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, errors=[FieldProblem("budget_status", self.code, detail)])


class LeadIsAnothers(DomainError):
    """Only the rep who received it appeals."""

    code = "lead-is-anothers"


class AppealIsTooLate(DomainError):
    code = "appeal-is-too-late"


class AppealIsPending(DomainError):
    code = "appeal-is-pending"


class NothingIsAppealed(DomainError):
    code = "nothing-is-appealed"


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadFields:
    """What marketing, sales and service say in one vocabulary (L2, L3)."""

    industry: str | None = None
    size: str | None = None
    region: str | None = None
    budget_status: str | None = None
    core_needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadFacts:
    """`first_contact_at`: the owner's first since `assigned_at`. `rounds`: how often it was given
    to sales, so that each time it is allocated anew. `found_nobody_at`: nobody was eligible.
    `last_contact_at`: since it was assigned; `fell_asleep_at`: nothing came after the first.
    `first_assigned_at`: ever, whatever became of it since. `hot_word_at`: when its customer said
    one last (L8). `interest_claimed`: a rep says so (O16). `first_captured_at`: however often it
    was released since; `budget_known_at`: since then its status is known (L9). `ended_at`: when
    sales had done with it, where it is returned or closed."""

    lead_id: str
    customer_id: str
    source: str
    fields: LeadFields
    unit_id: str
    unit_path: tuple[str, ...]
    captured_at: datetime
    first_captured_at: datetime
    behaviours: tuple[str, ...] = ()
    judged: LeadScore | None = None
    judged_at: datetime | None = None
    owner_id: str | None = None
    assigned_at: datetime | None = None
    first_assigned_at: datetime | None = None
    track: str | None = None
    allocation: int | None = None
    first_contact_at: datetime | None = None
    contacts: int = 0
    last_contact_at: datetime | None = None
    fell_asleep_at: datetime | None = None
    appealed_at: datetime | None = None
    rounds: int = 1
    found_nobody_at: datetime | None = None
    passed_over: tuple[tuple[str, tuple[str, ...]], ...] = ()
    hot_word_at: datetime | None = None
    interest_claimed: bool = False
    budget_known_at: datetime | None = None
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Never captured, or withdrawn after so many `rounds`."""

    rounds: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """To be allocated."""

    facts: LeadFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    facts: LeadFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Contacted:
    facts: LeadFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Qualified:
    facts: LeadFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """Marketing has it again."""

    facts: LeadFacts
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    facts: LeadFacts
    opportunity_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Disqualified:
    facts: LeadFacts
    reason: str


OpenLead = Captured | Assigned | Contacted | Qualified
KnownLead = OpenLead | Returned | Converted | Disqualified
Lead = Unknown | KnownLead


OPEN_STATES: Mapping[str, type[OpenLead]] = {
    each.__name__.lower(): each for each in (Captured, Assigned, Contacted, Qualified)
}
"""By status."""


def status(lead: KnownLead) -> str:
    return type(lead).__name__.lower()


def known(lead: Lead, lead_id: str) -> KnownLead:
    """Raises NotFound."""
    if isinstance(lead, Unknown):
        raise NotFound(f"there is no lead {lead_id!r}")
    return lead


def open_lead(lead: Lead, lead_id: str) -> OpenLead:
    """One that sales has. Raises NotFound, LeadIsReturned, LeadIsClosed."""
    match lead:
        case Unknown():
            raise NotFound(f"there is no lead {lead_id!r}")
        case Returned():
            raise LeadIsReturned(f"marketing has {lead_id!r} again: {lead.reason}")
        case Converted():
            raise LeadIsClosed(f"{lead_id!r} is opportunity {lead.opportunity_id!r}")
        case Disqualified():
            raise LeadIsClosed(f"{lead_id!r} is disqualified: {lead.reason}")
        case Captured() | Assigned() | Contacted() | Qualified():
            return lead
        case _:
            assert_never(lead)


def unclosed(lead: Lead, lead_id: str) -> OpenLead | Returned:
    """One that is neither converted nor disqualified. Raises NotFound, LeadIsClosed."""
    return lead if isinstance(lead, Returned) else open_lead(lead, lead_id)
