"""Approval steps that wait for somebody's word, each with its due time (O6)."""

from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from services.projections.domain.limit_spans import DeadlineSettings
from services.projections.domain.opportunity_row import OpportunityProcess
from services.projections.domain.people_deadlines import step_due, waits


class WaitingApproval(NamedTuple):
    """`roles`: of all its steps, in order; `since`, and the event that its limit runs from."""

    approval_id: str
    kind: str
    step: int
    roles: tuple[str, ...]
    since: datetime
    due_at: datetime
    event_id: str

    @property
    def role(self) -> str:
        return self.roles[self.step]


def awaits_approval(row: OpportunityProcess) -> bool:
    """What was lost may wait again when it is reopened."""
    return any(course.taken[-1].ended_at is None for course in row.approvals)


def waiting_approvals(
    row: OpportunityProcess, settings: DeadlineSettings
) -> Iterator[WaitingApproval]:
    """Nothing waits while it is lost."""
    for course in row.approvals:
        step = course.taken[-1].step
        *_, wait = waits(row, course.taken[-1])
        if wait.ended_at is not None:
            continue
        due_at, _hours = step_due(row.zone, wait, course.limits_seconds[step], settings)
        yield WaitingApproval(
            approval_id=course.approval_id,
            kind=course.kind,
            step=step,
            roles=course.roles,
            since=wait.started_at,
            due_at=due_at,
            event_id=wait.event_id,
        )
