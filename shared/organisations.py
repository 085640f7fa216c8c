"""Every tenant's organisation as this process knows it: the directory's log folded in memory."""

import asyncio
from typing import NamedTuple

import structlog

from shared.codec import Codec
from shared.errors import NotFound, PoisonMessage
from shared.event_store import EventStore
from shared.organisation import ORGANISATION, ApiKeyOfTenant, Organisation

LOG = structlog.get_logger(__name__)

_LOG_NAME = "directory"
_BATCH = 2_000


class KnownKey(NamedTuple):
    tenant_id: str
    key: ApiKeyOfTenant


class Organisations:
    """Small, asked for all the time, and read whole at the start: hence no table.

    Names and addresses are open in here, so an erased person reads as erased after the next fold.
    """

    def __init__(self, store: EventStore, codec: Codec) -> None:
        self._store = store
        self._codec = codec
        self._by_tenant: dict[str, Organisation] = {}
        self._next = [0] * store.partitions
        self._seen_generation = -1
        self._turn = asyncio.Lock()
        self.poisoned: dict[str, str] = {}
        self.importing: set[str] = set()
        """Tenants into which this process is importing a history."""

    async def catch_up(self) -> None:
        """Fold what the directory's log holds by now."""
        if self._seen_generation == self._store.generation_of(_LOG_NAME):
            return
        async with self._turn:
            generation = self._store.generation_of(_LOG_NAME)
            if self._seen_generation == generation:
                return
            for partition in range(self._store.partitions):
                while await self._fold_batch(partition):
                    pass
            self._seen_generation = generation

    async def of(self, tenant_id: str) -> Organisation:
        """The tenant's organisation now. Raises NotFound for an unknown tenant."""
        await self.catch_up()
        known = self._by_tenant.get(tenant_id)
        if known is None:
            raise NotFound(f"tenant {tenant_id}")
        return known

    async def with_clock(self) -> list[Organisation]:
        """Those of whom can be said what is due. Of a history that is still coming in it cannot:
        cases are half told, and its clock is yet to move."""
        known = [await self.of(tenant_id) for tenant_id in await self.tenants()]
        return [
            each
            for each in known
            if each.is_live or (each.has_clock and each.tenant_id not in self.importing)
        ]

    async def tenants(self) -> tuple[str, ...]:
        await self.catch_up()
        return tuple(sorted(self._by_tenant))

    async def key_hashed(self, key_hash: str) -> KnownKey | None:
        """The key with this hash, revoked or not."""
        await self.catch_up()
        for tenant_id, organisation in self._by_tenant.items():
            key = organisation.api_keys.get(key_hash)
            if key is not None:
                return KnownKey(tenant_id, key)
        return None

    async def _fold_batch(self, partition: int) -> bool:
        stored = await self._store.read_log(_LOG_NAME, partition, self._next[partition], _BATCH)
        if not stored:
            return False
        for event in stored:
            try:
                [recorded] = await self._codec.open([self._codec.decode(event)])
                if isinstance(recorded.event, ORGANISATION.reads):
                    known = self._by_tenant.get(event.tenant_id)
                    folded = ORGANISATION.evolve(known, recorded)
                    if folded is not None:
                        self._by_tenant[event.tenant_id] = folded
            except (PoisonMessage, KeyError, ValueError) as flaw:
                self.poisoned[event.stream] = str(flaw)
                LOG.error("directory_event_not_folded", stream=event.stream, why=str(flaw))
        self._next[partition] = stored[-1].offset + 1
        return True
