"""Who runs what time brings: one process each, by advisory locks that end with its connection."""

import asyncio
from hashlib import blake2b
from typing import Any

import asyncpg
import structlog

from shared.adapters.postgres_connecting import connect, store_away

LOG = structlog.get_logger(__name__)

_CLOSE_SECONDS = 2.0
_CHECK_SECONDS = 2.0
"""How long a lease is believed without asking. A process that was stopped for longer and goes on
may do once more what another does: what runners do is recognised when it comes again, by the
version of a stream or by an id that both derive."""
STANDS_STILL_SECONDS = 10
"""Who has not asked for so long hangs or is stopped: the server ends its connection, and others
take over. Its connection alone would stay."""
_UNLOCK = "SELECT pg_advisory_unlock($1)"
_TRY = "SELECT pg_try_advisory_lock($1)"


class PostgresRunnerLease:
    """One connection for all leases of a process."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._connection: asyncpg.Connection[Any] | None = None
        self._held: set[str] = set()
        self._asked_at = 0.0
        self._turn = asyncio.Lock()

    async def is_ours(self, name: str) -> bool:
        async with self._turn:
            now = asyncio.get_running_loop().time()
            if name in self._held and now - self._asked_at < _CHECK_SECONDS:
                return True
            try:
                connection = await self._connected()
                if name in self._held:
                    await connection.execute("SELECT 1")
                elif await connection.fetchval(_TRY, _number(name)):
                    self._held.add(name)
            except Exception as failure:
                await self._lose()
                told = store_away("the leases cannot be taken", failure)
                if told is None:
                    raise
                raise told from failure
            self._asked_at = now
            return name in self._held

    async def give_back(self, name: str) -> None:
        async with self._turn:
            if name not in self._held or self._connection is None:
                return
            self._held.discard(name)
            try:
                await self._connection.execute(_UNLOCK, _number(name))
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await self._lose()  # with its connection the lease is free too

    async def close(self) -> None:
        """Others may take them at once."""
        async with self._turn:
            if self._connection is not None:
                try:
                    await self._connection.close(timeout=_CLOSE_SECONDS)
                except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError):
                    LOG.info("leases_end_with_their_connection")
            await self._lose()

    async def _connected(self) -> "asyncpg.Connection[Any]":
        if self._connection is None or self._connection.is_closed():
            self._held.clear()
            self._connection = await connect(self._url)
            await self._connection.execute(f"SET idle_session_timeout = '{STANDS_STILL_SECONDS}s'")
        return self._connection

    async def _lose(self) -> None:
        self._held.clear()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()


def _number(name: str) -> int:
    digest = blake2b(f"pulsetrail runner {name}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, signed=True)
