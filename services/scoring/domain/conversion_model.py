"""The chance of a lead to convert as a score card: a weight for every range or choice of a trait.

Logistic: the log odds are `offset + slope × (intercept + Σ weights)`; `slope` and `offset` are the
calibration. Weights are plain numbers, so that a model is read without running anything of it.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp

from shared.events.leads import LeadAttribute
from shared.events.scoring import EstimatePart

UNKNOWN = "unknown"
OTHER = "other"
_DECIMALS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """A trait as the model sees it: ranges of a number between `bounds`, or one of `choices`.

    `weights` by cell: unknown first, then other choices or the lowest range, then one each.
    `mean_weight`: of the leads it learned from.
    """

    trait: str
    bounds: tuple[float, ...] | None
    choices: tuple[str, ...]
    weights: tuple[float, ...]
    mean_weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionModel:
    features: tuple[Feature, ...]
    intercept: float
    slope: float
    offset: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """`parts`: what each trait adds to the log odds of a mean lead, the strongest first."""

    probability: float
    parts: tuple[EstimatePart, ...]


def estimate(model: ConversionModel, traits: Mapping[str, LeadAttribute]) -> Estimate:
    """The probability that the lead converts, 0 to 1, and each contribution."""
    raw = model.intercept
    parts = []
    for feature in model.features:
        value = traits.get(feature.trait)
        weight = feature.weights[cell_of(feature.bounds, feature.choices, value)]
        raw += weight
        points = round(model.slope * (weight - feature.mean_weight), _DECIMALS)
        if points:
            shown = UNKNOWN if value is None else str(value)
            parts.append(EstimatePart(name=feature.trait, value=shown, points=points))
    parts.sort(key=lambda each: (-abs(each.points), each.name))
    probability = _logistic(model.offset + model.slope * raw)
    return Estimate(probability=round(probability, 6), parts=tuple(parts))


def cell_of(bounds: Sequence[float] | None, choices: Sequence[str], value: LeadAttribute) -> int:
    """Which weight a value gets: 0 where it is unknown, or is no number where one is wanted."""
    if value is None:
        return 0
    if bounds is not None:
        if isinstance(value, str):
            return 0
        return 1 + bisect_right(bounds, float(value))
    text = str(value)
    return 2 + choices.index(text) if text in choices else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """A trait cut into ranges or choices, before it has weights."""

    trait: str
    bounds: tuple[float, ...] | None
    choices: tuple[str, ...]

    @property
    def count(self) -> int:
        return 2 + (len(self.choices) if self.bounds is None else len(self.bounds))


def cells_of(
    examples: Sequence[Mapping[str, LeadAttribute]], *, fewest: int, ranges: int
) -> tuple[Cells, ...]:
    """How the traits of the examples are cut: numbers into `ranges` of equally many, choices that
    at least `fewest` have. A trait that says the same of all is left out."""
    found = []
    for trait in sorted({name for each in examples for name in each}):
        values = [each.get(trait) for each in examples]
        known = [value for value in values if value is not None]
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in known):
            cells = Cells(trait=trait, bounds=_bounds(known, ranges), choices=())
        else:
            cells = Cells(trait=trait, bounds=None, choices=_choices(known, fewest))
        if len({cell_of(cells.bounds, cells.choices, value) for value in values}) > 1:
            found.append(cells)
    return tuple(found)


def _bounds(values: Iterable[LeadAttribute], ranges: int) -> tuple[float, ...]:
    ordered = sorted(float(value) for value in values if value is not None)
    if not ordered:
        return ()
    at = {ordered[len(ordered) * number // ranges] for number in range(1, ranges)}
    return tuple(sorted(bound for bound in at if bound > ordered[0]))


def _choices(values: Iterable[LeadAttribute], fewest: int) -> tuple[str, ...]:
    counts: dict[str, int] = {}
    for value in values:
        counts[str(value)] = counts.get(str(value), 0) + 1
    return tuple(sorted(choice for choice, count in counts.items() if count >= fewest))


def _logistic(log_odds: float) -> float:
    if log_odds >= 0:
        return 1 / (1 + exp(-log_odds))
    grown = exp(log_odds)
    return grown / (1 + grown)
