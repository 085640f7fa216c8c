"""Leads scored by two sets of rules side by side, before the newer ones go live (S1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.leads.domain.lead_judgement import allocation_score, score_now
from services.leads.domain.lead_score import LeadScore, LeadScoreRules
from services.leads.domain.lead_state import LeadFacts

MOVES_SHOWN = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoringRules:
    """`high_value`: the allocation score from which a lead goes the weighted way (L5)."""

    score: LeadScoreRules
    high_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadMove:
    """One lead by both."""

    lead_id: str
    unit_id: str
    owner_id: str | None
    before: LeadScore
    after: LeadScore

    @property
    def by(self) -> float:
        return self.after.total - self.before.total


@dataclass(frozen=True, slots=True, kw_only=True)
class SideBySide:
    """Of the leads that are judged: `returned` are those under the threshold (L4), `high_value`
    those that would be allocated by weight. `moves`: those whose score moves most."""

    leads: int
    moved: int
    mean_before: float | None
    mean_after: float | None
    returned_before: int
    returned_after: int
    high_value_before: int
    high_value_after: int
    moves: tuple[LeadMove, ...]


def side_by_side(
    leads: Sequence[LeadFacts], before: ScoringRules, after: ScoringRules, now: datetime
) -> SideBySide:
    """Means in points of 0-100; of equal moves the first by id."""
    scored = [
        LeadMove(
            lead_id=facts.lead_id,
            unit_id=facts.unit_id,
            owner_id=facts.owner_id,
            before=score_now(facts, before.score, now),
            after=score_now(facts, after.score, now),
        )
        for facts in leads
    ]
    moved = sorted(
        (each for each in scored if each.before != each.after),
        key=lambda each: (-abs(each.by), each.lead_id),
    )
    return SideBySide(
        leads=len(scored),
        moved=len(moved),
        mean_before=_mean([each.before for each in scored]),
        mean_after=_mean([each.after for each in scored]),
        returned_before=sum(each.before.total < before.score.threshold for each in scored),
        returned_after=sum(each.after.total < after.score.threshold for each in scored),
        high_value_before=_high_value(leads, before),
        high_value_after=_high_value(leads, after),
        moves=tuple(moved[:MOVES_SHOWN]),
    )


def _high_value(leads: Sequence[LeadFacts], rules: ScoringRules) -> int:
    return sum(allocation_score(facts, rules.score) >= rules.high_value for facts in leads)


def _mean(scores: Sequence[LeadScore]) -> float | None:
    return sum(each.total for each in scores) / len(scores) if scores else None
