"""The customer record as it is looked up: whom an id names, what is said, who may see it (L1)."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import String, select

from services.leads.domain.customer import CUSTOMER, Unknown
from services.leads.domain.customer_holding import CUSTOMER_HOLDING, CustomerHolding
from services.leads.domain.customer_list import CUSTOMER_LIST
from services.leads.domain.customer_merges import CUSTOMER_MERGES, CustomerMerges
from services.leads.queries.leads import leads_of_customers
from shared.access import Caller, Resource, Verb, visible_rows
from shared.envelope import RecordedEvent, stream_name
from shared.errors import NotFound
from shared.events.leads import CustomerWithdrawn
from shared.ports import Ports
from shared.projecting import RowReadModel

LOG_NAME = "leads"

HOLDINGS = RowReadModel(
    service="leads",
    log="opportunities",
    projection=CUSTOMER_HOLDING,
    columns=(("customer_id", String(64)),),
    indexes=(("customer_id",),),
)
CUSTOMERS = RowReadModel(service="leads", log=LOG_NAME, projection=CUSTOMER_LIST)


async def merges(ports: Ports, tenant_id: str) -> CustomerMerges:
    """As they are stored by now."""
    stream = stream_name(tenant_id, CUSTOMER_MERGES.name, tenant_id)
    _version, known = await ports.commands(LOG_NAME).load(CUSTOMER_MERGES, stream, fresh=True)
    return known


async def customer(ports: Ports, tenant_id: str, customer_id: str) -> tuple[int, dict[str, Any]]:
    """Version and latest description of whom the id names, its personal fields shown. Raises
    NotFound."""
    known = await merges(ports, tenant_id)
    survivor = known.survivor(customer_id)
    version, shown = await described(ports, tenant_id, survivor)
    shown["merged_customer_ids"] = sorted(known.members(survivor) - {survivor})
    return version, shown


async def described(ports: Ports, tenant_id: str, customer_id: str) -> tuple[int, dict[str, Any]]:
    """Of exactly this id, whomever it was merged into."""
    events = await ports.event_store.read_stream(stream_name(tenant_id, CUSTOMER.name, customer_id))
    if not events:
        raise NotFound(f"there is no customer {customer_id!r}")
    [latest] = await ports.codec.open([ports.codec.decode(events[-1])])
    if isinstance(latest.event, CustomerWithdrawn):
        raise NotFound(f"there is no customer {customer_id!r}")
    return events[-1].version, _shown(customer_id, latest)


async def exists(ports: Ports, tenant_id: str, customer_id: str) -> bool:
    stream = stream_name(tenant_id, CUSTOMER.name, customer_id)
    _version, state = await ports.commands(LOG_NAME).load(CUSTOMER, stream, fresh=True)
    return not isinstance(state, Unknown)


async def require_visible(ports: Ports, caller: Caller, customer_id: str, verb: Verb) -> None:
    """Raises NotFound (A9)."""
    if not await is_visible(ports, caller, customer_id, verb):
        raise NotFound(f"there is no customer {customer_id!r}")


async def is_visible(ports: Ports, caller: Caller, customer_id: str, verb: Verb) -> bool:
    """A customer belongs to those who may see one of its opportunities or leads; without any, to
    all who work with customers (A9)."""
    organisation = await ports.organisations.of(caller.tenant_id)
    visibility = visible_rows(caller, organisation, Resource.CUSTOMERS, verb)
    if visibility.everything:
        return True
    ids = (await merges(ports, caller.tenant_id)).members(customer_id)
    held = [(each.owner_id, each.unit_id) for each in await holdings(ports, caller.tenant_id, ids)]
    leads = await leads_of_customers(ports, caller.tenant_id, ids)
    held += [(each.facts.owner_id, each.facts.unit_id) for each in leads]
    for owner_id, unit_id in held:
        owners = organisation.unit_of(owner_id) if owner_id else None
        if visibility.includes(unit_id=owners or unit_id, owner_id=owner_id):
            return True
    return not held and not visibility.nothing


async def holdings(
    ports: Ports, tenant_id: str, customer_ids: Collection[str]
) -> list[CustomerHolding]:
    """By the opportunities that name one of the ids."""
    table = HOLDINGS.rows
    query = select(table.c.body).where(
        table.c.tenant_id == tenant_id, table.c.customer_id.in_(sorted(customer_ids))
    )
    async with ports.read_store.reading() as connection:
        return [HOLDINGS.decode(body) for body in (await connection.execute(query)).scalars()]


def _shown(customer_id: str, latest: RecordedEvent) -> dict[str, Any]:
    event = latest.event
    return {
        "customer_id": customer_id,
        "name": event.name,
        "customer_type": event.customer_type,
        "industry": event.industry,
        "is_key": event.is_key,
        "contacts": [] if event.contacts is None else event.contacts,
        "credit_code": event.credit_code,
        "confirmed": getattr(event, "confirmed", True),
    }
