"""How the visits in an opportunity's row fold: node by node, late ones too (O4)."""

from collections.abc import Sequence
from typing import assert_never

from services.projections.domain.opportunity_row import (
    INVALID,
    UNPROVEN,
    LoggedAction,
    OpportunityProcess,
    VisitCourse,
    VisitStep,
)
from shared.envelope import StoredEvent
from shared.events.opportunities import EVIDENCE_MISSING, EvidenceAttached
from shared.events.visits import (
    VisitFieldsFilled,
    VisitNextActionBooked,
    VisitStarted,
    VisitSummarised,
)

VisitEvent = VisitStarted | VisitFieldsFilled | VisitNextActionBooked | VisitSummarised

SCAN, FIELDS, NEXT_ACTION, SUMMARY = "scan", "fields", "next_action", "summary"
NODES = frozenset(
    {SCAN, "photo_storefront", "photo_display", "photo_conversation", FIELDS, NEXT_ACTION, SUMMARY}
)
"""What completes a visit; anything else recorded in it does not move its completion."""


def flaw_of(invalid_reasons: Sequence[str]) -> str:
    if not invalid_reasons:
        return ""
    unproven = all(reason.startswith(EVIDENCE_MISSING) for reason in invalid_reasons)
    return UNPROVEN if unproven else INVALID


def visited(row: OpportunityProcess, event: VisitEvent, stored: StoredEvent) -> None:
    if isinstance(event, VisitStarted):
        index = _index_of(row, event.action_id)
        if index is not None:
            scan = VisitStep(event.scanned_at, stored.version, SCAN, str(stored.event_id))
            logged = row.actions[index].event_id
            course = VisitCourse(
                event_id=logged,
                action_id=event.action_id,
                customer_type=event.customer_type,
                steps=[scan],
            )
            row.visits.append(course)
        return
    for course in row.visits:
        if course.action_id == event.action_id:
            _progress(row, course, event, stored)


def note_evidence(row: OpportunityProcess, event: EvidenceAttached, stored: StoredEvent) -> None:
    """A visit's photos, and whatever else was recorded in it."""
    for course in row.visits:
        if course.action_id == event.action_id:
            event_id = str(stored.event_id)
            course.steps += [
                VisitStep(event.attached_at, stored.version, proof.kind, event_id)
                for proof in event.evidence
            ]
            _judge(course, event.invalid_reasons, event_id)


def _progress(
    row: OpportunityProcess,
    course: VisitCourse,
    event: VisitFieldsFilled | VisitNextActionBooked | VisitSummarised,
    stored: StoredEvent,
) -> None:
    index = _index_of(row, event.action_id)
    assert index is not None
    action = row.actions[index]._replace(flaw=flaw_of(event.invalid_reasons))
    match event:
        case VisitFieldsFilled():
            at, kind = event.filled_at, FIELDS
        case VisitNextActionBooked():
            at, kind = event.booked_at, NEXT_ACTION
            booked = event.next_action
            action = action._replace(next_due_at=booked.due_at, next_type=booked.type)
        case VisitSummarised():
            at, kind = event.summarised_at, SUMMARY
            action = action._replace(
                summary_characters=event.summary_characters, pain_point=bool(event.pain_point)
            )
        case _:
            assert_never(event)
    row.actions[index] = action
    course.steps.append(VisitStep(at, stored.version, kind, str(stored.event_id)))
    _judge(course, event.invalid_reasons, str(stored.event_id))


def _judge(course: VisitCourse, invalid_reasons: Sequence[str], event_id: str) -> None:
    """Complete since its last node happened, whenever that came to be known."""
    if invalid_reasons:
        course.complete_at = course.complete_by = None
    elif course.complete_at is None:
        course.complete_at = max(step.at for step in course.steps if step.kind in NODES)
        course.complete_by = event_id


def _index_of(row: OpportunityProcess, action_id: str) -> int | None:
    for index, action in enumerate(row.actions):
        if action_id in (action.action_id, action.event_id):
            return index
    return None


def action_of(row: OpportunityProcess, course: VisitCourse) -> LoggedAction:
    return next(action for action in row.actions if action.event_id == course.event_id)
