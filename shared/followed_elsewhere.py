"""Subscriptions that other processes run, as their checkpoints tell how far they are."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select, text

from shared.clock import moment
from shared.event_store import EventStore
from shared.parking import parked_streams
from shared.reaction import Reaction
from shared.read_model import ReadModel
from shared.read_store import CHECKPOINTS, ReadStore
from shared.subscription import Transaction

_POLL_SECONDS = 0.02
_MAY_BE_IDLE = "SET LOCAL idle_in_transaction_session_timeout = 0"


class StoredPlace(NamedTuple):
    next_offset: int
    recorded_until: int | None


StoredPlaces = Mapping[str, Mapping[int, StoredPlace]]
"""By subscription and partition."""


class CheckpointReader:
    """Asks once for all who want to know at the same time."""

    def __init__(self, reads: ReadStore) -> None:
        self._reads = reads
        self._known: StoredPlaces = {}
        self._asked_at = -1.0
        self._turn = asyncio.Lock()

    async def places(self) -> StoredPlaces:
        """As they were at some time since the call. Raises StoreAway."""
        loop = asyncio.get_running_loop()
        wanted_at = loop.time()
        async with self._turn:
            if self._asked_at < wanted_at:
                asked_at = loop.time()
                self._known = await self._read()
                self._asked_at = asked_at
            return self._known

    async def _read(self) -> StoredPlaces:
        table = CHECKPOINTS
        query = select(
            table.c.subscription, table.c.partition, table.c.next_offset, table.c.recorded_until
        )
        found: dict[str, dict[int, StoredPlace]] = {}
        async with self._reads.reading() as connection:
            for subscription, partition, *place in await connection.execute(query):
                found.setdefault(subscription, {})[partition] = StoredPlace(*place)
        return found


class FollowedElsewhere:
    """One read model or reaction, followed by whichever processes."""

    def __init__(
        self,
        target: ReadModel | Reaction,
        store: EventStore,
        reads: ReadStore,
        checkpoints: CheckpointReader,
    ) -> None:
        self.target = target
        self.name = f"{target.name}.v{target.version}"
        self.log = target.log
        self._former = [f"{target.name}.v{version}" for version in range(1, target.version)]
        self.outcomes: Counter[str] = Counter()
        self.stopped: Mapping[int, str] = {}
        self._store = store
        self._reads = reads
        self._checkpoints = checkpoints

    async def position(self, partition: int) -> int:
        places = (await self._checkpoints.places()).get(self.name, {})
        return places[partition].next_offset if partition in places else 0

    async def at_head(self) -> bool:
        places = (await self._checkpoints.places()).get(self.name, {})
        for partition in range(self._store.partitions):
            head = await self._store.head(self.log, partition)
            if head and (partition not in places or places[partition].next_offset < head):
                return False
        return True

    async def is_behind_former(self) -> bool:
        """Does a former version of it know of events that this one has not folded yet? Then who
        shows this one leaves it to those who show the former."""
        places = await self._checkpoints.places()
        own = places.get(self.name, {})
        return any(
            partition not in own or own[partition].next_offset < place.next_offset
            for former in self._former
            for partition, place in places.get(former, {}).items()
        )

    async def parked(self) -> set[str]:
        async with self._reads.reading() as connection:
            return await parked_streams(connection, self.name)

    async def wait_until_moved(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, _POLL_SECONDS))

    @asynccontextmanager
    async def standing_still(self) -> AsyncIterator[Transaction]:
        """Whoever follows waits meanwhile for its checkpoint."""
        async with self._reads.transaction() as connection:
            if connection.dialect.name != "sqlite":
                # Idle while others work for it, however long that takes.
                await connection.execute(text(_MAY_BE_IDLE))
            query = select(CHECKPOINTS.c.partition).where(CHECKPOINTS.c.subscription == self.name)
            await connection.execute(query.order_by(CHECKPOINTS.c.partition).with_for_update())
            yield lambda: nullcontext(connection)


async def known_until(
    checkpoints: CheckpointReader, names: list[str], partitions: int
) -> datetime | None:
    """The time before which whatever was recorded has been applied by all of these subscriptions;
    None while one of them does not say."""
    places = await checkpoints.places()
    untils: list[int] = []
    for name in names:
        of_one = places.get(name, {})
        for partition in range(partitions):
            place = of_one.get(partition)
            if place is None or place.recorded_until is None:
                return None
            untils.append(place.recorded_until)
    return moment(min(untils)) if untils else None
