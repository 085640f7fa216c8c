"""Read model: every escalation with how far it has come."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, assert_never, get_args

from services.notifications.domain.escalation import (
    Acknowledged,
    Course,
    Escalation,
    EscalationEvent,
    Open,
    Resolved,
    Snoozed,
    Unknown,
    evolve,
)
from services.notifications.domain.steps import PlannedStep, WallTime, planned_step
from shared.clock import milliseconds
from shared.envelope import RecordedEvent
from shared.projection import Projection


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationRow:
    """`status`: open, snoozed (`until`), acknowledged or resolved (`by`, `at`, `reason`)."""

    course: Course
    status: str
    until: datetime | None = None
    by: str | None = None
    at: datetime | None = None
    reason: str | None = None
    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    """Also of one that was resolved after somebody had acknowledged it."""


def row_of(escalation: Escalation) -> EscalationRow | None:
    match escalation:
        case Unknown():
            return None
        case Open(course=course):
            return EscalationRow(course=course, status="open")
        case Snoozed(course=course, until=until):
            return EscalationRow(course=course, status="snoozed", until=until)
        case Acknowledged(course=course, by=by, acknowledged_at=at):
            return EscalationRow(
                course=course,
                status="acknowledged",
                by=by,
                at=at,
                acknowledged_by=by,
                acknowledged_at=at,
            )
        case Resolved(course=course, by=by, reason=reason, resolved_at=at):
            return EscalationRow(course=course, status="resolved", by=by, at=at, reason=reason)
        case _:
            assert_never(escalation)


def escalation_of(row: EscalationRow | None) -> Escalation:
    """The same as the aggregate's state, so that both fold alike."""
    if row is None:
        return Unknown()
    match row.status:
        case "snoozed" if row.until is not None:
            return Snoozed(course=row.course, until=row.until)
        case "acknowledged" if row.at is not None:
            return Acknowledged(course=row.course, by=row.by, acknowledged_at=row.at)
        case "resolved" if row.at is not None:
            return Resolved(
                course=row.course, by=row.by, reason=row.reason or "", resolved_at=row.at
            )
        case _:
            return Open(course=row.course)


def evolve_row(row: EscalationRow | None, recorded: RecordedEvent) -> EscalationRow | None:
    after = row_of(evolve(escalation_of(row), recorded.event))
    if row is None or after is None or after.status != "resolved":
        return after
    return replace(after, acknowledged_by=row.acknowledged_by, acknowledged_at=row.acknowledged_at)


def next_due(row: EscalationRow) -> datetime | None:
    """The earliest that the next step can be due; business hours may put it off."""
    planned = planned_step(escalation_of(row), WallTime())
    return planned.at if isinstance(planned, PlannedStep) else None


def columns(row: EscalationRow) -> Mapping[str, Any]:
    opened = row.course.opened
    return {
        "status": row.status,
        "rule": opened.rule,
        "subject_id": opened.subject_id,
        "unit_id": opened.unit_id,
        "owner_id": opened.owner_id,
        "holder_id": row.course.holder_id,
        "told": told_text(row.course.told),
        "opened_at": milliseconds(opened.opened_at),
        "due_at": milliseconds(opened.due_at),
    }


def told_text(person_ids: tuple[str, ...]) -> str:
    """Ids between bars: whether one is among them can be asked in SQL."""
    return "|" + "".join(f"{person_id}|" for person_id in person_ids)


def _escalation_id(event: EscalationEvent) -> str:
    return event.escalation_id


ESCALATION_LIST: Projection[EscalationRow] = Projection(
    name="escalation_list",
    version=1,
    reads=get_args(EscalationEvent),
    row_type=EscalationRow,
    key=_escalation_id,
    evolve=evolve_row,
    columns=columns,
    next_due=next_due,
)
