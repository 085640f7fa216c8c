"""Tenants: settings over time, the history clock, going live, recorded calendars."""

from datetime import UTC, date, datetime, timedelta

import pytest

from services.directory.domain.lead_rule_changes import LeadRulesAreNotCompared
from services.directory.domain.tenant import (
    TENANT,
    CalendarIsAlreadyPublished,
    ChangeSettings,
    CreateTenant,
    GoLive,
    MoveHistoryClock,
    SetCalendarDays,
    SettingsDoNotFit,
    TenantAlreadyExists,
)
from shared.errors import Malformed, NotFound
from shared.events.directory import (
    CalendarDaysSet,
    HistoryClockMoved,
    SettingsChanged,
    TenantCreated,
    TenantWentLive,
)
from shared.lead_rules import LeadRuleChange, comparison_of
from tests.specs import Spec

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
IMPORTED = datetime(2012, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)

created = TenantCreated(tenant_id="T1", zone="Asia/Shanghai", created_at=NOW)
clock_moved = HistoryClockMoved(clock_at=IMPORTED)
went_live = TenantWentLive(live_at=NOW)
national_day = {date(2026, 10, 1): False}
published = CalendarDaysSet(year=2026, days=national_day, provisional=False, source="file")

nobody = Spec(TENANT)
tenant = nobody.given(created)


def green(value: float, effective_at: datetime | None) -> SettingsChanged:
    return SettingsChanged(settings={"light_green": value}, effective_at=effective_at)


def change_green(value: float, effective_at: datetime | None = None) -> ChangeSettings:
    return ChangeSettings(settings={"light_green": value}, now=NOW, effective_at=effective_at)


def set_days(
    days: dict[date, bool], *, provisional: bool = False, source: str = "file"
) -> SetCalendarDays:
    return SetCalendarDays(year=2026, days=days, provisional=provisional, source=source, now=NOW)


def test_a_tenant_is_created() -> None:
    command = CreateTenant(tenant_id="T1", zone="Asia/Shanghai", now=NOW)
    nobody.when(command).then(created)


def test_creating_a_tenant_again_changes_nothing() -> None:
    tenant.when(CreateTenant(tenant_id="T1", zone="Asia/Shanghai", now=NOW)).then_nothing()


def test_creating_a_tenant_again_with_another_zone_is_refused() -> None:
    command = CreateTenant(tenant_id="T1", zone="Europe/Paris", now=NOW)
    tenant.when(command).then_refused(TenantAlreadyExists)


@pytest.mark.parametrize("zone", ["Asia/Nowhere", "", "../etc"])
def test_a_zone_that_does_not_exist_is_refused(zone: str) -> None:
    command = CreateTenant(tenant_id="T1", zone=zone, now=NOW)
    refusal = nobody.when(command).then_refused(SettingsDoNotFit)
    assert [problem.field for problem in refusal.errors] == ["zone"]


@pytest.mark.parametrize(
    "command",
    [change_green(0.8), MoveHistoryClock(clock_at=NOW, now=NOW), GoLive(now=NOW), set_days({})],
)
def test_nothing_can_be_done_with_a_tenant_that_does_not_exist(
    command: ChangeSettings | MoveHistoryClock | GoLive | SetCalendarDays,
) -> None:
    nobody.when(command).then_refused(NotFound)


def test_before_the_first_import_settings_count_for_the_whole_history() -> None:
    tenant.when(change_green(0.8)).then(green(0.8, None))


def test_on_the_history_clock_settings_count_from_that_clock() -> None:
    tenant.given(clock_moved).when(change_green(0.8)).then(green(0.8, IMPORTED))


def test_once_live_settings_count_from_now() -> None:
    tenant.given(went_live).when(change_green(0.8)).then(green(0.8, NOW))


def test_a_later_effect_is_kept() -> None:
    tenant.given(went_live).when(change_green(0.8, NOW + HOUR)).then(green(0.8, NOW + HOUR))


def test_an_effect_in_the_past_begins_now() -> None:
    tenant.given(went_live).when(change_green(0.8, NOW - HOUR)).then(green(0.8, NOW))


def test_a_later_effect_is_kept_before_the_first_import_too() -> None:
    tenant.when(change_green(0.8, IMPORTED)).then(green(0.8, IMPORTED))


def test_what_comes_between_two_changes_is_already_so_only_until_the_second() -> None:
    live = tenant.given(went_live, green(0.8, NOW + HOUR), green(0.7, NOW))
    live.when(change_green(0.7, NOW + HOUR / 2)).then_nothing()
    live.when(change_green(0.8, NOW + 2 * HOUR)).then_nothing()
    live.when(change_green(0.7, NOW + 2 * HOUR)).then(green(0.7, NOW + 2 * HOUR))


def test_a_setting_that_is_already_so_changes_nothing() -> None:
    tenant.given(green(0.8, None), clock_moved).when(change_green(0.8)).then_nothing()


def test_only_settings_that_change_are_recorded() -> None:
    both = ChangeSettings(settings={"light_green": 0.8, "no_response_after": 4}, now=NOW)
    changed = SettingsChanged(settings={"no_response_after": 4}, effective_at=None)
    tenant.given(green(0.8, None)).when(both).then(changed)


def test_an_effect_that_is_brought_forward_is_recorded() -> None:
    live = tenant.given(went_live, green(0.8, NOW + HOUR))
    live.when(change_green(0.8)).then(green(0.8, NOW))


def test_unknown_and_unfitting_settings_are_refused_each_by_name() -> None:
    command = ChangeSettings(
        settings={"light_green": 2, "colour": "red", "zone": "Asia/Shanghai"}, now=NOW
    )
    refusal = tenant.when(command).then_refused(SettingsDoNotFit)
    assert [(problem.field, problem.code) for problem in refusal.errors] == [
        ("settings.colour", "unknown"),
        ("settings.light_green", "out-of-range"),
    ]


def test_the_history_clock_moves_forward() -> None:
    tenant.when(MoveHistoryClock(clock_at=IMPORTED, now=NOW)).then(clock_moved)
    later = HistoryClockMoved(clock_at=IMPORTED + HOUR)
    spec = tenant.given(clock_moved)
    spec.when(MoveHistoryClock(clock_at=IMPORTED + HOUR, now=NOW)).then(later)


@pytest.mark.parametrize("clock_at", [IMPORTED, IMPORTED - HOUR])
def test_the_history_clock_never_moves_backward(clock_at: datetime) -> None:
    spec = tenant.given(clock_moved)
    spec.when(MoveHistoryClock(clock_at=clock_at, now=NOW)).then_nothing()


def test_a_live_tenant_has_no_history_clock_to_move() -> None:
    spec = tenant.given(went_live)
    spec.when(MoveHistoryClock(clock_at=NOW + HOUR, now=NOW)).then_nothing()


def test_a_tenant_goes_live_once() -> None:
    tenant.given(clock_moved).when(GoLive(now=NOW)).then(went_live)
    tenant.given(clock_moved, went_live).when(GoLive(now=NOW + HOUR)).then_nothing()


def test_going_live_keeps_settings_and_calendars() -> None:
    live = tenant.given(green(0.8, None), published, went_live)
    live.when(change_green(0.8)).then_nothing()
    live.when(set_days(national_day)).then_nothing()


def test_the_days_of_a_year_are_set() -> None:
    tenant.when(set_days(national_day)).then(published)
    tenant.given(published).when(set_days(national_day)).then_nothing()


def test_a_published_calendar_replaces_a_provisional_one_and_never_the_other_way() -> None:
    provisional = CalendarDaysSet(year=2026, days={}, provisional=True, source="fixed")
    tenant.given(provisional).when(set_days(national_day)).then(published)
    again = set_days({}, provisional=True, source="fixed")
    tenant.given(published).when(again).then_refused(CalendarIsAlreadyPublished)


def test_a_day_of_another_year_is_refused() -> None:
    tenant.when(set_days({date(2027, 1, 1): False})).then_refused(Malformed)


def change_referral(
    points: int, comparison: str | None, effective_at: datetime | None = None
) -> ChangeSettings:
    return ChangeSettings(
        settings={"lead_points_referral": points, "open_lead_cap": 20},
        now=NOW + HOUR,
        effective_at=effective_at,
        comparison=comparison,
    )


def referral(points: int, effective_at: datetime | None) -> SettingsChanged:
    return SettingsChanged(
        settings={"lead_points_referral": points, "open_lead_cap": 20}, effective_at=effective_at
    )


FROM_30_TO_10 = comparison_of([LeadRuleChange("lead_points_referral", 30, 10)])
FROM_30_TO_15 = comparison_of([LeadRuleChange("lead_points_referral", 30, 15)])


@pytest.mark.parametrize("effective_at", [NOW + HOUR, NOW + 2 * HOUR])
def test_other_lead_rules_go_live_as_they_were_compared(effective_at: datetime) -> None:
    live = tenant.given(went_live)
    command = change_referral(10, FROM_30_TO_10, effective_at)
    live.when(command).then(referral(10, effective_at))


@pytest.mark.parametrize("comparison", [None, "", FROM_30_TO_15])
@pytest.mark.parametrize("effective_at", [None, NOW + 2 * HOUR])
def test_lead_rules_that_were_not_compared_are_refused(
    comparison: str | None, effective_at: datetime | None
) -> None:
    refusal = (
        tenant.given(went_live)
        .when(change_referral(10, comparison, effective_at))
        .then_refused(LeadRulesAreNotCompared)
    )
    assert [each.field for each in refusal.errors] == ["settings.lead_points_referral"]


def test_a_comparison_with_rules_that_hold_no_more_is_refused() -> None:
    changed = SettingsChanged(settings={"lead_points_referral": 25}, effective_at=NOW)
    live = tenant.given(went_live, changed)
    live.when(change_referral(10, FROM_30_TO_10)).then_refused(LeadRulesAreNotCompared)


def test_lead_rules_as_they_are_need_no_comparison() -> None:
    unchanged = {"open_lead_cap": 20, "lead_points_referral": 30}
    command = ChangeSettings(settings=unchanged, now=NOW + HOUR)
    tenant.given(went_live).when(command).events()


def test_before_it_is_live_a_tenant_says_its_lead_rules_at_once() -> None:
    tenant.when(change_referral(10, None)).then(referral(10, None))
    imported = tenant.given(clock_moved)
    imported.when(change_referral(10, None)).then(referral(10, IMPORTED))
