"""A unit that leaves budget statuses open gets no new leads (L9)."""

import pytest

from services.leads.domain.suspension import FillRate, SuspensionRules, is_suspended

RULES = SuspensionRules(0.7, 20)
GOOD = FillRate(20, 14)
BELOW = FillRate(20, 13)
FEW = FillRate(19, 0)
NONE = FillRate(0, 0)


@pytest.mark.parametrize(
    ("months", "running", "suspended"),
    [
        ([], NONE, False),
        ([BELOW], NONE, False),
        ([BELOW, BELOW], NONE, True),
        ([BELOW, BELOW], BELOW, True),
        ([BELOW, BELOW], GOOD, False),
        ([BELOW, BELOW], FillRate(19, 19), True),
        ([BELOW, GOOD, BELOW], NONE, False),
        ([BELOW, FEW, BELOW], NONE, False),
        ([BELOW, BELOW, FEW], NONE, True),
        ([BELOW, BELOW, FEW, GOOD], NONE, False),
        ([FEW, FEW], NONE, False),
    ],
)
def test_suspended_after_two_months_below_until_a_month_reaches_the_rate(
    months: list[FillRate], running: FillRate, suspended: bool
) -> None:
    assert is_suspended(months, running, RULES) is suspended
