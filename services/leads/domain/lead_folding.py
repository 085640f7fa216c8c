"""How a lead's events change it."""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from services.leads.domain.lead_score import LeadScore
from services.leads.domain.lead_state import (
    OPEN_STATES,
    UNTOUCHED,
    Assigned,
    Captured,
    Contacted,
    Converted,
    Disqualified,
    KnownLead,
    Lead,
    LeadFacts,
    LeadFields,
    Qualified,
    Returned,
    Unknown,
)
from shared.events.leads import (
    HotWordSaid,
    LeadAppealDecided,
    LeadAppealed,
    LeadAssigned,
    LeadBehaviourNoted,
    LeadCaptured,
    LeadContacted,
    LeadConverted,
    LeadDisqualified,
    LeadEndingTakenBack,
    LeadFellAsleep,
    LeadFieldsChanged,
    LeadFoundNobody,
    LeadQualified,
    LeadReleased,
    LeadReturned,
    LeadScored,
    LeadUnitChanged,
    LeadWithdrawn,
)

LeadEvent = (
    LeadCaptured
    | LeadFieldsChanged
    | LeadBehaviourNoted
    | HotWordSaid
    | LeadScored
    | LeadFoundNobody
    | LeadAssigned
    | LeadUnitChanged
    | LeadContacted
    | LeadFellAsleep
    | LeadAppealed
    | LeadAppealDecided
    | LeadQualified
    | LeadReturned
    | LeadReleased
    | LeadDisqualified
    | LeadEndingTakenBack
    | LeadWithdrawn
    | LeadConverted
)


def evolve(lead: Lead, event: LeadEvent) -> Lead:
    if isinstance(event, LeadCaptured):
        return Captured(facts=_captured(event))
    if isinstance(lead, Unknown):
        return lead
    return _changed(lead, event)


def _changed(lead: KnownLead, event: LeadEvent) -> Lead:  # one case an event
    facts = lead.facts
    match event:
        case LeadCaptured():
            return lead
        case LeadFieldsChanged():
            return replace(lead, facts=_said(facts, event))
        case LeadBehaviourNoted():
            return replace(
                lead, facts=replace(facts, behaviours=(*facts.behaviours, event.behaviour))
            )
        case HotWordSaid():
            return replace(lead, facts=replace(facts, hot_word_at=event.said_at))
        case LeadScored():
            score = LeadScore(event.source_points, event.behaviour_points, event.timeliness_points)
            return replace(lead, facts=replace(facts, judged=score, judged_at=event.judged_at))
        case LeadFoundNobody():
            passed_over = tuple((why, tuple(reps)) for why, reps in event.passed_over.items())
            waiting = replace(facts, found_nobody_at=event.found_nobody_at, passed_over=passed_over)
            return replace(lead, facts=waiting)
        case LeadAssigned():
            return Assigned(facts=_assigned(facts, event))
        case LeadUnitChanged():
            moved = replace(facts, unit_id=event.unit_id, unit_path=tuple(event.unit_path))
            return replace(lead, facts=moved)
        case LeadContacted():
            return _contacted(lead, event)
        case LeadFellAsleep():
            return replace(lead, facts=replace(facts, fell_asleep_at=event.fell_asleep_at))
        case LeadAppealed():
            return replace(lead, facts=replace(facts, appealed_at=event.appealed_at))
        case LeadAppealDecided():
            return replace(lead, facts=replace(facts, appealed_at=None))
        case LeadQualified():
            return Qualified(facts=replace(facts, fell_asleep_at=None))
        case LeadReturned():
            given_back = replace(_without_owner(facts), ended_at=event.returned_at)
            return Returned(facts=given_back, reason=event.reason)
        case LeadReleased():
            again = replace(
                _without_owner(facts),
                captured_at=event.released_at,
                ended_at=None,
                rounds=facts.rounds + 1,
                judged=None,
                judged_at=None,
            )
            return Captured(facts=again)
        case LeadDisqualified():
            return Disqualified(facts=_closed(facts, event.disqualified_at), reason=event.reason)
        case LeadEndingTakenBack():
            return _reopened(facts, event)
        case LeadWithdrawn():
            return Unknown(rounds=facts.rounds)
        case LeadConverted():
            closed = _closed(facts, event.converted_at)
            return Converted(facts=closed, opportunity_id=event.opportunity_id)
        case _:
            assert_never(event)


def _captured(event: LeadCaptured) -> LeadFacts:
    return LeadFacts(
        lead_id=event.lead_id,
        customer_id=event.customer_id,
        source=event.source,
        fields=_fields(event),
        unit_id=event.unit_id,
        unit_path=tuple(event.unit_path),
        captured_at=event.captured_at,
        rounds=event.round,
        first_captured_at=event.captured_at,
        budget_known_at=event.captured_at if _is_known(event) else None,
    )


def _said(facts: LeadFacts, event: LeadFieldsChanged) -> LeadFacts:
    since = facts.budget_known_at or event.changed_at
    return replace(
        facts, fields=_fields(event), budget_known_at=since if _is_known(event) else None
    )


def _is_known(event: LeadCaptured | LeadFieldsChanged) -> bool:
    return event.budget_status not in (None, UNTOUCHED)


def _fields(event: LeadCaptured | LeadFieldsChanged) -> LeadFields:
    return LeadFields(
        industry=event.industry,
        size=event.size,
        region=event.region,
        budget_status=event.budget_status,
        core_needs=tuple(event.core_needs),
    )


def _assigned(facts: LeadFacts, event: LeadAssigned) -> LeadFacts:
    return replace(
        facts,
        owner_id=event.owner_id,
        unit_id=event.unit_id,
        unit_path=tuple(event.unit_path),
        assigned_at=event.assigned_at,
        first_assigned_at=facts.first_assigned_at or event.assigned_at,
        track=event.track,
        allocation=event.allocation,
        first_contact_at=None,
        contacts=0,
        last_contact_at=None,
        fell_asleep_at=None,
        appealed_at=None,
        found_nobody_at=None,
        passed_over=(),
    )


def _contacted(lead: KnownLead, event: LeadContacted) -> Lead:
    facts = replace(
        lead.facts,
        contacts=lead.facts.contacts + 1,
        last_contact_at=event.contacted_at,
        fell_asleep_at=None,
        interest_claimed=lead.facts.interest_claimed or event.interested,
    )
    if event.response_seconds is not None:
        facts = replace(facts, first_contact_at=event.contacted_at)
    match lead:
        case Assigned():
            return Contacted(facts=facts)
        case _:
            return replace(lead, facts=facts)


def _closed(facts: LeadFacts, at: datetime) -> LeadFacts:
    """Nobody waits, sleeps or appeals any more."""
    return replace(facts, found_nobody_at=None, fell_asleep_at=None, appealed_at=None, ended_at=at)


def _reopened(facts: LeadFacts, event: LeadEndingTakenBack) -> KnownLead:
    """What it was told for ended with it, and is told again where it holds."""
    again = replace(
        facts, fell_asleep_at=None, appealed_at=None, found_nobody_at=None, passed_over=()
    )
    if event.status == "returned":
        return Returned(facts=again, reason=event.reason or "")
    return OPEN_STATES[event.status](facts=replace(again, ended_at=None))


def _without_owner(facts: LeadFacts) -> LeadFacts:
    return replace(
        facts,
        owner_id=None,
        assigned_at=None,
        track=None,
        allocation=None,
        first_contact_at=None,
        contacts=0,
        last_contact_at=None,
        fell_asleep_at=None,
        appealed_at=None,
        found_nobody_at=None,
        passed_over=(),
    )
