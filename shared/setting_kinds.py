"""The kinds of settings that a tenant has: what each must be, and how one is declared."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple
from zoneinfo import ZoneInfo

from shared.events.directory import SettingValue

_TIME_OF_DAY = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")
_DAILY_HOURS = re.compile(rf"{_TIME_OF_DAY.pattern}-{_TIME_OF_DAY.pattern}")

Fits = Callable[[SettingValue], str | None]
"""None where the value fits, otherwise what it must be."""


class Form(NamedTuple):
    """How a text is written: its kind, and what refuses another."""

    kind: str
    fits: Fits


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantSetting:
    """`unit` is what a number counts; `rule` the id in the specification that reads it."""

    name: str
    kind: str
    default: SettingValue
    rule: str
    meaning: str
    unit: str | None = None
    fits: Fits


def number(at_least: float, at_most: float) -> Fits:
    def fits(value: SettingValue) -> str | None:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if is_number and at_least <= float(value) <= at_most:  # type: ignore[arg-type]  # a number
            return None
        return f"must be a number from {at_least:g} to {at_most:g}"

    return fits


def whole_number(at_least: int, at_most: int) -> Fits:
    def fits(value: SettingValue) -> str | None:
        if isinstance(value, int) and not isinstance(value, bool) and at_least <= value <= at_most:
            return None
        return f"must be a whole number from {at_least} to {at_most}"

    return fits


def one_of(*choices: str) -> Fits:
    def fits(value: SettingValue) -> str | None:
        return None if value in choices else f"must be one of {', '.join(choices)}"

    return fits


def written_as(pattern: re.Pattern[str], example: str) -> Fits:
    def fits(value: SettingValue) -> str | None:
        if isinstance(value, str) and pattern.fullmatch(value):
            return None
        return f"must be written like {example}"

    return fits


def working_hours(value: SettingValue) -> str | None:
    if isinstance(value, str) and _DAILY_HOURS.fullmatch(value) and value[:5] < value[6:]:
        return None
    return "must be written like 09:00-18:00, the end after the start"


def yes_or_no(value: SettingValue) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


_ZONE_NAME = re.compile(r"[A-Za-z0-9._+/-]{1,64}")
"""Whatever else somebody types is not looked up among the installed packages."""


def zone_problem(value: SettingValue) -> str | None:
    """None for the name of a time zone that the tz database has."""
    refusal = "must be the name of a time zone, like Asia/Shanghai"
    if not isinstance(value, str) or not _ZONE_NAME.fullmatch(value):
        return refusal
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        return refusal
    return None


ANY = (1, 100_000)
HOURS = (1, 8_784)
MINUTES = (1, 527_040)

MOST_HOT_WORDS = 200
LONGEST_HOT_WORD = 40


def ratio(name: str, default: float, rule: str, meaning: str) -> TenantSetting:
    return TenantSetting(
        name=name,
        kind="number",
        default=default,
        rule=rule,
        meaning=meaning,
        unit="ratio",
        fits=number(0, 1),
    )


def measure(  # a line of the catalogue
    name: str,
    default: float,
    unit: str,
    rule: str,
    meaning: str,
    *,
    within: tuple[float, float],
) -> TenantSetting:
    return TenantSetting(
        name=name,
        kind="number",
        default=default,
        rule=rule,
        meaning=meaning,
        unit=unit,
        fits=number(*within),
    )


def amount(  # a line of the catalogue
    name: str, default: int, unit: str, rule: str, meaning: str, *, within: tuple[int, int] = ANY
) -> TenantSetting:
    return TenantSetting(
        name=name,
        kind="integer",
        default=default,
        rule=rule,
        meaning=meaning,
        unit=unit,
        fits=whole_number(*within),
    )


def text(name: str, default: str, rule: str, meaning: str, form: Form) -> TenantSetting:
    return TenantSetting(
        name=name, kind=form.kind, default=default, rule=rule, meaning=meaning, fits=form.fits
    )


def flag(name: str, default: bool, rule: str, meaning: str) -> TenantSetting:
    return TenantSetting(
        name=name, kind="boolean", default=default, rule=rule, meaning=meaning, fits=yes_or_no
    )


def few_words(value: SettingValue) -> str | None:
    """Each is looked for in every message: bounded."""
    if (
        isinstance(value, list)
        and len(value) <= MOST_HOT_WORDS
        and all(isinstance(each, str) and 0 < len(each) <= LONGEST_HOT_WORD for each in value)
    ):
        return None
    return f"must be up to {MOST_HOT_WORDS} words of 1-{LONGEST_HOT_WORD} characters"


ZONE = Form("zone", zone_problem)
REGION = Form("region", written_as(re.compile("[A-Z]{2}"), "CN"))
CLOCK_TIME = Form("time", written_as(_TIME_OF_DAY, "16:00"))
WORKING_HOURS = Form("hours", working_hours)
OVERRUN = Form("choice", one_of("silence", "dwell"))
