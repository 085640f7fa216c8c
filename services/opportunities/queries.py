"""What the service keeps of others' facts, and of its own, to decide and to find."""

import asyncio
from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Integer, String, Table, func, select

from services.opportunities.domain.opportunity_index import OPPORTUNITY_INDEX
from services.opportunities.domain.pipeline_list import PIPELINE_LIST
from shared.envelope import StoredEvent
from shared.event_type import event_type_of
from shared.events.leads import CustomerDescribed, CustomerRegistered
from shared.events.opportunities import (
    OpportunityAssigned,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityUnitChanged,
    PipelineDefinition,
)
from shared.ports import Ports
from shared.projecting import RowReadModel

_LEADS_LOG = "leads"
_BATCH = 2_000

INDEX = RowReadModel(
    service="opportunities",
    log="opportunities",
    projection=OPPORTUNITY_INDEX,
    columns=(
        ("customer_id", String(64)),
        ("owner_id", String(64)),
        ("unit_id", String(64)),
        ("pipeline", String(64)),
        ("pipeline_version", Integer),
    ),
    indexes=(("customer_id",), ("owner_id",), ("unit_id",), ("pipeline", "pipeline_version")),
)
PIPELINES = RowReadModel(service="opportunities", log="opportunities", projection=PIPELINE_LIST)


class CustomerFact(NamedTuple):
    customer_type: str | None = None
    industry: str | None = None
    is_key: bool = False


BARE = CustomerFact()


class CustomerFacts:
    """Customers as far as opportunities need them: the leads' log folded in memory.

    Always current for what is committed. Bare customers, nearly all of an import, take no room.
    """

    def __init__(self, ports: Ports) -> None:
        self._store = ports.event_store
        self._codec = ports.codec
        self._facts: dict[tuple[str, str], CustomerFact] = {}
        self._next = [0] * self._store.partitions
        self._seen_generation = -1
        self._turn = asyncio.Lock()

    async def of(self, tenant_id: str, customer_id: str) -> CustomerFact:
        await self._catch_up()
        return self._facts.get((tenant_id, customer_id), BARE)

    async def _catch_up(self) -> None:
        if self._seen_generation == self._store.generation_of(_LEADS_LOG):
            return
        async with self._turn:
            generation = self._store.generation_of(_LEADS_LOG)
            if self._seen_generation == generation:
                return
            for partition in range(self._store.partitions):
                while stored := await self._store.read_log(
                    _LEADS_LOG, partition, self._next[partition], _BATCH
                ):
                    self._fold(stored)
                    self._next[partition] = stored[-1].offset + 1
            self._seen_generation = generation

    def _fold(self, stored: Iterable[StoredEvent]) -> None:
        for each in stored:
            if each.type not in _CUSTOMER_TYPES:
                continue
            event: CustomerRegistered | CustomerDescribed = self._codec.decode(each).event
            fact = CustomerFact(event.customer_type, event.industry, event.is_key)
            key = (each.tenant_id, event.customer_id)
            if fact == BARE:
                self._facts.pop(key, None)
            else:
                self._facts[key] = fact


def _names(*event_classes: type[Any]) -> frozenset[str]:
    return frozenset(event_type_of(each).name for each in event_classes)


_CUSTOMER_TYPES = _names(CustomerRegistered, CustomerDescribed)
PLACING = (OpportunityOpened, OpportunityAssigned, OpportunityUnitChanged, OpportunityReopened)
"""What says where an opportunity is."""


async def pipelines(ports: Ports, tenant_id: str) -> list[PipelineDefinition]:
    """The latest version of each pipeline, by name."""
    table: Table = PIPELINES.rows
    query = select(table.c.body).where(table.c.tenant_id == tenant_id).order_by(table.c.key)
    async with ports.read_store.reading() as connection:
        return [PIPELINES.decode(body) for body in (await connection.execute(query)).scalars()]


async def open_by_version(ports: Ports, tenant_id: str, pipeline: str) -> dict[int, int]:
    """How many open opportunities run by each version of the pipeline, the latest first."""
    table = INDEX.rows
    query = (
        select(table.c.pipeline_version, func.count().label("number"))
        .where(table.c.tenant_id == tenant_id, table.c.pipeline == pipeline)
        .group_by(table.c.pipeline_version)
        .order_by(table.c.pipeline_version.desc())
    )
    async with ports.read_store.reading() as connection:
        rows = await connection.execute(query)
        return {row.pipeline_version: row.number for row in rows}
