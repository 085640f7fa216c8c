"""What can be asked of an opportunity. Facts of other streams are looked up by the shell."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from services.opportunities.domain.valid_action import ActionDraft
from services.opportunities.domain.visit_commands import VisitCommand
from shared.events.opportunities import (
    ActionTypeDefinition,
    ApprovalStep,
    Evidence,
    FieldValue,
    PipelineDefinition,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenOpportunity:
    """`unit_id` and `unit_path` (from the root): the owner's, or its own without an owner."""

    opportunity_id: str
    customer_id: str
    customer_type: str | None = None
    customer_industry: str | None = None
    customer_is_key: bool = False
    pipeline: PipelineDefinition
    unit_id: str
    unit_path: tuple[str, ...]
    owner_id: str | None = None
    amount: Decimal | None = None
    currency: str | None = None
    zone: str
    occurred_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignOpportunity:
    """Takes effect at `now`; an import gives the row's time as `now`."""

    opportunity_id: str
    owner_id: str | None
    unit_id: str
    unit_path: tuple[str, ...]
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeOpportunityUnit:
    """The owner moved, or the unit moved in the tree. `changed_at`: when that happened.

    `owner_id`: whose unit it is; somebody who owns it by now brought their own.
    """

    opportunity_id: str
    owner_id: str | None
    unit_id: str
    unit_path: tuple[str, ...]
    changed_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeOpportunityCustomer:
    """The customer was described anew. `changed_at`: when that happened."""

    opportunity_id: str
    customer_type: str | None
    customer_industry: str | None
    customer_is_key: bool
    changed_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeOpportunityFields:
    """Only what is named changes; a field set to None is emptied, an amount of None stays."""

    opportunity_id: str
    fields: dict[str, FieldValue] = field(default_factory=dict)
    amount: Decimal | None = None
    currency: str | None = None
    occurred_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrateOpportunity:
    """`stage` None: the stage of the same name."""

    opportunity_id: str
    pipeline: PipelineDefinition
    stage: str | None = None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeStage:
    """`recorded_history`: an imported row, never refused for what it lacks."""

    opportunity_id: str
    stage: str
    reason: str | None = None
    recorded_history: bool = False
    occurred_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawOpportunity:
    """The import that opened it is taken back."""

    opportunity_id: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WinOpportunity:
    opportunity_id: str
    recorded_history: bool = False
    occurred_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LoseOpportunity:
    opportunity_id: str
    reason: str
    note: str | None = None
    occurred_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ReopenOpportunity:
    opportunity_id: str
    reason: str | None = None
    occurred_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LogAction:
    """`definition`: of the action's type, as it is now. `actor_unit_path` empty: no person."""

    opportunity_id: str
    action_id: str
    definition: ActionTypeDefinition
    draft: ActionDraft
    contact_id: str | None = None
    actor_id: str | None = None
    actor_unit_id: str | None = None
    actor_unit_path: tuple[str, ...] = ()
    occurred_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrectAction:
    """The whole action as it should have been; `evidence` of the draft replaces what was attached
    unless `keep_evidence`. `occurred_at` None: the time stays."""

    opportunity_id: str
    action_id: str
    definition: ActionTypeDefinition
    draft: ActionDraft
    keep_evidence: bool = True
    occurred_at: datetime | None = None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VoidAction:
    opportunity_id: str
    action_id: str
    reason: str | None = None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachEvidence:
    opportunity_id: str
    action_id: str
    evidence: tuple[Evidence, ...]
    occurred_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestApproval:
    opportunity_id: str
    approval_id: str
    kind: str
    steps: tuple[ApprovalStep, ...]
    requested_by: str | None = None
    note: str | None = None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DecideApproval:
    """`decision`: approved, rejected or sent_back. `roles`: what the decider holds (A9).

    `step` names the step that the decider saw; None: the current one.
    """

    opportunity_id: str
    approval_id: str
    decision: str
    roles: frozenset[str]
    decided_by: str | None = None
    note: str | None = None
    step: int | None = None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ResubmitApproval:
    opportunity_id: str
    approval_id: str
    now: datetime


OpportunityCommand = (
    OpenOpportunity
    | WithdrawOpportunity
    | AssignOpportunity
    | ChangeOpportunityUnit
    | ChangeOpportunityCustomer
    | ChangeOpportunityFields
    | MigrateOpportunity
    | ChangeStage
    | WinOpportunity
    | LoseOpportunity
    | ReopenOpportunity
    | LogAction
    | CorrectAction
    | VoidAction
    | AttachEvidence
    | RequestApproval
    | DecideApproval
    | ResubmitApproval
    | VisitCommand
)
