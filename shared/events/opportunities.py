"""Facts of services/opportunities: pipelines, action types, opportunities, evidence."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from shared.event_type import Blob, PersonalText, Plain, Withheld, event, personal

FieldValue = str | int | float | bool | None

EVIDENCE_MISSING = "evidence-missing:"
"""Begins the `invalid_reasons` that name a required kind of evidence not (yet) attached (O15)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenAction:
    """An action a stage cannot be left without (O1).

    `limit_seconds` runs from entering the stage, or from the latest action of the type `after`.
    `block`: must be done before any forward move even where the pipeline says `record`.
    """

    action: str
    evidence: tuple[str, ...] = ()
    limit_seconds: int | None = None
    after: str | None = None
    block: bool = False
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StageDefinition:
    name: str
    silence_limit_seconds: int = 48 * 3600
    dwell_limit_seconds: int | None = 48 * 3600
    golden_actions: tuple[GoldenAction, ...] = ()
    required_fields: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    title: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class LightLimits:
    """When an opportunity has to be entered after its opening, a proposal sent after entering
    `proposal_stage` (None: that light is out), the customer to react to it (P8)."""

    entered_seconds: int = 24 * 3600
    proposal_stage: str | None = None
    proposal_seconds: int = 72 * 3600
    reaction_seconds: int = 7 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineDefinition:
    """One version of a pipeline (O1). `unmet`: what happens to a skip or a move without its exit
    criteria, `enforce` or `record`; `late_changes`: `refuse` or `accept` (G5); `win_from` empty:
    any. `lights`: the limits of the traffic lights (P8)."""

    name: str
    version: int
    stages: tuple[StageDefinition, ...]
    unmet: str = "enforce"
    late_changes: str = "refuse"
    win_from: tuple[str, ...] = ()
    silence_in_business_time: bool = False
    dwell_in_business_time: bool = False
    lights: LightLimits = LightLimits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation:
    """What a recorded move lacked: `code` skip, golden-action, required-field or win-from; `name`
    says which one."""

    code: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoTags:
    """What a photo says of itself (EXIF), trusted in nothing: S4 holds it against the action."""

    taken_at: datetime | None = None
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExifCheck:
    """`taken_at` by the camera's clock; `distance_metres` from where it was taken to the place of
    the visit. None: the photo does not say, or there is no place to compare with."""

    taken_at: datetime | None = None
    distance_metres: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Proof by content hash. A recording needs the customer's consent (O5). `exif` None: no photo,
    or one without EXIF."""

    sha256: str
    kind: str
    consent: bool | None = None
    exif: ExifCheck | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TextField:
    """A free-text field of an action type; sealed with its action."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NextAction:
    due_at: datetime
    type: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionField:
    """A field of an action type: `kind` text (sealed), choice, number, date or boolean."""

    name: str
    kind: str
    required: bool = False
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DateRule:
    """`later` must not be more than `limit_seconds` after `earlier`; both name date fields,
    `occurred_at` or `recorded_at`. Broken: the action is kept and signalled later (S4)."""

    earlier: str
    later: str
    limit_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionTypeDefinition:
    """An action type as data (O3, O15). `direction` outbound, inbound or None is the default of its
    actions; `is_contact`: counts as a contact with the customer for O14."""

    type: str
    ends_silence: bool = True
    is_contact: bool = True
    direction: str | None = "outbound"
    minimum_summary_characters: int = 0
    evidence: tuple[str, ...] = ()
    fields: tuple[ActionField, ...] = ()
    date_rules: tuple[DateRule, ...] = ()
    templates: tuple[str, ...] = ()
    title: dict[str, str] = field(default_factory=dict)


@event("opportunities.pipeline_published.v1")
class PipelinePublished:
    pipeline: Plain[PipelineDefinition]
    published_at: Plain[datetime]


@event("opportunities.action_type_defined.v1")
class ActionTypeDefined:
    definition: Plain[ActionTypeDefinition]


@event("opportunities.opportunity_opened.v1")
class OpportunityOpened:
    """Pins what folds need of other streams: pipeline version, owner's unit and its path from the
    root, the customer's facts, the tenant's zone."""

    opportunity_id: Plain[str]
    customer_id: Plain[str]
    customer_type: Plain[str | None]
    customer_industry: Plain[str | None]
    customer_is_key: Plain[bool]
    pipeline: Plain[PipelineDefinition]
    stage: Plain[str]
    unit_id: Plain[str]
    unit_path: Plain[tuple[str, ...]]
    owner_id: Plain[str | None]
    amount: Plain[Decimal | None]
    currency: Plain[str | None]
    zone: Plain[str]
    opened_at: Plain[datetime]


@event("opportunities.opportunity_assigned.v1")
class OpportunityAssigned:
    opportunity_id: Plain[str]
    owner_id: Plain[str | None]
    unit_id: Plain[str]
    unit_path: Plain[tuple[str, ...]]
    assigned_at: Plain[datetime]


@event("opportunities.opportunity_unit_changed.v1")
class OpportunityUnitChanged:
    """The owner moved to another unit, or the unit moved in the tree; never out of date."""

    opportunity_id: Plain[str]
    unit_id: Plain[str]
    unit_path: Plain[tuple[str, ...]]
    changed_at: Plain[datetime]


@event("opportunities.opportunity_customer_changed.v1")
class OpportunityCustomerChanged:
    opportunity_id: Plain[str]
    customer_type: Plain[str | None]
    customer_industry: Plain[str | None]
    customer_is_key: Plain[bool]
    changed_at: Plain[datetime]


@event("opportunities.opportunity_fields_changed.v1")
class OpportunityFieldsChanged:
    """The fields that differ (budget, decision maker …), amount and currency as they stand then.

    `fields`: numbers, yes or no, None where emptied; `texts`: those filled with text, which may
    name a person, hence sealed; `filled`: their names.
    """

    opportunity_id: Plain[str]
    fields: Plain[dict[str, FieldValue]]
    texts: Annotated[list[TextField] | Withheld | None, personal("subject")]
    filled: Plain[tuple[str, ...]]
    subject: Plain[str]
    amount: Plain[Decimal | None]
    currency: Plain[str | None]
    changed_at: Plain[datetime]


@event("opportunities.opportunity_migrated.v1")
class OpportunityMigrated:
    opportunity_id: Plain[str]
    pipeline: Plain[PipelineDefinition]
    stage: Plain[str]
    migrated_at: Plain[datetime]


@event("opportunities.stage_changed.v1")
class StageChanged:
    """`direction`: forward (next), skip (further on) or backward."""

    opportunity_id: Plain[str]
    from_stage: Plain[str]
    to_stage: Plain[str]
    direction: Plain[str]
    reason: Annotated[PersonalText, personal("subject")]
    subject: Plain[str]
    violations: Plain[tuple[Violation, ...]]
    changed_at: Plain[datetime]


@event("opportunities.opportunity_won.v1")
class OpportunityWon:
    opportunity_id: Plain[str]
    stage: Plain[str]
    violations: Plain[tuple[Violation, ...]]
    won_at: Plain[datetime]


@event("opportunities.opportunity_lost.v1")
class OpportunityLost:
    """`reason` is the tenant's word for why (declined, cancelled …), `note` the rep's own. Both are
    typed by people, hence sealed."""

    opportunity_id: Plain[str]
    stage: Plain[str]
    reason: Annotated[PersonalText, personal("subject")]
    note: Annotated[PersonalText, personal("subject")]
    subject: Plain[str]
    lost_at: Plain[datetime]


@event("opportunities.opportunity_reopened.v1")
class OpportunityReopened:
    opportunity_id: Plain[str]
    stage: Plain[str]
    reason: Annotated[PersonalText, personal("subject")]
    subject: Plain[str]
    reopened_at: Plain[datetime]


@event("opportunities.opportunity_withdrawn.v1")
class OpportunityWithdrawn:
    """The import that opened it was taken back before anybody worked on it: it never was, nor was
    it won."""

    opportunity_id: Plain[str]
    customer_id: Plain[str]
    withdrawn_at: Plain[datetime]


@event("opportunities.late_change_recorded.v1")
class LateChangeRecorded:
    """A state change that came too late to take effect, kept where `late_changes = accept` (G5),
    with what was said of it."""

    opportunity_id: Plain[str]
    change: Plain[str]
    stage: Plain[str | None]
    reason: Annotated[PersonalText, personal("subject")]
    note: Annotated[PersonalText, personal("subject")]
    subject: Plain[str]
    happened_at: Plain[datetime]


@event("opportunities.action_logged.v1")
class ActionLogged:
    """A sales action. What its type says is resolved here: later definitions change nothing.

    `actor_unit_path` is empty where the actor is no person of the directory. `invalid_reasons`
    not empty: kept, counted nowhere (O15). `fields` are plain values, `texts` free text by name;
    `summary_characters`: how long the sealed summary is.
    """

    opportunity_id: Plain[str]
    action_id: Plain[str]
    type: Plain[str]
    customer_id: Plain[str]
    contact_id: Plain[str | None] = None
    subject: Plain[str]
    actor_id: Plain[str | None] = None
    actor_unit_id: Plain[str | None] = None
    actor_unit_path: Plain[tuple[str, ...]] = ()
    happened_at: Plain[datetime]
    summary: Annotated[PersonalText, personal("subject")] = None
    summary_characters: Plain[int] = 0
    fields: Plain[dict[str, FieldValue]] = field(default_factory=dict)
    texts: Annotated[list[TextField] | Withheld | None, personal("subject")] = None
    direction: Plain[str | None] = None
    is_contact: Plain[bool] = True
    ends_silence: Plain[bool] = True
    evidence_required: Plain[tuple[str, ...]] = ()
    evidence: Blob[tuple[Evidence, ...]] = ()
    pain_point: Plain[bool | None] = None
    next_action: Plain[NextAction | None] = None
    invalid_reasons: Plain[tuple[str, ...]] = ()


@event("opportunities.action_corrected.v1")
class ActionCorrected:
    """The whole action as it stands corrected; times and actor stay, unless named here."""

    opportunity_id: Plain[str]
    action_id: Plain[str]
    type: Plain[str]
    subject: Plain[str]
    happened_at: Plain[datetime]
    summary: Annotated[PersonalText, personal("subject")] = None
    summary_characters: Plain[int] = 0
    fields: Plain[dict[str, FieldValue]] = field(default_factory=dict)
    texts: Annotated[list[TextField] | Withheld | None, personal("subject")] = None
    direction: Plain[str | None] = None
    is_contact: Plain[bool] = True
    ends_silence: Plain[bool] = True
    evidence_required: Plain[tuple[str, ...]] = ()
    evidence: Blob[tuple[Evidence, ...]] = ()
    pain_point: Plain[bool | None] = None
    next_action: Plain[NextAction | None] = None
    invalid_reasons: Plain[tuple[str, ...]] = ()
    corrected_at: Plain[datetime]


@event("opportunities.action_voided.v1")
class ActionVoided:
    opportunity_id: Plain[str]
    action_id: Plain[str]
    reason: Annotated[PersonalText, personal("subject")]
    subject: Plain[str]
    voided_at: Plain[datetime]


@event("opportunities.evidence_attached.v1")
class EvidenceAttached:
    """Evidence added to an action later; `invalid_reasons` as they stand after it."""

    opportunity_id: Plain[str]
    action_id: Plain[str]
    subject: Plain[str]
    evidence: Blob[tuple[Evidence, ...]]
    invalid_reasons: Plain[tuple[str, ...]]
    attached_at: Plain[datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalStep:
    """One step, decided by anyone holding `role` (A9). `limit_seconds` None: what the tenant's
    setting says at the moment judged."""

    role: str
    limit_seconds: int | None = None


@event("opportunities.approval_requested.v1")
class ApprovalRequested:
    opportunity_id: Plain[str]
    approval_id: Plain[str]
    kind: Plain[str]
    steps: Plain[tuple[ApprovalStep, ...]]
    requested_by: Plain[str | None]
    note: Annotated[PersonalText, personal("subject")]
    subject: Plain[str]
    requested_at: Plain[datetime]


@event("opportunities.approval_decided.v1")
class ApprovalDecided:
    """`decision`: approved, rejected or sent_back; `outcome` after it: pending (next step),
    granted, rejected or sent_back (the requester may resubmit)."""

    opportunity_id: Plain[str]
    approval_id: Plain[str]
    step: Plain[int]
    role: Plain[str]
    decision: Plain[str]
    outcome: Plain[str]
    decided_by: Plain[str | None]
    note: Annotated[PersonalText, personal("subject")]
    subject: Plain[str]
    decided_at: Plain[datetime]


@event("opportunities.approval_resubmitted.v1")
class ApprovalResubmitted:
    """Sent back, mended, and begun again from its first step."""

    opportunity_id: Plain[str]
    approval_id: Plain[str]
    resubmitted_at: Plain[datetime]


@event("opportunities.evidence_awaited.v1")
class EvidenceAwaited:
    """Bytes, or an action that will refer to them, are on their way: what is not referred to waits
    since then. `generation` counts how often the content was taken in anew after a removal."""

    sha256: Blob[str]
    generation: Plain[int]
    awaited_at: Plain[datetime]


@event("opportunities.evidence_stored.v1")
class EvidenceStored:
    """The object exists under its hash: its key in the key store, its bytes in the object store.

    `photo_tags`, one or none, belong to who uploaded it: where somebody was is about that person.
    """

    sha256: Blob[str]
    generation: Plain[int]
    size_bytes: Plain[int]
    media_type: Plain[str]
    stored_by: Plain[str | None]
    photo_subject: Plain[str] = ""
    photo_tags: Annotated[list[PhotoTags] | Withheld | None, personal("photo_subject")] = None
    stored_at: Plain[datetime]


@event("opportunities.evidence_referred.v1")
class EvidenceReferred:
    """An action refers to it, so it is kept. `proves`: it is a photo or a recording and the action
    counts, which the same content may do for one action only (O5). `event_id` attached it."""

    sha256: Blob[str]
    opportunity_id: Plain[str]
    action_id: Plain[str]
    proves: Plain[bool]
    happened_at: Plain[datetime]
    event_id: Plain[str]


@event("opportunities.evidence_removed.v1")
class EvidenceRemoved:
    """Nothing has referred to it for too long; its key and its bytes go."""

    sha256: Blob[str]
    generation: Plain[int]
    removed_at: Plain[datetime]
