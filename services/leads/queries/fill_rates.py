"""How many of a unit's leads had a budget status when the month they came in was over (L9)."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import and_, case, func, select

from services.leads.domain.suspension import FillRate, SuspensionRules, is_suspended
from services.leads.queries.leads import LEADS
from shared.clock import milliseconds
from shared.organisation import Organisation
from shared.ports import Ports

_MONTHS_LOOKED_AT = 12


async def unit_is_suspended(
    ports: Ports, organisation: Organisation, unit_id: str, clock: datetime
) -> bool:
    """Of the leads that first came in each month, as they stood at its end, the running one's at
    the clock; those younger than 48 h then are not counted. What is filled or released afterwards
    leaves a month that is over as it was."""
    rules = SuspensionRules(
        organisation.number_setting("budget_fill_rate", clock),
        int(organisation.number_setting("budget_fill_least_leads", clock)),
    )
    young = timedelta(hours=organisation.number_setting("budget_fill_after_hours", clock))
    months = _month_starts(organisation, clock)
    spans = list(zip(months, [*months[1:], clock], strict=True))
    rates = await _fill_rates(ports, organisation.tenant_id, unit_id, spans, young)
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


async def _fill_rates(
    ports: Ports,
    tenant_id: str,
    unit_id: str,
    spans: Sequence[tuple[datetime, datetime]],
    young: timedelta,
) -> list[FillRate]:
    """A month each, by when it begins and when its leads are looked at."""
    table = LEADS.rows
    captured_at, known_at = table.c.first_captured_at, table.c.budget_known_at
    counts = []
    for begins, ends in spans:
        old = and_(captured_at >= milliseconds(begins), captured_at < milliseconds(ends - young))
        filled = and_(old, known_at < milliseconds(ends))
        counts += [func.count(case((each, 1))) for each in (old, filled)]
    query = select(*counts).where(
        table.c.tenant_id == tenant_id,
        table.c.unit_id == unit_id,
        captured_at >= milliseconds(spans[0][0]),
    )
    async with ports.read_store.reading() as connection:
        found = (await connection.execute(query)).one()
    return [FillRate(*found[at : at + 2]) for at in range(0, len(found), 2)]
