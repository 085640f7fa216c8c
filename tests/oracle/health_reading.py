"""Silence and stage age, the two inputs of health that an imported log speaks of, by its rows (S2).

The other method beside tests.oracle.health: rows of the file in, no event read.
"""

from collections import defaultdict
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from tests.oracle.case import Case
from tests.oracle.reading import Reading


class Ages(NamedTuple):
    """In limits, and in the median stays of the won."""

    silence: float
    stage_age: float | None


def ages(reading: Reading, at: datetime) -> dict[str, Ages]:
    """By opportunity, of those open at a moment."""
    usual = _usual_stays(reading, at)
    found = {}
    for case in reading.cases:
        standing = case.before(at)
        if standing is None or not standing.is_open:
            continue
        entered_at = max(
            (change.at for change in case.changes if change.at < at),
            default=case.standings[0].since,
        )
        stays = usual.get(standing.stage)
        found[case.opportunity_id] = Ages(
            silence=(at - standing.since) / reading.rules.limits[standing.stage],
            stage_age=(at - entered_at) / stays if stays else None,
        )
    return found


def _usual_stays(reading: Reading, at: datetime) -> dict[str, timedelta]:
    """Of a stage: the middle one of the times that the won spent in it."""
    spent: dict[str, list[float]] = defaultdict(list)
    for case in reading.cases:
        last = case.standings[-1]
        if last.status == "won" and last.since < at:
            for stage, seconds in _stays(case).items():
                spent[stage].append(seconds)
    return {stage: timedelta(seconds=median(times)) for stage, times in spent.items()}


def _stays(case: Case) -> dict[str, float]:
    found: dict[str, float] = defaultdict(float)
    for standing, after in pairwise(case.standings):
        found[standing.stage] += (after.since - standing.since).total_seconds()
    return found
