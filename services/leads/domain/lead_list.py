"""LEAD_LIST: every lead as it stands, to be shown, allocated and judged."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, get_args

from services.leads.domain import lead_folding
from services.leads.domain.lead_score import LeadScoreRules
from services.leads.domain.lead_state import (
    OPEN_STATES,
    Converted,
    Disqualified,
    Lead,
    LeadFacts,
    Returned,
    Unknown,
    status,
)
from shared.clock import milliseconds
from shared.envelope import RecordedEvent
from shared.projection import Projection

WITH_SALES = ("assigned", "contacted", "qualified", "converted")
"""Assigned, not returned, not disqualified; valid where the budget status is known, too (P9)."""
NOTHING_DUE = 9_999_999_999_999
"""Later than every time (in milliseconds): those whom nothing is due of come after the others."""
JUDGED_EVERY = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadRow:
    """`reason`: why it was returned or disqualified."""

    status: str
    facts: LeadFacts
    reason: str | None = None
    opportunity_id: str | None = None


def lead_of(row: LeadRow) -> Lead:
    match row.status:
        case "returned":
            return Returned(facts=row.facts, reason=row.reason or "")
        case "disqualified":
            return Disqualified(facts=row.facts, reason=row.reason or "")
        case "converted":
            return Converted(facts=row.facts, opportunity_id=row.opportunity_id or "")
        case _:
            return OPEN_STATES[row.status](facts=row.facts)


def row_of(lead: Lead) -> LeadRow | None:
    match lead:
        case Unknown():
            return None
        case Returned() | Disqualified():
            return LeadRow(status=status(lead), facts=lead.facts, reason=lead.reason)
        case Converted():
            return LeadRow(
                status=status(lead), facts=lead.facts, opportunity_id=lead.opportunity_id
            )
        case _:
            return LeadRow(status=status(lead), facts=lead.facts)


def evolve(row: LeadRow | None, recorded: RecordedEvent) -> LeadRow | None:
    lead = Unknown() if row is None else lead_of(row)
    return row_of(lead_folding.evolve(lead, recorded.event))


def columns(row: LeadRow) -> Mapping[str, Any]:
    first_assigned_at = row.facts.first_assigned_at
    known_at = row.facts.budget_known_at
    awaited_since = contact_awaited_since(row)
    return {
        "status": row.status,
        "unit_id": row.facts.unit_id,
        "owner_id": row.facts.owner_id,
        "customer_id": row.facts.customer_id,
        "captured_at": milliseconds(row.facts.captured_at),
        "awaited_since": milliseconds(awaited_since) if awaited_since else NOTHING_DUE,
        "first_assigned_at": first_assigned_at and milliseconds(first_assigned_at),
        "has_hot_word": row.facts.hot_word_at is not None,
        "is_appealed": row.facts.appealed_at is not None,
        "found_nobody": row.facts.found_nobody_at is not None,
        "budget_said": row.facts.fields.budget_status is not None,
        "first_captured_at": milliseconds(row.facts.first_captured_at),
        "budget_known_at": known_at and milliseconds(known_at),
    }


def next_judged(row: LeadRow) -> datetime | None:
    """A lower bound of when time alone may change what a lead is worth (L4)."""
    judged_at = row.facts.judged_at
    match row.status:
        case "captured" | "assigned":
            return row.facts.captured_at if judged_at is None else judged_at + JUDGED_EVERY
        case "contacted" if judged_at is None:
            return row.facts.captured_at
        case "contacted" if row.facts.contacts == 1 and row.facts.fell_asleep_at is None:
            return row.facts.last_contact_at
        case _:
            return None


def contact_awaited_since(row: LeadRow) -> datetime | None:
    """Since when its rep is to make the first contact (L4), or the second (L11). While an appeal
    waits for the manager's word, nothing is due (L6)."""
    facts = row.facts
    if facts.appealed_at is not None:
        return None
    match row.status:
        case "assigned":
            return facts.assigned_at
        case "contacted" if facts.contacts == 1:
            return facts.last_contact_at
        case _:
            return None


def contact_due_at(row: LeadRow, rules: LeadScoreRules) -> datetime | None:
    """Until when its rep is to make the contact that is awaited: of one status, who waits longer
    is due no later."""
    since = contact_awaited_since(row)
    if since is None:
        return None
    return rules.answer_due_at(since) if row.status == "assigned" else rules.asleep_at(since)


def _lead_id(event: lead_folding.LeadEvent) -> str:
    return event.lead_id


LEAD_LIST: Projection[LeadRow] = Projection(
    name="lead_list",
    version=1,
    reads=get_args(lead_folding.LeadEvent),
    row_type=LeadRow,
    key=_lead_id,
    evolve=evolve,
    columns=columns,
    next_due=next_judged,
)
