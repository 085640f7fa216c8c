"""The event store on PostgreSQL: a schema a log, partitions with counters, group commit."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

import structlog

from shared.adapters.postgres_event_store_news import CommitNews
from shared.adapters.postgres_event_store_pool import ReadingPool
from shared.adapters.postgres_event_store_queue import AppendQueue
from shared.adapters.postgres_event_store_rows import (
    LogStatements,
    columns_of,
    remembered,
    stored_events,
)
from shared.adapters.postgres_event_store_schema import LogAccess, accessible_logs
from shared.adapters.postgres_event_store_writer import KnownHeads, PostgresEventWriter
from shared.adapters.postgres_lookups import Lookups
from shared.clock import Clock, milliseconds, moment
from shared.envelope import StoredEvent
from shared.errors import StoreAway
from shared.event_store import Append, Outcome, UnreadableEvent

LOG = structlog.get_logger(__name__)

StreamEnd: TypeAlias = tuple[str, int]
"""A stream, and the version after which it is read."""

_POLL_SECONDS = 1.0
_READS_AT_ONCE = 4
_AGAIN_SECONDS = 0.5


class PostgresEventStore:
    """Made by open_postgres_event_store. `logs` may be those of others too: which ones this login
    may read and write is what the database says."""

    clocks_apart = timedelta()

    def __init__(  # noqa: PLR0913  # what a connection needs
        self,
        url: str,
        logs: Sequence[str],
        clock: Clock,
        *,
        partitions: int,
        writers: int,
        readers: int,
        poll_seconds: float,
    ) -> None:
        self.partitions = partitions
        self._logs = logs
        self._clock = clock
        self._statements = {log: LogStatements(log) for log in logs}
        self._access: dict[str, LogAccess] = {}
        self._checking = asyncio.Lock()
        self._away: StoreAway | None = None
        self._away_until = 0.0
        self._news = CommitNews(url, poll_seconds)
        heads = KnownHeads()
        self._commands = Lookups(self._find_commands)
        self._ends = Lookups(self._read_ends, queries=_READS_AT_ONCE)
        self._queue = AppendQueue(
            [PostgresEventWriter(url, self._statements, clock, heads) for _ in range(writers)],
            partitions,
            self._news,
        )
        self._pool = ReadingPool(url, readers)

    async def open(self) -> None:
        await self._pool.open()
        try:
            await self._accessible()
        except StoreAway as failure:
            LOG.warning("event_store_away", why=failure.detail)
        except BaseException:
            await self.close()
            raise

    async def check(self) -> None:
        """Can this process work? Raises StoreAway, SchemaOfAnotherVersion, which pass, and
        PartitionsAreFixed, which does not."""
        async with self._pool.connection() as connection:
            found = await accessible_logs(connection, self._logs, self.partitions)
            access = {each.log: each for each in found}
            if access and not self._access:
                totals = " UNION ALL ".join(self._statements[log].total for log in access)
                found_in = {log: int(events) for log, events in await connection.fetch(totals)}
                self._news.start(totals, found_in)
        if not access:
            raise StoreAway("the event store may not be read: run `pulsetrail migrate`")
        self._access = access

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        """Queued behind what is being committed now for the same partitions."""
        access = await self._accessible()
        for append in appends:
            if append.log not in access or not access[append.log].may_write:
                raise ValueError(f"no log that may be written is named {append.log}")
        return await self._queue.append(appends)

    async def read_stream(self, stream: str, after_version: int = 0) -> list[StoredEvent]:
        found = await self._ends.find((stream, after_version)) or ()
        if isinstance(found, UnreadableEvent):
            raise found
        return stored_events(found)

    async def _read_ends(
        self, asked: Sequence[StreamEnd]
    ) -> dict[StreamEnd, Sequence[Any] | UnreadableEvent]:
        """Rows of what was asked for together; one that is damaged is told to its reader only."""
        try:
            return dict(await self._rows_after(asked))
        except UnreadableEvent as damage:
            if len(asked) == 1:
                return {asked[0]: damage}
        found: dict[StreamEnd, Sequence[Any] | UnreadableEvent] = {}
        for each in asked:
            found |= await self._read_ends([each])
        return found

    async def _rows_after(self, asked: Sequence[StreamEnd]) -> dict[StreamEnd, Sequence[Any]]:
        query = await self._everywhere(
            "JOIN unnest($1::text[], $2::integer[]) AS asked(name, after)"
            " ON stream = asked.name AND version > asked.after",
            "ORDER BY version",
        )
        lowest: dict[str, int] = {}
        for stream, after in asked:
            lowest[stream] = min(after, lowest.get(stream, after))
        found: dict[str, list[Any]] = {stream: [] for stream in lowest}
        for row in await self._pool.fetch(query, list(lowest), list(lowest.values())):
            found[row["stream"]].append(row)
        return {
            (stream, after): [row for row in found[stream] if row["version"] > after]
            for stream, after in asked
        }

    async def read_streams(self, streams: Collection[str]) -> Mapping[str, list[StoredEvent]]:
        found: dict[str, list[StoredEvent]] = {stream: [] for stream in streams}
        if found:
            query = await self._everywhere("WHERE stream = ANY($1::text[])", "ORDER BY version")
            for event in stored_events(await self._pool.fetch(query, list(found))):
                found[event.stream].append(event)
        return found

    async def read_log(
        self, log: str, partition: int, from_offset: int, limit: int, *, as_stored: bool = False
    ) -> list[StoredEvent]:
        statements = await self._of(log)
        return stored_events(await self._pool.fetch(statements.read, partition, from_offset, limit))

    async def head(self, log: str, partition: int, *, as_stored: bool = False) -> int:
        statements = await self._of(log)
        [[found]] = await self._pool.fetch(statements.head, partition)
        return int(found)

    async def heads(self, log: str) -> list[int]:
        """The head of every partition, by one query: the relay asks often."""
        statements = await self._of(log)
        return [int(found) for [found] in await self._pool.fetch(statements.log_heads)]

    async def recorded_until(self, log: str, partition: int) -> datetime:
        """Now, by the store's clock: whatever this partition does not hold yet will be recorded
        at this moment or later. Raises StoreAway."""
        statements = await self._of(log)
        async with (
            self._pool.connection("the event store cannot be written") as connection,
            connection.transaction(),
        ):
            await connection.fetch(statements.lock, [partition])
            now = milliseconds(self._clock())
            return moment(await connection.fetchval(statements.tick, partition, now))

    async def log_id(self, log: str) -> str:
        await self._of(log)
        return self._access[log].log_id

    async def find_events(self, event_ids: Collection[UUID]) -> Mapping[UUID, StoredEvent]:
        if not event_ids:
            return {}
        query = await self._everywhere("WHERE event_id = ANY($1::uuid[])", "")
        found = stored_events(await self._pool.fetch(query, list(event_ids)))
        return {each.event_id: each for each in found}

    async def known_events(self, event_ids: Collection[UUID]) -> set[UUID]:
        access = await self._accessible()
        query = " UNION ALL ".join(
            f'SELECT event_id FROM "{log}".events WHERE event_id = ANY($1::uuid[])'
            for log in access
        )
        return {row[0] for row in await self._pool.fetch(query, list(event_ids))}

    async def find_command(
        self, tenant_id: str, command_id: str, stream: str | None = None
    ) -> tuple[bytes, Outcome] | None:
        return await self._commands.find((tenant_id, command_id))

    async def _find_commands(
        self, keys: Sequence[tuple[str, str]]
    ) -> Mapping[tuple[str, str], tuple[bytes, Outcome]]:
        query = " UNION ALL ".join(
            self._statements[log].find_commands for log in await self._writable()
        )
        rows = await self._pool.fetch(query, *columns_of(keys, 2))
        return {(row[1], row[2]): remembered(row[0], row[1:]) for row in rows}

    async def load_snapshot(self, stream: str, key: str) -> tuple[int, bytes] | None:
        """The latest one: a stream's snapshots may lie beside any log that this login writes."""
        query = " UNION ALL ".join(
            f"({self._statements[log].load_snapshot})" for log in await self._writable()
        )
        found = await self._pool.fetch(f"{query} ORDER BY version DESC LIMIT 1", stream, key)
        return (found[0][0], found[0][1]) if found else None

    async def save_snapshot(self, stream: str, key: str, version: int, state: bytes) -> None:
        [log, *_others] = await self._writable()
        async with self._pool.connection("the event store cannot be written") as connection:
            statement = self._statements[log].save_snapshot
            await connection.execute(statement, stream, key, version, state)

    @property
    def generation(self) -> int:
        return self._news.generation

    def generation_of(self, log: str) -> int:
        return self._news.of_log[log]

    async def wait_beyond(self, generation: int, seconds: float) -> None:
        await self._news.wait_beyond(generation, seconds)

    async def close(self) -> None:
        await self._queue.close()
        await self._news.close()
        await self._pool.close()

    async def _accessible(self) -> Mapping[str, LogAccess]:
        if not self._access:
            async with self._checking:
                if not self._access:
                    await self._check_again()
        return self._access

    async def _check_again(self) -> None:
        """Those who come while it is away do not all try in turn."""
        now = asyncio.get_running_loop().time()
        if self._away is not None and now < self._away_until:
            raise self._away
        try:
            await self.check()
        except StoreAway as failure:
            self._away = failure
            self._away_until = asyncio.get_running_loop().time() + _AGAIN_SECONDS
            raise

    async def _writable(self) -> list[str]:
        found = [each.log for each in (await self._accessible()).values() if each.may_write]
        if not found:
            raise ValueError("this login may write no log")
        return found

    async def _of(self, log: str) -> LogStatements:
        if log not in await self._accessible():
            raise ValueError(f"no log is named {log}")
        return self._statements[log]

    async def _everywhere(self, condition: str, order: str) -> str:
        """A stream or event id does not say which log it is in."""
        parts = [
            f"{self._statements[log].select_events} {condition}" for log in await self._accessible()
        ]
        return f"{' UNION ALL '.join(parts)} {order}"


async def open_postgres_event_store(  # noqa: PLR0913  # each has its default
    url: str,
    logs: Sequence[str],
    clock: Clock,
    partitions: int = 16,
    *,
    writers: int = 2,
    readers: int = 8,
    poll_seconds: float = _POLL_SECONDS,
) -> PostgresEventStore:
    """Opened also while the server is away or not migrated yet: then everything raises StoreAway
    until that has passed. Raises PartitionsAreFixed."""
    store = PostgresEventStore(
        url,
        logs,
        clock,
        partitions=partitions,
        writers=writers,
        readers=readers,
        poll_seconds=poll_seconds,
    )
    await store.open()
    return store
