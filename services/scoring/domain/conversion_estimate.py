"""CONVERSION: how good a lead is, by the rules or by the model that answers, as last said (S1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.scoring.domain.conversion_model import ConversionModel, estimate
from services.scoring.domain.lead_behaviour import LeadBehaviour, RulePoints
from shared.decider import Decider
from shared.events.leads import LeadAttribute
from shared.events.scoring import ConversionEstimated, EstimatePart

BY_RULES, BY_MODEL = "rules", "model"


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """A model and the object that its weights are."""

    model: ConversionModel
    version: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateConversion:
    """`points` None: the rules have not judged it yet. `answering` None: the rules answer."""

    lead_id: str
    traits: Mapping[str, LeadAttribute]
    points: RulePoints | None
    answering: Learned | None
    beside: Learned | None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    said: ConversionEstimated | None = None


def estimate_conversion(
    command: EstimateConversion, known: Conversion
) -> Sequence[ConversionEstimated]:
    """Nothing where it would be said again."""
    said = _estimated(command)
    if said is None or (known.said is not None and _is_same(said, known.said)):
        return []
    return [said]


def evolve(known: Conversion, event: ConversionEstimated) -> Conversion:
    return Conversion(said=event)


def command_for(
    row: LeadBehaviour, answering: Learned | None, beside: Learned | None, now: datetime
) -> EstimateConversion:
    return EstimateConversion(
        lead_id=row.lead_id,
        traits=row.traits,
        points=row.points,
        answering=answering,
        beside=beside,
        now=now,
    )


def _estimated(command: EstimateConversion) -> ConversionEstimated | None:
    beside = command.beside
    version = None if beside is None else beside.version
    chance = None if beside is None else estimate(beside.model, command.traits).probability
    answering = command.answering
    if answering is not None:
        found = estimate(answering.model, command.traits)
        return ConversionEstimated(
            lead_id=command.lead_id,
            by=BY_MODEL,
            score=None,
            probability=found.probability,
            parts=list(found.parts),
            model_version=answering.version,
            model_sha256=answering.sha256,
            beside_version=version,
            beside_probability=chance,
            estimated_at=command.now,
        )
    points = command.points
    if points is None and beside is None:
        return None
    return ConversionEstimated(
        lead_id=command.lead_id,
        by=BY_RULES,
        score=None if points is None else points.source + points.behaviour + points.timeliness,
        probability=None,
        parts=[] if points is None else _parts(points),
        model_version=None,
        model_sha256=None,
        beside_version=version,
        beside_probability=chance,
        estimated_at=command.now,
    )


def _parts(points: RulePoints) -> list[EstimatePart]:
    return [
        EstimatePart(name="source", value="", points=points.source),
        EstimatePart(name="behaviour", value="", points=points.behaviour),
        EstimatePart(name="timeliness", value="", points=points.timeliness),
    ]


def _is_same(said: ConversionEstimated, before: ConversionEstimated) -> bool:
    return all(
        getattr(said, name) == getattr(before, name)
        for name in ConversionEstimated.__dataclass_fields__
        if name != "estimated_at"
    )


CONVERSION: Decider[EstimateConversion, Conversion, ConversionEstimated] = Decider(
    name="conversion", decide=estimate_conversion, evolve=evolve, initial=Conversion()
)
