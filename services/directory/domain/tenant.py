"""A tenant: its settings over time, its calendars, its clock (history until it goes live)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import assert_never

from services.directory.domain.lead_rule_changes import refuse_uncompared
from services.directory.domain.tenant_state import (
    Existing,
    Live,
    OnHistory,
    SettingInForce,
    Tenant,
    Unknown,
)
from shared.decider import Decider
from shared.errors import DomainError, FieldProblem, Malformed, NotFound
from shared.events.directory import (
    CalendarDaysSet,
    HistoryClockMoved,
    SettingsChanged,
    SettingValue,
    TenantCreated,
    TenantWentLive,
)
from shared.setting_kinds import zone_problem
from shared.tenant_settings import setting_problems


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateTenant:
    tenant_id: str
    zone: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeSettings:
    """`effective_at` None: as soon as possible; an earlier moment is moved to that one.

    Other changes whose effect is still to come stay: they take over when it is their turn.
    `comparison`: names the one in which the rules of lead scores were seen beside these (S1).
    """

    settings: Mapping[str, SettingValue]
    now: datetime
    effective_at: datetime | None = None
    comparison: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveHistoryClock:
    clock_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class GoLive:
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SetCalendarDays:
    """The days of a year that are not what their weekday says; `provisional` until published."""

    year: int
    days: Mapping[date, bool]
    provisional: bool
    source: str
    now: datetime


TenantCommand = CreateTenant | ChangeSettings | MoveHistoryClock | GoLive | SetCalendarDays
TenantEvent = TenantCreated | SettingsChanged | HistoryClockMoved | TenantWentLive | CalendarDaysSet


class TenantAlreadyExists(DomainError):
    code = "tenant-already-exists"


class SettingsDoNotFit(Malformed):
    code = "settings-do-not-fit"


class CalendarIsAlreadyPublished(DomainError):
    """A provisional calendar never takes the place of a published one."""

    code = "calendar-is-already-published"


def decide(command: TenantCommand, tenant: Tenant) -> Sequence[TenantEvent]:
    match command:
        case CreateTenant():
            return create(command, tenant)
        case ChangeSettings():
            return change_settings(command, tenant)
        case MoveHistoryClock():
            return move_history_clock(command, tenant)
        case GoLive():
            return go_live(command, tenant)
        case SetCalendarDays():
            return set_calendar_days(command, tenant)
        case _:
            assert_never(command)


def create(command: CreateTenant, tenant: Tenant) -> Sequence[TenantEvent]:
    refusal = zone_problem(command.zone)
    if refusal is not None:
        raise SettingsDoNotFit(errors=[FieldProblem("zone", "out-of-range", refusal)])
    match tenant:
        case Unknown():
            return [
                TenantCreated(
                    tenant_id=command.tenant_id, zone=command.zone, created_at=command.now
                )
            ]
        case OnHistory() | Live():
            if tenant.zone == command.zone:
                return []
            raise TenantAlreadyExists(command.tenant_id)
        case _:
            assert_never(tenant)


def change_settings(command: ChangeSettings, tenant: Tenant) -> Sequence[TenantEvent]:
    """New values from now, or later, on; on the history clock from that clock on, and before the
    first import for the whole history. Raises SettingsDoNotFit naming every value at fault,
    LeadRulesAreNotCompared where a live tenant's leads would be scored otherwise than was seen."""
    existing = _existing(tenant)
    problems = setting_problems(command.settings)
    if problems:
        raise SettingsDoNotFit(errors=problems)
    effective_at = _earliest_effect(command, existing)
    changed = {
        name: value
        for name, value in command.settings.items()
        if not _is_already_so(existing.settings.get(name, ()), value, effective_at)
    }
    if isinstance(existing, Live):
        refuse_uncompared(existing, changed, command.now, command.comparison)
    return [SettingsChanged(settings=changed, effective_at=effective_at)] if changed else []


def _earliest_effect(command: ChangeSettings, tenant: Existing) -> datetime | None:
    earliest = tenant.clock_at if isinstance(tenant, OnHistory) else command.now
    if earliest is None or command.effective_at is None:
        return command.effective_at or earliest
    return max(earliest, command.effective_at)


def _is_already_so(
    known: Sequence[SettingInForce], value: SettingValue, effective_at: datetime | None
) -> bool:
    in_force = [change for change in known if not change.is_later(effective_at)]
    return bool(in_force) and in_force[-1].value == value


def move_history_clock(command: MoveHistoryClock, tenant: Tenant) -> Sequence[TenantEvent]:
    """Forward to the latest imported time; never backward, and not at all once live."""
    existing = _existing(tenant)
    match existing:
        case Live():
            return []
        case OnHistory():
            if existing.clock_at is not None and command.clock_at <= existing.clock_at:
                return []
            return [HistoryClockMoved(clock_at=command.clock_at)]
        case _:
            assert_never(existing)


def go_live(command: GoLive, tenant: Tenant) -> Sequence[TenantEvent]:
    existing = _existing(tenant)
    match existing:
        case OnHistory():
            return [TenantWentLive(live_at=command.now)]
        case Live():
            return []
        case _:
            assert_never(existing)


def set_calendar_days(command: SetCalendarDays, tenant: Tenant) -> Sequence[TenantEvent]:
    existing = _existing(tenant)
    outside = [day for day in command.days if day.year != command.year]
    if outside:
        problem = FieldProblem("days", "out-of-range", f"{min(outside)} is not in {command.year}")
        raise Malformed("calendar", errors=[problem])
    known = existing.calendars.get(command.year)
    decided = CalendarDaysSet(
        year=command.year,
        days=dict(command.days),
        provisional=command.provisional,
        source=command.source,
    )
    if known == decided:
        return []
    if known is not None and decided.provisional and not known.provisional:
        raise CalendarIsAlreadyPublished(str(command.year))
    return [decided]


def _existing(tenant: Tenant) -> Existing:
    if isinstance(tenant, Unknown):
        raise NotFound("tenant")
    return tenant


def evolve(tenant: Tenant, event: TenantEvent) -> Tenant:
    if isinstance(event, TenantCreated):
        return OnHistory(tenant_id=event.tenant_id, zone=event.zone)
    existing = _existing(tenant)
    match event:
        case SettingsChanged():
            return replace(existing, settings=_with_settings(existing.settings, event))
        case HistoryClockMoved():
            assert isinstance(existing, OnHistory)
            return replace(existing, clock_at=event.clock_at)
        case TenantWentLive():
            return Live(
                tenant_id=existing.tenant_id,
                zone=existing.zone,
                live_at=event.live_at,
                settings=existing.settings,
                calendars=existing.calendars,
            )
        case CalendarDaysSet():
            return replace(existing, calendars={**existing.calendars, event.year: event})
        case _:
            assert_never(event)


def _with_settings(
    known: Mapping[str, tuple[SettingInForce, ...]], event: SettingsChanged
) -> Mapping[str, tuple[SettingInForce, ...]]:
    """By their effect; those of one moment in the order recorded."""
    changed = dict(known)
    for name, value in event.settings.items():
        change = SettingInForce(effective_at=event.effective_at, value=value)
        before = [each for each in known.get(name, ()) if not each.is_later(event.effective_at)]
        after = known.get(name, ())[len(before) :]
        changed[name] = (*before, change, *after)
    return changed


TENANT: Decider[TenantCommand, Tenant, TenantEvent] = Decider(
    name="tenant",
    decide=decide,
    evolve=evolve,
    initial=Unknown(),
    version=2,
    states=(Unknown, OnHistory, Live),
)
