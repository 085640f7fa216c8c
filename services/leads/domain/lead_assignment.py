"""That a lead is given to a rep, as an event."""

from services.leads.domain.lead_commands import AssignLead, CaptureLead
from services.leads.domain.lead_state import BY_HAND, LeadFacts
from shared.events.leads import LeadAssigned


def assigned(command: AssignLead, facts: LeadFacts) -> LeadAssigned:
    return LeadAssigned(
        lead_id=facts.lead_id,
        customer_id=facts.customer_id,
        owner_id=command.owner_id,
        unit_id=command.unit_id,
        unit_path=list(command.unit_path),
        previous_owner_id=facts.owner_id,
        previous_unit_id=facts.unit_id,
        track=command.track,
        allocation=command.allocation,
        found_nobody_at=facts.found_nobody_at,
        assigned_at=command.now,
    )


def captured_for(command: CaptureLead, owner_id: str) -> LeadAssigned:
    """Who captures a lead may keep it, or say whose it is."""
    return LeadAssigned(
        lead_id=command.lead_id,
        customer_id=command.customer_id,
        owner_id=owner_id,
        unit_id=command.unit_id,
        unit_path=list(command.unit_path),
        previous_owner_id=None,
        previous_unit_id=command.unit_id,
        track=BY_HAND,
        allocation=None,
        found_nobody_at=None,
        assigned_at=command.now,
    )
