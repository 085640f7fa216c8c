"""How the row of one opportunity folds from its events, in stream order."""

from bisect import insort
from datetime import datetime
from typing import assert_never

from services.projections.domain.noted_events import NOTED, noted
from services.projections.domain.opportunity_row import (
    ApprovalCourse,
    ApprovalStepTaken,
    LoggedAction,
    OpportunityProcess,
    Ownership,
    Stay,
)
from services.projections.domain.rules_and_lateness import (
    hours_late,
    rules_in_force,
    seconds_late,
)
from services.projections.domain.visit_course import (
    VisitEvent,
    flaw_of,
    note_evidence,
    visited,
)
from shared.envelope import Origin, RecordedEvent, StoredEvent
from shared.errors import PoisonMessage
from shared.events import opportunities as facts
from shared.events.visits import (
    VisitFieldsFilled,
    VisitNextActionBooked,
    VisitPassedOn,
    VisitStarted,
    VisitSummarised,
)

OpportunityEvent = (
    facts.OpportunityOpened
    | facts.OpportunityWithdrawn
    | facts.OpportunityAssigned
    | facts.OpportunityUnitChanged
    | facts.OpportunityCustomerChanged
    | facts.OpportunityFieldsChanged
    | facts.OpportunityMigrated
    | facts.StageChanged
    | facts.OpportunityWon
    | facts.OpportunityLost
    | facts.OpportunityReopened
    | facts.LateChangeRecorded
    | facts.ActionLogged
    | facts.ActionCorrected
    | facts.ActionVoided
    | facts.EvidenceAttached
    | facts.ApprovalRequested
    | facts.ApprovalDecided
    | facts.ApprovalResubmitted
    | VisitEvent
    | VisitPassedOn
)

QUESTIONS_FIELD = "customer_questions"
"""An action's own field that counts what the customer asked (P13)."""


def evolve(row: OpportunityProcess | None, recorded: RecordedEvent) -> OpportunityProcess | None:
    """None for one that never was. Raises PoisonMessage for a stream that does not begin with its
    opening."""
    event: OpportunityEvent = recorded.event
    stored = recorded.stored
    if row is None:
        if not isinstance(event, facts.OpportunityOpened):
            raise PoisonMessage(f"{stored.stream} begins with {stored.type}")
        row = _opened(event, stored)
    elif isinstance(event, facts.OpportunityWithdrawn):
        return None
    else:
        _change(row, event, stored)
        if type(event) in NOTED:
            row.noted.append(noted(recorded))
    if stored.origin == Origin.IMPORT:
        row.imported_until = stored.recorded_at
    return row


def _change(row: OpportunityProcess, event: OpportunityEvent, stored: StoredEvent) -> None:
    match event:
        case facts.ActionLogged():
            row.actions.append(_logged(row, event, stored))
        case facts.StageChanged():
            how = event.direction
            _enter(row, stored, event.changed_at, event.to_stage, how)
        case facts.OpportunityAssigned():
            _own(row, stored, event.assigned_at, event.owner_id, event.unit_path)
        case facts.OpportunityUnitChanged():
            _own(row, stored, event.changed_at, row.owner_id, event.unit_path)
        case facts.OpportunityWon():
            _leave(row, stored, event.won_at, "won")
        case facts.OpportunityLost():
            _leave(row, stored, event.lost_at, "lost")
        case facts.OpportunityReopened():
            _enter(row, stored, event.reopened_at, event.stage, "reopened")
        case facts.OpportunityMigrated():
            _migrate(row, event, stored)
        case facts.ActionCorrected() | facts.ActionVoided() | facts.EvidenceAttached():
            _amend(row, event, stored)
        case facts.OpportunityCustomerChanged():
            row.customer_type = event.customer_type
            row.customer_industry = event.customer_industry
            row.customer_is_key = event.customer_is_key
        case facts.OpportunityFieldsChanged():
            if event.amount is not None:
                row.amount, row.currency = event.amount, event.currency
        case facts.ApprovalRequested() | facts.ApprovalDecided() | facts.ApprovalResubmitted():
            _approve(row, event, stored)
        case facts.OpportunityOpened():
            raise PoisonMessage(f"{stored.stream} is opened twice")
        case facts.OpportunityWithdrawn():
            raise AssertionError("the row is gone with it")
        case VisitStarted() | VisitFieldsFilled() | VisitNextActionBooked() | VisitSummarised():
            visited(row, event, stored)
        case facts.LateChangeRecorded() | VisitPassedOn():
            pass
        case _:
            assert_never(event)


def _opened(event: facts.OpportunityOpened, stored: StoredEvent) -> OpportunityProcess:
    at = event.opened_at
    return OpportunityProcess(
        opportunity_id=event.opportunity_id,
        customer_id=event.customer_id,
        customer_type=event.customer_type,
        customer_industry=event.customer_industry,
        customer_is_key=event.customer_is_key,
        amount=event.amount,
        currency=event.currency,
        zone=event.zone,
        entered_seconds_late=seconds_late(at, stored),
        rules=[rules_in_force(event.pipeline, at, stored.version)],
        stays=[Stay(at, stored.version, event.stage, str(stored.event_id), "opened")],
        owners=[Ownership(at, stored.version, event.owner_id, tuple(event.unit_path))],
    )


def _questions(event: facts.ActionLogged | facts.ActionCorrected) -> int:
    asked = event.fields.get(QUESTIONS_FIELD) if event.fields else None
    return int(asked) if isinstance(asked, int | float) and asked > 0 else 0


def _leave(row: OpportunityProcess, stored: StoredEvent, at: datetime, how: str) -> None:
    stay = row.stays[-1]
    left_at = max(at, stay.entered_at)  # a migration may be later than a change received after it
    row.stays[-1] = Stay(*stay[:5], left_at, stored.version, str(stored.event_id), how)


def _enter(
    row: OpportunityProcess, stored: StoredEvent, at: datetime, stage: str, how: str
) -> None:
    if row.is_open:
        _leave(row, stored, at, how)
    entered_at = max(at, row.stays[-1].left_at or at)
    row.stays.append(Stay(entered_at, stored.version, stage, str(stored.event_id), how))


def _own(
    row: OpportunityProcess,
    stored: StoredEvent,
    since: datetime,
    owner_id: str | None,
    unit_path: tuple[str, ...],
) -> None:
    insort(row.owners, Ownership(since, stored.version, owner_id, tuple(unit_path)))


def _migrate(
    row: OpportunityProcess, event: facts.OpportunityMigrated, stored: StoredEvent
) -> None:
    """No stage change: where the stage goes on under its name, the stay goes on too."""
    row.rules.append(rules_in_force(event.pipeline, event.migrated_at, stored.version))
    if row.is_open and event.stage != row.stage:
        _enter(row, stored, event.migrated_at, event.stage, "migrated")


def _logged(
    row: OpportunityProcess, event: facts.ActionLogged, stored: StoredEvent
) -> LoggedAction:
    event_id = str(stored.event_id)
    booked = event.next_action
    return LoggedAction(
        event.happened_at,
        stored.version,
        event_id,
        "" if event.action_id == event_id else event.action_id,
        event.type,
        event.ends_silence,
        _contact(event),
        event.actor_id,
        _path(row, event.actor_unit_path) if event.actor_unit_path else -1,
        tuple(event.evidence_required),
        tuple([proof.kind for proof in event.evidence]) if event.evidence else (),
        booked.due_at if booked else None,
        booked.type if booked else None,
        flaw_of(event.invalid_reasons) if event.invalid_reasons else "",
        False,
        hours_late(event.happened_at, stored),
        event.summary_characters,
        _questions(event),
        bool(event.pain_point),
    )


def _contact(event: facts.ActionLogged | facts.ActionCorrected) -> str:
    if event.direction == "inbound":
        return "in"
    return "out" if event.direction == "outbound" and event.is_contact else ""


def _path(row: OpportunityProcess, unit_path: tuple[str, ...]) -> int:
    path = tuple(unit_path)
    if path not in row.paths:
        row.paths.append(path)
    return row.paths.index(path)


def _amend(
    row: OpportunityProcess,
    event: facts.ActionCorrected | facts.ActionVoided | facts.EvidenceAttached,
    stored: StoredEvent,
) -> None:
    for index, action in enumerate(row.actions):
        if event.action_id in (action.action_id, action.event_id):
            row.actions[index] = _amended(action, event)
            if isinstance(event, facts.EvidenceAttached):
                note_evidence(row, event, stored)
            return


def _amended(
    action: LoggedAction,
    event: facts.ActionCorrected | facts.ActionVoided | facts.EvidenceAttached,
) -> LoggedAction:
    match event:
        case facts.ActionVoided():
            return action._replace(is_voided=True)
        case facts.EvidenceAttached():
            added = tuple(proof.kind for proof in event.evidence)
            return action._replace(
                evidence=(*action.evidence, *added), flaw=flaw_of(event.invalid_reasons)
            )
        case facts.ActionCorrected():
            booked = event.next_action
            return action._replace(
                at=event.happened_at,
                type=event.type,
                ends_silence=event.ends_silence,
                contact=_contact(event),
                evidence_required=tuple(event.evidence_required),
                evidence=tuple(proof.kind for proof in event.evidence),
                next_due_at=booked.due_at if booked else None,
                next_type=booked.type if booked else None,
                flaw=flaw_of(event.invalid_reasons),
                summary_characters=event.summary_characters,
                questions=_questions(event),
                pain_point=bool(event.pain_point),
            )
        case _:
            assert_never(event)


def _approve(
    row: OpportunityProcess,
    event: facts.ApprovalRequested | facts.ApprovalDecided | facts.ApprovalResubmitted,
    stored: StoredEvent,
) -> None:
    event_id = str(stored.event_id)
    if isinstance(event, facts.ApprovalRequested):
        roles = tuple(step.role for step in event.steps)
        limits = tuple(step.limit_seconds for step in event.steps)
        first = ApprovalStepTaken(event.requested_at, event_id, 0)
        row.approvals.append(ApprovalCourse(event.approval_id, event.kind, roles, limits, [first]))
        return
    taken = next(
        (course.taken for course in row.approvals if course.approval_id == event.approval_id), None
    )
    if taken is None:
        raise PoisonMessage(f"approval {event.approval_id} was never requested")
    if isinstance(event, facts.ApprovalResubmitted):
        taken.append(ApprovalStepTaken(event.resubmitted_at, event_id, 0))
        return
    taken[-1] = taken[-1]._replace(ended_at=event.decided_at, ended_by=event_id)
    if event.outcome == "pending":
        taken.append(ApprovalStepTaken(event.decided_at, event_id, taken[-1].step + 1))
