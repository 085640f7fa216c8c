"""How sales is done with a lead: qualified, given back, disqualified, converted."""

from collections.abc import Sequence

from services.leads.domain.lead_commands import (
    ConvertLead,
    DisqualifyLead,
    QualifyLead,
    ReleaseLead,
    ReturnLead,
    TakeBackLeadEnding,
    WithdrawLead,
)
from services.leads.domain.lead_folding import LeadEvent
from services.leads.domain.lead_judgement import unanswered_seconds
from services.leads.domain.lead_state import (
    Assigned,
    Captured,
    Contacted,
    Converted,
    Disqualified,
    Lead,
    LeadHasNoOwner,
    LeadIsClosed,
    LeadIsNotContacted,
    LeadIsNotReturned,
    LeadIsWorkedOn,
    Qualified,
    Returned,
    Unknown,
    known,
    open_lead,
    status,
    unclosed,
)
from shared.events.leads import (
    LeadConverted,
    LeadDisqualified,
    LeadEndingTakenBack,
    LeadQualified,
    LeadReleased,
    LeadReturned,
    LeadWithdrawn,
)


def qualify(command: QualifyLead, lead: Lead) -> Sequence[LeadEvent]:
    match open_lead(lead, command.lead_id):
        case Captured() | Assigned():
            raise LeadIsNotContacted(f"nobody has spoken with {command.lead_id!r} yet")
        case Contacted(facts=facts):
            return [
                LeadQualified(
                    lead_id=command.lead_id,
                    qualified_at=command.now,
                    fell_asleep_at=facts.fell_asleep_at,
                )
            ]
        case Qualified():
            return []


def give_back(command: ReturnLead, lead: Lead) -> Sequence[LeadEvent]:
    if isinstance(lead, Returned):
        return []
    facts = open_lead(lead, command.lead_id).facts
    return [
        LeadReturned(
            lead_id=facts.lead_id,
            customer_id=facts.customer_id,
            reason="by_hand",
            score=None if facts.judged is None else facts.judged.total,
            missing={} if facts.judged is None else facts.judged.missing,
            owner_id=facts.owner_id,
            unit_id=facts.unit_id,
            unit_path=list(facts.unit_path),
            found_nobody_at=facts.found_nobody_at,
            unanswered_seconds=unanswered_seconds(facts, command.now),
            returned_at=command.now,
            fell_asleep_at=facts.fell_asleep_at,
            appealed_at=facts.appealed_at,
        )
    ]


def release(command: ReleaseLead, lead: Lead) -> Sequence[LeadEvent]:
    match known(lead, command.lead_id):
        case Returned():
            return [LeadReleased(lead_id=command.lead_id, released_at=command.now)]
        case Converted() | Disqualified():
            raise LeadIsClosed(f"{command.lead_id!r} is closed")
        case Captured() | Assigned() | Contacted() | Qualified():
            raise LeadIsNotReturned(f"sales has {command.lead_id!r}")


def disqualify(command: DisqualifyLead, lead: Lead) -> Sequence[LeadEvent]:
    if isinstance(lead, Disqualified) and lead.reason == command.reason:
        return []
    facts = unclosed(lead, command.lead_id).facts
    return [
        LeadDisqualified(
            lead_id=facts.lead_id,
            reason=command.reason,
            owner_id=facts.owner_id,
            unit_id=facts.unit_id,
            found_nobody_at=facts.found_nobody_at,
            disqualified_at=command.now,
            fell_asleep_at=facts.fell_asleep_at,
            appealed_at=facts.appealed_at,
        )
    ]


def withdraw(command: WithdrawLead, lead: Lead) -> Sequence[LeadEvent]:
    """Raises LeadIsWorkedOn, LeadIsClosed for one that became an opportunity."""
    if isinstance(lead, Unknown):
        return []
    facts = known(lead, command.lead_id).facts
    if isinstance(lead, Converted):
        raise LeadIsClosed(f"{command.lead_id!r} is opportunity {lead.opportunity_id!r}")
    if isinstance(lead, Qualified) or facts.contacts:
        raise LeadIsWorkedOn(f"somebody has spoken with {command.lead_id!r}")
    return [
        LeadWithdrawn(
            lead_id=facts.lead_id,
            customer_id=facts.customer_id,
            owner_id=facts.owner_id,
            unit_id=facts.unit_id,
            unit_path=list(facts.unit_path),
            found_nobody_at=facts.found_nobody_at,
            withdrawn_at=command.now,
            fell_asleep_at=facts.fell_asleep_at,
            appealed_at=facts.appealed_at,
        )
    ]


def take_back_ending(command: TakeBackLeadEnding, lead: Lead) -> Sequence[LeadEvent]:
    if not isinstance(lead, Converted | Disqualified):
        return []
    facts, before = lead.facts, command.before
    return [
        LeadEndingTakenBack(
            lead_id=facts.lead_id,
            status=status(before),
            reason=before.reason if isinstance(before, Returned) else None,
            owner_id=facts.owner_id,
            unit_id=facts.unit_id,
            taken_back_at=command.now,
        )
    ]


def convert(command: ConvertLead, lead: Lead) -> Sequence[LeadEvent]:
    if isinstance(lead, Converted) and lead.opportunity_id == command.opportunity_id:
        return []
    facts = open_lead(lead, command.lead_id).facts
    if facts.owner_id is None and not command.recorded_history:
        raise LeadHasNoOwner(f"nobody has {command.lead_id!r}")
    return [
        LeadConverted(
            lead_id=facts.lead_id,
            customer_id=facts.customer_id,
            opportunity_id=command.opportunity_id,
            pipeline=command.pipeline,
            owner_id=command.owner_id or facts.owner_id,
            unit_id=command.unit_id or facts.unit_id,
            converted_at=command.now,
            found_nobody_at=facts.found_nobody_at,
            fell_asleep_at=facts.fell_asleep_at,
            appealed_at=facts.appealed_at,
        )
    ]
