"""OPPORTUNITY_BEHAVIOUR: what health reads of an opportunity (S2)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from services.scoring.domain.behaviour import Deed
from services.scoring.domain.opportunity_course import Course, Stay, was_closed
from shared.clock import milliseconds
from shared.envelope import RecordedEvent, StoredEvent
from shared.errors import PoisonMessage
from shared.events.opportunities import (
    ActionCorrected,
    ActionLogged,
    ActionVoided,
    EvidenceAttached,
    OpportunityAssigned,
    OpportunityLost,
    OpportunityMigrated,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityUnitChanged,
    OpportunityWithdrawn,
    OpportunityWon,
    PipelineDefinition,
    StageChanged,
)
from shared.events.visits import VisitFieldsFilled, VisitNextActionBooked, VisitSummarised
from shared.projection import Projection

KEPT = timedelta(days=60)
"""Deeds older than this before the newest are forgotten: no window looks back so far."""

OPEN, WON, LOST, WITHDRAWN = "open", "won", "lost", "withdrawn"


@dataclass(slots=True, kw_only=True)
class OpportunityBehaviour(Course):
    """`silence_limits`: seconds by stage. `known_at`: what was before is history. `forgotten_at`:
    the last sign of life among the deeds forgotten. `deeds`: also those on it while it was
    closed, which count nowhere."""

    opportunity_id: str
    customer_id: str
    silence_limits: dict[str, int]
    silence_in_business_time: bool
    owner_id: str | None
    unit_path: tuple[str, ...]
    opened_at: datetime
    known_at: datetime
    forgotten_at: datetime | None = None
    status: str = OPEN
    deeds: list[Deed] = field(default_factory=list)

    def active_at(self, at: datetime) -> datetime:
        """The last sign of life before a moment apart from the deeds that are kept: opened, moved
        on, reopened, or forgotten."""
        signs = [stay.entered[0] for stay in self.stays if stay.ends_silence]
        signs += [] if self.forgotten_at is None else [self.forgotten_at]
        return max([self.opened_at, *(sign for sign in signs if sign < at)])

    def counted_deeds(self) -> list[Deed]:
        """Those that were not on a closed opportunity."""
        return [deed for deed in self.deeds if not was_closed(self, deed)]


def evolve(row: OpportunityBehaviour | None, recorded: RecordedEvent) -> OpportunityBehaviour:
    event = recorded.event
    if isinstance(event, OpportunityOpened):
        is_there = row is not None and row.status != WITHDRAWN
        return row if row is not None and is_there else _opened(event, recorded.stored)
    if row is None:
        raise PoisonMessage(f"{recorded.stored.type} of an opportunity never opened")
    if isinstance(event, OpportunityWithdrawn):
        _withdraw(row, event, recorded.stored)
    else:
        _change(row, event, recorded.stored.version)
    return row


def _withdraw(row: OpportunityBehaviour, event: OpportunityWithdrawn, stored: StoredEvent) -> None:
    """It never was; the row stays, to end what was said of it."""
    row.status, row.known_at, row.deeds = WITHDRAWN, stored.recorded_at, []
    row.stays[-1].left = (event.withdrawn_at, stored.version)


def _change(row: OpportunityBehaviour, event: Any, version: int) -> None:
    match event:
        case OpportunityAssigned():
            row.owner_id, row.unit_path = event.owner_id, event.unit_path
        case OpportunityUnitChanged():
            row.unit_path = event.unit_path
        case OpportunityMigrated():
            _follow(row, event.pipeline)
            if event.stage != row.stage:
                entered = (event.migrated_at, version)
                row.stays.append(Stay(stage=event.stage, entered=entered, ends_silence=False))
        case StageChanged():
            row.stays.append(Stay(stage=event.to_stage, entered=(event.changed_at, version)))
        case OpportunityReopened():
            row.status = OPEN
            row.stays.append(Stay(stage=event.stage, entered=(event.reopened_at, version)))
        case OpportunityWon():
            row.status, row.stays[-1].left = WON, (event.won_at, version)
        case OpportunityLost():
            row.status, row.stays[-1].left = LOST, (event.lost_at, version)
        case _:
            _change_deed(row, event, version)


def _change_deed(
    row: OpportunityBehaviour,
    event: ActionLogged
    | ActionCorrected
    | ActionVoided
    | EvidenceAttached
    | VisitFieldsFilled
    | VisitNextActionBooked
    | VisitSummarised,
    version: int,
) -> None:
    before = next((each for each in row.deeds if each.action_id == event.action_id), None)
    match event:
        case ActionLogged():
            row.deeds.append(_deed(event, event.contact_id, version))
            _forget_old(row)
        case ActionCorrected() if before is not None:
            row.deeds[row.deeds.index(before)] = _deed(event, before.contact_id, before.version)
        case ActionVoided() if before is not None:
            row.deeds.remove(before)
        case EvidenceAttached() if before is not None:
            before.evidence += tuple(each.kind for each in event.evidence)
            before.is_valid = not event.invalid_reasons
        case VisitNextActionBooked() if before is not None:
            before.next_due_at = event.next_action.due_at
            before.is_valid = not event.invalid_reasons
        case VisitFieldsFilled() | VisitSummarised() if before is not None:
            before.is_valid = not event.invalid_reasons


def _opened(event: OpportunityOpened, stored: StoredEvent) -> OpportunityBehaviour:
    row = OpportunityBehaviour(
        opportunity_id=event.opportunity_id,
        customer_id=event.customer_id,
        pipeline="",
        silence_limits={},
        silence_in_business_time=False,
        owner_id=event.owner_id,
        unit_path=event.unit_path,
        opened_at=event.opened_at,
        known_at=stored.recorded_at,
        stays=[Stay(stage=event.stage, entered=(event.opened_at, stored.version))],
    )
    _follow(row, event.pipeline)
    return row


def _follow(row: OpportunityBehaviour, pipeline: PipelineDefinition) -> None:
    row.pipeline = pipeline.name
    row.silence_limits = {each.name: each.silence_limit_seconds for each in pipeline.stages}
    row.silence_in_business_time = pipeline.silence_in_business_time


def _deed(event: ActionLogged | ActionCorrected, contact_id: str | None, version: int) -> Deed:
    figures = {
        name: float(value)
        for name, value in event.fields.items()
        if isinstance(value, bool | int | float)
    }
    return Deed(
        action_id=event.action_id,
        type=event.type,
        happened_at=event.happened_at,
        version=version,
        direction=event.direction,
        is_contact=event.is_contact,
        ends_silence=event.ends_silence,
        contact_id=contact_id,
        figures=figures,
        required=event.evidence_required,
        evidence=tuple(each.kind for each in event.evidence),
        next_due_at=event.next_action.due_at if event.next_action is not None else None,
        is_valid=not event.invalid_reasons,
    )


def _forget_old(row: OpportunityBehaviour) -> None:
    newest = max(each.happened_at for each in row.deeds)
    old = [each for each in row.deeds if each.happened_at < newest - KEPT]
    if not old:
        return
    signs = [
        each.happened_at
        for each in old
        if each.ends_silence and each.is_valid and not was_closed(row, each)
    ]
    if signs:
        row.forgotten_at = max([*signs, row.forgotten_at or signs[0]])
    row.deeds = [each for each in row.deeds if each not in old]


def columns(row: OpportunityBehaviour) -> Mapping[str, Any]:
    return {
        "status": row.status,
        "unit_id": row.unit_path[-1] if row.unit_path else None,
        "owner_id": row.owner_id,
        "closed_at": None if row.closed_at is None else milliseconds(row.closed_at),
    }


def next_due(row: OpportunityBehaviour) -> datetime | None:
    """A lower bound of the next end of a day; one that closes is looked at once more."""
    return row.opened_at


def _opportunity_id(event: Any) -> str:
    opportunity_id: str = event.opportunity_id
    return opportunity_id


OPPORTUNITY_BEHAVIOUR: Projection[OpportunityBehaviour] = Projection(
    name="opportunity_behaviour",
    version=1,
    reads=(
        OpportunityOpened,
        OpportunityAssigned,
        OpportunityUnitChanged,
        OpportunityMigrated,
        OpportunityReopened,
        OpportunityWithdrawn,
        OpportunityWon,
        OpportunityLost,
        StageChanged,
        ActionLogged,
        ActionCorrected,
        ActionVoided,
        EvidenceAttached,
        VisitFieldsFilled,
        VisitNextActionBooked,
        VisitSummarised,
    ),
    row_type=OpportunityBehaviour,
    key=_opportunity_id,
    evolve=evolve,
    columns=columns,
    next_due=next_due,
)
