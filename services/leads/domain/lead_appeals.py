"""A rep asks for a lead to be scored again, and what the manager makes of it (L6)."""

from collections.abc import Sequence
from dataclasses import replace

from services.leads.domain.lead_assignment import assigned
from services.leads.domain.lead_commands import AppealLead, DecideLeadAppeal
from services.leads.domain.lead_folding import LeadEvent
from services.leads.domain.lead_judgement import judged
from services.leads.domain.lead_state import (
    AppealIsPending,
    AppealIsTooLate,
    Assigned,
    Captured,
    Contacted,
    Lead,
    LeadIsAnothers,
    NothingIsAppealed,
    Qualified,
    open_lead,
)
from shared.events.leads import LeadAppealDecided, LeadAppealed


def appeal(command: AppealLead, lead: Lead) -> Sequence[LeadEvent]:
    """Raises LeadIsAnothers, AppealIsPending, AppealIsTooLate (a moment after the limit)."""
    facts = open_lead(lead, command.lead_id).facts
    if facts.owner_id is None or facts.assigned_at is None or facts.owner_id != command.rep_id:
        raise LeadIsAnothers(f"{command.lead_id!r} was not given to who appeals")
    if facts.appealed_at is not None:
        raise AppealIsPending(f"{command.lead_id!r} is appealed already")
    if command.now > facts.assigned_at + command.within:
        raise AppealIsTooLate(f"{command.lead_id!r} was assigned at {facts.assigned_at}")
    return [
        LeadAppealed(
            lead_id=facts.lead_id,
            customer_id=facts.customer_id,
            rep_id=facts.owner_id,
            reason=command.reason,
            unit_id=facts.unit_id,
            unit_path=list(facts.unit_path),
            appealed_at=command.now,
        )
    ]


def decide_appeal(command: DecideLeadAppeal, lead: Lead) -> Sequence[LeadEvent]:
    """Kept, scored again (below the threshold it goes back), or given to another."""
    there = open_lead(lead, command.lead_id)
    facts = there.facts
    if facts.appealed_at is None or facts.owner_id is None:
        raise NothingIsAppealed(f"nobody appeals {command.lead_id!r}")
    decided = LeadAppealDecided(
        lead_id=facts.lead_id,
        rep_id=facts.owner_id,
        decision=command.decision,
        decided_by=command.decided_by,
        appealed_at=facts.appealed_at,
        decided_at=command.now,
    )
    after = replace(there, facts=replace(facts, appealed_at=None))
    if command.reassign is not None and command.reassign.owner_id != facts.owner_id:
        return [decided, assigned(command.reassign, after.facts)]
    if command.decision != "rescore":
        return [decided]
    match after:
        case Captured() | Assigned() | Contacted():
            return [decided, *judged(after, command.rules, command.now)]
        case Qualified():
            return [decided]
