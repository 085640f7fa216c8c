"""The tenant's settings that deadlines read, as its organisation holds them."""

from dataclasses import replace
from datetime import UTC, datetime

from services.projections.domain.limit_spans import DeadlineSettings
from shared.business_time import BusinessCalendar
from shared.organisation import Organisation

_SETTINGS_OF_DEADLINES = (
    "approval_in_business_time",
    "no_response_after",
    "next_action_reminder_hours",
)
_BEFORE_EVERY_CHANGE = datetime.min.replace(tzinfo=UTC)


def deadline_settings(organisation: Organisation, clock: datetime) -> DeadlineSettings:
    """With every change of theirs, days as they are known by the clock."""
    calendar = organisation.calendar(clock)
    changed_at = {
        change.effective_at
        for name in _SETTINGS_OF_DEADLINES
        for change in organisation.setting_changes(name)
        if change.effective_at is not None
    }
    later = tuple((at, _settings_at(organisation, at, calendar)) for at in sorted(changed_at))
    return replace(_settings_at(organisation, _BEFORE_EVERY_CHANGE, calendar), later=later)


def _settings_at(
    organisation: Organisation, at: datetime, calendar: BusinessCalendar
) -> DeadlineSettings:
    in_business_time, no_response_after, reminder_hours = _SETTINGS_OF_DEADLINES
    return DeadlineSettings(
        calendar=calendar,
        approval_in_business_time=bool(organisation.setting(in_business_time, at)),
        no_response_after=int(organisation.number_setting(no_response_after, at)),
        next_action_reminder_hours=int(organisation.number_setting(reminder_hours, at)),
    )
