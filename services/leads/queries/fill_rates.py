"""How many of a unit's leads have a budget status, by the month they were captured in (L9)."""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select

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
        organisation.number_setting("budget_fill_rate"),
        int(organisation.number_setting("budget_fill_least_leads")),
    )
    young = timedelta(hours=organisation.number_setting("budget_fill_after_hours"))
    months = _month_starts(organisation, clock)
    rates = []
    for begins, ends in zip(months, [*months[1:], clock], strict=True):
        until = min(ends, clock - young)
        rates.append(await _rate(ports, organisation.tenant_id, unit_id, begins, until))
    return is_suspended(rates[:-1], rates[-1], rules)


def _month_starts(organisation: Organisation, clock: datetime) -> list[datetime]:
    """Of the last months and the running one, in the tenant's zone, the earliest first."""
    zone = ZoneInfo(organisation.zone())
    today = clock.astimezone(zone).date()
    year, month = today.year, today.month
    found = []
    for _each in range(_MONTHS_LOOKED_AT + 1):
        found.append(datetime.combine(date(year, month, 1), time.min, zone))
        year, month = (year, month - 1) if month > 1 else (year - 1, 12)
    return found[::-1]


async def _rate(
    ports: Ports, tenant_id: str, unit_id: str, begins: datetime, ends: datetime
) -> FillRate:
    table = LEADS.rows
    query = (
        select(table.c.budget_known, func.count())
        .where(
            table.c.tenant_id == tenant_id,
            table.c.unit_id == unit_id,
            table.c.captured_at >= milliseconds(begins),
            table.c.captured_at < milliseconds(ends),
        )
        .group_by(table.c.budget_known)
    )
    async with ports.read_store.reading() as connection:
        counts = {bool(known): number for known, number in await connection.execute(query)}
    return FillRate(sum(counts.values()), counts.get(True, 0))
