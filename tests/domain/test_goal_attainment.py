"""How far a rep has come towards the goal of the month, for the weights of allocation (L5, P9)."""

from datetime import date

import pytest

from services.leads.domain.goal_attainment import WorkingMonth, attainments, working_month
from shared.business_time import BusinessCalendar

CALENDAR = BusinessCalendar("Asia/Shanghai", {date(2026, 3, 4): False, date(2026, 3, 7): True})
"""Wednesday the 4th is off, Saturday the 7th is worked on."""


@pytest.mark.parametrize(
    ("today", "gone"),
    [(1, 0), (2, 1), (3, 2), (4, 2), (7, 5), (8, 5), (31, 22)],
)
def test_a_working_day_is_gone_once_it_has_begun(today: int, gone: int) -> None:
    assert working_month(CALENDAR, "2026-03", date(2026, 3, today)) == WorkingMonth(22, gone)


def test_of_a_month_that_is_over_all_days_are_gone() -> None:
    assert working_month(CALENDAR, "2026-03", date(2026, 5, 1)) == WorkingMonth(22, 22)


def test_attainment_is_valid_leads_by_goal_by_the_share_of_working_days_gone() -> None:
    found = attainments({"A": 3, "C": 9}, {"A": 6, "B": 4}, WorkingMonth(20, 5))
    assert found == {"A": 2.0, "B": 0.0}


def test_without_a_goal_above_zero_there_is_no_attainment() -> None:
    assert attainments({"A": 3}, {"A": 0}, WorkingMonth(20, 5)) == {}


def test_before_the_first_working_day_nothing_is_attained_or_missed() -> None:
    assert attainments({"A": 3}, {"A": 6}, WorkingMonth(20, 0)) == {}
