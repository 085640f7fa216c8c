"""Facts of services/scoring: health, the chance of a lead, cases of doubted records."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Annotated

from shared.event_type import PersonalText, Plain, event, personal

CaseFact = str | int | float | bool | list[str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InputRule:
    """How one of the twelve inputs counts (S2): 0 at `zero_at`, 1 at `one_at`, a line between.

    `types`: the action types that are counted; `field`: the actions' field that is.
    """

    input: str
    zero_at: float
    one_at: float
    weight: float = 1.0
    types: tuple[str, ...] = ()
    field: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthRules:
    """One version of how health is scored. `low_below` at the end of two days in a row brings the
    manager in."""

    version: int
    inputs: tuple[InputRule, ...]
    window_days: int = 14
    low_below: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthPart:
    """What was measured, what it counts for (`fit`, 0 to 1) and the points that come of it."""

    input: str
    measured: float
    fit: float
    weight: float
    points: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthMove:
    subject_kind: str
    subject_id: str
    before: float | None
    after: float | None


@event("scoring.health_scored.v1")
class HealthScored:
    """0-100 at the end of `day` in the tenant's zone; None where nothing could be measured.

    `missing`: inputs that nothing is known of; `low_since`: the first of the days in a row that
    ended below what the rules allow, None where this one did not.
    `beside_version`: of rules that were proposed and are not in force, with the score by them.
    Not said again while nothing of it changes.
    """

    subject_kind: Plain[str]
    subject_id: Plain[str]
    score: Plain[float | None]
    parts: Plain[list[HealthPart]]
    missing: Plain[list[str]]
    low_since: Plain[date | None]
    rules_version: Plain[int]
    beside_version: Plain[int | None]
    beside_score: Plain[float | None]
    day: Plain[date]
    scored_at: Plain[datetime]


@event("scoring.health_stayed_low.v1")
class HealthStayedLow:
    """Low at the end of two days in a row, the first of them `low_since`. `weakest`: the inputs
    that cost most; `wording`: what may be said to the customer, by language."""

    subject_kind: Plain[str]
    subject_id: Plain[str]
    customer_id: Plain[str]
    stage: Plain[str | None]
    owner_id: Plain[str | None]
    unit_path: Plain[list[str]]
    score: Plain[float]
    low_below: Plain[float]
    low_since: Plain[date]
    weakest: Plain[list[str]]
    wording: Plain[dict[str, list[str]]]
    stayed_low_at: Plain[datetime]


@event("scoring.health_recovered.v1")
class HealthRecovered:
    """`score` None: it was closed instead."""

    subject_kind: Plain[str]
    subject_id: Plain[str]
    score: Plain[float | None]
    stayed_low_at: Plain[datetime]
    recovered_at: Plain[datetime]


@event("scoring.health_rules_proposed.v1")
class HealthRulesProposed:
    """From now on they score beside those in force."""

    rules: Plain[HealthRules]
    proposed_at: Plain[datetime]


@event("scoring.health_rules_compared.v1")
class HealthRulesCompared:
    """What the proposed rules would change: over `subjects` scored by both, how many are low by
    each, and who moves most."""

    version: Plain[int]
    against_version: Plain[int]
    subjects: Plain[int]
    mean_before: Plain[float | None]
    mean_after: Plain[float | None]
    low_before: Plain[int]
    low_after: Plain[int]
    moves: Plain[list[HealthMove]]
    compared_at: Plain[datetime]


@event("scoring.health_rules_took_effect.v1")
class HealthRulesTookEffect:
    version: Plain[int]
    took_effect_at: Plain[datetime]


@event("scoring.health_rules_withdrawn.v1")
class HealthRulesWithdrawn:
    version: Plain[int]
    withdrawn_at: Plain[datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrationBin:
    """Of the leads with a probability in [`begins`, `ends`): the mean, and what became of them."""

    begins: float
    ends: float
    leads: int
    predicted: float
    observed: float


@event("scoring.conversion_model_trained.v1")
class ConversionModelTrained:
    """Learned from the tenant's own closed leads; its weights are the object `sha256`.

    `auc`, `brier` and `calibration` are of leads that it had not seen (`folds`-fold).
    """

    version: Plain[int]
    sha256: Plain[str]
    leads: Plain[int]
    converted: Plain[int]
    folds: Plain[int]
    auc: Plain[float]
    brier: Plain[float]
    calibration: Plain[list[CalibrationBin]]
    features: Plain[list[str]]
    trained_at: Plain[datetime]


@event("scoring.conversion_model_took_effect.v1")
class ConversionModelTookEffect:
    """`version` None: the rules answer again."""

    version: Plain[int | None]
    sha256: Plain[str | None]
    took_effect_at: Plain[datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatePart:
    """`points`: of the score by rules; by a model what it adds to the log odds of a mean lead."""

    name: str
    value: str
    points: float


@event("scoring.conversion_estimated.v1")
class ConversionEstimated:
    """How good a lead is. `by` rules: `score` is that of L4, 0-100; `by` model: `probability` is
    its chance to convert by `model_version`. `beside_…`: a model trained later, not in force."""

    lead_id: Plain[str]
    by: Plain[str]
    score: Plain[float | None]
    probability: Plain[float | None]
    parts: Plain[list[EstimatePart]]
    model_version: Plain[int | None]
    model_sha256: Plain[str | None]
    beside_version: Plain[int | None]
    beside_probability: Plain[float | None]
    estimated_at: Plain[datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofLine:
    """A record that a case rests on, and why, in figures."""

    action_id: str
    opportunity_id: str
    occurred_at: datetime
    recorded_at: datetime
    figures: dict[str, CaseFact] = field(default_factory=dict)


@event("scoring.authenticity_case_opened.v1")
class AuthenticityCaseOpened:
    """Records of a rep that a rule doubts, with the proof (S4). `only_marks`: the rule was wrong
    too often, nobody is told. `proven_at`: when the last of the proof was recorded. No penalty
    follows from a case."""

    case_id: Plain[str]
    rule: Plain[str]
    rep_id: Plain[str]
    unit_path: Plain[list[str]]
    doubted: Plain[list[str]]
    proof: Plain[list[ProofLine]]
    facts: Plain[dict[str, CaseFact]]
    only_marks: Plain[bool]
    proven_at: Plain[datetime]
    opened_at: Plain[datetime]


@event("scoring.authenticity_proof_added.v1")
class AuthenticityProofAdded:
    """What else came to speak against the records of a case that nobody has decided yet (S4).
    `facts` and `proof` are all that does by now."""

    case_id: Plain[str]
    rule: Plain[str]
    rep_id: Plain[str]
    doubted: Plain[list[str]]
    proof: Plain[list[ProofLine]]
    facts: Plain[dict[str, CaseFact]]
    added_at: Plain[datetime]


@event("scoring.authenticity_case_decided.v1")
class AuthenticityCaseDecided:
    """`verdict`: genuine (the doubt was right) or false; the rule's precision learns from it.
    `only_marks`: nobody had been told of the case."""

    case_id: Plain[str]
    rule: Plain[str]
    rep_id: Plain[str]
    verdict: Plain[str]
    reason: Annotated[PersonalText, personal("rep_id", "person")]
    decided_by: Plain[str | None]
    only_marks: Plain[bool]
    decided_at: Plain[datetime]
