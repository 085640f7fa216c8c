"""Whose a lead is: given to a rep, and where that rep's unit is (L5, A9)."""

from collections.abc import Sequence

from services.leads.domain.lead_commands import AssignLead, CaptureLead, ChangeLeadUnit
from services.leads.domain.lead_state import (
    BY_HAND,
    BudgetStatusIsMissing,
    Captured,
    Converted,
    Disqualified,
    Lead,
    LeadFacts,
    LeadFields,
    Unknown,
    open_lead,
)
from shared.events.leads import LeadAssigned, LeadUnitChanged


def assign(command: AssignLead, lead: Lead) -> Sequence[LeadAssigned]:
    """What was allocated in a round that is over, or to a lead that somebody has, comes to
    nothing: the book hears of it by the lead's own events. Raises BudgetStatusIsMissing."""
    if command.allocation is not None and not _awaits(command, lead):
        return []
    facts = open_lead(lead, command.lead_id).facts
    if command.owner_id == facts.owner_id:
        return []
    return [assigned(command, facts)]


def _awaits(command: AssignLead, lead: Lead) -> bool:
    return isinstance(lead, Captured) and lead.facts.rounds == command.round


def change_unit(command: ChangeLeadUnit, lead: Lead) -> Sequence[LeadUnitChanged]:
    """Never before its owner had it; what is so already, or closed, or another's by now, changes
    nothing."""
    if isinstance(lead, Unknown | Converted | Disqualified):
        return []
    facts = lead.facts
    if command.owner_id != facts.owner_id:
        return []
    if (command.unit_id, command.unit_path) == (facts.unit_id, facts.unit_path):
        return []
    return [
        LeadUnitChanged(
            lead_id=facts.lead_id,
            customer_id=facts.customer_id,
            owner_id=facts.owner_id,
            unit_id=command.unit_id,
            unit_path=list(command.unit_path),
            previous_unit_id=facts.unit_id,
            changed_at=max(command.changed_at, facts.assigned_at or facts.captured_at),
        )
    ]


def assigned(command: AssignLead, facts: LeadFacts) -> LeadAssigned:
    """Raises BudgetStatusIsMissing."""
    _check_budget(command, facts.fields)
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
        fell_asleep_at=facts.fell_asleep_at,
        appealed_at=facts.appealed_at,
    )


def captured_for(command: CaptureLead, owner_id: str) -> LeadAssigned:
    """Who captures a lead may keep it, or say whose it is. Raises BudgetStatusIsMissing."""
    _check_budget(command, command.fields)
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


def _check_budget(command: AssignLead | CaptureLead, fields: LeadFields) -> None:
    if command.budget_status_required and fields.budget_status is None:
        raise BudgetStatusIsMissing(f"{command.lead_id!r} says nothing of the budget")
