"""What a lead's score comes to, and that it goes back to marketing below the threshold (L4)."""

from datetime import datetime

from services.leads.domain.lead_folding import LeadEvent
from services.leads.domain.lead_score import (
    MOST_FOR_TIMELINESS,
    LeadScore,
    LeadScoreRules,
    lead_score,
)
from services.leads.domain.lead_state import Assigned, Captured, Contacted, LeadFacts
from shared.events.leads import LeadReturned, LeadScored


def score_now(facts: LeadFacts, rules: LeadScoreRules, now: datetime) -> LeadScore:
    waited = None
    if facts.assigned_at is not None:
        waited = rules.hours_between(facts.assigned_at, facts.first_contact_at or now)
    return lead_score(rules, facts.source, facts.behaviours, waited)


def unanswered_seconds(facts: LeadFacts, now: datetime) -> float | None:
    """Since it was assigned, where its rep never responded (L10)."""
    if facts.assigned_at is None or facts.first_contact_at is not None:
        return None
    return (now - facts.assigned_at).total_seconds()


def allocation_score(facts: LeadFacts, rules: LeadScoreRules) -> float:
    """Source + behaviour + 30: how late sales was does not count (L5)."""
    return lead_score(rules, facts.source, facts.behaviours, None).total


def judged(
    lead: Captured | Assigned | Contacted, rules: LeadScoreRules, now: datetime
) -> list[LeadEvent]:
    """The score where it changed; below the threshold the lead is returned. Where it would have
    been good enough in time, sales was late."""
    facts = lead.facts
    score = score_now(facts, rules, now)
    events: list[LeadEvent] = []
    if score != facts.judged:
        events.append(
            LeadScored(
                lead_id=facts.lead_id,
                source_points=score.source,
                behaviour_points=score.behaviour,
                timeliness_points=score.timeliness,
                score=score.total,
                judged_at=now,
            )
        )
    if score.total < rules.threshold:
        in_time = score.source + score.behaviour + MOST_FOR_TIMELINESS
        events.append(
            LeadReturned(
                lead_id=facts.lead_id,
                customer_id=facts.customer_id,
                reason="sales_late" if in_time >= rules.threshold else "score",
                score=score.total,
                missing=score.missing,
                owner_id=facts.owner_id,
                unit_id=facts.unit_id,
                unit_path=list(facts.unit_path),
                found_nobody_at=facts.found_nobody_at,
                unanswered_seconds=unanswered_seconds(facts, now),
                returned_at=now,
                fell_asleep_at=facts.fell_asleep_at,
                appealed_at=facts.appealed_at,
            )
        )
    return events
