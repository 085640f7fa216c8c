"""A unit that leaves the budget status of its leads open gets no new ones (L9)."""

from collections.abc import Sequence
from typing import NamedTuple

MONTHS_RUNNING = 2


class FillRate(NamedTuple):
    """Of one month: leads older than 48 h, and those of them whose budget status is known."""

    leads: int
    filled: int


class SuspensionRules(NamedTuple):
    least_rate: float
    least_leads: int


def is_suspended(months: Sequence[FillRate], running: FillRate, rules: SuspensionRules) -> bool:
    """`months` are the complete ones, the earliest first. Suspended after two below the rate in a
    row, until a month, or the running one, reaches it; a month of too few leads says nothing of
    the kind, and ends a row."""
    suspended, below = False, 0
    for month in months:
        if month.leads < rules.least_leads:
            below = 0
            continue
        if _reaches(month, rules):
            suspended, below = False, 0
        else:
            below += 1
            suspended = suspended or below >= MONTHS_RUNNING
    return suspended and not (running.leads >= rules.least_leads and _reaches(running, rules))


def _reaches(month: FillRate, rules: SuspensionRules) -> bool:
    return month.filled / month.leads >= rules.least_rate
