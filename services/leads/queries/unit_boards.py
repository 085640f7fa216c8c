"""What leads come to by unit: proven intent (O16), first responses (L10), days to won.

A unit's figure is over everything below it, as leads' units stand now.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Any

from sqlalchemy import Boolean, Table, func, select

from services.leads.domain.lead_intent import intent
from services.leads.domain.lead_list import LeadRow
from services.leads.queries.first_responses import MedianResponse, median_responses
from services.leads.queries.leads import LEADS
from services.leads.queries.reps import OUTCOMES
from shared.organisation import Organisation
from shared.ports import Ports

_OPEN = ("captured", "assigned", "contacted", "qualified")
_IDS_A_QUERY = 500
_SECONDS_A_DAY = 86_400
_NONE = MedianResponse(None, 0)


def units_shown(organisation: Organisation, unit_id: str) -> tuple[str, ...]:
    """The unit, then its children."""
    return (unit_id, *organisation.children(unit_id))


async def intent_board(ports: Ports, organisation: Organisation, unit_id: str) -> dict[str, Any]:
    """Customers with an open lead: how many say, and how many prove, that they are interested."""
    rows = await _leads(ports, organisation, unit_id, _OPEN)
    shown = []
    for unit in units_shown(organisation, unit_id):
        below = organisation.subtree(unit)
        of_customer: dict[str, set[str]] = {}
        for row in rows:
            if row.facts.unit_id in below:
                found = of_customer.setdefault(row.facts.customer_id, set())
                found.add(intent(row.facts) or "")
        high = sum("high" in each for each in of_customer.values())
        claimed = sum("claimed" in each and "high" not in each for each in of_customer.values())
        number = len(of_customer)
        shown.append(
            {
                "unit_id": unit,
                "customers": number,
                "high_intent": high,
                "only_claimed": claimed,
                "share": high / number if number else None,
            }
        )
    return {"unit_id": unit_id, "rows": shown}


async def first_response_board(
    ports: Ports, organisation: Organisation, unit_id: str, clock: datetime
) -> dict[str, Any]:
    """Medians in hours of the last days and of those before, up to now; `slow`: by the limits of
    the alert."""

    def days(name: str) -> timedelta:
        return timedelta(days=organisation.number_setting(name, clock))

    split = clock - days("first_response_recent_days")
    begins = split - days("first_response_before_days")
    units = units_shown(organisation, unit_id)
    tenant_id = organisation.tenant_id
    least = organisation.number_setting("first_response_least", clock)
    ratio = organisation.number_setting("first_response_alert_percent", clock) / 100
    recent = await median_responses(ports, tenant_id, (split, clock), units)
    before = await median_responses(ports, tenant_id, (begins, split), units)
    return {
        "unit_id": unit_id,
        "as_of": clock,
        "rows": [
            {
                "unit_id": unit,
                **_response("recent", recent.get(unit, _NONE)),
                **_response("before", before.get(unit, _NONE)),
                "slow": _is_slow(recent.get(unit, _NONE), before.get(unit, _NONE), least, ratio),
            }
            for unit in units
        ],
    }


def _response(window: str, found: MedianResponse) -> dict[str, Any]:
    hours = None if found.seconds is None else found.seconds / 3600
    return {f"{window}_hours": hours, f"{window}_responses": found.responses}


def _is_slow(recent: MedianResponse, before: MedianResponse, least: float, ratio: float) -> bool:
    if recent.seconds is None or before.seconds is None:
        return False
    are_enough = min(recent.responses, before.responses) >= least
    return are_enough and recent.seconds > ratio * before.seconds


async def lead_to_won_board(
    ports: Ports, organisation: Organisation, unit_id: str
) -> dict[str, Any]:
    """Days from first contact (the capture) to won. What was won before it was captured counts
    with its negative days, and is counted beside. `p90_days`: nine of ten took no longer."""
    counted = await _count_by_unit(ports, organisation, unit_id)
    won = await _days_to_won(ports, organisation, unit_id)
    shown = []
    for unit in units_shown(organisation, unit_id):
        below = organisation.subtree(unit)
        number = sum(count for each, count in counted.items() if each in below)
        days = sorted(took for each, took in won if each in below)
        shown.append(
            {
                "unit_id": unit,
                "leads": number,
                "won": len(days),
                "share": len(days) / number if number else None,
                "median_days": median(days) if days else None,
                "p90_days": days[-(-len(days) * 9 // 10) - 1] if days else None,
                "won_before_contact": sum(took < 0 for took in days),
            }
        )
    return {"unit_id": unit_id, "rows": shown}


async def _leads(
    ports: Ports, organisation: Organisation, unit_id: str, statuses: Sequence[str]
) -> list[LeadRow]:
    table = LEADS.rows
    below = organisation.subtree(unit_id)
    query = select(table.c.unit_id, table.c.body).where(
        table.c.tenant_id == organisation.tenant_id, table.c.status.in_(statuses)
    )
    async with ports.read_store.reading() as connection:
        return [
            LEADS.decode(body) for unit, body in await connection.execute(query) if unit in below
        ]


async def _count_by_unit(
    ports: Ports, organisation: Organisation, unit_id: str
) -> Mapping[str, int]:
    table = LEADS.rows
    below = organisation.subtree(unit_id)
    query = (
        select(table.c.unit_id, func.count())
        .where(table.c.tenant_id == organisation.tenant_id)
        .group_by(table.c.unit_id)
    )
    async with ports.read_store.reading() as connection:
        counts = await connection.execute(query)
        return {unit: number for unit, number in counts if unit in below}


async def _days_to_won(
    ports: Ports, organisation: Organisation, unit_id: str
) -> list[tuple[str, float]]:
    """By the unit of the lead."""
    leads = {
        row.opportunity_id: row.facts
        for row in await _leads(ports, organisation, unit_id, ("converted",))
        if row.opportunity_id is not None
    }
    closed = await _won_at(ports, organisation.tenant_id, sorted(leads))
    return [
        (facts.unit_id, (closed[key] - facts.captured_at).total_seconds() / _SECONDS_A_DAY)
        for key, facts in leads.items()
        if key in closed
    ]


async def _won_at(
    ports: Ports, tenant_id: str, opportunity_ids: Sequence[str]
) -> dict[str, datetime]:
    table: Table = OUTCOMES.rows
    found: dict[str, datetime] = {}
    async with ports.read_store.reading() as connection:
        for start in range(0, len(opportunity_ids), _IDS_A_QUERY):
            some: Collection[str] = opportunity_ids[start : start + _IDS_A_QUERY]
            query = select(table.c.key, table.c.body).where(
                table.c.tenant_id == tenant_id,
                table.c.key.in_(some),
                table.c.won.cast(Boolean).is_(True),
            )
            for key, body in await connection.execute(query):
                closed_at = OUTCOMES.decode(body).closed_at
                if closed_at is not None:
                    found[key] = closed_at
    return found
