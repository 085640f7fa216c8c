"""Who has served a customer: whose contacted lead or whose opportunity it was (L8)."""

from services.leads.queries.customers import holdings, merges
from services.leads.queries.leads import leads_of_customers
from shared.ports import Ports


async def who_served(ports: Ports, tenant_id: str, customer_id: str) -> frozenset[str]:
    ids = (await merges(ports, tenant_id)).members(customer_id)
    leads = await leads_of_customers(ports, tenant_id, ids)
    held = await holdings(ports, tenant_id, ids)
    served = {row.facts.owner_id for row in leads if row.facts.contacts}
    return frozenset(filter(None, served | {each.owner_id for each in held}))
