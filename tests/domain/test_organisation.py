"""The organisation as services keep it: tree, people over time, managers, settings, clock."""

from datetime import UTC, date, datetime, timedelta
from functools import reduce
from typing import Any
from uuid import UUID

import msgspec
import pytest

from shared.envelope import Origin, RecordedEvent, StoredEvent
from shared.errors import NotYetKnown
from shared.event_type import ERASED
from shared.events.directory import (
    AddressSet,
    ApiKeyCreated,
    ApiKeyRevoked,
    CalendarDaysSet,
    GrantGiven,
    GrantWithdrawn,
    HistoryClockMoved,
    PersonAdded,
    PersonLeft,
    PersonMoved,
    PersonRenamed,
    SettingsChanged,
    TenantCreated,
    TenantWentLive,
    UnitAdded,
    UnitMoved,
    UnitRenamed,
)
from shared.organisation import ORGANISATION, Organisation
from shared.tenant_time import SettingChange

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def recorded(event: Any) -> RecordedEvent:
    stored = StoredEvent(
        log="directory",
        partition=0,
        offset=0,
        stream="T1/tenant/T1",
        version=1,
        event_id=UUID(int=1),
        type="any",
        schema_version=1,
        tenant_id="T1",
        actor_id=None,
        occurred_at=NOW,
        raw_occurred_at=None,
        sent_at=None,
        entered_at=None,
        origin=Origin.LIVE,
        recorded_at=NOW,
        correlation_id="c",
        causation_id=None,
        command_id=None,
        trace_context=None,
        payload=b"",
        hash=b"",
    )
    return RecordedEvent(event, stored)


def organisation_of(*events: Any) -> Organisation:
    start: Organisation | None = None
    row = reduce(lambda known, event: ORGANISATION.evolve(known, recorded(event)), events, start)
    assert row is not None
    return row


def unit(unit_id: str, parent_id: str | None, kind: str = "team") -> UnitAdded:
    return UnitAdded(unit_id=unit_id, name=unit_id, parent_id=parent_id, kind=kind)


def person(person_id: str, unit_id: str) -> PersonAdded:
    return PersonAdded(
        person_id=person_id, unit_id=unit_id, name=person_id, language="zh", joined_at=NOW
    )


def grant(person_id: str, role: str, unit_id: str) -> GrantGiven:
    return GrantGiven(person_id=person_id, role=role, unit_id=unit_id)


BASIS = (
    TenantCreated(tenant_id="T1", zone="Asia/Shanghai", created_at=NOW),
    unit("company", None, "headquarters"),
    unit("north", "company", "region"),
    unit("south", "company", "region"),
    unit("team-1", "north"),
    person("rep", "team-1"),
    person("lead", "team-1"),
    person("head", "north"),
    person("boss", "company"),
    grant("lead", "manager", "team-1"),
    grant("head", "manager", "north"),
    grant("boss", "director", "company"),
)


def test_the_path_of_a_unit_begins_at_the_root() -> None:
    organisation = organisation_of(*BASIS)
    assert organisation.unit_path("team-1") == ("company", "north", "team-1")
    assert organisation.root_id == "company"


def test_the_path_of_an_unknown_unit_is_not_yet_known() -> None:
    with pytest.raises(NotYetKnown):
        organisation_of(*BASIS).unit_path("west")


def test_a_moved_unit_takes_its_subtree_along() -> None:
    moved = organisation_of(*BASIS, UnitMoved(unit_id="north", parent_id="south"))
    assert moved.unit_path("team-1") == ("company", "south", "north", "team-1")
    assert moved.subtree("south") == {"south", "north", "team-1"}
    assert moved.children("company") == ("south",)
    assert moved.subtree("west") == frozenset()


def test_a_person_belongs_to_the_unit_of_the_moment_asked_for() -> None:
    moved_at = NOW + DAY
    organisation = organisation_of(
        *BASIS, PersonMoved(person_id="rep", unit_id="south", moved_at=moved_at)
    )
    assert organisation.unit_of("rep") == "south"
    assert organisation.unit_of("rep", moved_at) == "team-1"
    assert organisation.unit_of("rep", moved_at + timedelta(milliseconds=1)) == "south"
    assert organisation.unit_of("rep", NOW - DAY) == "team-1"
    assert organisation.unit_of("stranger") is None
    assert organisation.people_in("team-1") == ("lead",)
    assert organisation.people_in("south") == ("rep",)


def test_managers_are_found_upward_nearest_first() -> None:
    organisation = organisation_of(*BASIS)
    assert organisation.managers_upward("rep") == (("lead",), ("head",), ("boss",))
    assert organisation.manager_of("rep") == "lead"
    assert organisation.manager_of("south") == "boss"


def test_nobody_is_their_own_manager() -> None:
    organisation = organisation_of(*BASIS)
    assert organisation.manager_of("lead") == "head"
    assert organisation.manager_of("boss") is None


def test_on_one_unit_the_manager_comes_before_the_director() -> None:
    organisation = organisation_of(*BASIS, grant("boss", "director", "team-1"))
    assert organisation.managers_upward("rep") == (("lead",), ("boss",), ("head",))


def test_who_left_holds_no_role_and_belongs_to_no_unit() -> None:
    organisation = organisation_of(*BASIS, PersonLeft(person_id="lead", left_at=NOW + DAY))
    assert organisation.holders("manager", "team-1") == ()
    assert organisation.manager_of("rep") == "head"
    assert organisation.people_in("team-1") == ("rep",)
    assert organisation.has_left("lead")


def test_a_withdrawn_grant_is_gone_even_of_who_left() -> None:
    withdrawn = GrantWithdrawn(person_id="lead", role="manager", unit_id="team-1")
    left = PersonLeft(person_id="lead", left_at=NOW)
    assert organisation_of(*BASIS, withdrawn).holders("manager", "team-1") == ()
    assert organisation_of(*BASIS, left, withdrawn).people["lead"].grants == []


def test_people_may_be_heard_of_before_their_unit() -> None:
    organisation = organisation_of(
        person("rep", "team-1"), grant("rep", "manager", "team-1"), *BASIS[:5]
    )
    assert organisation.people_in("team-1") == ("rep",)
    assert organisation.holders("manager", "team-1") == ("rep",)


def test_settings_have_their_default_until_they_are_changed() -> None:
    later = NOW + DAY
    organisation = organisation_of(
        *BASIS,
        SettingsChanged(settings={"no_response_after": 4}, effective_at=later),
        SettingsChanged(settings={"no_response_after": 2}, effective_at=None),
    )
    assert organisation.setting("approval_limit_hours", NOW) == 48
    assert organisation.setting("no_response_after", NOW) == 2
    assert organisation.setting("no_response_after", later - DAY / 2) == 2
    assert organisation.setting("no_response_after", later) == 4
    assert organisation.setting_changes("no_response_after") == (
        SettingChange(effective_at=None, value=2),
        SettingChange(effective_at=later, value=4),
    )
    with pytest.raises(KeyError):
        organisation.setting("colour", NOW)


def test_the_zone_is_the_one_created_with_until_it_is_changed() -> None:
    changed = SettingsChanged(settings={"zone": "Europe/Paris"}, effective_at=NOW)
    organisation = organisation_of(*BASIS, changed)
    assert organisation.zone(NOW - DAY) == "Asia/Shanghai"
    assert organisation.calendar(NOW).zone == "Europe/Paris"


def test_the_clock_is_history_until_the_tenant_goes_live() -> None:
    imported = datetime(2012, 3, 1, tzinfo=UTC)
    assert organisation_of(*BASIS).clock(NOW) == NOW
    on_history = organisation_of(*BASIS, HistoryClockMoved(clock_at=imported))
    assert on_history.clock(NOW) == imported
    live = organisation_of(
        *BASIS, HistoryClockMoved(clock_at=imported), TenantWentLive(live_at=NOW)
    )
    assert live.is_live
    assert live.clock(NOW) == NOW


def test_the_calendar_holds_recorded_days() -> None:
    days = {date(2026, 10, 8): False}
    organisation = organisation_of(
        *BASIS, CalendarDaysSet(year=2026, days=days, provisional=True, source="file")
    )
    calendar = organisation.calendar(NOW)
    assert not calendar.is_working_day(date(2026, 10, 8))
    assert calendar.is_provisional(2026)


def test_the_row_survives_being_stored_as_json() -> None:
    organisation = organisation_of(
        *BASIS,
        UnitRenamed(unit_id="north", name="Norden"),
        PersonRenamed(person_id="rep", name=ERASED),
        AddressSet(person_id="rep", channel="email", address="rep@example.com"),
        SettingsChanged(settings={"light_green": 0.8}, effective_at=NOW),
        CalendarDaysSet(year=2026, days={date(2026, 5, 1): False}, provisional=False, source="f"),
        ApiKeyCreated(
            key_id="K1",
            key_hash="ab" * 32,
            role="rep",
            unit_id="team-1",
            person_id="rep",
            name="phone",
            created_at=NOW,
        ),
        ApiKeyRevoked(key_id="K1", revoked_at=NOW),
    )
    stored = msgspec.json.encode(organisation)
    assert msgspec.json.decode(stored, type=Organisation) == organisation
