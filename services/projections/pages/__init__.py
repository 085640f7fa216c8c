"""The pages that people open, one module each: from a query over what it shows to a template."""

from fastapi import APIRouter

from services.projections.pages import (
    assets,
    breakpoints,
    escalations,
    golden_actions,
    my_day,
    process_health,
    reasons,
    silence,
    timelines,
    today,
)
from shared.http import Access
from shared.ports import Ports

_PAGES = (
    *(today, silence, timelines, escalations, my_day, process_health),
    *(golden_actions, breakpoints, reasons),
)


def routers(ports: Ports, access: Access) -> tuple[APIRouter, ...]:
    return (assets.router(), *(page.router(ports, access) for page in _PAGES))
