"""A lead and its rules, boring and fixed, for the specifications of leads."""

from datetime import UTC, datetime, timedelta
from typing import Any

from services.leads.domain.lead_commands import AssignLead, CaptureLead, ContactLead
from services.leads.domain.lead_score import LeadScoreRules
from services.leads.domain.lead_state import LeadFields
from shared.events.leads import (
    LeadAssigned,
    LeadCaptured,
    LeadContacted,
    LeadScored,
    LeadUnitChanged,
)
from shared.tenant_settings import LEAD_BEHAVIOUR_POINTS, LEAD_SOURCE_POINTS

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PATH = ("company", "north", "team-1")
RULES = LeadScoreRules(
    source_points={name: float(points) for name, points in LEAD_SOURCE_POINTS.items()},
    behaviour_points={name: float(points) for name, points in LEAD_BEHAVIOUR_POINTS.items()},
    threshold=60.0,
    first_judged_hours=24.0,
    timely_hours=24.0,
    late_hours=72.0,
    calendar=None,
    sleeping_hours=72.0,
    sleeping_calendar=None,
)


def capture(**more: Any) -> CaptureLead:
    said: dict[str, Any] = {
        "lead_id": "L1",
        "customer_id": "C1",
        "source": "referral",
        "fields": LeadFields(),
        "behaviours": (),
        "unit_id": "team-1",
        "unit_path": PATH,
        "owner_id": None,
        "occurred_at": NOW,
        "now": NOW,
    }
    return CaptureLead(**{**said, **more})


def captured(source: str = "referral", budget_status: str | None = None) -> LeadCaptured:
    return LeadCaptured(
        lead_id="L1",
        customer_id="C1",
        source=source,
        industry=None,
        size=None,
        region=None,
        budget_status=budget_status,
        core_needs=[],
        unit_id="team-1",
        unit_path=list(PATH),
        captured_at=NOW,
    )


def assign(owner_id: str = "rep-1", at: datetime = NOW, **more: Any) -> AssignLead:
    said: dict[str, Any] = {
        "lead_id": "L1",
        "owner_id": owner_id,
        "unit_id": "team-1",
        "unit_path": PATH,
        "track": "by_hand",
        "now": at,
    }
    return AssignLead(**{**said, **more})


def assigned(owner_id: str = "rep-1", at: datetime = NOW, **more: Any) -> LeadAssigned:
    said: dict[str, Any] = {
        "lead_id": "L1",
        "customer_id": "C1",
        "owner_id": owner_id,
        "unit_id": "team-1",
        "unit_path": list(PATH),
        "previous_owner_id": None,
        "previous_unit_id": "team-1",
        "track": "by_hand",
        "allocation": None,
        "found_nobody_at": None,
        "assigned_at": at,
    }
    return LeadAssigned(**{**said, **more})


def unit_changed(**more: Any) -> LeadUnitChanged:
    """rep-1 moves from team-1 to team-2."""
    said: dict[str, Any] = {
        "lead_id": "L1",
        "customer_id": "C1",
        "owner_id": "rep-1",
        "unit_id": "team-2",
        "unit_path": ["company", "south", "team-2"],
        "previous_unit_id": "team-1",
        "changed_at": NOW + HOUR,
    }
    return LeadUnitChanged(**{**said, **more})


def contact(at: datetime = NOW, actor_id: str = "rep-1", **more: Any) -> ContactLead:
    said: dict[str, Any] = {
        "lead_id": "L1",
        "type": "call",
        "actor_id": actor_id,
        "summary": None,
        "fields": None,
        "budget_status_required": False,
        "rules": RULES,
        "occurred_at": at,
        "now": at,
    }
    return ContactLead(**{**said, **more})


def contacted(
    at: datetime = NOW,
    actor_id: str = "rep-1",
    *,
    response_seconds: float | None = 0.0,
    fell_asleep_at: datetime | None = None,
) -> LeadContacted:
    return LeadContacted(
        lead_id="L1",
        customer_id="C1",
        type="call",
        actor_id=actor_id,
        summary=None,
        response_seconds=response_seconds,
        unit_id="team-1",
        unit_path=list(PATH),
        fell_asleep_at=fell_asleep_at,
        contacted_at=at,
    )


def scored(
    source: float, behaviour: float, timeliness: float, at: datetime = NOW + 25 * HOUR
) -> LeadScored:
    return LeadScored(
        lead_id="L1",
        source_points=source,
        behaviour_points=behaviour,
        timeliness_points=timeliness,
        score=source + behaviour + timeliness,
        judged_at=at,
    )
