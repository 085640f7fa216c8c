"""Times in milliseconds, exact in every year."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from shared.clock import VirtualClock, iso, milliseconds, moment, to_milliseconds

MOMENTS = st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=8))]))


@given(MOMENTS)
def test_a_moment_of_milliseconds_comes_back_exactly(at: datetime) -> None:
    cut = to_milliseconds(at)
    assert moment(milliseconds(cut)) == cut
    assert milliseconds(at) == milliseconds(cut)
    assert timedelta() <= at - cut < timedelta(milliseconds=1)


@given(MOMENTS, MOMENTS)
def test_milliseconds_keep_the_order(one: datetime, other: datetime) -> None:
    if one <= other:
        assert milliseconds(one) <= milliseconds(other)


def test_times_are_written_in_utc_with_milliseconds() -> None:
    at = datetime(2026, 3, 2, 17, 30, 0, 5_000, tzinfo=timezone(timedelta(hours=8)))
    assert iso(at) == "2026-03-02T09:30:00.005Z"
    assert iso(at.replace(microsecond=0)) == "2026-03-02T09:30:00.000Z"
    assert iso(at.replace(microsecond=999_999)) == "2026-03-02T09:30:00.999Z"


def test_a_virtual_clock_never_goes_back() -> None:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    clock = VirtualClock(start)
    clock.move_to(start + timedelta(days=1))
    clock.move_to(start)
    assert clock() == start + timedelta(days=1)
