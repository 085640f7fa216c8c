"""What customers are called and by which number they are reached, by id."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import select

from services.projections.queries.read_models import LEADS, PROCESSES
from shared.envelope import stream_name
from shared.errors import PoisonMessage
from shared.ports import Ports
from shared.projecting import RowReadModel
from shared.read_store import ReadStore

_NAMED_AT_ONCE = 500


class KnownCustomer(NamedTuple):
    """`phone`: of the first contact who has one."""

    name: str
    phone: str | None


async def known_customers(
    ports: Ports, tenant_id: str, customer_ids: Sequence[str]
) -> dict[str, KnownCustomer]:
    """Of those that have a name and are not erased, as they were described last."""
    found: dict[str, KnownCustomer] = {}
    for start in range(0, len(customer_ids), _NAMED_AT_ONCE):
        part = customer_ids[start : start + _NAMED_AT_ONCE]
        streams = {stream_name(tenant_id, "customer", each): each for each in part}
        stored = await ports.event_store.read_streams(list(streams))
        latest = {}
        for stream, events in stored.items():
            if not events:
                continue
            try:
                latest[streams[stream]] = ports.codec.decode(events[-1])
            except PoisonMessage:
                continue
        opened = await ports.codec.open(latest.values())
        for customer_id, recorded in zip(latest, opened, strict=True):
            name = getattr(recorded.event, "name", None)
            if isinstance(name, str) and name:
                found_contacts = getattr(recorded.event, "contacts", None)
                contacts = found_contacts if isinstance(found_contacts, list) else []
                phones = [each.phone for each in contacts if each.phone]
                found[customer_id] = KnownCustomer(name, phones[0] if phones else None)
    return found


async def customers_of(
    reads: ReadStore, tenant_id: str, opportunity_ids: Sequence[str]
) -> dict[str, str]:
    """Opportunity → customer's id; at most 500 are asked about."""
    return await _customers_of(reads, PROCESSES, tenant_id, opportunity_ids)


async def customers_of_leads(
    reads: ReadStore, tenant_id: str, lead_ids: Sequence[str]
) -> dict[str, str]:
    """Lead → customer's id; at most 500 are asked about."""
    return await _customers_of(reads, LEADS, tenant_id, lead_ids)


async def _customers_of(
    reads: ReadStore, model: RowReadModel[Any], tenant_id: str, ids: Sequence[str]
) -> dict[str, str]:
    rows = model.rows
    query = select(rows.c.key, rows.c.customer_id).where(
        rows.c.tenant_id == tenant_id, rows.c.key.in_(ids[:_NAMED_AT_ONCE])
    )
    async with reads.reading() as connection:
        found = (await connection.execute(query)).all()
    return {row.key: row.customer_id for row in found}
