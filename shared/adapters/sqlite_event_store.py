"""The embedded event store: one SQLite file, one writer, group commit, synchronous FULL."""

import asyncio
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from shared.adapters.sqlite_event_store_file import prepare
from shared.adapters.sqlite_event_store_schema import COLUMNS, SCHEMA_VERSION, stored_event
from shared.adapters.sqlite_event_store_writer import SqliteEventWriter, find_command
from shared.adapters.sqlite_format import refuse_newer
from shared.clock import Clock
from shared.envelope import StoredEvent
from shared.errors import StoreAway
from shared.event_store import Append, Outcome, UnreadableEvent

T = TypeVar("T")

_IDS_A_QUERY = 500


class SqliteEventStore:
    """`logs` exist from the start, each with one partition; `new_log_id` names new ones."""

    partitions = 1
    clocks_apart = timedelta()

    def __init__(
        self, path: Path, logs: Sequence[str], clock: Clock, new_log_id: Callable[[], str]
    ) -> None:
        refuse_newer(path, SCHEMA_VERSION)
        self._path = path
        self._writer_thread = ThreadPoolExecutor(1, thread_name_prefix="event-writer")
        self._reader_threads = ThreadPoolExecutor(2, thread_name_prefix="event-reader")
        self._local = threading.local()
        self._open_connections: list[sqlite3.Connection] = []
        connection = self._connect()
        self._log_ids = prepare(connection, logs, new_log_id)
        self._writer = SqliteEventWriter(connection, clock)
        self._queue: list[tuple[Sequence[Append], asyncio.Future[list[Outcome]]]] = []
        self._writing: asyncio.Task[None] | None = None
        self._generation = 0
        self._generations: Counter[str] = Counter()
        self._grown = asyncio.Event()

    async def check(self) -> None:
        await self._in_reader(
            lambda connection: connection.execute("SELECT 1 FROM logs").fetchone()
        )

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        """Queued behind what is being committed now; everything queued goes in one commit."""
        answer: asyncio.Future[list[Outcome]] = asyncio.get_running_loop().create_future()
        self._queue.append((appends, answer))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_queue())
        return await asyncio.shield(answer)

    async def _write_queue(self) -> None:
        while self._queue:
            taken, self._queue = self._queue, []
            everything = [append for appends, _answer in taken for append in appends]
            try:
                outcomes = await self._in_writer(lambda: self._write_twice(everything))  # noqa: B023
            except Exception:
                await self._write_one_by_one(taken)
            else:
                start = 0
                for appends, answer in taken:
                    _settle(answer, outcomes[start : start + len(appends)])
                    start += len(appends)
            self._generation += 1
            self._generations.update({append.log for append in everything})
            self._grown.set()
            self._grown = asyncio.Event()

    def _write_twice(self, appends: Sequence[Append]) -> list[Outcome]:
        try:
            return self._writer.write(appends)
        except sqlite3.Error:
            return self._writer.write(appends)

    async def _write_one_by_one(
        self, taken: Sequence[tuple[Sequence[Append], "asyncio.Future[list[Outcome]]"]]
    ) -> None:
        """A batch that failed twice: whoever can be stored is, the others are told why not."""
        for appends, answer in taken:
            try:
                _settle(answer, await self._in_writer(lambda: self._writer.write(appends)))  # noqa: B023
            except Exception as failure:
                if not answer.done():
                    answer.set_exception(_told(failure))

    async def read_stream(self, stream: str, after_version: int = 0) -> list[StoredEvent]:
        return await self._read(
            f"SELECT {COLUMNS} FROM events WHERE stream = ? AND version > ? ORDER BY version",
            (stream, after_version),
        )

    async def read_streams(self, streams: Collection[str]) -> Mapping[str, list[StoredEvent]]:
        found: dict[str, list[StoredEvent]] = {stream: [] for stream in streams}
        names = list(found)
        for start in range(0, len(names), _IDS_A_QUERY):
            part = names[start : start + _IDS_A_QUERY]
            query = (
                f"SELECT {COLUMNS} FROM events WHERE stream IN ({_marks(part)})"
                " ORDER BY stream, version"
            )
            for event in await self._read(query, part):
                found[event.stream].append(event)
        return found

    async def read_log(
        self, log: str, partition: int, from_offset: int, limit: int, *, as_stored: bool = False
    ) -> list[StoredEvent]:
        recent = None if as_stored else self._recent(log, from_offset, limit)
        if recent is not None:
            return recent
        return await self._read(
            f"SELECT {COLUMNS} FROM events WHERE log = ? AND partition = ? AND log_offset >= ?"
            " ORDER BY log_offset LIMIT ?",
            (log, partition, from_offset, limit),
        )

    def _recent(self, log: str, from_offset: int, limit: int) -> list[StoredEvent] | None:
        """From memory where the latest commits reach back that far; None: ask the file."""
        kept = self._writer.recent.get(log)
        if not kept:
            return None
        try:
            start = from_offset - kept[0].offset
            if start < 0:
                return None
            found = list(islice(kept, start, start + limit))
        except RuntimeError:  # a commit came in between
            return None
        return None if found and found[0].offset != from_offset else found

    async def head(self, log: str, partition: int, *, as_stored: bool = False) -> int:
        if not as_stored:
            return self._writer.heads_of_logs[self._known(log), partition]

        def query(connection: sqlite3.Connection) -> int:
            row = connection.execute(
                "SELECT next_offset FROM logs WHERE log = ? AND partition = ?", (log, partition)
            ).fetchone()
            return int(row[0])

        self._known(log)
        return await self._in_reader(query)

    async def log_id(self, log: str) -> str:
        return self._log_ids[self._known(log)]

    def _known(self, log: str) -> str:
        if log not in self._log_ids:
            raise ValueError(f"no log is named {log}")
        return log

    async def find_events(self, event_ids: Collection[UUID]) -> Mapping[UUID, StoredEvent]:
        wanted = [event_id.bytes for event_id in event_ids]
        found: dict[UUID, StoredEvent] = {}
        for start in range(0, len(wanted), _IDS_A_QUERY):
            part = wanted[start : start + _IDS_A_QUERY]
            query = f"SELECT {COLUMNS} FROM events WHERE event_id IN ({_marks(part)})"
            found.update((each.event_id, each) for each in await self._read(query, part))
        return found

    async def known_events(self, event_ids: Collection[UUID]) -> set[UUID]:
        wanted = [event_id.bytes for event_id in event_ids]

        def query(connection: sqlite3.Connection) -> set[UUID]:
            known: set[UUID] = set()
            for start in range(0, len(wanted), _IDS_A_QUERY):
                part = wanted[start : start + _IDS_A_QUERY]
                rows = connection.execute(
                    f"SELECT event_id FROM events WHERE event_id IN ({_marks(part)})", part
                )
                known.update(UUID(bytes=row[0]) for row in rows)
            return known

        return await self._in_reader(query)

    async def find_command(
        self, tenant_id: str, command_id: str, stream: str | None = None
    ) -> tuple[bytes, Outcome] | None:
        return await self._in_reader(
            lambda connection: find_command(connection, tenant_id, command_id)
        )

    async def load_snapshot(self, stream: str, key: str) -> tuple[int, bytes] | None:
        def query(connection: sqlite3.Connection) -> tuple[int, bytes] | None:
            row = connection.execute(
                "SELECT version, state FROM snapshots WHERE stream = ? AND key = ?", (stream, key)
            ).fetchone()
            return None if row is None else (row[0], row[1])

        return await self._in_reader(query)

    async def save_snapshot(self, stream: str, key: str, version: int, state: bytes) -> None:
        connection = self._writer_connection

        def save() -> None:
            connection.execute(
                "INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?)",
                (stream, key, version, state),
            )

        try:
            await self._in_writer(save)
        except sqlite3.Error as failure:
            raise _told(failure) from failure

    @property
    def generation(self) -> int:
        return self._generation

    def generation_of(self, log: str) -> int:
        return self._generations[log]

    async def wait_beyond(self, generation: int, seconds: float) -> None:
        if self._generation > generation:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):  # wait_for would make a task for each who waits
                await self._grown.wait()

    async def close(self) -> None:
        if self._writing is not None:
            await self._writing
        self._writer_thread.shutdown()
        self._reader_threads.shutdown()
        for connection in self._open_connections:
            connection.close()

    @property
    def _writer_connection(self) -> sqlite3.Connection:
        return self._open_connections[0]

    async def _read(self, query: str, parameters: Sequence[Any]) -> list[StoredEvent]:
        def read(connection: sqlite3.Connection) -> list[StoredEvent]:
            try:
                rows = connection.execute(query, tuple(parameters))
                return [stored_event(row) for row in rows]
            except (ValueError, OverflowError, TypeError) as flaw:
                raise UnreadableEvent(f"a stored event cannot be read: {flaw}") from flaw
            except sqlite3.OperationalError as flaw:
                if "decode to UTF-8" not in str(flaw):
                    raise
                raise UnreadableEvent(f"a stored event cannot be read: {flaw}") from flaw

        return await self._in_reader(read)

    async def _in_reader(self, query: Callable[[sqlite3.Connection], T]) -> T:
        def run() -> T:
            connection = getattr(self._local, "connection", None)
            if connection is None:
                connection = self._local.connection = self._connect()
            return query(connection)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._reader_threads, run)
        except sqlite3.DatabaseError as failure:
            raise StoreAway(f"the event store cannot be read: {failure}") from failure

    async def _in_writer(self, write: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._writer_thread, write)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path, timeout=10, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        self._open_connections.append(connection)
        return connection


def _told(failure: Exception) -> Exception:
    """A store that cannot be written passes; a row that must not be is somebody's bug."""
    if isinstance(failure, sqlite3.Error) and not isinstance(failure, sqlite3.IntegrityError):
        return StoreAway(f"the event store cannot be written: {failure}")
    return failure


def _settle(answer: "asyncio.Future[list[Outcome]]", outcomes: list[Outcome]) -> None:
    if not answer.done():
        answer.set_result(outcomes)


def _marks(values: Sequence[object]) -> str:
    return ", ".join("?" * len(values))
