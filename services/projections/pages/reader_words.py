"""What a page says to one reader: messages, and figures as people of that language write them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.numbers import format_currency, format_decimal

from services.projections.pages.catalogue import catalogue

_LOCALES = {"zh": "zh_Hans_CN", "en": "en"}
_A_DAY = 24
_PATTERNS = {
    "zh": {
        "time": "HH:mm",
        "near": "M月d日 HH:mm",
        "far": "y年M月d日 HH:mm",
        "day": "y年M月d日 EEEE",
    },
    "en": {"time": "HH:mm", "near": "d MMM HH:mm", "far": "d MMM y HH:mm", "day": "EEEE d MMMM y"},
}
DASH = "–"


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """`now` is the tenant's clock, `zone` the tenant's."""

    language: str
    zone: str
    now: datetime

    def say(self, text: str, **values: Any) -> str:
        return catalogue(self.language).gettext(text) % values

    def plural(self, one: str, many: str, number: float, **values: Any) -> str:
        chosen = catalogue(self.language).ngettext(one, many, number)
        return chosen % {"number": self.number(number), **values}

    def when(self, at: datetime) -> str:
        """Today only the time; otherwise the day, with its year where it is another."""
        local, now = self._local(at), self._local(self.now)
        if local.date() == now.date():
            return self._formatted(local, "time")
        return self._formatted(local, "near" if local.year == now.year else "far")

    def exact(self, at: datetime) -> str:
        return f"{self._local(at):%Y-%m-%d %H:%M:%S}"

    def day(self, at: datetime) -> str:
        return self._formatted(self._local(at), "day")

    def _local(self, at: datetime) -> datetime:
        return at.astimezone(ZoneInfo(self.zone))

    def _formatted(self, local: datetime, pattern: str) -> str:
        chosen = _PATTERNS[self.language][pattern]
        return str(format_datetime(local, chosen, tzinfo=local.tzinfo, locale=self._locale))

    @property
    def _locale(self) -> str:
        return _LOCALES[self.language]

    def left(self, hours: float | None) -> str:
        """Time left, over where negative: whole hours, from two days on whole days."""
        if hours is None:
            return self.say("no limit")
        size, is_over = abs(hours), hours < 0
        if size >= 2 * _A_DAY:
            days = int(size // _A_DAY)
            if is_over:
                return self.plural("%(number)s day over", "%(number)s days over", days)
            return self.plural("%(number)s day left", "%(number)s days left", days)
        whole = int(size)
        if whole == 0:
            return self.say("just over") if is_over else self.say("under an hour left")
        if is_over:
            return self.plural("%(number)s hour over", "%(number)s hours over", whole)
        return self.plural("%(number)s hour left", "%(number)s hours left", whole)

    def span(self, hours: float) -> str:
        """A length of time in minutes, hours or days."""
        minutes = int(hours * 60)
        if minutes < 60:
            return self.plural("%(number)s minute", "%(number)s minutes", minutes)
        if hours < 2 * _A_DAY:
            return self.plural("%(number)s hour", "%(number)s hours", int(hours))
        return self.plural("%(number)s day", "%(number)s days", int(hours // _A_DAY))

    def ago(self, at: datetime) -> str:
        hours = max(0.0, (self.now - at).total_seconds() / 3600)
        return self.say("%(span)s ago", span=self.span(hours))

    def number(self, value: float) -> str:
        return str(format_decimal(value, locale=self._locale))

    def percent(self, ratio: float | None) -> str:
        """A dash where there is nothing to count."""
        return DASH if ratio is None else f"{100 * ratio:.1f} %"

    def index(self, value: float | None) -> str:
        return DASH if value is None else f"{value:.1f}"

    def money(self, amount: str | None, currency: str | None) -> str:
        if amount is None:
            return DASH
        try:
            exact = Decimal(amount)
        except InvalidOperation:
            return amount
        if currency is None:
            return str(format_decimal(exact, locale=self._locale))
        return str(format_currency(exact, currency, locale=self._locale))
