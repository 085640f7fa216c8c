"""The action health index of a rep in a month: timeliness, richness, consistency (P4)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import combinations
from typing import Any, NamedTuple

from rapidfuzz.distance import Levenshtein

from services.projections.domain.action_figures import KINDS_OF_RICHNESS
from services.projections.domain.process_health import Scope, ratio

PARTS = ("timeliness", "richness", "consistency")
ANALYSES_REST_ON = "S3"
"""Conversation analyses, of which the ten latest go with a signal once there are any."""


class CompleteVisit(NamedTuple):
    """`path`: a letter for everything recorded in it, in the order it happened."""

    at: datetime
    customer_type: str
    path: str


@dataclass(slots=True, kw_only=True)
class MonthOfActions:
    """`recorded`: actions of which it is known when they were entered, `timely`: those in time."""

    recorded: int = 0
    timely: int = 0
    visits: list[CompleteVisit] = field(default_factory=list)

    @property
    def has_something(self) -> bool:
        return bool(self.recorded or self.visits)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionHealthSettings:
    timely_record_hours: int = 24
    timeliness_norm: float = 0.95
    richness_norm: float = 3.2
    consistency_norm: float = 0.78
    least_visits: int = 3
    coach_below: float = 85


DEFAULT_ACTION_HEALTH = ActionHealthSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionHealth:
    """Timeliness and consistency from 0 to 1, richness in kinds, `index` from 0 to 100; None where
    there is nothing to count."""

    timeliness: float | None
    richness: float | None
    consistency: float | None
    index: float | None
    weakest: str | None


def action_health(
    month: MonthOfActions, settings: ActionHealthSettings = DEFAULT_ACTION_HEALTH
) -> ActionHealth:
    """P4: index = mean of min(1, part ÷ norm) × 100 over the parts that are there."""
    timeliness = ratio(month.timely, month.recorded)
    richness = _richness(month.visits)
    consistency = _consistency(month.visits, settings.least_visits)
    reached = {
        name: min(1.0, part / norm) if norm else 1.0
        for name, part, norm in (
            ("timeliness", timeliness, settings.timeliness_norm),
            ("richness", richness, settings.richness_norm),
            ("consistency", consistency, settings.consistency_norm),
        )
        if part is not None
    }
    index = 100 * sum(reached.values()) / len(reached) if reached else None
    weakest = min(reached, key=lambda name: reached[name], default=None)
    return ActionHealth(
        timeliness=timeliness,
        richness=richness,
        consistency=consistency,
        index=index,
        weakest=weakest,
    )


def _richness(visits: Sequence[CompleteVisit]) -> float | None:
    """Distinct kinds of proof a visit, on average."""
    if not visits:
        return None
    return sum(len(KINDS_OF_RICHNESS & set(visit.path)) for visit in visits) / len(visits)


def _consistency(visits: Iterable[CompleteVisit], least_visits: int) -> float | None:
    """Per customer type how alike the last three paths are, over the types weighted by visits."""
    by_type: dict[str, list[CompleteVisit]] = defaultdict(list)
    for visit in visits:
        by_type[visit.customer_type].append(visit)
    enough = [sorted(each) for each in by_type.values() if len(each) >= max(least_visits, 2)]
    if not enough:
        return None
    total = sum(len(each) for each in enough)
    return sum(_alike([v.path for v in each[-3:]]) * len(each) for each in enough) / total


def _alike(paths: Sequence[str]) -> float:
    """Mean over the pairs of 1 − Levenshtein ÷ the longer one's length."""
    pairs = [Levenshtein.normalized_similarity(a, b) for a, b in combinations(paths, 2)]
    return sum(pairs) / len(pairs)


def action_health_row(
    scope: Scope,
    window: str,
    month: MonthOfActions,
    settings: ActionHealthSettings,
    unit_of_rep: str | None = None,
) -> dict[str, Any]:
    measured = action_health(month, settings)
    return {
        "unit_id": (unit_of_rep or scope.unit_id) if scope.rep_id else scope.unit_id,
        "rep_id": scope.rep_id or None,
        "month": window,
        "timeliness": measured.timeliness,
        "richness": measured.richness,
        "consistency": measured.consistency,
        "index": measured.index,
        "weakest": measured.weakest,
        "counts": {
            "recorded": month.recorded,
            "timely": month.timely,
            "visits": len(month.visits),
        },
    }
