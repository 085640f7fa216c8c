"""Fairness = Gini of leads assigned ÷ days eligible (L7)."""

import pytest

from services.leads.domain.allocation_month import fairness


@pytest.mark.parametrize(
    ("leads_by_days", "gini"),
    [
        ({"A": (10, 5), "B": (10, 5)}, 0.0),
        ({"A": (10, 5), "B": (20, 10)}, 0.0),
        ({"A": (0, 5), "B": (10, 5)}, 0.5),
        ({"A": (1, 1), "B": (2, 1), "C": (3, 1)}, 2 / 9),
        ({"A": (0, 5), "B": (0, 5)}, None),
        ({}, None),
    ],
)
def test_gini_of_leads_by_days_eligible(
    leads_by_days: dict[str, tuple[int, int]], gini: float | None
) -> None:
    found = fairness(leads_by_days, 1)
    assert found == (None if gini is None else pytest.approx(gini))


def test_who_was_seldom_eligible_is_left_out() -> None:
    assert fairness({"A": (10, 10), "B": (10, 10), "C": (9, 4)}, 5) == 0.0
