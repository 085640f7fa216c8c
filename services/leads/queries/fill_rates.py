"""How many of a unit's leads have a budget status, by the month they were captured in (L9)."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from functools import reduce
from operator import add
from zoneinfo import ZoneInfo

from sqlalchemy import case, func, select

from services.leads.domain.suspension import FillRate, SuspensionRules, is_suspended
from services.leads.queries.leads import LEADS
from shared.clock import milliseconds
from shared.organisation import Organisation
from shared.ports import Ports

_MONTHS_LOOKED_AT = 12


async def unit_is_suspended(
    ports: Ports, organisation: Organisation, unit_id: str, clock: datetime
) -> bool:
    """As the leads of each month stand now; young ones, up to 48 h, are not counted yet."""
    rules = SuspensionRules(
        organisation.number_setting("budget_fill_rate", clock),
        int(organisation.number_setting("budget_fill_least_leads", clock)),
    )
    young = timedelta(hours=organisation.number_setting("budget_fill_after_hours", clock))
    months = _month_starts(organisation, clock)
    counted = await _counted(ports, organisation.tenant_id, unit_id, months, clock - young)
    rates = [counted.get(number, FillRate(0, 0)) for number in range(len(months))]
    return is_suspended(rates[:-1], rates[-1], rules)


def _month_starts(organisation: Organisation, clock: datetime) -> list[datetime]:
    """Of the last months and the running one, in the tenant's zone, the earliest first."""
    zone = ZoneInfo(organisation.zone(clock))
    today = clock.astimezone(zone).date()
    year, month = today.year, today.month
    found = []
    for _each in range(_MONTHS_LOOKED_AT + 1):
        found.append(datetime.combine(date(year, month, 1), time.min, zone))
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    return found[::-1]


async def _counted(
    ports: Ports, tenant_id: str, unit_id: str, months: Sequence[datetime], until: datetime
) -> dict[int, FillRate]:
    """By the place of the month among `months`."""
    table = LEADS.rows
    captured_at = table.c.captured_at
    begun = [case((captured_at >= milliseconds(begins), 1), else_=0) for begins in months]
    place = reduce(add, begun).label("place")
    query = (
        select(place, table.c.budget_known, func.count())
        .where(
            table.c.tenant_id == tenant_id,
            table.c.unit_id == unit_id,
            captured_at >= milliseconds(months[0]),
            captured_at < milliseconds(until),
        )
        .group_by(place, table.c.budget_known)
    )
    found: dict[int, FillRate] = {}
    async with ports.read_store.reading() as connection:
        for months_begun, known, number in await connection.execute(query):
            leads, filled = found.get(months_begun - 1, FillRate(0, 0))
            filled += number if known else 0
            found[months_begun - 1] = FillRate(leads + number, filled)
    return found
