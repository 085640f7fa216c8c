"""CONVERSION: how good a lead is, by the rules or by the model that answers, as last said (S1)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.scoring.domain.conversion_model import ConversionModel, estimate
from services.scoring.domain.lead_behaviour import LeadBehaviour, RulePoints, points_so_far
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
class Answers:
    """Who answers: `worth` are the rules' points by source and behaviour; `answering` None: the
    rules do; `beside`: learned later, not in force."""

    worth: Mapping[str, float]
    answering: Learned | None
    beside: Learned | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateConversion:
    """`answering` None: the rules answer."""

    lead_id: str
    traits: Mapping[str, LeadAttribute]
    points: RulePoints
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
    if known.said is not None and _is_same(said, known.said):
        return []
    return [said]


def evolve(known: Conversion, event: ConversionEstimated) -> Conversion:
    return Conversion(said=event)


def command_for(row: LeadBehaviour, answers: Answers) -> EstimateConversion:
    """As of the lead's last change."""
    return EstimateConversion(
        lead_id=row.lead_id,
        traits=row.traits,
        points=points_so_far(row, answers.worth),
        answering=answers.answering,
        beside=answers.beside,
        now=row.changed_at,
    )


def estimated(row: LeadBehaviour, answers: Answers) -> ConversionEstimated:
    """What would be said of it as it is known now."""
    return _estimated(command_for(row, answers))


def _estimated(command: EstimateConversion) -> ConversionEstimated:
    answering, beside, points = command.answering, command.beside, command.points
    chance = None if beside is None else estimate(beside.model, command.traits).probability
    found = None if answering is None else estimate(answering.model, command.traits)
    return ConversionEstimated(
        lead_id=command.lead_id,
        by=BY_RULES if found is None else BY_MODEL,
        score=points.source + points.behaviour + points.timeliness if found is None else None,
        probability=None if found is None else found.probability,
        parts=_parts(points) if found is None else list(found.parts),
        model_version=None if answering is None else answering.version,
        model_sha256=None if answering is None else answering.sha256,
        beside_version=None if beside is None else beside.version,
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
