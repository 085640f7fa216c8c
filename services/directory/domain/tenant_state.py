"""A tenant's states: unknown, on its history's clock, live."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.events.directory import CalendarDaysSet, SettingValue
from shared.tenant_settings import default_of


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingInForce:
    """`effective_at` None: for the whole history."""

    effective_at: datetime | None
    value: SettingValue

    def is_later(self, moment: datetime | None) -> bool:
        """Whether it takes effect after a moment, None being before all."""
        if self.effective_at is None or moment is None:
            return self.effective_at is not None
        return self.effective_at > moment


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class OnHistory:
    """Fed by imports; `clock_at` None until the first of them."""

    tenant_id: str
    zone: str
    clock_at: datetime | None = None
    settings: Mapping[str, tuple[SettingInForce, ...]] = field(default_factory=dict)
    calendars: Mapping[int, CalendarDaysSet] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    tenant_id: str
    zone: str
    live_at: datetime
    settings: Mapping[str, tuple[SettingInForce, ...]] = field(default_factory=dict)
    calendars: Mapping[int, CalendarDaysSet] = field(default_factory=dict)


Tenant = Unknown | OnHistory | Live
Existing = OnHistory | Live


def value_at(tenant: Existing, name: str, at: datetime) -> SettingValue:
    """Of a setting, as in force at a moment."""
    held = [change for change in tenant.settings.get(name, ()) if not change.is_later(at)]
    return held[-1].value if held else default_of(name)
