"""The tenant's settings that deadlines read, as its organisation holds them."""

from dataclasses import replace
from datetime import UTC, datetime

from services.projections.domain.limit_spans import DeadlineSettings
from services.projections.domain.tenant_calendar import TenantCalendar
from shared.organisation import Organisation

_SETTINGS_OF_DEADLINES = (
    "approval_limit_hours",
    "approval_in_business_time",
    "no_response_after",
    "next_action_reminder_hours",
)
_BEFORE_EVERY_CHANGE = datetime.min.replace(tzinfo=UTC)


def deadline_settings(organisation: Organisation) -> DeadlineSettings:
    """With every change of theirs, days as they are recorded now."""
    calendar = _calendar(organisation)
    later = tuple(
        (at, _settings_at(organisation, at, calendar))
        for at in _changed_at(organisation, *_SETTINGS_OF_DEADLINES)
    )
    return replace(_settings_at(organisation, _BEFORE_EVERY_CHANGE, calendar), later=later)


def _calendar(organisation: Organisation) -> TenantCalendar:
    return TenantCalendar(
        first=organisation.calendar(_BEFORE_EVERY_CHANGE),
        later=tuple((at, organisation.calendar(at)) for at in _changed_at(organisation, "zone")),
    )


def _changed_at(organisation: Organisation, *names: str) -> list[datetime]:
    changed = {
        change.effective_at
        for name in names
        for change in organisation.setting_changes(name)
        if change.effective_at is not None
    }
    return sorted(changed)


def _settings_at(
    organisation: Organisation, at: datetime, calendar: TenantCalendar
) -> DeadlineSettings:
    limit_hours, in_business_time, no_response_after, reminder_hours = _SETTINGS_OF_DEADLINES
    return DeadlineSettings(
        calendar=calendar,
        approval_limit_hours=int(organisation.number_setting(limit_hours, at)),
        approval_in_business_time=bool(organisation.setting(in_business_time, at)),
        no_response_after=int(organisation.number_setting(no_response_after, at)),
        next_action_reminder_hours=int(organisation.number_setting(reminder_hours, at)),
    )
