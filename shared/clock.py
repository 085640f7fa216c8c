"""Time as a port: the wall clock, or one that a simulation moves."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def wall_clock() -> datetime:
    """Now, in UTC, cut to the milliseconds that everything is kept in."""
    now = datetime.now(UTC)  # noqa: TID251  # the one place where the machine's clock is read
    return now.replace(microsecond=now.microsecond // 1000 * 1000)


class VirtualClock:
    """A clock that stands still until it is moved; it never goes back."""

    def __init__(self, start: datetime) -> None:
        self._now = start

    def __call__(self) -> datetime:
        return self._now

    def move_to(self, moment: datetime) -> None:
        self._now = max(self._now, moment)


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970 in UTC, exact for times of millisecond resolution."""
    return round(moment.timestamp() * 1000)


def moment(milliseconds_since_epoch: int) -> datetime:
    return datetime.fromtimestamp(milliseconds_since_epoch / 1000, UTC)


def to_milliseconds(moment: datetime) -> datetime:
    """The same moment in UTC, cut to milliseconds."""
    utc = moment.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + (
        f"{moment.microsecond // 1000:03d}Z"
    )
