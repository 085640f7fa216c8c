"""Tenants, their settings, calendars and going live over HTTP."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from pydantic import Field, StringConstraints

from services.directory.api.desk import Desk, require_whole_tenant
from services.directory.calendar_source import CalendarDays, chinese_calendar_days
from services.directory.domain.tenant import (
    TENANT,
    ChangeSettings,
    CreateTenant,
    GoLive,
    SetCalendarDays,
    TenantCommand,
)
from services.directory.domain.tenant_state import Live, OnHistory, Tenant, Unknown
from shared.access import Caller, Resource, Verb
from shared.clock import to_milliseconds
from shared.events.directory import SettingValue
from shared.http import BASE, Body, Id, When, command_response, json_response
from shared.organisation import Organisation
from shared.setting_kinds import TenantSetting
from shared.tenant_settings import TENANT_SETTINGS, default_of

Year = Annotated[int, Field(ge=1970, le=2200)]
Comparison = Annotated[str, StringConstraints(min_length=1, max_length=64)]
Source = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class NewTenant(Body):
    tenant_id: Id
    zone: str = str(default_of("zone"))


class SettingsChange(Body):
    """`effective_at`: from then on; by default, and at the earliest, from now on. `comparison`: of
    GET /lead-rules/comparison, where the rules of lead scores are among them."""

    settings: Annotated[dict[str, SettingValue], Field(min_length=1)]
    effective_at: When | None = None
    comparison: Comparison | None = None


class CalendarYearBody(Body):
    """The days that are not what their weekday says; without `days` the published Chinese ones."""

    year: Year
    days: dict[date, bool] | None = None
    provisional: bool = False
    source: Source = "given by hand"


def router(desk: Desk) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["tenants"])
    _add_tenants(desk, routes)
    _add_settings(desk, routes)
    _add_calendars(desk, routes)
    return routes


def _add_tenants(desk: Desk, routes: APIRouter) -> None:
    reading = desk.access.may(Resource.TENANTS, Verb.READ)
    writing = desk.access.may(Resource.TENANTS, Verb.WRITE)

    @routes.get("/tenants")
    async def list_tenants(
        caller: Caller = Depends(reading),
    ) -> Response:
        organisations = desk.ports.organisations
        names = await organisations.tenants()
        now = desk.ports.clock()
        rows = [_tenant_row(await organisations.of(name), now) for name in names]
        return json_response({"rows": rows})

    @routes.post("/tenants", status_code=201)
    async def create_tenant(
        request: Request,
        body: NewTenant,
        caller: Caller = Depends(writing),
    ) -> Response:
        context = replace(await desk.context(request, caller), tenant_id=body.tenant_id)
        now = desk.ports.clock()
        command = CreateTenant(tenant_id=body.tenant_id, zone=body.zone, now=now)
        handled = await desk.handle(TENANT, body.tenant_id, command, context, _identity)
        return await command_response(desk.ports, handled, created=True)


def _add_settings(desk: Desk, routes: APIRouter) -> None:
    reading = desk.access.may(Resource.SETTINGS, Verb.READ)
    writing = desk.access.may(Resource.SETTINGS, Verb.WRITE)

    @routes.get("/settings")
    async def list_settings(
        caller: Caller = Depends(reading),
    ) -> Response:
        organisation = await desk.organisation(caller)
        clock = organisation.clock(desk.ports.clock())
        rows = [
            _setting_row(organisation, setting) | {"value": organisation.setting(name, clock)}
            for name, setting in sorted(TENANT_SETTINGS.items())
        ]
        version = await desk.version(TENANT, caller.tenant_id, caller.tenant_id)
        body = _tenant_row(organisation, clock) | {"rows": rows}
        return json_response(body, headers={"ETag": f'"{version}"'})

    @routes.post("/settings")
    async def change_settings(
        request: Request,
        body: SettingsChange,
        caller: Caller = Depends(writing),
    ) -> Response:
        effective_at = None if body.effective_at is None else to_milliseconds(body.effective_at)
        command = ChangeSettings(
            settings=body.settings,
            now=desk.ports.clock(),
            effective_at=effective_at,
            comparison=body.comparison,
        )
        return await _tell(desk, request, caller, command, Resource.SETTINGS)

    @routes.post("/go-live")
    async def go_live(
        request: Request,
        caller: Caller = Depends(writing),
    ) -> Response:
        command = GoLive(now=desk.ports.clock())
        return await _tell(desk, request, caller, command, Resource.SETTINGS)


def _add_calendars(desk: Desk, routes: APIRouter) -> None:
    reading = desk.access.may(Resource.CALENDARS, Verb.READ)
    writing = desk.access.may(Resource.CALENDARS, Verb.WRITE)

    @routes.get("/calendars")
    async def list_calendars(
        caller: Caller = Depends(reading),
    ) -> Response:
        organisation = await desk.organisation(caller)
        rows = [
            {
                "year": year,
                "days": {day.isoformat(): works for day, works in sorted(known.days.items())},
                "provisional": known.provisional,
                "source": known.source,
            }
            for year, known in sorted(organisation.years.items())
        ]
        return json_response({"rows": rows})

    @routes.post("/calendars")
    async def set_calendar_days(
        request: Request,
        body: CalendarYearBody,
        caller: Caller = Depends(writing),
    ) -> Response:
        days = (
            chinese_calendar_days(body.year)
            if body.days is None
            else CalendarDays(body.year, body.days, body.provisional, body.source)
        )
        command = SetCalendarDays(**days._asdict(), now=desk.ports.clock())
        return await _tell(desk, request, caller, command, Resource.CALENDARS)


async def _tell(
    desk: Desk, request: Request, caller: Caller, command: TenantCommand, resource: Resource
) -> Response:
    require_whole_tenant(caller, await desk.organisation(caller), resource)
    context = await desk.context(request, caller)
    handled = await desk.handle(TENANT, caller.tenant_id, command, context, _render)
    return await command_response(desk.ports, handled)


def _render(tenant: Tenant) -> Mapping[str, Any]:
    assert not isinstance(tenant, Unknown)
    return {
        **_identity(tenant),
        "settings": {
            name: [{"value": each.value, "effective_at": each.effective_at} for each in changes]
            for name, changes in sorted(tenant.settings.items())
        },
        "calendar_years": sorted(tenant.calendars),
    }


def _identity(tenant: Tenant) -> Mapping[str, Any]:
    """What an operator is told, who sees no tenant from within."""
    assert not isinstance(tenant, Unknown)
    return {
        "tenant_id": tenant.tenant_id,
        "clock_at": tenant.clock_at if isinstance(tenant, OnHistory) else None,
        "live_at": tenant.live_at if isinstance(tenant, Live) else None,
    }


def _tenant_row(organisation: Organisation, now: datetime) -> dict[str, Any]:
    return {
        "tenant_id": organisation.tenant_id,
        "zone": organisation.zone(organisation.clock(now)),
        "clock_at": organisation.clock_at,
        "live_at": organisation.live_at,
    }


def _setting_row(organisation: Organisation, setting: TenantSetting) -> dict[str, Any]:
    return {
        "name": setting.name,
        "kind": setting.kind,
        "unit": setting.unit,
        "default": setting.default,
        "rule": setting.rule,
        "meaning": setting.meaning,
        "changes": [
            {"value": change.value, "effective_at": change.effective_at}
            for change in organisation.setting_changes(setting.name)
        ],
    }
