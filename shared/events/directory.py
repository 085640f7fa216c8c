"""Facts of services/directory: tenants, units, people, grants, settings, calendars, keys."""

from datetime import date, datetime
from typing import Annotated

from shared.event_type import PersonalText, Plain, event, personal

SettingValue = str | int | float | bool | None | list[str]


@event("directory.tenant_created.v1")
class TenantCreated:
    tenant_id: Plain[str]
    zone: Plain[str]
    created_at: Plain[datetime]


@event("directory.settings_changed.v1")
class SettingsChanged:
    """New values by setting name; `effective_at` None: for the whole history (first import)."""

    settings: Plain[dict[str, SettingValue]]
    effective_at: Plain[datetime | None]


@event("directory.history_clock_moved.v1")
class HistoryClockMoved:
    clock_at: Plain[datetime]


@event("directory.tenant_went_live.v1")
class TenantWentLive:
    live_at: Plain[datetime]


@event("directory.calendar_days_set.v1")
class CalendarDaysSet:
    """The days of one year that are not what their weekday says: day → is it a working day."""

    year: Plain[int]
    days: Plain[dict[date, bool]]
    provisional: Plain[bool]
    source: Plain[str]


@event("directory.unit_added.v1")
class UnitAdded:
    """`parent_id` None: the root. Units live in one stream per tenant, the unit tree."""

    unit_id: Plain[str]
    name: Plain[str]
    parent_id: Plain[str | None]
    kind: Plain[str]


@event("directory.unit_renamed.v1")
class UnitRenamed:
    unit_id: Plain[str]
    name: Plain[str]


@event("directory.unit_moved.v1")
class UnitMoved:
    unit_id: Plain[str]
    parent_id: Plain[str]


@event("directory.person_added.v1")
class PersonAdded:
    person_id: Plain[str]
    unit_id: Plain[str]
    name: Annotated[PersonalText, personal("person_id", "person")]
    language: Plain[str]
    joined_at: Plain[datetime]


@event("directory.person_renamed.v1")
class PersonRenamed:
    person_id: Plain[str]
    name: Annotated[PersonalText, personal("person_id", "person")]


@event("directory.person_moved.v1")
class PersonMoved:
    person_id: Plain[str]
    unit_id: Plain[str]
    moved_at: Plain[datetime]


@event("directory.person_left.v1")
class PersonLeft:
    person_id: Plain[str]
    left_at: Plain[datetime]


@event("directory.grant_given.v1")
class GrantGiven:
    """role + unit (A9); a person may hold several."""

    person_id: Plain[str]
    role: Plain[str]
    unit_id: Plain[str]


@event("directory.grant_withdrawn.v1")
class GrantWithdrawn:
    person_id: Plain[str]
    role: Plain[str]
    unit_id: Plain[str]


@event("directory.address_set.v1")
class AddressSet:
    """Where a person is reached on a channel (N1); for a robot the id by which it mentions them."""

    person_id: Plain[str]
    channel: Plain[str]
    address: Annotated[PersonalText, personal("person_id", "person")]


@event("directory.api_key_created.v1")
class ApiKeyCreated:
    """`key_hash`: hex SHA-256 of the key, which has 256 random bits and is shown once.

    `role` `own-grants`: what the person is granted at the time of asking. `is_session`: of a
    browser.
    """

    key_id: Plain[str]
    key_hash: Plain[str]
    role: Plain[str]
    unit_id: Plain[str]
    person_id: Plain[str | None]
    name: Plain[str]
    created_at: Plain[datetime]
    expires_at: Plain[datetime | None] = None
    is_session: Plain[bool] = False


@event("directory.api_key_revoked.v1")
class ApiKeyRevoked:
    key_id: Plain[str]
    revoked_at: Plain[datetime]


@event("directory.sign_in_link_made.v1")
class SignInLinkMade:
    """`link_id`: hex SHA-256 of its code, which has 192 random bits and is shown once.

    `role`, `unit_id`, `person_id`: of the session that it begins, as of an API key.
    """

    link_id: Plain[str]
    role: Plain[str]
    unit_id: Plain[str | None]
    person_id: Plain[str | None]
    made_at: Plain[datetime]
    expires_at: Plain[datetime]


@event("directory.sign_in_link_used.v1")
class SignInLinkUsed:
    link_id: Plain[str]
    used_at: Plain[datetime]
