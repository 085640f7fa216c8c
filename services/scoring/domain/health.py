"""How healthy an opportunity or an assigned lead is, 0-100, with each contribution (S2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.events.scoring import HealthPart, HealthRules, InputRule

CALLS = "calls"
VISITS = "visits"
MESSAGES = "messages"
TWO_WAY = "two_way_ratio"
DOCUMENTS = "documents_opened"
REVISIONS = "proposal_revisions"
QUESTIONS = "customer_questions"
DECISION_MAKERS = "decision_makers"
NEXT_STEP = "next_step"
SILENCE = "silence"
STAGE_AGE = "stage_age"
EVIDENCE = "evidence_rate"

INPUTS = (
    CALLS,
    VISITS,
    MESSAGES,
    TWO_WAY,
    DOCUMENTS,
    REVISIONS,
    QUESTIONS,
    DECISION_MAKERS,
    NEXT_STEP,
    SILENCE,
    STAGE_AGE,
    EVIDENCE,
)

DEFAULT_RULES = HealthRules(
    version=1,
    inputs=(
        InputRule(input=CALLS, zero_at=0, one_at=2, types=("call",)),
        InputRule(input=VISITS, zero_at=0, one_at=1, types=("visit",)),
        InputRule(input=MESSAGES, zero_at=0, one_at=3, types=("message", "email")),
        InputRule(input=TWO_WAY, zero_at=0, one_at=0.4),
        InputRule(
            input=DOCUMENTS,
            zero_at=0,
            one_at=2,
            types=("document_opened",),
            field="documents_opened",
        ),
        InputRule(input=REVISIONS, zero_at=5, one_at=2, types=("proposal_revised",)),
        InputRule(
            input=QUESTIONS,
            zero_at=0,
            one_at=3,
            types=("customer_question",),
            field="customer_questions",
        ),
        InputRule(input=DECISION_MAKERS, zero_at=0, one_at=1, field="decision_maker"),
        InputRule(input=NEXT_STEP, zero_at=0, one_at=1),
        InputRule(input=SILENCE, zero_at=2, one_at=0),
        InputRule(input=STAGE_AGE, zero_at=3, one_at=1),
        InputRule(input=EVIDENCE, zero_at=0, one_at=1),
    ),
)
"""Silence counts in its limits, stage age in the median dwell of the won in that stage."""

_DECIMALS = 4
_EXACT = 9
"""A score is compared as it is; only what comes of reckoning with floats is taken off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """`score` None: nothing could be measured. The points of the parts add up to it."""

    score: float | None
    parts: tuple[HealthPart, ...]
    missing: tuple[str, ...]

    @property
    def weakest(self) -> tuple[str, ...]:
        """The three that cost most points, the costliest first; what costs nothing is not named."""
        lost = [(part.weight * (1 - part.fit), part.input) for part in self.parts if part.fit < 1]
        order = sorted(lost, key=lambda each: (-each[0], INPUTS.index(each[1])))
        return tuple(name for _cost, name in order[:3])


def fit(rule: InputRule, measured: float) -> float:
    """0 to 1, piecewise linear between the rule's two points (S2)."""
    share = (measured - rule.zero_at) / (rule.one_at - rule.zero_at)
    return min(1.0, max(0.0, share))


def health(rules: HealthRules, measured: Mapping[str, float | None]) -> Health:
    """= 100 × Σ wᵢ fᵢ / Σ wᵢ over the inputs measured; those that are None are named (S2)."""
    present = _present(rules.inputs, measured)
    total = sum(rule.weight for rule, _ in present)
    parts = [_part(rule, value, total) for rule, value in present]
    weighed = sum(rule.weight * fit(rule, value) for rule, value in present)
    return Health(
        score=round(100 * weighed / total, _EXACT) if total > 0 else None,
        parts=tuple(parts),
        missing=tuple(rule.input for rule in rules.inputs if measured.get(rule.input) is None),
    )


def _present(
    inputs: Sequence[InputRule], measured: Mapping[str, float | None]
) -> list[tuple[InputRule, float]]:
    found = []
    for rule in inputs:
        value = measured.get(rule.input)
        if value is not None and rule.weight > 0:
            found.append((rule, value))
    return found


def _part(rule: InputRule, value: float, total: float) -> HealthPart:
    fits = fit(rule, value)
    return HealthPart(
        input=rule.input,
        measured=round(value, _DECIMALS),
        fit=round(fits, _DECIMALS),
        weight=rule.weight,
        points=round(100 * rule.weight * fits / total, _DECIMALS),
    )
