"""ISO weeks, months and quarters of a tenant's zone as half-open windows; the running one at the
clock."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shared.errors import FieldProblem, Malformed

_WEEK = re.compile(r"(\d{4})-W(\d{2})")
_SEVEN_DAYS = timedelta(days=7)
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_QUARTER = re.compile(r"(\d{4})-Q([1-4])")
_MONTHS_OF_QUARTER = 3


class Window(NamedTuple):
    """[begins, ends) in UTC, named as the boards name it: 2011-W45, 2011-11, 2011-Q4."""

    name: str
    begins: datetime
    ends: datetime


@dataclass(frozen=True, slots=True)
class Moment:
    """Until when something counts: what happened before `at`, with `inclusive` at `at` too."""

    at: datetime
    inclusive: bool


def is_before(at: datetime, end: Moment) -> bool:
    return at < end.at or (end.inclusive and at == end.at)


def week_named(name: str, zone: str) -> Window:
    """Raises Malformed for what is no ISO week."""
    found = _WEEK.fullmatch(name)
    try:
        if found is None:
            raise ValueError(name)
        monday = date.fromisocalendar(int(found[1]), int(found[2]), 1)
    except ValueError:
        raise _malformed("week", name, "an ISO week like 2011-W45") from None
    return _week_of_monday(monday, zone)


def week_of(at: datetime, zone: str) -> Window:
    local = at.astimezone(ZoneInfo(zone)).date()
    return _week_of_monday(local - timedelta(days=local.weekday()), zone)


def month_named(name: str, zone: str) -> Window:
    """Raises Malformed for what is no month."""
    found = _MONTH.fullmatch(name)
    try:
        if found is None:
            raise ValueError(name)
        first = date(int(found[1]), int(found[2]), 1)
    except ValueError:
        raise _malformed("month", name, "a month like 2011-11") from None
    following = (first.replace(day=28) + timedelta(days=4)).replace(day=1)
    return Window(name, _midnight(first, zone), _midnight(following, zone))


def month_of(at: datetime, zone: str) -> Window:
    return month_named(f"{at.astimezone(ZoneInfo(zone)):%Y-%m}", zone)


def quarter_named(name: str, zone: str) -> Window:
    """Raises Malformed for what is no quarter."""
    found = _QUARTER.fullmatch(name)
    if found is None or not int(found[1]):
        raise _malformed("quarter", name, "a quarter like 2011-Q4")
    last = _MONTHS_OF_QUARTER * int(found[2])
    begins = month_named(f"{found[1]}-{last - _MONTHS_OF_QUARTER + 1:02d}", zone).begins
    return Window(name, begins, month_named(f"{found[1]}-{last:02d}", zone).ends)


def quarter_of(at: datetime, zone: str) -> Window:
    local = at.astimezone(ZoneInfo(zone))
    return quarter_named(f"{local:%Y}-Q{(local.month - 1) // _MONTHS_OF_QUARTER + 1}", zone)


def weeks_between(first: datetime, last: datetime, zone: str) -> list[Window]:
    """Every week from that of `first` to that of `last`, both included."""
    weeks = [week_of(first, zone)]
    while weeks[-1].ends <= last:
        weeks.append(week_of(weeks[-1].ends, zone))
    return weeks


def end_of(window: Window, clock: datetime) -> Moment:
    """The window's end; of the running one the clock: windows are half-open, this one too."""
    return Moment(min(window.ends, clock), inclusive=False)


class Stretch(NamedTuple):
    """From `begins` on, weeks are exactly seven days long, counted from week `first_index`."""

    begins: datetime
    first_index: int


def stretches(weeks: Sequence[Window]) -> list[Stretch]:
    """Where a change of the zone's offset makes a week longer or shorter, counting starts anew."""
    found: list[Stretch] = []
    length: timedelta | None = None
    for index, week in enumerate(weeks):
        if length != _SEVEN_DAYS or week.ends - week.begins != _SEVEN_DAYS:
            found.append(Stretch(week.begins, index))
        length = week.ends - week.begins
    return found


def _week_of_monday(monday: date, zone: str) -> Window:
    year, week, _ = monday.isocalendar()
    following = monday + timedelta(days=7)
    return Window(f"{year}-W{week:02d}", _midnight(monday, zone), _midnight(following, zone))


def _midnight(day: date, zone: str) -> datetime:
    return datetime.combine(day, time.min, ZoneInfo(zone)).astimezone(UTC)


def _malformed(field: str, value: str, wanted: str) -> Malformed:
    message = f"expected {wanted}"
    return Malformed(f"{value!r}: {message}", errors=[FieldProblem(field, "format", message)])
