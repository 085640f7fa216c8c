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
    "visit_incomplete_hours",
    "revisions_warning_above",
    "revisions_questions_below",
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
    def whole(name: str) -> int:
        return int(organisation.number_setting(name, at))

    return DeadlineSettings(
        calendar=calendar,
        approval_limit_hours=whole("approval_limit_hours"),
        approval_in_business_time=bool(organisation.setting("approval_in_business_time", at)),
        no_response_after=whole("no_response_after"),
        next_action_reminder_hours=whole("next_action_reminder_hours"),
        visit_incomplete_hours=whole("visit_incomplete_hours"),
        revisions_warning_above=whole("revisions_warning_above"),
        revisions_questions_below=whole("revisions_questions_below"),
    )
