"""Approvals that wait for somebody's decision: the caller's own first, what is due first on top."""

from collections.abc import Iterator
from typing import Any

from sqlalchemy import select

from services.projections.domain.limit_spans import DeadlineSettings
from services.projections.domain.opportunity_row import OpportunityProcess
from services.projections.domain.waiting_approvals import WaitingApproval, waiting_approvals
from services.projections.queries.asking import Asker
from services.projections.queries.deadline_settings import deadline_settings
from services.projections.queries.read_models import PROCESSES
from shared.access import Resource, Role
from shared.read_store import ReadStore

ROWS = PROCESSES.rows


async def approvals_waiting(reads: ReadStore, asker: Asker) -> list[dict[str, Any]]:
    """Those in sight (A9); `mine`: the caller may decide the step."""
    query = select(ROWS.c.body).where(
        ROWS.c.tenant_id == asker.tenant_id, ROWS.c.awaits_approval.is_(True)
    )
    async with reads.reading() as connection:
        bodies = (await connection.execute(query)).scalars().all()
    settings = deadline_settings(asker.organisation)
    found = [row for body in bodies for row in _rows(asker, PROCESSES.decode(body), settings)]
    return sorted(found, key=lambda row: (not row["mine"], row["due_at"], row["approval_id"]))


def _rows(
    asker: Asker, opportunity: OpportunityProcess, settings: DeadlineSettings
) -> Iterator[dict[str, Any]]:
    organisation, seen = asker.organisation, asker.visibility(Resource.APPROVALS)
    owner_id = opportunity.owner_id
    unit_id = (organisation.unit_of(owner_id) if owner_id else None) or opportunity.unit_path[-1]
    named = {role for course in opportunity.approvals for role in course.roles}
    if not seen.includes(
        unit_id=unit_id,
        owner_id=owner_id,
        actor_ids={action.actor_id for action in opportunity.actions if action.actor_id},
        addressed_to=frozenset(role for role in Role if role in named),
    ):
        return
    decides = _roles_over(asker, unit_id)
    for waiting in waiting_approvals(opportunity, settings):
        yield _row(asker, opportunity, waiting, unit_id) | {"mine": waiting.role in decides}


def _roles_over(asker: Asker, unit_id: str) -> frozenset[str]:
    """The roles that the caller holds on the unit or above it (A9)."""
    if asker.caller is None:
        return frozenset()
    above = asker.organisation.unit_path(unit_id)
    return frozenset(each.role.value for each in asker.caller.grants if each.unit_id in above)


def _row(
    asker: Asker, opportunity: OpportunityProcess, waiting: WaitingApproval, unit_id: str
) -> dict[str, Any]:
    return {
        "opportunity_id": opportunity.opportunity_id,
        "customer_id": opportunity.customer_id,
        "owner_id": opportunity.owner_id,
        "unit_id": unit_id,
        "amount": None if opportunity.amount is None else str(opportunity.amount),
        "currency": opportunity.currency,
        "approval_id": waiting.approval_id,
        "kind": waiting.kind,
        "step": waiting.step,
        "roles": list(waiting.roles),
        "role": waiting.role,
        "since": waiting.since,
        "due_at": waiting.due_at,
        "hours_left": (waiting.due_at - asker.clock).total_seconds() / 3600,
        "anchor_event_id": waiting.event_id,
    }
