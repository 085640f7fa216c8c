"""The connections that an event store on PostgreSQL is read with."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from shared.adapters.postgres_connecting import (
    connect_arguments,
    left_as_it_was,
    prepare_connection,
    store_away,
)
from shared.event_store import UnreadableEvent

_WAIT_SECONDS = 20.0
_CLOSE_SECONDS = 5.0


class ReadingPool:
    """At most `size` connections, none before the first is needed."""

    def __init__(self, url: str, size: int) -> None:
        self._pool = asyncpg.create_pool(
            **connect_arguments(url),
            min_size=0,
            max_size=size,
            init=prepare_connection,
            reset=left_as_it_was,
        )

    async def open(self) -> None:
        await self._pool

    async def fetch(self, query: str, *arguments: Any) -> list[Any]:
        """Raises StoreAway for what passes, UnreadableEvent for damage."""
        async with self.connection() as connection:
            return list(await connection.fetch(query, *arguments))

    @asynccontextmanager
    async def connection(
        self, what: str = "the event store cannot be read"
    ) -> "AsyncIterator[asyncpg.Connection[Any]]":
        """Raises StoreAway for what passes, UnreadableEvent for damage."""
        try:
            async with self._pool.acquire(timeout=_WAIT_SECONDS) as connection:
                yield connection
        except asyncpg.DataCorruptedError as damage:
            raise UnreadableEvent(f"a stored event cannot be read: {damage}") from damage
        except Exception as failure:
            told = store_away(what, failure)
            if told is None:
                raise
            raise told from failure

    async def close(self) -> None:
        try:
            await asyncio.wait_for(self._pool.close(), _CLOSE_SECONDS)
        except TimeoutError:
            self._pool.terminate()
