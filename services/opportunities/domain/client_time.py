"""When something happened, by clocks that are wrong or were offline (G5)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.errors import FieldProblem, Malformed

TOLERATED_DRIFT = timedelta(minutes=2)
CLAMPED_AHEAD = timedelta(hours=24)
EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientTime:
    """`raw_occurred_at`: what the client said, where that differs; it also marks a clamped time."""

    occurred_at: datetime
    raw_occurred_at: datetime | None = None
    sent_at: datetime | None = None


def client_time(
    occurred_at: datetime | None,
    sent_at: datetime | None,
    received_at: datetime,
    *,
    tolerated_drift: timedelta = TOLERATED_DRIFT,
    clamped_ahead: timedelta = CLAMPED_AHEAD,
) -> ClientTime:
    """The time to measure by, in UTC and milliseconds (G5).

    Off by receipt − `sent_at` when that is over `tolerated_drift` (2 min); what then lies ahead, up
    to `clamped_ahead` (24 h), is clamped to the receipt. Raises Malformed for a time without zone,
    further ahead, or before 1990.
    """
    sent = None if sent_at is None else _in_utc("sent_at", sent_at)
    if occurred_at is None:
        return ClientTime(occurred_at=received_at, sent_at=sent)
    raw = _in_utc("occurred_at", occurred_at)
    drift = timedelta() if sent is None else received_at - sent
    corrected = _shifted(raw, drift) if abs(drift) > tolerated_drift else raw
    if corrected > received_at + clamped_ahead:
        raise _malformed("occurred_at", "in-the-future", f"is more than {clamped_ahead} ahead")
    if corrected < EARLIEST:
        raise _malformed("occurred_at", "too-long-ago", f"is before {EARLIEST.year}")
    measured = min(corrected, received_at)
    return ClientTime(
        occurred_at=measured, raw_occurred_at=None if measured == raw else raw, sent_at=sent
    )


def _shifted(raw: datetime, drift: timedelta) -> datetime:
    try:
        return raw + drift
    except OverflowError:
        raise _malformed("sent_at", "absurd", "no clock is that wrong") from None


def _in_utc(field: str, time: datetime) -> datetime:
    if time.tzinfo is None:
        raise _malformed(field, "without-zone", "names no time zone")
    try:
        in_utc = time.astimezone(UTC)
    except OverflowError:
        raise _malformed(field, "absurd", "lies outside of all calendars") from None
    return in_utc.replace(microsecond=in_utc.microsecond // 1000 * 1000)


def _malformed(field: str, code: str, message: str) -> Malformed:
    return Malformed(f"{field} {message}", errors=[FieldProblem(field, code, message)])
