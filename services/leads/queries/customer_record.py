"""One record of a customer: what leads, opportunities and tickets say of whom its ids name (L1)."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import String, select

from services.leads.domain.ticket import TICKET_LIST, TicketRow
from services.leads.queries.customers import HOLDINGS, customer, merges
from services.leads.queries.leads import LOG_NAME, leads_of_customers, shown_leads, unit_now
from shared.access import Caller, Resource, Verb, visible_rows
from shared.ports import Ports
from shared.projecting import RowReadModel

TICKETS = RowReadModel(
    service="leads",
    log=LOG_NAME,
    projection=TICKET_LIST,
    columns=(("customer_id", String(64)),),
    indexes=(("customer_id",),),
)


async def customer_record(ports: Ports, caller: Caller, customer_id: str) -> dict[str, Any]:
    """Of a customer whom the caller may see; of leads and opportunities only those in sight.
    Their actions are on the customer's timeline. Raises NotFound."""
    tenant_id = caller.tenant_id
    _version, described = await customer(ports, tenant_id, customer_id)
    ids = (await merges(ports, tenant_id)).members(customer_id)
    organisation = await ports.organisations.of(tenant_id)
    seen = visible_rows(caller, organisation, Resource.LEADS, Verb.READ)
    leads = [
        row
        for row in await leads_of_customers(ports, tenant_id, ids)
        if seen.includes(unit_id=unit_now(organisation, row.facts), owner_id=row.facts.owner_id)
    ]
    return {
        "customer": described,
        "leads": shown_leads(leads, organisation, ports),
        "opportunities": await _opportunities(ports, caller, ids),
        "tickets": await tickets(ports, tenant_id, ids),
    }


async def tickets(ports: Ports, tenant_id: str, customer_ids: Collection[str]) -> list[TicketRow]:
    """The oldest first."""
    table = TICKETS.rows
    query = select(table.c.body).where(
        table.c.tenant_id == tenant_id, table.c.customer_id.in_(sorted(customer_ids))
    )
    async with ports.read_store.reading() as connection:
        rows = [TICKETS.decode(body) for body in (await connection.execute(query)).scalars()]
    return sorted(rows, key=lambda each: (each.opened_at, each.ticket_id))


async def _opportunities(
    ports: Ports, caller: Caller, customer_ids: Collection[str]
) -> list[dict[str, Any]]:
    organisation = await ports.organisations.of(caller.tenant_id)
    seen = visible_rows(caller, organisation, Resource.OPPORTUNITIES, Verb.READ)
    table = HOLDINGS.rows
    query = (
        select(table.c.key, table.c.body)
        .where(table.c.tenant_id == caller.tenant_id, table.c.customer_id.in_(sorted(customer_ids)))
        .order_by(table.c.key)
    )
    found = []
    async with ports.read_store.reading() as connection:
        for opportunity_id, body in await connection.execute(query):
            held = HOLDINGS.decode(body)
            owners = organisation.unit_of(held.owner_id) if held.owner_id else None
            unit_id = owners or held.unit_id
            if seen.includes(unit_id=unit_id, owner_id=held.owner_id):
                found.append(
                    {
                        "opportunity_id": opportunity_id,
                        "customer_id": held.customer_id,
                        "owner_id": held.owner_id,
                        "unit_id": unit_id,
                    }
                )
    return found
