"""How good a month's leads are as data: duplicates, shared fields, scores (P14)."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median
from typing import Any

from services.projections.domain.customer_identity import CustomerIdentity, LooksLike, merge_of
from services.projections.domain.decision_chain import DecisionChain
from services.projections.domain.lead_course import LeadCourse, latest
from services.projections.domain.process_health import ratio

SHARED_FIELDS = ("decision_chain", "budget_status", "core_needs")
Counts = Callable[[datetime], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedLead:
    """A lead as it stands at the end of the window; `is_unreviewed`: a duplicate by its looks only;
    `filled`: which shared fields are."""

    lead_id: str
    unit_path: tuple[str, ...]
    is_duplicate: bool
    is_unreviewed: bool
    filled: frozenset[str]
    score: float | None
    event_ids: tuple[str, ...]


def judged_lead(
    lead: LeadCourse,
    chain: DecisionChain | None,
    identity: CustomerIdentity | None,
    looks_like: LooksLike | None,
    counts: Counts,
) -> JudgedLead:
    """A duplicate is a lead whose customer's record was merged into another, or looks like one that
    was there before, as long as nobody has told them apart: reviewing it moves no rate."""
    fields = latest(lead.filled, counts)
    held = latest(lead.held, counts)
    scored = latest(lead.scores, counts)
    roles = _last(chain.changes if chain else (), counts)
    merge = merge_of(identity, counts)
    is_unreviewed = merge is None and looks_like is not None
    known = {
        "decision_chain": roles is not None and bool(roles.roles),
        "budget_status": fields is not None and fields.budget_is_known,
        "core_needs": fields is not None and fields.has_core_needs,
    }
    proofs = [each.event_id for each in (fields, scored, roles, merge) if each is not None]
    if is_unreviewed and looks_like is not None:
        proofs += looks_like.event_ids
    return JudgedLead(
        lead_id=lead.lead_id,
        unit_path=held.unit_path if held else (),
        is_duplicate=merge is not None or is_unreviewed,
        is_unreviewed=is_unreviewed,
        filled=frozenset(name for name, is_filled in known.items() if is_filled),
        score=scored.score if scored else None,
        event_ids=tuple(dict.fromkeys((lead.captured_by, *proofs))),
    )


def _last(changes: Sequence[Any], counts: Counts) -> Any:
    return next((each for each in reversed(changes) if counts(each.at)), None)


def data_quality_row(
    unit_id: str, month: str, leads: Sequence[JudgedLead], bucket_points: int
) -> dict[str, Any]:
    """Of the leads captured in the month that are in the unit's subtree; each once."""
    scores = sorted(lead.score for lead in leads if lead.score is not None)
    count = len(leads)
    completeness = {
        name: ratio(sum(name in lead.filled for lead in leads), count) for name in SHARED_FIELDS
    }
    filled = sum(len(lead.filled) for lead in leads)
    return {
        "unit_id": unit_id,
        "rep_id": None,
        "month": month,
        "leads": count,
        "duplicates": sum(lead.is_duplicate for lead in leads),
        "unreviewed_duplicates": sum(lead.is_unreviewed for lead in leads),
        "duplicate_rate": ratio(sum(lead.is_duplicate for lead in leads), count),
        "completeness": ratio(filled, count * len(SHARED_FIELDS)),
        "completeness_by_field": completeness,
        "scored": len(scores),
        "score_mean": sum(scores) / len(scores) if scores else None,
        "score_median": median(scores) if scores else None,
        "score_distribution": _distribution(scores, bucket_points),
    }


def _distribution(scores: Sequence[float], bucket_points: int) -> list[Mapping[str, Any]]:
    """[from, to) in equal steps from 0; the last one includes 100."""
    starts = range(0, 100, bucket_points)
    found = Counter(min(int(score // bucket_points), len(starts) - 1) for score in scores)
    return [
        {"from": start, "to": min(start + bucket_points, 100), "leads": found[number]}
        for number, start in enumerate(starts)
    ]
