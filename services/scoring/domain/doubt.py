"""What a rule of authenticity says of a rep's records: which it doubts, and the proof (S4)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.scoring.domain.action_record import ActionRecord
from shared.events.scoring import CaseFact, ProofLine

ENTRY_BURST = "entry_burst"
TEMPLATE = "template"
MONTH_END = "month_end"
GAP = "gap"
PLACE_AND_TIME = "place_and_time"
DATES = "dates"

RULES = (ENTRY_BURST, TEMPLATE, MONTH_END, GAP, PLACE_AND_TIME, DATES)


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtLimits:
    """From which figures on each rule doubts; settings of the tenant."""

    burst_actions: int = 5
    burst_minutes: float = 10
    burst_late_hours: float = 24
    template_actions: int = 5
    template_of_last: int = 20
    template_similarity: float = 0.9
    month_end_actions: int = 10
    month_end_days: int = 4
    month_end_after_day: int = 20
    gap_working_days: int = 7
    gap_weeks: int = 8
    gap_least_actions: int = 3
    speed_kmh: float = 150
    distance_metres: float = 300
    photo_metres: float = 500
    photo_minutes: float = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """`doubted`: the records in question; `proof` may show others beside them. `proven_at`: when
    the last of it was recorded."""

    rule: str
    rep_id: str
    unit_path: tuple[str, ...]
    doubted: tuple[str, ...]
    proof: tuple[ProofLine, ...]
    facts: Mapping[str, CaseFact]
    proven_at: datetime

    @property
    def kinds(self) -> frozenset[str]:
        """What speaks against a record independently: each fact of place and time does, and comes
        to be known when its scan or photo does; of other rules the facts are one."""
        return kinds_of(self.rule, self.facts)


def kinds_of(rule: str, facts: Mapping[str, CaseFact]) -> frozenset[str]:
    return frozenset(facts) if rule == PLACE_AND_TIME else frozenset({rule})


def proof_line(record: ActionRecord, **figures: CaseFact) -> ProofLine:
    return ProofLine(
        action_id=record.action_id,
        opportunity_id=record.opportunity_id,
        occurred_at=record.happened_at,
        recorded_at=record.recorded_at,
        figures=figures,
    )


def doubt_of(
    rule: str,
    doubted: Sequence[ActionRecord],
    facts: Mapping[str, CaseFact],
    *,
    proof: Sequence[ProofLine] | None = None,
) -> Doubt:
    """About the rep of the records, as they belonged when the last of them was made."""
    latest = max(doubted, key=lambda each: each.recorded_at)
    return Doubt(
        rule=rule,
        rep_id=latest.rep_id,
        unit_path=latest.unit_path,
        doubted=tuple(each.action_id for each in doubted),
        proof=tuple(map(proof_line, doubted)) if proof is None else tuple(proof),
        facts=facts,
        proven_at=latest.recorded_at,
    )
