"""Approvals of the demonstration: asked for by the rep, decided in time, late, or sent back."""

from typing import NamedTuple

from services.cli.demonstration.course import Course
from services.opportunities.domain.opportunity_commands import (
    DecideApproval,
    RequestApproval,
    ResubmitApproval,
)
from shared.access import Role
from shared.events.opportunities import ApprovalStep


class _Decision(NamedTuple):
    approval_id: str
    step: int
    role: Role
    decided_by: str
    says: str


def approve(course: Course) -> bool:
    """A discount goes to the manager and finance, a contract to the manager and legal."""
    kind, second = course.chance.choice((("discount", Role.FINANCE), ("contract", Role.LEGAL)))
    approval_id = f"{course.opportunity_id}.{kind}"
    roles = (Role.MANAGER, second)
    course.at = course.later(0.2)
    sent_at = course.enters_now()
    request = RequestApproval(
        opportunity_id=course.opportunity_id,
        approval_id=approval_id,
        kind=kind,
        steps=tuple(ApprovalStep(role=role.value) for role in roles),
        requested_by=course.owner.person_id,
        note=course.said("note"),
        now=sent_at,
    )
    course.plan(request, sent_at, sent_at)
    staff = course.world.staff
    deciders = (staff.manager_of(course.owner.unit_id), staff.first_with(second))
    if course.happens(0.12):
        _decide(course, _Decision(approval_id, 0, roles[0], deciders[0], "sent_back"))
        _resubmit(course, approval_id)
    _decide(course, _Decision(approval_id, 0, roles[0], deciders[0], "approved"))
    says = "rejected" if course.happens(0.07) else "approved"
    _decide(course, _Decision(approval_id, 1, roles[1], deciders[1], says))
    return says == "approved"


def _decide(course: Course, decision: _Decision) -> None:
    late = course.happens(0.25)
    course.at = course.entered
    course.at = course.later(course.chance.uniform(2.3, 5) if late else course.chance.uniform(0, 1))
    sent_at = course.enters_now()
    command = DecideApproval(
        opportunity_id=course.opportunity_id,
        approval_id=decision.approval_id,
        decision=decision.says,
        roles=frozenset({decision.role.value}),
        decided_by=decision.decided_by,
        step=decision.step,
        now=sent_at,
    )
    course.plan(command, sent_at, sent_at, actor_id=decision.decided_by)
    course.at = sent_at


def _resubmit(course: Course, approval_id: str) -> None:
    course.at = course.later(0.5)
    sent_at = course.enters_now()
    command = ResubmitApproval(
        opportunity_id=course.opportunity_id, approval_id=approval_id, now=sent_at
    )
    course.plan(command, sent_at, sent_at)
    course.at = sent_at
