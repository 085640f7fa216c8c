"""How a process learns of commits, its own and others': LISTEN, and a look now and then."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import asyncpg
import msgspec
import structlog

from shared.adapters.postgres_connecting import connect, is_away

LOG = structlog.get_logger(__name__)

_CHANNEL = "pulsetrail_events"
_AGAIN_SECONDS = 0.5


class CommitNews:
    """`generation` grows with every commit heard of, and so do those of the logs it was to."""

    def __init__(self, url: str, poll_seconds: float) -> None:
        self._url = url
        self._totals = ""
        self._poll_seconds = poll_seconds
        self.generation = 0
        self.of_log: Counter[str] = Counter()
        self.committing = 0
        """Own commits on their way: their events may be counted before they are told."""
        self._grown = asyncio.Event()
        self._known: Counter[str] = Counter()
        self._untold: Counter[str] = Counter()
        self._to_tell = asyncio.Event()
        self._own_process = 0
        self._following: asyncio.Task[None] | None = None

    def start(self, totals: str, known: Mapping[str, int]) -> None:
        """`totals`: a query of how many events each log has, `known` by now; it finds what was
        committed while nothing could be heard."""
        self._totals, self._known = totals, Counter(known)
        self._following = asyncio.create_task(self._follow())

    async def close(self) -> None:
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)

    def committed(self, events: Mapping[str, int]) -> None:
        """One of our own, by log; others are told once for all that came together."""
        self._known.update(events)
        self._grow(events)
        if events:
            self._untold.update(events)
            self._to_tell.set()

    async def wait_beyond(self, generation: int, seconds: float) -> None:
        if self.generation > generation:
            return
        try:
            await asyncio.wait_for(self._grown.wait(), seconds)
        except TimeoutError:
            return

    def _grow(self, logs: Iterable[str]) -> None:
        self.generation += 1
        self.of_log.update(set(logs))
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
        told, self._untold = self._untold, Counter()
        payload = msgspec.json.encode(told).decode()
        try:
            await connection.execute("SELECT pg_notify($1, $2)", _CHANNEL, payload)
        except BaseException:
            self._untold.update(told)
            self._to_tell.set()
            raise

    async def _look(self, connection: "asyncpg.Connection[Any]") -> None:
        if self.committing:
            return  # everybody is about to be woken
        totals = {log: int(events) for log, events in await connection.fetch(self._totals)}
        changed = {log for log, events in totals.items() if self._known[log] != events}
        if not self.committing and changed:
            self._known = Counter(totals)
            self._grow(changed)

    def _heard(self, _connection: Any, process_id: int, _channel: str, payload: Any) -> None:
        if process_id == self._own_process:
            return
        told = _told(payload)
        self._known.update(told)
        self._grow(told or self._known)


def _told(payload: str) -> Mapping[str, int]:
    """Events by log; nothing where somebody else has said something on this channel."""
    try:
        return msgspec.json.decode(payload, type=dict[str, int])
    except msgspec.MsgspecError:
        return {}
