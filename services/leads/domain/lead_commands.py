"""What can be asked of a lead."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from services.leads.domain.lead_score import LeadScoreRules
from services.leads.domain.lead_state import LeadFields, OpenLead, Returned
from shared.events.leads import LeadAttribute


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureLead:
    """`attributes`: what else its source knows of it; `budget_status_required`: before it is
    anybody's."""

    lead_id: str
    customer_id: str
    source: str
    fields: LeadFields
    behaviours: tuple[str, ...]
    unit_id: str
    unit_path: tuple[str, ...]
    owner_id: str | None
    occurred_at: datetime
    now: datetime
    attributes: Mapping[str, LeadAttribute] = field(default_factory=dict)
    budget_status_required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLeadFields:
    """All of them as they are to stand."""

    lead_id: str
    fields: LeadFields
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteBehaviour:
    lead_id: str
    behaviour: str
    rules: LeadScoreRules
    occurred_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HearHotWord:
    """A message of the lead's customer holds `words`; where there is no such lead yet it becomes
    one, captured in `unit_id` (L8)."""

    lead_id: str
    customer_id: str
    message_id: str
    words: tuple[str, ...]
    unit_id: str
    unit_path: tuple[str, ...]
    rules: LeadScoreRules
    said_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeLead:
    """As time passes (L4)."""

    lead_id: str
    rules: LeadScoreRules
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LetLeadWait:
    """Nobody is eligible; `passed_over`: for each reason the reps."""

    lead_id: str
    passed_over: tuple[tuple[str, tuple[str, ...]], ...]
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignLead:
    """By hand, or as the unit's book allocated it: `allocation` is its number there, `round` the
    one it was allocated in."""

    lead_id: str
    owner_id: str
    unit_id: str
    unit_path: tuple[str, ...]
    track: str
    allocation: int | None = None
    round: int | None = None
    budget_status_required: bool = False
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLeadUnit:
    """Because `owner_id` moved, or the unit did, which of them is meant."""

    lead_id: str
    owner_id: str | None
    unit_id: str
    unit_path: tuple[str, ...]
    changed_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactLead:
    """`fields` None: as they are."""

    lead_id: str
    type: str
    actor_id: str | None
    summary: str | None
    fields: LeadFields | None
    budget_status_required: bool
    rules: LeadScoreRules
    occurred_at: datetime
    now: datetime
    interested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AppealLead:
    """By the rep who received it; `within` is how long that may be ago."""

    lead_id: str
    rep_id: str | None
    reason: str
    within: timedelta
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideLeadAppeal:
    """`reassign`, where that is the decision, says to whom."""

    lead_id: str
    decision: Literal["keep", "rescore", "reassign"]
    decided_by: str | None
    reassign: AssignLead | None
    rules: LeadScoreRules
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class QualifyLead:
    lead_id: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnLead:
    """By hand."""

    lead_id: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseLead:
    lead_id: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DisqualifyLead:
    lead_id: str
    reason: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawLead:
    """The import that captured it is taken back."""

    lead_id: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeBackLeadEnding:
    """The import that converted or disqualified it is taken back: it was `before` until then."""

    lead_id: str
    before: OpenLead | Returned
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ConvertLead:
    """`recorded_history`: it happened, whether or not it is known who had the lead; `owner_id` and
    `unit_id` where the history says so."""

    lead_id: str
    opportunity_id: str
    pipeline: str
    now: datetime
    recorded_history: bool = False
    owner_id: str | None = None
    unit_id: str | None = None


LeadCommand = (
    CaptureLead
    | ChangeLeadFields
    | NoteBehaviour
    | HearHotWord
    | JudgeLead
    | LetLeadWait
    | AssignLead
    | ChangeLeadUnit
    | ContactLead
    | AppealLead
    | DecideLeadAppeal
    | QualifyLead
    | ReturnLead
    | ReleaseLead
    | DisqualifyLead
    | WithdrawLead
    | TakeBackLeadEnding
    | ConvertLead
)
