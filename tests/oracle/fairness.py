"""How fair a month's allocations were, counted from their events alone (L7)."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import date
from itertools import product
from typing import NamedTuple

from shared.events.leads import LeadAllocated


class Fairness(NamedTuple):
    """`reps`: leads, leads of at least 80 points, days eligible."""

    reps: dict[str, tuple[int, int, int]]
    gini: float | None
    gini_high_value: float | None


def fairness_of(events: Iterable[LeadAllocated], month: str, working_days: int) -> Fairness:
    """`working_days` of the month that have begun."""
    leads: Counter[str] = Counter()
    good: Counter[str] = Counter()
    days: defaultdict[str, set[date]] = defaultdict(set)
    for event in events:
        if f"{event.day:%Y-%m}" == month:
            leads[event.rep_id] += 1
            good[event.rep_id] += event.score >= 80
            for rep in event.weights:
                days[rep].add(event.day)
    there = [rep for rep, those in days.items() if 2 * len(those) >= working_days]
    return Fairness(
        {rep: (leads[rep], good[rep], len(those)) for rep, those in days.items()},
        _gini([leads[rep] / len(days[rep]) for rep in there]),
        _gini([good[rep] / len(days[rep]) for rep in there]),
    )


def _gini(rates: list[float]) -> float | None:
    """Half the mean difference of every two, as a share of the mean."""
    if not sum(rates):
        return None
    differences = sum(abs(one - other) for one, other in product(rates, rates))
    return differences / (2 * len(rates) * sum(rates))
