"""What a tenant's clock, calendar and settings say at a moment."""

from bisect import insort
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from shared.business_time import BusinessCalendar, DailyHours
from shared.events.directory import SettingValue
from shared.tenant_settings import default_of

_ALWAYS = datetime.min.replace(tzinfo=UTC)


@dataclass(slots=True, kw_only=True)
class CalendarYear:
    days: dict[date, bool]
    provisional: bool
    source: str


@dataclass(slots=True, kw_only=True)
class SettingChange:
    """`effective_at` None: for the whole history."""

    effective_at: datetime | None
    value: SettingValue


@dataclass(slots=True, kw_only=True)
class TenantTime:
    """The part of an organisation that answers when: folded in place like the rest of it."""

    tenant_id: str
    clock_at: datetime | None = None
    live_at: datetime | None = None
    settings: dict[str, list[SettingChange]] = field(default_factory=dict)
    years: dict[int, CalendarYear] = field(default_factory=dict)

    @property
    def is_live(self) -> bool:
        return self.live_at is not None

    @property
    def has_clock(self) -> bool:
        """Not while its first history is still coming in: what is due then nobody knows yet."""
        return self.is_live or self.clock_at is not None

    def clock(self, now: datetime) -> datetime:
        """Now; until the tenant goes live, the latest imported time if there is one."""
        return now if self.is_live or self.clock_at is None else self.clock_at

    def setting(self, name: str, at: datetime) -> SettingValue:
        """The value in force at a moment, from the moment of its change on: what is announced for
        later does not hold yet.

        Raises KeyError for a name that the catalogue lacks.
        """
        changes = self.settings.get(name, [])
        in_force = [change for change in changes if not _is_later(change.effective_at, at)]
        return in_force[-1].value if in_force else default_of(name)

    def setting_changes(self, name: str) -> tuple[SettingChange, ...]:
        """Every value the setting took, earliest effect first, without the default before them."""
        return tuple(self.settings.get(name, ()))

    def number_setting(self, name: str, at: datetime) -> float:
        return float(self.setting(name, at))  # type: ignore[arg-type]  # a number by its catalogue

    def zone(self, at: datetime) -> str:
        return str(self.setting("zone", at))

    def calendar(self, at: datetime) -> BusinessCalendar:
        """Working days as recorded up to now, in the zone in force at a moment."""
        days = {day: works for year in self.years.values() for day, works in year.days.items()}
        provisional = (number for number, year in self.years.items() if year.provisional)
        return BusinessCalendar(self.zone(at), days, frozenset(self.years), frozenset(provisional))

    def business_hours(self, at: datetime) -> DailyHours:
        return DailyHours.parse(str(self.setting("business_hours", at)))

    def change_setting(self, name: str, value: SettingValue, effective_at: datetime | None) -> None:
        """Keeps the changes by their effect, those of one moment in the order recorded."""
        insort(
            self.settings.setdefault(name, []),
            SettingChange(effective_at=effective_at, value=value),
            key=lambda change: change.effective_at or _ALWAYS,
        )


def _is_later(effective_at: datetime | None, at: datetime) -> bool:
    return effective_at is not None and effective_at > at
