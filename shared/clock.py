"""Time as a port: the wall clock, or one that a simulation moves."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

Clock = Callable[[], datetime]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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
    """Milliseconds since 1970 in UTC; what is finer is cut off."""
    since = moment - EPOCH
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def moment(milliseconds_since_epoch: int) -> datetime:
    """Exact in every year: a float of seconds would be off by a microsecond from 2106 on."""
    seconds, rest = divmod(milliseconds_since_epoch, 1000)
    return EPOCH + timedelta(0, seconds, rest * 1000)


def to_milliseconds(moment: datetime) -> datetime:
    """The same moment in UTC, cut to milliseconds."""
    utc = moment.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and `Z`."""
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat("T", "milliseconds")[: -len("+00:00")] + "Z"
