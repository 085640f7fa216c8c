"""The row of one opportunity: what every later question about its course needs of it."""

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

Order = tuple[datetime, int]
"""When something happened; equal times by the version in the stream."""

CLOSING = ("won", "lost")
STAGE_CHANGES = ("forward", "skip", "backward")


class GoldenRule(NamedTuple):
    action: str
    evidence: tuple[str, ...]
    limit_seconds: int | None
    after: str | None


class StageRules(NamedTuple):
    """What the pinned pipeline says of one stage."""

    stage: str
    silence_seconds: int
    dwell_seconds: int | None
    golden: tuple[GoldenRule, ...]
    told: tuple[str, ...]


class LightRules(NamedTuple):
    """The limits of the lights (P8) in seconds; `proposal_stage` None: that light is out."""

    entered: int
    proposal_stage: str | None
    proposal: int
    reaction: int


class RulesInForce(NamedTuple):
    """The pipeline version that holds from a moment on: since opening, or since a migration."""

    since: datetime
    version: int
    pipeline: str
    pipeline_version: int
    silence_in_business_time: bool
    dwell_in_business_time: bool
    stages: tuple[StageRules, ...]
    lights: LightRules

    def of(self, stage: str) -> StageRules | None:
        for rules in self.stages:
            if rules.stage == stage:
                return rules
        return None


class Stay(NamedTuple):
    """A time in one stage. `entered_how`: opened, forward, skip, backward, reopened, migrated;
    `left_how`: forward, skip, backward, won, lost, migrated, or "" while it lasts."""

    entered_at: datetime
    version: int
    stage: str
    event_id: str
    entered_how: str
    left_at: datetime | None = None
    left_version: int = 0
    left_event_id: str | None = None
    left_how: str = ""


class Ownership(NamedTuple):
    since: datetime
    version: int
    owner_id: str | None
    unit_path: tuple[str, ...]


UNPROVEN = "unproven"
INVALID = "invalid"


class LoggedAction(NamedTuple):
    """`action_id` "" where it is the event's own id; `contact`: out, in, or "" for neither.

    `path` is an index into the row's `paths`, -1 where the actor is nobody of the directory.
    `flaw` (O15): "" for none, UNPROVEN where only required evidence is missing, else INVALID.
    `hours_late`: whole hours, rounded up, from happening to being entered, None where an import
    does not say; `questions`: of the customer's own, by the action's own field (P13);
    `pain_point`: who acted says that one was mentioned (P9).
    """

    at: datetime
    version: int
    event_id: str
    action_id: str
    type: str
    ends_silence: bool
    contact: str
    actor_id: str | None
    path: int
    evidence_required: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    next_due_at: datetime | None = None
    next_type: str | None = None
    flaw: str = ""
    is_voided: bool = False
    hours_late: int | None = None
    summary_characters: int = 0
    questions: int = 0
    pain_point: bool = False

    @property
    def order(self) -> Order:
        return (self.at, self.version)


class VisitStep(NamedTuple):
    """Something recorded in a visit: `kind` is scan, fields, next_action, summary, or that of the
    evidence."""

    at: datetime
    version: int
    kind: str
    event_id: str


@dataclass(slots=True, kw_only=True)
class VisitCourse:
    """A visit (O4); `event_id` logged its action. `complete_at` None: a node is missing."""

    event_id: str
    action_id: str
    customer_type: str | None
    steps: list[VisitStep]
    complete_at: datetime | None = None
    complete_by: str | None = None


class ApprovalStepTaken(NamedTuple):
    """One step waiting or waited for; `event_id` is what its limit runs from."""

    started_at: datetime
    event_id: str
    step: int
    ended_at: datetime | None = None
    ended_by: str | None = None


class ApprovalCourse(NamedTuple):
    """`limits_seconds` None: what the tenant has set."""

    approval_id: str
    kind: str
    roles: tuple[str, ...]
    limits_seconds: tuple[int | None, ...]
    taken: list[ApprovalStepTaken]


class NotedEvent(NamedTuple):
    """An event of which the row keeps nothing else in its place: a funnel may begin or end there
    (P6). `event` is the type's name in the log."""

    at: datetime
    version: int
    event: str
    event_id: str


@dataclass(slots=True, kw_only=True)
class OpportunityProcess:
    """The whole course of one opportunity; folded in place, in stream order."""

    opportunity_id: str
    customer_id: str
    customer_type: str | None
    customer_industry: str | None
    customer_is_key: bool
    amount: Decimal | None
    currency: str | None
    zone: str
    rules: list[RulesInForce]
    stays: list[Stay]
    owners: list[Ownership]
    actions: list[LoggedAction] = field(default_factory=list)
    approvals: list[ApprovalCourse] = field(default_factory=list)
    visits: list[VisitCourse] = field(default_factory=list)
    paths: list[tuple[str, ...]] = field(default_factory=list)
    noted: list[NotedEvent] = field(default_factory=list)
    entered_seconds_late: float | None = None
    """From the opening to its being entered; None where an import does not say."""
    imported_until: datetime | None = None
    """The latest `recorded_at` of an imported event: what was due before it is history."""

    @property
    def stage(self) -> str:
        return self.stays[-1].stage

    @property
    def is_open(self) -> bool:
        return self.stays[-1].left_how not in CLOSING

    @property
    def status(self) -> str:
        return "open" if self.is_open else self.stays[-1].left_how

    @property
    def owner_id(self) -> str | None:
        return self.owners[-1].owner_id

    @property
    def unit_path(self) -> tuple[str, ...]:
        return self.owners[-1].unit_path
