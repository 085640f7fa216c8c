"""The event store on KurrentDB: a stream each, the reader of `$all` numbers a log's events."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from kurrentdbclient import NewEvent, RecordedEvent, StreamState
from kurrentdbclient.exceptions import NotFoundError, WrongCurrentVersionError

from shared.adapters.kurrentdb_connecting import (
    READ_SECONDS,
    StreamNames,
    connect,
    disconnect,
    store_away,
)
from shared.adapters.kurrentdb_event_store_deciding import StreamKey
from shared.adapters.kurrentdb_event_store_events import stored_event
from shared.adapters.kurrentdb_event_store_news import NumberingNews
from shared.adapters.kurrentdb_event_store_numbering import LogNumbering
from shared.adapters.kurrentdb_event_store_queue import AppendGroups
from shared.adapters.kurrentdb_event_store_writer import SETTLED_SECONDS, KurrentDbEventWriter
from shared.adapters.kurrentdb_snapshots import KurrentDbSnapshots
from shared.clock import Clock
from shared.envelope import StoredEvent
from shared.errors import StoreAway
from shared.event_store import Append, Outcome, UnreadableEvent

LOG = structlog.get_logger(__name__)

_CLOCKS_APART_SECONDS = 5.0
"""How far the clocks of the processes that write may be from one another."""

_READS_AT_ONCE = 32
_STREAMS_KEPT = 50_000
_UNREACHABLE = "the event store cannot be read"


class KurrentDbEventStore:
    """Made by open_kurrentdb_event_store. A log has one partition.

    Command ids are recognised within their stream; a command without events is not remembered.
    Events of different processes are in the order in which the server took them, recorded by each
    process's clock.
    """

    partitions = 1

    def __init__(
        self,
        url: str,
        logs: Sequence[str],
        clock: Clock,
        new_log_id: Callable[[], str],
        installation: str,
    ) -> None:
        self._clock = clock
        self._new_log_id = new_log_id
        self._client = connect(url)
        self._news = NumberingNews()
        self._names = {log: StreamNames(installation, log) for log in logs}
        self._numberings = {
            log: LogNumbering(connect(url), names, self._news) for log, names in self._names.items()
        }
        self._writer = KurrentDbEventWriter(self._client, self._names, self._numberings)
        self._groups = AppendGroups(self._writer, clock, self._numberings, self._news)
        self._snapshots = KurrentDbSnapshots(self._client, installation)
        self._log_ids: dict[str, str] = {}
        self._log_of: dict[str, str] = {}

    async def check(self) -> None:
        """Can this process work? Raises StoreAway."""
        for log in self._names:
            await self.log_id(log)
            await self._numberings[log].ready()

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        """Queued behind what is being written; in order, but not in one commit."""
        for log in {append.log for append in appends}:
            await self._numbering(log).ready()
        return await self._groups.append(appends)

    async def read_stream(self, stream: str, after_version: int = 0) -> list[StoredEvent]:
        """A name does not say which log the stream is in; once found it is remembered."""
        known = self._log_of.get(stream)
        if known is not None:
            return await self._read_stream(known, stream, after_version)
        found = await asyncio.gather(
            *(self._read_stream(log, stream, after_version) for log in self._names)
        )
        return next((events for events in found if events), [])

    async def read_streams(self, streams: Collection[str]) -> Mapping[str, list[StoredEvent]]:
        limit = asyncio.Semaphore(_READS_AT_ONCE)

        async def read(stream: str) -> list[StoredEvent]:
            async with limit:
                return await self.read_stream(stream)

        names = list(dict.fromkeys(streams))
        return dict(zip(names, await asyncio.gather(*map(read, names)), strict=True))

    async def read_log(
        self, log: str, partition: int, from_offset: int, limit: int, *, as_stored: bool = False
    ) -> list[StoredEvent]:
        numbering = self._numbering(log)
        await numbering.ready()
        numbers = numbering.numbers
        count = min(limit, numbers.next - from_offset)
        if partition != 0 or count <= 0:
            return []
        async with self._asking():
            found = await self._read_all(log, numbers.position(from_offset), count)
        if [numbers.number_at(event.commit_position) for event in found] != [
            *range(from_offset, from_offset + count)
        ]:
            raise UnreadableEvent(f"{log} does not hold what was numbered from {from_offset} on")
        return [self._stored(log, event, number) for number, event in enumerate(found, from_offset)]

    async def head(self, log: str, partition: int, *, as_stored: bool = False) -> int:
        numbering = self._numbering(log)
        await numbering.ready()
        return numbering.numbers.next if partition == 0 else 0

    async def heads(self, log: str) -> list[int]:
        return [await self.head(log, 0)]

    @property
    def clocks_apart(self) -> timedelta:
        """Processes stamp what they write by themselves, and it is in the log soon or never."""
        return timedelta(seconds=SETTLED_SECONDS + _CLOCKS_APART_SECONDS)

    async def recorded_until(self, log: str, partition: int) -> datetime:
        """Whatever the log does not hold yet will be recorded at this moment or later: no lock
        says so here, but that writes are given up in time. Raises StoreAway."""
        numbering = self._numbering(log)
        await numbering.ready()
        now = self._clock()
        async with self._asking():
            await numbering.everything()
        return now - self.clocks_apart

    async def log_id(self, log: str) -> str:
        if log not in self._log_ids:
            self._numbering(log)
            async with self._asking():
                self._log_ids[log] = await self._read_or_give_id(self._names[log].identity)
        return self._log_ids[log]

    async def find_events(self, event_ids: Collection[UUID]) -> Mapping[UUID, StoredEvent]:
        found: dict[UUID, StoredEvent] = {}
        for log, numbering in self._numberings.items():
            await numbering.ready()
            for event_id in event_ids:
                number = numbering.numbers.number_of(event_id)
                if number is not None:
                    [found[event_id]] = await self.read_log(log, 0, number, 1)
        return found

    async def known_events(self, event_ids: Collection[UUID]) -> set[UUID]:
        known: set[UUID] = set()
        for numbering in self._numberings.values():
            await numbering.ready()
            known |= numbering.numbers.known(event_ids)
        return known

    async def find_command(
        self, tenant_id: str, command_id: str, stream: str | None = None
    ) -> tuple[bytes, Outcome] | None:
        if stream is None:
            return None
        known = self._log_of.get(stream)
        for log in self._names if known is None else [known]:
            await self._numberings[log].ready()
            async with self._asking():
                found = await self._writer.command(StreamKey(log, stream), tenant_id, command_id)
            if found is not None:
                return found
        return None

    async def load_snapshot(self, stream: str, key: str) -> tuple[int, bytes] | None:
        async with self._asking():
            return await self._snapshots.load(stream, key)

    async def save_snapshot(self, stream: str, key: str, version: int, state: bytes) -> None:
        async with self._asking("the event store cannot be written"):
            await self._snapshots.save(stream, key, version, state)

    @property
    def generation(self) -> int:
        return self._news.generation

    def generation_of(self, log: str) -> int:
        return self._news.of_log[log]

    async def wait_beyond(self, generation: int, seconds: float) -> None:
        await self._news.wait_beyond(generation, seconds)

    async def close(self) -> None:
        await self._groups.close()
        for numbering in self._numberings.values():
            await numbering.close()
        self._news.close()
        await disconnect(self._client)

    def _numbering(self, log: str) -> LogNumbering:
        if log not in self._numberings:
            raise ValueError(f"no log is named {log}")
        return self._numberings[log]

    async def _read_stream(self, log: str, stream: str, after_version: int) -> list[StoredEvent]:
        numbering = self._numbering(log)
        await numbering.ready()
        try:
            async with self._asking():
                found = await self._client.get_stream(
                    self._names[log].of(stream), stream_position=after_version, timeout=READ_SECONDS
                )
        except NotFoundError:
            return []
        if not found:
            return []
        await numbering.reached(found[-1].commit_position)
        if len(self._log_of) > _STREAMS_KEPT:
            self._log_of.clear()
        self._log_of[stream] = log
        return [
            self._stored(log, event, numbering.numbers.number_at(event.commit_position))
            for event in found
        ]

    def _stored(self, log: str, event: RecordedEvent, number: int | None) -> StoredEvent:
        if number is None:
            raise UnreadableEvent(f"event {event.id} is not where it was numbered")
        return stored_event(event, log, self._names[log].stream(event.stream_name), number)

    async def _read_all(self, log: str, position: int, count: int) -> list[RecordedEvent]:
        async with await self._client.read_all(
            commit_position=position,
            limit=count,
            timeout=READ_SECONDS,
            **self._names[log].filter(),
        ) as events:
            return [event async for event in events]

    async def _read_or_give_id(self, name: str) -> str:
        try:
            [first] = await self._client.get_stream(name, limit=1, timeout=READ_SECONDS)
        except NotFoundError:
            given = NewEvent(type="log-created.v1", data=self._new_log_id().encode())
            try:
                await self._client.append_to_stream(
                    name,
                    current_version=StreamState.NO_STREAM,
                    events=[given],
                    timeout=READ_SECONDS,
                )
            except WrongCurrentVersionError:
                return await self._read_or_give_id(name)
            return given.data.decode()
        return first.data.decode()

    @asynccontextmanager
    async def _asking(self, what: str = _UNREACHABLE) -> AsyncIterator[None]:
        """Raises StoreAway for what passes."""
        try:
            yield
        except Exception as failure:
            told = store_away(what, failure)
            if told is None:
                raise
            raise told from failure


async def open_kurrentdb_event_store(
    url: str,
    logs: Sequence[str],
    clock: Clock,
    new_log_id: Callable[[], str],
    *,
    installation: str = "pulsetrail",
) -> KurrentDbEventStore:
    """Opened also while the server is away: then everything raises StoreAway until that has
    passed. `installation` begins the streams' names. Raises ValueError for an unfit address."""
    store = KurrentDbEventStore(url, logs, clock, new_log_id, installation)
    try:
        await store.check()
    except StoreAway as failure:
        LOG.warning("event_store_away", why=failure.detail)
    return store
