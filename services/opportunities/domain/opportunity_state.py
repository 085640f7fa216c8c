"""What of an opportunity is kept for deciding: no free text, nothing that boards alone need."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from shared.errors import DomainError, NotFound
from shared.event_type import PersonalText
from shared.events.opportunities import (
    ActionField,
    ApprovalStep,
    Evidence,
    FieldValue,
    GoldenAction,
    PipelineDefinition,
    StageDefinition,
)


class OpportunityIsClosed(DomainError):
    code = "opportunity-is-closed"


class OpportunityIsWorkedOn(DomainError):
    """It is too late to take it back."""

    code = "opportunity-is-worked-on"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEntry:
    """`actions_before`: how many actions the stream held then; equal times go by stream version."""

    stage: str
    entered_at: datetime
    actions_before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedTime:
    """From a closing to its reopening; of equal times as for a StageEntry."""

    closed_at: datetime
    actions_before: int
    reopened_at: datetime | None = None
    actions_before_reopening: int = 0

    def includes(self, action: "LoggedAction") -> bool:
        happened = (action.happened_at, action.order)
        if happened < (self.closed_at, self.actions_before):
            return False
        return self.reopened_at is None or happened < (
            self.reopened_at,
            self.actions_before_reopening,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitInProgress:
    """What a visit that began at a door asks for (O4), and who has got its summary card."""

    door_id: str
    code_id: str
    asked: tuple[ActionField, ...]
    next_action_within: timedelta
    passed_on_to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedAction:
    """`order`: the action's place among the stream's actions; `visit` None: it is none in nodes."""

    type: str
    subject: str
    actor_id: str | None
    happened_at: datetime
    order: int
    evidence: tuple[Evidence, ...]
    invalid_reasons: tuple[str, ...]
    voided: bool = False
    visit: VisitInProgress | None = None

    @property
    def counts(self) -> bool:
        return not self.voided and not self.invalid_reasons

    def has_evidence(self, kinds: tuple[str, ...]) -> bool:
        return all(any(piece.kind == kind for piece in self.evidence) for kind in kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """`outcome`: pending, granted, rejected or sent_back; `step`: which one decides next."""

    kind: str
    steps: tuple[ApprovalStep, ...]
    step: int
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """Everything but the actions; `entries` end with the present stage, `changed_at` is the last
    state change (opening, stage, winning, losing, reopening). `filled`: fields that hold text, of
    which no decision asks more than that it is there."""

    opportunity_id: str
    customer_id: str
    customer_type: str | None
    customer_industry: str | None
    customer_is_key: bool
    pipeline: PipelineDefinition
    entries: tuple[StageEntry, ...]
    unit_id: str
    unit_path: tuple[str, ...]
    owner_id: str | None
    owned_since: datetime
    amount: Decimal | None
    currency: str | None
    fields: dict[str, FieldValue]
    filled: tuple[str, ...] = ()
    approvals: dict[str, Approval]
    changed_at: datetime
    closed_times: tuple[ClosedTime, ...] = ()

    @property
    def stage(self) -> str:
        return self.entries[-1].stage

    @property
    def subject(self) -> str:
        """Whose the free text is that names no contact (U5)."""
        return f"customer/{self.customer_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Never opened, or withdrawn."""

    withdrawn_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    situation: Situation
    actions: dict[str, LoggedAction]


@dataclass(frozen=True, slots=True, kw_only=True)
class Won:
    situation: Situation
    actions: dict[str, LoggedAction]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    situation: Situation
    actions: dict[str, LoggedAction]


Opened = Open | Won | Lost
Opportunity = Unknown | Opened


def opened(opportunity: Opportunity, opportunity_id: str) -> Opened:
    """Raises NotFound for an opportunity never opened."""
    if isinstance(opportunity, Unknown):
        raise NotFound(f"there is no opportunity {opportunity_id!r}")
    return opportunity


def known(opportunity: Opportunity) -> Opened:
    """For folding: after its first event an opportunity is never unknown."""
    assert not isinstance(opportunity, Unknown)
    return opportunity


def changed(opportunity: Opportunity, situation: Situation) -> Opened:
    """The same status in another situation."""
    return replace(known(opportunity), situation=situation)


def action_of(opportunity: Opened, action_id: str) -> LoggedAction:
    """Raises NotFound for an action never logged here."""
    action = opportunity.actions.get(action_id)
    if action is None:
        raise NotFound(f"the opportunity has no action {action_id!r}")
    return action


def actors(opportunity: Opened) -> frozenset[str]:
    """Who acted on it, by the actions that were not voided (A9)."""
    return frozenset(
        action.actor_id
        for action in opportunity.actions.values()
        if action.actor_id is not None and not action.voided
    )


def stage_number(pipeline: PipelineDefinition, name: str) -> int | None:
    """The place of a stage in its pipeline, None where the pipeline lacks it."""
    for number, stage in enumerate(pipeline.stages):
        if stage.name == name:
            return number
    return None


def stage_named(pipeline: PipelineDefinition, name: str) -> StageDefinition:
    number = stage_number(pipeline, name)
    assert number is not None
    return pipeline.stages[number]


def golden_rules(situation: Situation, type: str, happened_at: datetime) -> Iterator[GoldenAction]:
    """The golden rules for a type in the stage last entered at or before a time (P3)."""
    for entry in reversed(situation.entries):
        if entry.entered_at <= happened_at:
            number = stage_number(situation.pipeline, entry.stage)
            stage = None if number is None else situation.pipeline.stages[number]
            if stage is not None:
                yield from (golden for golden in stage.golden_actions if golden.action == type)
            return


def is_given(text: PersonalText) -> bool:
    return isinstance(text, str) and bool(text.strip())
