"""If something fell due now: who would be told of it, when, and by what (N2)."""

from dataclasses import dataclass
from typing import Any

from services.projections.pages.business_words import rule_in_words
from services.projections.pages.own_api import ApiRefused, moment_said
from services.projections.pages.policy_words import channels_in_words, recipient_in_words
from services.projections.pages.refusals import refusal_in_words
from services.projections.pages.setup_words import listed
from services.projections.pages.visits import Visit
from shared.access import Resource
from shared.errors import NotFound
from shared.http import Name

FORESEEN_RULES = (
    "stalled",
    "stage_overdue",
    "golden_action_overdue",
    "next_action_due",
    "no_response",
    "approval_overdue",
    "health_low",
    "lead_waits",
    "workshop_proposed",
)
Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Supposition:
    """What the reader supposes to fall due now; a field of the address each, free to be wrong."""

    rule: Name = "stalled"
    opportunity: str = ""
    owner: str = ""
    unit: str = ""


async def who_is_told(visit: Visit, preview: str, supposed: Supposition) -> Row:
    """What the form shows and, where it is filled, the steps; `preview`: which of the API's."""
    found: Row = {
        "supposed": supposed,
        "rules": [(each, rule_in_words(visit, each)) for each in FORESEEN_RULES],
        "people": _people(visit),
        "may_name_opportunity": visit.may(Resource.OPPORTUNITIES),
        "steps": None,
        "policy": None,
        "refused": None,
        "customer_id": None,
    }
    try:
        query = await _query(visit, supposed, found)
        if query is None:
            return found
        answer = await visit.api.get(preview, query)
    except ApiRefused as refusal:
        found["refused"] = refusal_in_words(
            NotFound.code if refusal.refusal_code == "malformed" else refusal.refusal_code,
            visit.words.language,
        )
        return found
    return {
        **found,
        "policy": answer["policy"],
        "steps": [step_in_words(visit, row) for row in answer["rows"]],
    }


async def _query(visit: Visit, supposed: Supposition, found: Row) -> list[tuple[str, str]] | None:
    """None: nothing was supposed yet. Raises ApiRefused for an opportunity not to be seen."""
    owner, unit = supposed.owner or None, supposed.unit or None
    if supposed.opportunity:
        one = await visit.api.get(f"/opportunities/{supposed.opportunity}")
        owner, unit = one["owner_id"], one["unit_id"]
        found["customer_id"] = one["customer_id"]
        await visit.know_customers([one["customer_id"]])
    if owner is None and unit is None:
        return None
    named = {"rule": supposed.rule, "owner": owner, "unit": unit}
    return [(name, value) for name, value in named.items() if value]


def _people(visit: Visit) -> list[tuple[str, str]]:
    """Who can own something, by name."""
    organisation = visit.organisation
    here = [each for each in organisation.people if not organisation.has_left(each)]
    return sorted(((each, visit.person(each)) for each in here), key=lambda each: each[1])


def step_in_words(visit: Visit, row: Row) -> Row:
    at, disturbs_from = moment_said(row["at"]), moment_said(row["disturbs_from"])
    return {
        "at": at,
        "disturbs_from": disturbs_from if disturbs_from > at else None,
        "to": recipient_in_words(visit, row["to"]),
        "who": listed(visit, [visit.person(each) for each in row["person_ids"]]),
        "channels": channels_in_words(visit, row["channels"]),
    }
