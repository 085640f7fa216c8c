"""What the customers' routes look up: the record itself, and whether the caller may see it."""

from typing import Any

from sqlalchemy import String, select

from services.leads.domain.customer import CUSTOMER
from services.leads.domain.customer_holding import CUSTOMER_HOLDING
from shared.access import Caller, Resource, Verb, visible_rows
from shared.envelope import RecordedEvent, stream_name
from shared.errors import NotFound
from shared.ports import Ports
from shared.projecting import RowReadModel

HOLDINGS = RowReadModel(
    service="leads",
    log="opportunities",
    projection=CUSTOMER_HOLDING,
    columns=(("customer_id", String(64)),),
    indexes=(("customer_id",),),
)


async def customer(ports: Ports, tenant_id: str, customer_id: str) -> tuple[int, dict[str, Any]]:
    """Version and latest description with its personal fields shown. Raises NotFound."""
    events = await ports.event_store.read_stream(stream_name(tenant_id, CUSTOMER.name, customer_id))
    if not events:
        raise NotFound(f"there is no customer {customer_id!r}")
    [latest] = await ports.codec.open([ports.codec.decode(events[-1])])
    return events[-1].version, _shown(customer_id, latest)


async def require_visible(ports: Ports, caller: Caller, customer_id: str, verb: Verb) -> None:
    """A customer belongs to those who may see one of its opportunities; without any, to all
    who work with customers. Raises NotFound (A9)."""
    organisation = await ports.organisations.of(caller.tenant_id)
    visibility = visible_rows(caller, organisation, Resource.CUSTOMERS, verb)
    if visibility.everything:
        return
    table = HOLDINGS.rows
    query = select(table.c.body).where(
        table.c.tenant_id == caller.tenant_id, table.c.customer_id == customer_id
    )
    async with ports.read_store.reading() as connection:
        holdings = [HOLDINGS.decode(body) for body in (await connection.execute(query)).scalars()]
    for holding in holdings:
        owner_id = holding.owner_id
        unit_id = organisation.unit_of(owner_id) if owner_id else None
        if visibility.includes(unit_id=unit_id or holding.unit_id, owner_id=owner_id):
            return
    if holdings or visibility.nothing:
        raise NotFound(f"there is no customer {customer_id!r}")


def _shown(customer_id: str, latest: RecordedEvent) -> dict[str, Any]:
    event = latest.event
    return {
        "customer_id": customer_id,
        "name": event.name,
        "customer_type": event.customer_type,
        "industry": event.industry,
        "is_key": event.is_key,
        "contacts": [] if event.contacts is None else event.contacts,
        "confirmed": getattr(event, "confirmed", True),
    }
