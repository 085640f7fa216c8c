"""The reader of `$all` that numbers a log's events, follows it, and keeps how far it came."""

import asyncio
from uuid import NAMESPACE_URL, uuid5

import structlog
from kurrentdbclient import AsyncKurrentDBClient, NewEvent, RecordedEvent, StreamState
from kurrentdbclient.exceptions import (
    InvalidCommitPositionError,
    NotFoundError,
    WrongCurrentVersionError,
)

from shared.adapters.kurrentdb_connecting import (
    READ_SECONDS,
    StreamNames,
    disconnect,
    store_away,
)
from shared.adapters.kurrentdb_event_store_events import metadata_of
from shared.adapters.kurrentdb_event_store_news import NumberingNews
from shared.adapters.kurrentdb_event_store_numbers import BLOCK, EventNumbers, Numbered, entries
from shared.errors import StoreAway
from shared.event_store import UnreadableEvent

LOG = structlog.get_logger(__name__)

_AGAIN_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0)
_BLOCK_TYPE = "numbered.v1"


class NumberedAnew(Exception):
    """The store is not the one that was numbered: it lies behind, or holds something else."""


class LogNumbering:
    """Follows one log. What it has numbered once it finds again at the next start from its blocks:
    (commit position, next number), in the store itself, the same for whoever writes them.

    `client`: of its own, closed with it: a client that reconnects waits for its subscriptions.
    """

    def __init__(
        self, client: AsyncKurrentDBClient, names: StreamNames, news: NumberingNews
    ) -> None:
        self.numbers = EventNumbers()
        self.recorded_at = 0
        """Of what is numbered, the latest; in milliseconds."""
        self._client = client
        self._names = names
        self._news = news
        self._moved = asyncio.Event()
        self._ready = False
        self._settled = asyncio.Event()
        self._failure: StoreAway | None = None
        self._blocks = 0
        self._looked_through: int | None = None
        """Up to this position of `$all` nothing of this log is left to be numbered."""
        self._keeping: asyncio.Task[None] | None = None
        self._closed = False
        self._following = asyncio.create_task(self._follow())

    async def close(self) -> None:
        self._closed = True
        tasks = [task for task in (self._following, self._keeping) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await disconnect(self._client)
        self.numbers.close()

    async def ready(self) -> None:
        """When everything that was stored at the start is numbered. Raises StoreAway."""
        if self._ready:
            return
        try:
            await asyncio.wait_for(self._settled.wait(), READ_SECONDS)
        except TimeoutError:
            raise StoreAway(f"the log {self._names.log} is still being numbered") from None
        if self._failure is not None and not self._ready:
            raise self._failure

    async def reached(self, position: int) -> None:
        """When the event committed at this position is numbered. Raises StoreAway."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                while self.numbers.last is None or self.numbers.last < position:
                    await self._moved.wait()
        except TimeoutError:
            raise self._failure or StoreAway(
                f"the log {self._names.log} could not be followed to position {position}"
            ) from None

    async def everything(self) -> None:
        """When all that the server holds by now is numbered; a subscription alone does not tell.

        Raises StoreAway, KurrentDBClientError.
        """
        end = await self._end_of_all()
        begin = max(self._looked_through or 0, self.numbers.last or 0) or None
        last = None
        async with await self._client.read_all(
            commit_position=begin, timeout=READ_SECONDS, **self._names.filter()
        ) as events:
            async for event in events:
                last = event.commit_position
        if last is not None:
            await self.reached(last)
        self._looked_through = end

    async def _end_of_all(self) -> int | None:
        async with await self._client.read_all(
            backwards=True, filter_exclude=(), limit=1, timeout=READ_SECONDS
        ) as events:
            found = [event.commit_position async for event in events]
        return found[0] if found else None

    async def _follow(self) -> None:
        failures = 0
        while not self._closed:  # the client may take a cancellation for a call that failed
            try:
                await self._catch_up()
                self._failure, failures = None, 0
                self._ready = True
                self._settled.set()
                await self._listen()
            except NumberedAnew as why:
                LOG.warning("log_numbered_anew", log=self._names.log, why=str(why))
                self._forget()
            except Exception as failure:  # heard again as soon as the server is back
                self._note(failure)
            await asyncio.sleep(_AGAIN_SECONDS[min(failures, len(_AGAIN_SECONDS) - 1)])
            failures += 1

    def _note(self, failure: Exception) -> None:
        away = store_away(f"the log {self._names.log} cannot be followed", failure)
        if away is None:
            LOG.error("log_not_followed", log=self._names.log, exc_info=failure)
            away = StoreAway(f"the log {self._names.log} cannot be followed: {failure}")
        elif self._failure is None:
            LOG.warning("log_not_followed", log=self._names.log, why=away.detail)
        self._failure = away
        self._settled.set()

    def _forget(self) -> None:
        self.numbers.close()
        self.numbers = EventNumbers()
        self._blocks = 0
        self._looked_through = None
        self._ready = False
        self._settled.clear()

    async def _catch_up(self) -> None:
        if self.numbers.next == 0:
            await self._load_blocks()
        last, anchored = self.numbers.last, self.numbers.next == 0
        batch: list[RecordedEvent] = []
        try:
            async with await self._client.read_all(
                commit_position=last, **self._names.filter()
            ) as events:
                async for event in events:
                    if not anchored:
                        self._check_anchor(event)
                        anchored = True
                        continue
                    batch.append(event)
                    if len(batch) == BLOCK:
                        self._number(batch)
                        batch = []
        except InvalidCommitPositionError as gone:
            raise NumberedAnew(f"there is no position {last}") from gone
        if not anchored:
            raise NumberedAnew(f"nothing is left from position {last} on")
        self._number(batch)

    def _check_anchor(self, event: RecordedEvent) -> None:
        """Reading begins with the event numbered last."""
        number = self.numbers.number_at(event.commit_position)
        if number != self.numbers.next - 1 or self.numbers.known([event.id]) == set():
            raise NumberedAnew(f"event {event.id} stands at position {event.commit_position}")

    async def _listen(self) -> None:
        async with await self._client.subscribe_to_all(
            commit_position=self.numbers.last, window_size=BLOCK, **self._names.filter()
        ) as events:
            async for event in events:
                self._number([event])

    def _number(self, events: list[RecordedEvent]) -> None:
        if not events:
            return
        self.numbers.add([Numbered(event.commit_position, event.id) for event in events])
        for event in events:
            try:
                self.recorded_at = max(self.recorded_at, metadata_of(event).recorded_at)
            except UnreadableEvent as damage:  # told to whoever reads it; it counts as an event
                LOG.error("event_unreadable", why=str(damage))
        self._moved.set()
        self._moved = asyncio.Event()
        self._news.numbered(self._names.log)
        if self.numbers.next // BLOCK > self._blocks and (
            self._keeping is None or self._keeping.done()
        ):
            self._keeping = asyncio.create_task(self._keep_blocks())

    async def _load_blocks(self) -> None:
        try:
            async with await self._client.read_stream(self._names.numbering) as blocks:
                async for block in blocks:
                    self.numbers.add(entries(block.data), kept=True)
                    self.recorded_at = max(self.recorded_at, int(block.metadata))
                    self._blocks = block.stream_position + 1
        except NotFoundError:
            return

    async def _keep_blocks(self) -> None:
        """Whoever comes first writes a block; all would write the same."""
        try:
            while self._blocks < self.numbers.next // BLOCK:
                await self._keep_block(self._blocks)
        except Exception as failure:  # tried again with the next events; only a start takes longer
            LOG.info("block_not_kept", log=self._names.log, kind=type(failure).__name__)

    async def _keep_block(self, index: int) -> None:
        block = NewEvent(
            id=uuid5(NAMESPACE_URL, f"{self._names.numbering}/{index}"),
            type=_BLOCK_TYPE,
            data=self.numbers.block(index),
            metadata=str(self.recorded_at).encode(),
            content_type="application/octet-stream",
        )
        before = index - 1 if index else StreamState.NO_STREAM
        try:
            await self._client.append_to_stream(
                self._names.numbering, current_version=before, events=[block], timeout=READ_SECONDS
            )
            self._blocks = index + 1
        except WrongCurrentVersionError as other:
            found = other.actual_version
            self._blocks = found + 1 if isinstance(found, int) else 0
        self.numbers.forget_kept(self._blocks)
