"""Allocation in the open: who got what, and how fair that was, month by month (L7)."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from services.leads.domain.allocation_month import (
    ALLOCATION_MONTHS,
    AllocationMonth,
    RepFigures,
    fairness,
    rep_figures,
)
from services.leads.domain.goal_attainment import working_month
from services.leads.queries.leads import LEADS, LOG_NAME
from shared.organisation import Organisation
from shared.ports import Ports
from shared.projecting import RowReadModel

MONTHS = RowReadModel(service="leads", log=LOG_NAME, projection=ALLOCATION_MONTHS)
_MONTHS_OF_TREND = 6
_TENURES = ((90, "under_3_months"), (365, "under_1_year"))
_LONGEST_TENURE = "over_1_year"


async def allocation_board(
    ports: Ports, organisation: Organisation, unit_id: str, month: str
) -> dict[str, Any]:
    """Of the unit and all below it. `month` as 2026-03, in the tenant's zone; the running one is
    as it stands now."""
    clock = organisation.clock(ports.clock())
    months = _months_before(month)
    units = organisation.subtree(unit_id)
    found = await _figures(ports, organisation.tenant_id, units, months)
    figures = found[month]
    converted = await _converted(ports, organisation, units, month, clock)
    rows = [
        {
            "rep_id": each.rep_id,
            "tenure": _tenure(organisation, each.rep_id, clock),
            "assigned": each.assigned,
            "high_value": each.high_value,
            "high_value_share": _share(each.high_value, each.assigned),
            "days_eligible": each.days,
            "converted": converted.get(each.rep_id, 0),
            "conversion": _share(converted.get(each.rep_id, 0), each.assigned),
        }
        for each in figures
    ]
    return {
        "unit_id": unit_id,
        "month": month,
        "rows": rows,
        "by_tenure": _by_tenure(rows),
        **_fairness(organisation, month, figures, clock),
        "trend": [
            {"month": each, **_fairness(organisation, each, found[each], clock)} for each in months
        ],
    }


def _fairness(
    organisation: Organisation, month: str, figures: Sequence[RepFigures], clock: datetime
) -> dict[str, Any]:
    """Over the reps eligible on at least half of the month's working days so far."""
    calendar = organisation.calendar(clock)
    half = working_month(calendar, month, calendar.day_of(clock)).gone / 2
    every = {each.rep_id: (each.assigned, each.days) for each in figures}
    high = {each.rep_id: (each.high_value, each.days) for each in figures}
    return {"gini": fairness(every, half), "gini_high_value": fairness(high, half)}


def _months_before(month: str) -> list[str]:
    """Six months up to this one, the earliest first."""
    year, number = int(month[:4]), int(month[5:])
    found = []
    for _each in range(_MONTHS_OF_TREND):
        found.append(f"{year:04d}-{number:02d}")
        year, number = (year, number - 1) if number > 1 else (year - 1, 12)
    return found[::-1]


async def _figures(
    ports: Ports, tenant_id: str, units: Collection[str], months: Sequence[str]
) -> dict[str, list[RepFigures]]:
    table = MONTHS.rows
    keys = [f"{unit_id}/{month}" for unit_id in units for month in months]
    query = select(table.c.body).where(table.c.tenant_id == tenant_id, table.c.key.in_(keys))
    found: dict[str, list[AllocationMonth]] = {month: [] for month in months}
    async with ports.read_store.reading() as connection:
        bodies = (await connection.execute(query)).scalars()
        for row in (MONTHS.decode(body) for body in bodies):
            found[row.month].append(row)
    return {month: rep_figures(rows) for month, rows in found.items()}


async def _converted(
    ports: Ports,
    organisation: Organisation,
    units: Collection[str],
    month: str,
    clock: datetime,
) -> dict[str, int]:
    """Allocated in the month and become an opportunity since, by rep."""
    table, calendar = LEADS.rows, organisation.calendar(clock)
    query = select(table.c.body).where(
        table.c.tenant_id == organisation.tenant_id,
        table.c.status == "converted",
        table.c.unit_id.in_(units),
    )
    found: dict[str, int] = {}
    async with ports.read_store.reading() as connection:
        bodies = (await connection.execute(query)).scalars()
        for facts in (LEADS.decode(body).facts for body in bodies):
            at = facts.assigned_at
            if facts.allocation is None or facts.owner_id is None or at is None:
                continue
            if calendar.day_of(at).isoformat()[:7] == month:
                found[facts.owner_id] = found.get(facts.owner_id, 0) + 1
    return found


def _tenure(organisation: Organisation, rep_id: str, clock: datetime) -> str | None:
    person = organisation.people.get(rep_id)
    if person is None:
        return None
    days = (clock - person.unit_history[0][0]).days
    return next((name for limit, name in _TENURES if days < limit), _LONGEST_TENURE)


def _by_tenure(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        groups.setdefault(row["tenure"] or "unknown", []).append(row)
    return [
        {
            "tenure": tenure,
            "reps": len(those),
            "assigned": (assigned := sum(each["assigned"] for each in those)),
            "leads_per_head": assigned / len(those),
            "high_value_share": _share(sum(each["high_value"] for each in those), assigned),
            "conversion": _share(sum(each["converted"] for each in those), assigned),
        }
        for tenure, those in sorted(groups.items())
    ]


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
