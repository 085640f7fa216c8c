"""Where the working days of a year come from: the chinesecalendar library, or a file."""

import csv
from collections.abc import Mapping
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import chinese_calendar

from shared.business_time import FIXED_HOLIDAYS, is_working_by_weekday
from shared.errors import FieldProblem, Malformed

_ANSWERS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


class CalendarDays(NamedTuple):
    """The days of a year that are not what their weekday says."""

    year: int
    days: Mapping[date, bool]
    provisional: bool
    source: str


def chinese_calendar_days(year: int) -> CalendarDays:
    """Public holidays and make-up working days as published; for a year that the library lacks
    the fixed holidays, provisional."""
    try:
        works = {day: chinese_calendar.is_workday(day) for day in _days_of(year)}
    except RuntimeError:  # what the library raises for a year that it lacks
        fixed = {
            day: False
            for day in _days_of(year)
            if (day.month, day.day) in FIXED_HOLIDAYS and is_working_by_weekday(day)
        }
        return CalendarDays(year, fixed, True, "fixed holidays")
    source = f"chinesecalendar {version('chinesecalendar')}"
    return CalendarDays(year, _exceptions(works), False, source)


def file_calendar_days(path: Path, year: int) -> CalendarDays:
    """From a CSV file with the columns `date` and `working`, the days of one year.

    Raises Malformed naming the first line that cannot be read, or that no day is of that year.
    """
    days: dict[date, bool] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            for number, line in enumerate(csv.DictReader(lines), start=2):
                day, works = _day_of(line, number)
                if day.year == year:
                    days[day] = works
    except UnicodeDecodeError as flaw:
        problem = FieldProblem(path.name, "encoding", "must be UTF-8")
        raise Malformed("calendar file", errors=[problem]) from flaw
    except OSError as failure:
        problem = FieldProblem(path.name, "unreadable", failure.strerror or str(failure))
        raise Malformed("calendar file", errors=[problem]) from failure
    if not days:
        problem = FieldProblem(path.name, "missing", f"has no day of {year}")
        raise Malformed("calendar file", errors=[problem])
    return CalendarDays(year, _exceptions(days), False, path.name)


def _exceptions(works: Mapping[date, bool]) -> dict[date, bool]:
    return {day: is_so for day, is_so in works.items() if is_so != is_working_by_weekday(day)}


def _day_of(line: Mapping[str, str | None], number: int) -> tuple[date, bool]:
    try:
        return date.fromisoformat(line["date"] or ""), _ANSWERS[(line["working"] or "").lower()]
    except (KeyError, ValueError) as flaw:
        expected = "must be like 2027-02-17,false under the heading date,working"
        problem = FieldProblem(f"line {number}", "malformed", expected)
        raise Malformed("calendar file", errors=[problem]) from flaw


def _days_of(year: int) -> list[date]:
    first = date(year, 1, 1)
    return [first + timedelta(days=step) for step in range((date(year, 12, 31) - first).days + 1)]
