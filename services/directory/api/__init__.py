"""The directory over HTTP: tenants, units, people, settings, calendars, keys."""

from fastapi import APIRouter

from services.directory.api import keys, people, tenants, units
from services.directory.api.desk import Desk
from shared.service import BatchCommand


def routers(desk: Desk) -> tuple[APIRouter, ...]:
    return tuple(part.router(desk) for part in (tenants, units, people, keys))


def batch_commands(desk: Desk) -> dict[str, BatchCommand]:
    return {**units.batch_commands(desk), **people.batch_commands(desk)}
