"""OPPORTUNITY_BEHAVIOUR: what health reads of an opportunity, and how long the won dwelt (S2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from services.scoring.domain.behaviour import Deed
from shared.clock import milliseconds
from shared.envelope import RecordedEvent
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
    OpportunityWon,
    PipelineDefinition,
    StageChanged,
)
from shared.events.visits import VisitFieldsFilled, VisitNextActionBooked, VisitSummarised
from shared.projection import Projection

KEPT = timedelta(days=60)
"""Deeds older than this before the newest are forgotten: no window looks back so far."""

OPEN, WON, LOST = "open", "won", "lost"


@dataclass(slots=True, kw_only=True)
class Stay:
    stage: str
    entered_at: datetime


@dataclass(slots=True, kw_only=True)
class OpportunityBehaviour:
    """`silence_limits`: seconds by stage. `active_at`: opened, or the last sign of life among the
    deeds forgotten. `known_at`: what was before is history. `closed_at` None: open."""

    opportunity_id: str
    customer_id: str
    pipeline: str
    silence_limits: dict[str, int]
    silence_in_business_time: bool
    owner_id: str | None
    unit_path: tuple[str, ...]
    opened_at: datetime
    known_at: datetime
    active_at: datetime
    status: str = OPEN
    closed_at: datetime | None = None
    stays: list[Stay] = field(default_factory=list)
    deeds: list[Deed] = field(default_factory=list)

    @property
    def stage(self) -> str:
        return self.stays[-1].stage


def stay_at(row: OpportunityBehaviour, at: datetime) -> Stay:
    """The stage it was in, since when."""
    entered = [stay for stay in row.stays if stay.entered_at <= at]
    return entered[-1] if entered else row.stays[0]


def dwells(row: OpportunityBehaviour) -> Mapping[str, float]:
    """Seconds in each stage, by stage, of one that is closed."""
    found: dict[str, float] = {}
    ends = [*(stay.entered_at for stay in row.stays[1:]), row.closed_at or row.opened_at]
    for stay, left_at in zip(row.stays, ends, strict=True):
        spent = max(0.0, (left_at - stay.entered_at).total_seconds())
        found[stay.stage] = found.get(stay.stage, 0.0) + spent
    return found


def median_dwells(won: Sequence[OpportunityBehaviour]) -> Mapping[tuple[str, str], float]:
    """Seconds that the won spent in a stage, the middle one, by pipeline and stage."""
    spent: dict[tuple[str, str], list[float]] = {}
    for row in won:
        for stage, seconds in dwells(row).items():
            spent.setdefault((row.pipeline, stage), []).append(seconds)
    return {where: median(seconds) for where, seconds in spent.items()}


def evolve(row: OpportunityBehaviour | None, recorded: RecordedEvent) -> OpportunityBehaviour:
    event = recorded.event
    if isinstance(event, OpportunityOpened):
        return row or _opened(event, recorded.stored.recorded_at)
    if row is None:
        raise PoisonMessage(f"{recorded.stored.type} of an opportunity never opened")
    _change(row, event)
    return row


def _change(row: OpportunityBehaviour, event: Any) -> None:
    match event:
        case OpportunityAssigned():
            row.owner_id, row.unit_path = event.owner_id, event.unit_path
        case OpportunityUnitChanged():
            row.unit_path = event.unit_path
        case OpportunityMigrated():
            _follow(row, event.pipeline)
            row.stays.append(Stay(stage=event.stage, entered_at=event.migrated_at))
        case StageChanged():
            row.stays.append(Stay(stage=event.to_stage, entered_at=event.changed_at))
            row.active_at = max(row.active_at, event.changed_at)
        case OpportunityReopened():
            row.status, row.closed_at = OPEN, None
            row.stays.append(Stay(stage=event.stage, entered_at=event.reopened_at))
            row.active_at = event.reopened_at
        case OpportunityWon():
            _close(row, WON, event.won_at)
        case OpportunityLost():
            _close(row, LOST, event.lost_at)
        case _:
            _change_deed(row, event)


def _change_deed(
    row: OpportunityBehaviour,
    event: ActionLogged
    | ActionCorrected
    | ActionVoided
    | EvidenceAttached
    | VisitFieldsFilled
    | VisitNextActionBooked
    | VisitSummarised,
) -> None:
    before = next((each for each in row.deeds if each.action_id == event.action_id), None)
    match event:
        case ActionLogged() if row.status == OPEN:
            row.deeds.append(_deed(event, event.contact_id))
            _forget_old(row)
        case ActionCorrected() if before is not None:
            row.deeds[row.deeds.index(before)] = _deed(event, before.contact_id)
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


def _opened(event: OpportunityOpened, known_at: datetime) -> OpportunityBehaviour:
    row = OpportunityBehaviour(
        opportunity_id=event.opportunity_id,
        customer_id=event.customer_id,
        pipeline="",
        silence_limits={},
        silence_in_business_time=False,
        owner_id=event.owner_id,
        unit_path=event.unit_path,
        opened_at=event.opened_at,
        known_at=known_at,
        active_at=event.opened_at,
        stays=[Stay(stage=event.stage, entered_at=event.opened_at)],
    )
    _follow(row, event.pipeline)
    return row


def _follow(row: OpportunityBehaviour, pipeline: PipelineDefinition) -> None:
    row.pipeline = pipeline.name
    row.silence_limits = {each.name: each.silence_limit_seconds for each in pipeline.stages}
    row.silence_in_business_time = pipeline.silence_in_business_time


def _close(row: OpportunityBehaviour, status: str, at: datetime) -> None:
    """What it did is not looked at again; where it dwelt is."""
    row.status, row.closed_at, row.deeds = status, at, []


def _deed(event: ActionLogged | ActionCorrected, contact_id: str | None) -> Deed:
    figures = {
        name: float(value)
        for name, value in event.fields.items()
        if isinstance(value, bool | int | float)
    }
    return Deed(
        action_id=event.action_id,
        type=event.type,
        happened_at=event.happened_at,
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
    signs = [each.happened_at for each in old if each.ends_silence and each.is_valid]
    row.active_at = max([row.active_at, *signs])
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
