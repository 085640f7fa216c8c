"""When something happened, by clocks that are wrong or were offline (G5)."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from services.opportunities.domain.client_time import ClientTime, client_time
from shared.errors import Malformed

RECEIVED = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def before(**parts: float) -> datetime:
    return RECEIVED - timedelta(**parts)


def test_without_a_time_it_happened_when_received() -> None:
    assert client_time(None, None, RECEIVED) == ClientTime(occurred_at=RECEIVED)


def test_a_time_in_the_past_is_believed() -> None:
    assert client_time(before(days=3), None, RECEIVED) == ClientTime(occurred_at=before(days=3))


def test_a_clock_that_is_two_minutes_off_is_believed() -> None:
    sent = before(minutes=2)
    assert client_time(before(hours=1), sent, RECEIVED) == ClientTime(
        occurred_at=before(hours=1), sent_at=sent
    )


def test_a_clock_further_off_is_corrected_and_the_raw_value_kept() -> None:
    sent = before(minutes=10)
    assert client_time(before(hours=1), sent, RECEIVED) == ClientTime(
        occurred_at=before(minutes=50), raw_occurred_at=before(hours=1), sent_at=sent
    )


def test_a_clock_that_is_ahead_is_corrected_too() -> None:
    sent = before(minutes=-10)
    assert client_time(before(minutes=-5), sent, RECEIVED).occurred_at == before(minutes=5)


def test_a_clock_reset_to_1970_is_corrected() -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    corrected = client_time(epoch, epoch + timedelta(hours=1), RECEIVED)
    assert corrected.occurred_at == before(hours=1)


def test_up_to_a_day_ahead_is_clamped_to_the_receipt_and_marked() -> None:
    ahead = before(hours=-24)
    assert client_time(ahead, None, RECEIVED) == ClientTime(
        occurred_at=RECEIVED, raw_occurred_at=ahead
    )


@pytest.mark.parametrize(
    ("occurred_at", "sent_at"),
    [
        (before(hours=-24, seconds=-1), None),
        (datetime(9999, 12, 31, tzinfo=UTC), None),
        (datetime(1, 1, 1, tzinfo=UTC), None),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))), None),
        (datetime(9999, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)),
        (datetime(2026, 3, 2, 9, 0), None),  # noqa: DTZ001  # the case under test
    ],
    ids=["ahead", "end of time", "beginning of time", "before time", "absurd clock", "no zone"],
)
def test_an_absurd_time_is_refused(occurred_at: datetime, sent_at: datetime | None) -> None:
    with pytest.raises(Malformed):
        client_time(occurred_at, sent_at, RECEIVED)


def test_times_are_kept_in_utc_and_milliseconds() -> None:
    east = datetime(2026, 3, 2, 16, 0, 0, 123456, tzinfo=timezone(timedelta(hours=8)))
    measured = client_time(east, None, RECEIVED).occurred_at
    assert measured == datetime(2026, 3, 2, 8, 0, 0, 123000, tzinfo=UTC)
    assert measured.tzinfo is UTC
