"""Interest counts only with behaviour behind it (O16)."""

from typing import Literal

from services.leads.domain.lead_state import LeadFacts

EVIDENCE_OF_INTENT = frozenset({"trial_opened", "contact_left", "comparison_asked", "sample_asked"})


def is_high_intent(facts: LeadFacts) -> bool:
    return not EVIDENCE_OF_INTENT.isdisjoint(facts.behaviours)


def intent(facts: LeadFacts) -> Literal["high", "claimed"] | None:
    """`claimed`: a rep says so, and nothing that the customer did proves it."""
    if is_high_intent(facts):
        return "high"
    return "claimed" if facts.interest_claimed else None
