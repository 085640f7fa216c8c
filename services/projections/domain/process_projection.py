"""OPPORTUNITY_PROCESS: the read model of services/projections that every board is made from."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_args

from services.projections.domain.behaviour_deadlines import REVISION, revised
from services.projections.domain.course_marks import course_of
from services.projections.domain.deadlines import due_bound
from services.projections.domain.every_thing import every_contribution
from services.projections.domain.opportunity_course import counted_actions
from services.projections.domain.opportunity_process import OpportunityEvent, evolve
from services.projections.domain.opportunity_row import (
    OpportunityProcess,
)
from services.projections.domain.silence import current_silence
from services.projections.domain.waiting_approvals import awaits_approval
from shared.clock import milliseconds
from shared.projection import Projection

NO_LIMIT = 9_999_999_999_999
"""In milliseconds: later than whatever has a limit."""


def columns(row: OpportunityProcess) -> Mapping[str, Any]:
    """What boards search by; times in milliseconds, those of silence only while it is open."""
    silence = current_silence(row)
    closed_at = None if silence else row.stays[-1].left_at
    due_at = silence.due_at if silence else None
    return {
        "status": row.status,
        "stage": row.stage,
        "unit_id": row.unit_path[-1],
        "owner_id": row.owner_id,
        "customer_id": row.customer_id,
        "customer_industry": row.customer_industry,
        "customer_is_key": row.customer_is_key,
        "amount": None if row.amount is None else str(row.amount),
        "currency": row.currency,
        "opened_at": _milliseconds(row.stays[0].entered_at),
        "closed_at": _milliseconds(closed_at),
        "stage_entered_at": _milliseconds(row.stays[-1].entered_at),
        "last_activity_at": _milliseconds(silence.last_activity_at) if silence else None,
        "silence_due_at": (_milliseconds(due_at) or NO_LIMIT) if silence else None,
        "limit_hours": silence.limit_hours if silence else None,
        "reps": _reps(row),
        "awaits_approval": awaits_approval(row),
        "course": course_of(row),
        "revisions": len(revised(counted_actions(row)).revisions) if _has_revisions(row) else 0,
    }


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else milliseconds(moment)


def _has_revisions(row: OpportunityProcess) -> bool:
    return any(action.type == REVISION for action in row.actions)


def _reps(row: OpportunityProcess) -> str:
    """Everybody who owned it or acted on it, as `|a|b|`."""
    reps = {owner.owner_id for owner in row.owners} | {action.actor_id for action in row.actions}
    return "|" + "".join(f"{rep}|" for rep in sorted(filter(None, reps)))


def _key(event: OpportunityEvent) -> str:
    return event.opportunity_id


OPPORTUNITY_PROCESS: Projection[OpportunityProcess] = Projection(
    name="opportunity_process",
    version=1,
    reads=get_args(OpportunityEvent),
    row_type=OpportunityProcess,
    key=_key,
    evolve=evolve,
    columns=columns,
    contributions=every_contribution,
    next_due=due_bound,
)
