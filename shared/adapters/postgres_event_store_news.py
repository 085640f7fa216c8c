"""How a process learns of commits, its own and others': LISTEN, and a look now and then."""

import asyncio
from typing import Any

import asyncpg
import structlog

from shared.adapters.postgres_connecting import connect, is_away

LOG = structlog.get_logger(__name__)

_CHANNEL = "pulsetrail_events"
_AGAIN_SECONDS = 0.5


class CommitNews:
    """`generation` grows with every commit heard of."""

    def __init__(self, url: str, poll_seconds: float) -> None:
        self._url = url
        self._total = ""
        self._poll_seconds = poll_seconds
        self.generation = 0
        self.committing = 0
        """Own commits on their way: their events may be counted before they are told."""
        self._grown = asyncio.Event()
        self._known = 0
        self._untold = 0
        self._to_tell = asyncio.Event()
        self._own_process = 0
        self._following: asyncio.Task[None] | None = None

    def start(self, total: str, known: int) -> None:
        """`total`: a query of how many events there are, `known` by now; it finds what was
        committed while nothing could be heard."""
        self._total, self._known = total, known
        self._following = asyncio.create_task(self._follow())

    async def close(self) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    def committed(self, events: int) -> None:
        """One of our own; others are told once for all that came together."""
        self._known += events
        self._grow()
        if events:
            self._untold += events
            self._to_tell.set()

    async def wait_beyond(self, generation: int, seconds: float) -> None:
        if self.generation > generation:
            return
        try:
            await asyncio.wait_for(self._grown.wait(), seconds)
        except TimeoutError:
            return

    def _grow(self) -> None:
        self.generation += 1
        self._grown.set()
        self._grown = asyncio.Event()

    async def _follow(self) -> None:
        while True:
            try:
                await self._listen()
            except Exception as failure:  # heard again as soon as the server is back
                if not is_away(failure):
                    LOG.warning("commits_not_heard", exc_info=failure)
            await asyncio.sleep(_AGAIN_SECONDS)

    async def _listen(self) -> None:
        connection = await connect(self._url)
        try:
            self._own_process = connection.get_server_pid()
            await connection.add_listener(_CHANNEL, self._heard)
            while True:
                await self._look(connection)
                until = asyncio.get_running_loop().time() + self._poll_seconds
                while await self._something_to_tell(until):
                    await self._tell(connection)
        finally:
            connection.terminate()

    async def _something_to_tell(self, until: float) -> bool:
        try:
            async with asyncio.timeout_at(until):
                return await self._to_tell.wait()
        except TimeoutError:
            return False

    async def _tell(self, connection: "asyncpg.Connection[Any]") -> None:
        self._to_tell.clear()
        told, self._untold = self._untold, 0
        try:
            await connection.execute("SELECT pg_notify($1, $2)", _CHANNEL, str(told))
        except BaseException:
            self._untold += told
            self._to_tell.set()
            raise

    async def _look(self, connection: "asyncpg.Connection[Any]") -> None:
        if self.committing:
            return  # everybody is about to be woken
        total = int(await connection.fetchval(self._total) or 0)
        if not self.committing and total != self._known:
            self._known = total
            self._grow()

    def _heard(self, _connection: Any, process_id: int, _channel: str, payload: Any) -> None:
        if process_id == self._own_process:
            return
        self._known += int(payload) if str(payload).isdigit() else 0
        self._grow()
