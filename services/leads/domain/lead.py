"""LEAD: from capture to an opportunity, back to marketing, or out (L2, L4, L5)."""

from collections.abc import Sequence
from datetime import datetime
from typing import assert_never

from services.leads.domain.lead_appeals import appeal, decide_appeal
from services.leads.domain.lead_assignment import assign, captured_for, change_unit
from services.leads.domain.lead_commands import (
    AppealLead,
    AssignLead,
    CaptureLead,
    ChangeLeadFields,
    ChangeLeadUnit,
    ContactLead,
    ConvertLead,
    DecideLeadAppeal,
    DisqualifyLead,
    HearHotWord,
    JudgeLead,
    LeadCommand,
    LetLeadWait,
    NoteBehaviour,
    QualifyLead,
    ReleaseLead,
    ReturnLead,
    TakeBackLeadEnding,
    WithdrawLead,
)
from services.leads.domain.lead_folding import LeadEvent, evolve
from services.leads.domain.lead_hot_words import hot_word_said
from services.leads.domain.lead_judgement import judged
from services.leads.domain.lead_outcomes import (
    convert,
    disqualify,
    give_back,
    qualify,
    release,
    take_back_ending,
    withdraw,
)
from services.leads.domain.lead_score import LeadScoreRules
from services.leads.domain.lead_state import (
    Assigned,
    BudgetStatusIsMissing,
    Captured,
    Contacted,
    Lead,
    LeadAlreadyCaptured,
    LeadFacts,
    LeadFields,
    OpenLead,
    Returned,
    Unknown,
    open_lead,
    unclosed,
)
from shared.decider import Decider
from shared.events.leads import (
    LeadBehaviourNoted,
    LeadCaptured,
    LeadContacted,
    LeadFellAsleep,
    LeadFieldsChanged,
    LeadFoundNobody,
)


def capture(command: CaptureLead, lead: Lead) -> Sequence[LeadEvent]:
    if not isinstance(lead, Unknown):
        raise LeadAlreadyCaptured(f"there is a lead {command.lead_id!r} already")
    fields = command.fields
    captured = LeadCaptured(
        lead_id=command.lead_id,
        customer_id=command.customer_id,
        source=command.source,
        industry=fields.industry,
        size=fields.size,
        region=fields.region,
        budget_status=fields.budget_status,
        core_needs=list(fields.core_needs),
        unit_id=command.unit_id,
        unit_path=list(command.unit_path),
        captured_at=command.occurred_at,
        attributes=dict(command.attributes),
        round=lead.rounds + 1,
    )
    behaviours = dict.fromkeys(command.behaviours)
    noted = (_behaviour(command.lead_id, each, command.occurred_at) for each in behaviours)
    events: list[LeadEvent] = [captured, *noted]
    if command.owner_id is not None:
        events.append(captured_for(command, command.owner_id))
    return events


def change_fields(command: ChangeLeadFields, lead: Lead) -> Sequence[LeadEvent]:
    """Also while marketing has it."""
    facts = unclosed(lead, command.lead_id).facts
    return _fields_changed(facts, command.fields, command.now)


def note_behaviour(command: NoteBehaviour, lead: Lead) -> Sequence[LeadEvent]:
    """Each kind counts once; while marketing has it too."""
    there = unclosed(lead, command.lead_id)
    if command.behaviour in there.facts.behaviours:
        return []
    noted = _behaviour(command.lead_id, command.behaviour, command.occurred_at)
    return _and_judged(there, [noted], command.rules, command.now)


def hear_hot_word(command: HearHotWord, lead: Lead) -> Sequence[LeadEvent]:
    """Raises LeadIsClosed."""
    said = hot_word_said(command, lead)
    if not said or isinstance(lead, Unknown | Returned):
        return said
    return _and_judged(open_lead(lead, command.lead_id), said, command.rules, command.now)


def judge(command: JudgeLead, lead: Lead) -> Sequence[LeadEvent]:
    """The first time when its hours are over; then daily while captured or assigned (L4). What was
    contacted once and then forgotten falls asleep (L11)."""
    match lead:
        case Captured() | Assigned():
            return judged(lead, command.rules, command.now) if _is_due(command, lead) else []
        case Contacted():
            is_first = lead.facts.judged is None and _is_due(command, lead)
            score = judged(lead, command.rules, command.now) if is_first else []
            return [*score, *_fallen_asleep(command, lead.facts)]
        case _:
            return []


def _fallen_asleep(command: JudgeLead, facts: LeadFacts) -> list[LeadEvent]:
    if facts.contacts != 1 or facts.last_contact_at is None or facts.fell_asleep_at is not None:
        return []
    asleep_at = command.rules.asleep_at(facts.last_contact_at)
    if command.now <= asleep_at:
        return []
    return [
        LeadFellAsleep(
            lead_id=facts.lead_id,
            customer_id=facts.customer_id,
            owner_id=facts.owner_id,
            unit_id=facts.unit_id,
            unit_path=list(facts.unit_path),
            fell_asleep_at=asleep_at,
        )
    ]


def _is_due(command: JudgeLead, lead: OpenLead) -> bool:
    first_at = command.rules.first_judged_at(lead.facts.captured_at)
    return lead.facts.judged is not None or command.now > first_at


def let_wait(command: LetLeadWait, lead: Lead) -> Sequence[LeadEvent]:
    if not isinstance(lead, Captured) or lead.facts.found_nobody_at is not None:
        return []
    facts = lead.facts
    return [
        LeadFoundNobody(
            lead_id=facts.lead_id,
            customer_id=facts.customer_id,
            unit_id=facts.unit_id,
            unit_path=list(facts.unit_path),
            passed_over={reason: list(reps) for reason, reps in command.passed_over},
            found_nobody_at=command.now,
        )
    ]


def contact(command: ContactLead, lead: Lead) -> Sequence[LeadEvent]:
    there = open_lead(lead, command.lead_id)
    facts = there.facts
    fields = command.fields or facts.fields
    if command.budget_status_required and fields.budget_status is None:
        raise BudgetStatusIsMissing("a follow-up says what is known of the budget")
    contacted = LeadContacted(
        lead_id=facts.lead_id,
        customer_id=facts.customer_id,
        type=command.type,
        actor_id=command.actor_id,
        summary=command.summary,
        response_seconds=_response_seconds(command, facts),
        unit_id=facts.unit_id,
        unit_path=list(facts.unit_path),
        fell_asleep_at=facts.fell_asleep_at,
        contacted_at=command.occurred_at,
        interested=command.interested,
    )
    happened = [*_fields_changed(facts, fields, command.now), contacted]
    return _and_judged(there, happened, command.rules, command.now)


def _response_seconds(command: ContactLead, facts: LeadFacts) -> float | None:
    """Of the assigned rep's first contact since the assignment (L10)."""
    at = facts.assigned_at
    if at is None or command.actor_id != facts.owner_id or facts.first_contact_at is not None:
        return None
    return (command.occurred_at - at).total_seconds() if command.occurred_at >= at else None


def decide(command: LeadCommand, lead: Lead) -> Sequence[LeadEvent]:
    match command:
        case CaptureLead():
            return capture(command, lead)
        case ChangeLeadFields():
            return change_fields(command, lead)
        case NoteBehaviour():
            return note_behaviour(command, lead)
        case HearHotWord():
            return hear_hot_word(command, lead)
        case JudgeLead():
            return judge(command, lead)
        case LetLeadWait():
            return let_wait(command, lead)
        case AssignLead():
            return assign(command, lead)
        case ChangeLeadUnit():
            return change_unit(command, lead)
        case ContactLead():
            return contact(command, lead)
        case AppealLead():
            return appeal(command, lead)
        case DecideLeadAppeal():
            return decide_appeal(command, lead)
        case QualifyLead():
            return qualify(command, lead)
        case ReturnLead():
            return give_back(command, lead)
        case ReleaseLead():
            return release(command, lead)
        case DisqualifyLead():
            return disqualify(command, lead)
        case WithdrawLead():
            return withdraw(command, lead)
        case TakeBackLeadEnding():
            return take_back_ending(command, lead)
        case ConvertLead():
            return convert(command, lead)
        case _:
            assert_never(command)


LEAD: Decider[LeadCommand, Lead, LeadEvent] = Decider("lead", decide, evolve, Unknown())


def _and_judged(
    lead: OpenLead | Returned, happened: list[LeadEvent], rules: LeadScoreRules, now: datetime
) -> Sequence[LeadEvent]:
    """After the first judgement every change is judged at once (L4)."""
    after = LEAD.fold(happened, lead)
    match after:
        case Captured() | Assigned() | Contacted() if after.facts.judged is not None:
            return [*happened, *judged(after, rules, now)]
        case _:
            return happened


def _behaviour(lead_id: str, behaviour: str, at: datetime) -> LeadBehaviourNoted:
    return LeadBehaviourNoted(lead_id=lead_id, behaviour=behaviour, noted_at=at)


def _fields_changed(facts: LeadFacts, fields: LeadFields, now: datetime) -> list[LeadEvent]:
    if fields == facts.fields:
        return []
    return [
        LeadFieldsChanged(
            lead_id=facts.lead_id,
            industry=fields.industry,
            size=fields.size,
            region=fields.region,
            budget_status=fields.budget_status,
            core_needs=list(fields.core_needs),
            changed_at=now,
        )
    ]
