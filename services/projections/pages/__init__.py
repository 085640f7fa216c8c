"""The pages that people open, one module each: from a query over what it shows to a template."""

from fastapi import APIRouter

from services.projections.pages import (
    allocation,
    approvals,
    assets,
    authenticity_cases,
    breakpoints,
    channel,
    customer_search,
    customers,
    data_quality,
    duplicates,
    escalations,
    funnel,
    goals,
    golden_actions,
    import_runs,
    imports,
    inbox,
    keys,
    lead,
    leads,
    my_day,
    people,
    person,
    pipelines,
    policies,
    policy,
    process_health,
    reasons,
    silence,
    timelines,
    today,
    traffic_lights,
    units,
)
from shared.http import Access
from shared.ports import Ports

_PAGES = (
    *(today, silence, timelines, escalations, inbox, my_day, process_health),
    *(golden_actions, funnel, traffic_lights, goals, data_quality, breakpoints, reasons),
    *(
        leads,
        lead,
        allocation,
        customer_search,
        customers,
        duplicates,
        approvals,
        authenticity_cases,
    ),
    *(policies, policy, channel, people, person, units, keys, pipelines, imports, import_runs),
)


def routers(ports: Ports, access: Access) -> tuple[APIRouter, ...]:
    return (assets.router(), *(page.router(ports, access) for page in _PAGES))
