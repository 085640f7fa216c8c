"""A lead's tags, from what is known of it: nobody has to type them (L3)."""

from services.leads.domain.lead_state import LeadFacts


def lead_tags(facts: LeadFacts) -> tuple[str, ...]:
    """`<kind>:<value>` by source, industry, size, region and behaviour."""
    fields = facts.fields
    said = (
        ("source", facts.source),
        ("industry", fields.industry),
        ("size", fields.size),
        ("region", fields.region),
    )
    of_fields = [f"{kind}:{value}" for kind, value in said if value]
    return (*of_fields, *(f"behaviour:{kind}" for kind in sorted(facts.behaviours)))
