"""Business time over recorded days: non-working days left out whole, working days counted whole."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

FIXED_HOLIDAYS = frozenset({(1, 1), (5, 1), (10, 1), (10, 2), (10, 3)})
"""(month, day) of the Chinese public holidays that no yearly publication moves."""

_SATURDAY = 5
_ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DailyHours:
    """From `start` up to, but not including, `end`; an end before the start is the next day's."""

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> "DailyHours":
        """From the form of the settings, `09:00-18:00`. Raises ValueError for anything else."""
        start, _, end = text.partition("-")
        return cls(time.fromisoformat(start), time.fromisoformat(end))

    def contain(self, moment: time) -> bool:
        if self.start <= self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end


BUSINESS_HOURS = DailyHours(time(9), time(18))


def is_working_by_weekday(day: date) -> bool:
    return day.weekday() < _SATURDAY


def is_quiet(at: datetime, zone: str, quiet_hours: DailyHours) -> bool:
    """Whether nothing may disturb at this moment in that zone (N2)."""
    return quiet_hours.contain(at.astimezone(ZoneInfo(zone)).time())


def quiet_until(at: datetime, zone: str, quiet_hours: DailyHours) -> datetime:
    """The first moment from `at` on that is not quiet: `at` itself outside quiet hours (N2)."""
    if not is_quiet(at, zone, quiet_hours):
        return at
    local = at.astimezone(ZoneInfo(zone))
    ends_today = local.time() < quiet_hours.end
    day = local.date() if ends_today else local.date() + _ONE_DAY
    return _moment(day, quiet_hours.end, ZoneInfo(zone))


def tomorrow_at(at: datetime, zone: str, hour: time) -> datetime:
    """That time of the day after `at`, as days are in that zone."""
    return _moment(at.astimezone(ZoneInfo(zone)).date() + _ONE_DAY, hour, ZoneInfo(zone))


@dataclass(frozen=True, slots=True)
class BusinessCalendar:
    """`days` are those that are not what their weekday says: day → is it a working day.

    A year in `recorded_years`, or of which a day is given, is taken as recorded; any other counts
    weekends and the fixed holidays, and is provisional like those in `provisional_years`.
    """

    zone: str
    days: Mapping[date, bool] = field(default_factory=dict)
    recorded_years: frozenset[int] = frozenset()
    provisional_years: frozenset[int] = frozenset()

    def is_recorded(self, year: int) -> bool:
        return year in self.recorded_years or any(day.year == year for day in self.days)

    def is_provisional(self, year: int) -> bool:
        return year in self.provisional_years or not self.is_recorded(year)

    def is_working_day(self, day: date) -> bool:
        recorded = self.days.get(day)
        if recorded is not None:
            return recorded
        if (day.month, day.day) in FIXED_HOLIDAYS and not self.is_recorded(day.year):
            return False
        return is_working_by_weekday(day)

    def day_of(self, at: datetime) -> date:
        return at.astimezone(ZoneInfo(self.zone)).date()

    def due_at(self, anchor: datetime, seconds: float) -> datetime:
        """The last moment that is not over a limit of `seconds` of business time since `anchor`.

        A limit used up at the end of a working day is thus due where the next one begins
        ("Durations"): 48 h from Friday 15:00 end on Tuesday 15:00.
        Raises OverflowError where no working day is left in the calendar of years.
        """
        left = timedelta(seconds=seconds)
        for begins, ends in self._working_spans(anchor):
            if left < ends - begins:
                return begins + left
            left -= ends - begins
        raise OverflowError("no working day is left")

    def elapsed(self, begins: datetime, ends: datetime) -> float:
        """Seconds of business time from `begins` to `ends`; 0 where `ends` is earlier."""
        passed = timedelta()
        for span_begins, span_ends in self._working_spans(begins):
            if span_begins >= ends:
                break
            passed += min(span_ends, ends) - span_begins
        return passed.total_seconds()

    def next_business_moment(self, at: datetime, hours: DailyHours = BUSINESS_HOURS) -> datetime:
        """The first moment from `at` on that lies in the business hours of a working day (N2)."""
        zone = ZoneInfo(self.zone)
        for begins, ends in self._working_spans(at):
            day = begins.astimezone(zone).date()
            opens = max(begins, _moment(day, hours.start, zone))
            if opens < min(ends, _moment(day, hours.end, zone)):
                return opens
        raise OverflowError("no working day is left")

    def is_business_hour(self, at: datetime, hours: DailyHours = BUSINESS_HOURS) -> bool:
        return self.next_business_moment(at, hours) == at

    def next_working_day(self, day: date) -> date:
        """The first working day after `day`."""
        following = day + _ONE_DAY
        while not self.is_working_day(following):
            following += _ONE_DAY
        return following

    def _working_spans(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        """What is left of each working day from `start` on, in UTC, so that a day of 23 or 25
        hours counts as it was."""
        zone = ZoneInfo(self.zone)
        begins = start.astimezone(UTC)
        day = begins.astimezone(zone).date()
        while day < date.max:
            following = day + _ONE_DAY
            ends = _moment(following, time.min, zone)
            if begins < ends and self.is_working_day(day):
                yield begins, ends
            begins = max(begins, ends)
            day = following


def _moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC)
