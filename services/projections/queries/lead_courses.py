"""Leads of a month with what stands about their customers: what P9 and P14 count."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.projections.domain.data_quality import JudgedLead, judged_lead
from services.projections.domain.lead_course import LeadCourse, is_valid, latest
from services.projections.domain.process_health import Scope
from services.projections.domain.windows import Window, is_before
from services.projections.queries.behaviour_figures import Span
from services.projections.queries.read_models import CHAINS, IDENTITIES, LEADS
from services.projections.queries.same_customers import look_alikes, rows_of
from shared.clock import milliseconds


async def judged_leads(
    connection: AsyncConnection, tenant_id: str, window: Window, span: Span
) -> list[JudgedLead]:
    """Those captured in the window, as they stood at its end."""
    leads = await _leads(connection, tenant_id, "captured_at", window)
    customers = {lead.customer_id for lead in leads}
    chains = await rows_of(connection, CHAINS, tenant_id, customers)
    identities = await rows_of(connection, IDENTITIES, tenant_id, customers)

    def counts(at: datetime) -> bool:
        return is_before(at, span.until)

    alike = await look_alikes(connection, tenant_id, identities, counts)
    return [
        judged_lead(
            lead,
            chains.get(lead.customer_id),
            identities.get(lead.customer_id),
            alike.get(lead.customer_id),
            counts,
        )
        for lead in leads
        if is_before(lead.captured_at, span.until)
    ]


async def valid_leads(
    connection: AsyncConnection, tenant_id: str, window: Window, span: Span
) -> dict[Scope, list[LeadCourse]]:
    """Those first assigned in the window that are valid at its end, by whoever has them then, and
    by every unit above (P9)."""
    found: dict[Scope, list[LeadCourse]] = {}
    for lead in await _leads(connection, tenant_id, "first_assigned_at", window):
        if not is_valid(lead, lambda at: is_before(at, span.until)):
            continue
        held = latest(lead.held, lambda at: is_before(at, span.until))
        assert held is not None
        for unit_id in held.unit_path:
            found.setdefault(Scope(unit_id, ""), []).append(lead)
            if held.owner_id is not None:
                found.setdefault(Scope(unit_id, held.owner_id), []).append(lead)
    return found


async def _leads(
    connection: AsyncConnection, tenant_id: str, column: str, window: Window
) -> Sequence[LeadCourse]:
    rows = LEADS.rows
    query = (
        select(rows.c.body)
        .where(
            rows.c.tenant_id == tenant_id,
            rows.c[column] >= milliseconds(window.begins),
            rows.c[column] < milliseconds(window.ends),
        )
        .order_by(rows.c.key)
    )
    return [LEADS.decode(body) for body in (await connection.execute(query)).scalars()]
