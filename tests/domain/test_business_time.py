"""Business time: non-working days left out whole, a working day counts all its hours."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.business_time import BusinessCalendar, DailyHours, is_quiet, quiet_until

HOUR = 3600
SHANGHAI = ZoneInfo("Asia/Shanghai")
ORDINARY = BusinessCalendar("Asia/Shanghai", recorded_years=frozenset({2026}))
QUIET = DailyHours(time(22), time(8))


def shanghai(month: int, day: int, hour: int = 0, minute: int = 0, year: int = 2026) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=SHANGHAI).astimezone(UTC)


FRIDAY_15 = shanghai(3, 6, 15)
SATURDAY_NOON = shanghai(3, 7, 12)
MONDAY = shanghai(3, 9)
TUESDAY_15 = shanghai(3, 10, 15)


def test_48_hours_from_friday_15_end_on_tuesday_15() -> None:
    assert ORDINARY.due_at(FRIDAY_15, 48 * HOUR) == TUESDAY_15
    assert ORDINARY.elapsed(FRIDAY_15, TUESDAY_15) == 48 * HOUR


def test_a_weekend_adds_nothing() -> None:
    assert ORDINARY.elapsed(SATURDAY_NOON, MONDAY) == 0
    assert ORDINARY.due_at(SATURDAY_NOON, HOUR) == shanghai(3, 9, 1)


def test_a_limit_used_up_on_friday_night_is_not_exceeded_before_monday() -> None:
    assert ORDINARY.due_at(FRIDAY_15, 9 * HOUR) == MONDAY


def test_elapsed_time_never_runs_backward() -> None:
    assert ORDINARY.elapsed(TUESDAY_15, FRIDAY_15) == 0


def test_a_make_up_working_day_counts_and_a_holiday_does_not() -> None:
    calendar = BusinessCalendar("Asia/Shanghai", {date(2026, 3, 7): True, date(2026, 3, 9): False})
    assert calendar.due_at(FRIDAY_15, 48 * HOUR) == shanghai(3, 11, 15) - timedelta(hours=24)
    assert calendar.elapsed(SATURDAY_NOON, TUESDAY_15) == (12 + 15) * HOUR


def test_a_year_not_recorded_counts_weekends_and_fixed_holidays_and_is_provisional() -> None:
    calendar = BusinessCalendar("Asia/Shanghai", {date(2026, 2, 17): False})
    assert not calendar.is_provisional(2026)
    assert calendar.is_provisional(2027)
    assert calendar.is_working_day(date(2026, 10, 1))
    assert not calendar.is_working_day(date(2027, 10, 1))
    assert not calendar.is_working_day(date(2027, 1, 2))
    assert calendar.is_working_day(date(2027, 10, 4))


def test_a_recorded_year_may_be_provisional() -> None:
    calendar = BusinessCalendar("Asia/Shanghai", {}, frozenset({2027}), frozenset({2027}))
    assert calendar.is_provisional(2027)
    assert calendar.is_working_day(date(2027, 10, 1))


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (shanghai(3, 6, 8, 59), shanghai(3, 6, 9)),
        (shanghai(3, 6, 9), shanghai(3, 6, 9)),
        (shanghai(3, 6, 17, 59), shanghai(3, 6, 17, 59)),
        (shanghai(3, 6, 18), shanghai(3, 9, 9)),
        (SATURDAY_NOON, shanghai(3, 9, 9)),
    ],
)
def test_the_next_business_moment(at: datetime, expected: datetime) -> None:
    assert ORDINARY.next_business_moment(at) == expected
    assert ORDINARY.is_business_hour(at) == (at == expected)


def test_the_next_working_day_is_never_the_same_day() -> None:
    assert ORDINARY.next_working_day(date(2026, 3, 5)) == date(2026, 3, 6)
    assert ORDINARY.next_working_day(date(2026, 3, 6)) == date(2026, 3, 9)


def test_quiet_hours_reach_over_midnight() -> None:
    assert is_quiet(shanghai(3, 6, 22), "Asia/Shanghai", QUIET)
    assert is_quiet(shanghai(3, 6, 7, 59), "Asia/Shanghai", QUIET)
    assert not is_quiet(shanghai(3, 6, 8), "Asia/Shanghai", QUIET)
    assert quiet_until(shanghai(3, 6, 23), "Asia/Shanghai", QUIET) == shanghai(3, 7, 8)
    assert quiet_until(shanghai(3, 6, 3), "Asia/Shanghai", QUIET) == shanghai(3, 6, 8)
    assert quiet_until(shanghai(3, 6, 12), "Asia/Shanghai", QUIET) == shanghai(3, 6, 12)


def test_a_day_that_loses_an_hour_counts_23() -> None:
    paris = BusinessCalendar("Europe/Paris", {date(2026, 3, 29): True})
    begins = datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert paris.elapsed(begins, datetime(2026, 3, 29, 22, tzinfo=UTC)) == 23 * HOUR
    assert paris.due_at(begins, 23 * HOUR) == datetime(2026, 3, 29, 22, tzinfo=UTC)


moments = st.integers(min_value=0, max_value=330 * 24 * HOUR).map(
    lambda seconds: datetime(2026, 1, 5, tzinfo=UTC) + timedelta(seconds=seconds)
)
limits = st.integers(min_value=0, max_value=30 * 24 * HOUR)
calendars = st.builds(
    BusinessCalendar,
    st.sampled_from(["Asia/Shanghai", "Europe/Paris", "America/New_York"]),
    st.dictionaries(
        st.dates(min_value=date(2026, 1, 1), max_value=date(2026, 12, 31)),
        st.booleans(),
        max_size=20,
    ),
)


@given(calendars, moments, limits)
def test_a_limit_is_used_up_exactly_at_its_due_time_and_exceeded_right_after(
    calendar: BusinessCalendar, anchor: datetime, limit: int
) -> None:
    due_at = calendar.due_at(anchor, limit)
    assert calendar.elapsed(anchor, due_at) == limit
    assert calendar.elapsed(anchor, due_at + timedelta(milliseconds=1)) > limit


@given(calendars, moments, st.integers(0, 10**6), st.integers(0, 10**6))
def test_business_time_adds_up(
    calendar: BusinessCalendar, begins: datetime, first: int, second: int
) -> None:
    middle = begins + timedelta(seconds=first)
    ends = middle + timedelta(seconds=second)
    parts = calendar.elapsed(begins, middle) + calendar.elapsed(middle, ends)
    assert calendar.elapsed(begins, ends) == pytest.approx(parts)
    assert parts <= (ends - begins).total_seconds()
