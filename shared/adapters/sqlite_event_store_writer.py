"""The writing half of the embedded event store: one transaction for whatever has queued up."""

import sqlite3
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

from shared.adapters.sqlite_event_store_schema import INSERT_EVENT, event_row
from shared.clock import Clock, milliseconds, moment
from shared.envelope import EncodedEvent, Position, StoredEvent
from shared.event_store import Append, CommandRecord, Outcome, Verdict
from shared.integrity import NO_HASH, event_hash

_PARTITION = 0
_HEADS_KEPT = 200_000
RECENT_EVENTS = 10_000


class CommitInProgress:
    """What one transaction has decided so far; kept by the writer only when it commits."""

    def __init__(self, now: int) -> None:
        self.now = now
        self.events: list[StoredEvent] = []
        self.heads: dict[str, tuple[int, bytes]] = {}
        self.offsets: dict[tuple[str, int], int] = {}
        self.clocks: dict[tuple[str, int, str], int] = {}
        self.recorded_at: dict[tuple[str, int, str], datetime] = {}
        self.rows: list[tuple[object, ...]] = []
        self.commands: dict[tuple[str, str], tuple[CommandRecord, Outcome]] = {}


class SqliteEventWriter:
    """Owns the writing connection; used by one thread at a time. All streams: `partition` 0."""

    def __init__(self, connection: sqlite3.Connection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._heads: dict[str, tuple[int, bytes]] = {}
        rows = connection.execute("SELECT log, partition, next_offset FROM logs")
        self.heads_of_logs: dict[tuple[str, int], int] = {
            (log, partition): offset for log, partition, offset in rows
        }
        self._clocks: dict[tuple[str, int, str], int] = {}
        self.recent: dict[str, deque[StoredEvent]] = {}
        """The latest committed events of each log: subscriptions that keep up read no rows."""

    def write(self, appends: Sequence[Append]) -> list[Outcome]:
        """One transaction. Raises sqlite3.Error with everything rolled back."""
        commit = CommitInProgress(milliseconds(self._clock()))
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            outcomes = [self._take(append, commit) for append in appends]
            self._store(commit)
            self._connection.execute("COMMIT")
        except BaseException:
            self._connection.rollback()
            raise
        if len(self._heads) > _HEADS_KEPT:
            self._heads.clear()
        self._heads.update(commit.heads)
        self.heads_of_logs.update(commit.offsets)
        self._clocks.update(commit.clocks)
        for event in commit.events:
            self.recent.setdefault(event.log, deque(maxlen=RECENT_EVENTS)).append(event)
        return outcomes

    def _take(self, append: Append, commit: CommitInProgress) -> Outcome:
        command = append.command
        if command is not None:
            known = self._remembered(command, commit)
            if known is not None:
                return known
        version, previous = self._head(append.stream, commit)
        if version != append.expected_version:
            return Outcome(Verdict.CONFLICT, version, None, (), b"")
        position: Position | None = None
        for event in append.events:
            version += 1
            stored = self._add(append, event, version, previous, commit)
            position, previous = stored.position, stored.hash
        if append.events:
            commit.heads[append.stream] = (version, previous)
        ids = tuple(event.event_id for event in append.events)
        answer = b"" if command is None else command.answer
        outcome = Outcome(Verdict.DONE, version, position, ids, answer)
        if command is not None:
            commit.commands[command.tenant_id, command.command_id] = (command, outcome)
        return outcome

    def _add(
        self,
        append: Append,
        event: EncodedEvent,
        version: int,
        previous: bytes,
        commit: CommitInProgress,
    ) -> StoredEvent:
        envelope = event.envelope
        unhashed = (
            append.log,
            _PARTITION,
            self._next_offset(append.log, commit),
            append.stream,
            version,
            event.event_id,
            event.type,
            event.schema_version,
            envelope.tenant_id,
            envelope.actor_id,
            envelope.occurred_at,
            envelope.raw_occurred_at,
            envelope.sent_at,
            envelope.entered_at,
            envelope.origin,
            self._recorded_at(append.log, envelope.tenant_id, commit),
            envelope.correlation_id,
            envelope.causation_id,
            envelope.command_id,
            envelope.trace_context,
            event.payload,
        )
        digest = event_hash(previous, StoredEvent._make((*unhashed, NO_HASH)))
        stored = StoredEvent._make((*unhashed, digest))
        commit.rows.append(event_row(stored))
        commit.events.append(stored)
        return stored

    def _remembered(self, command: CommandRecord, commit: CommitInProgress) -> Outcome | None:
        key = (command.tenant_id, command.command_id)
        if key in commit.commands:
            first, outcome = commit.commands[key]
            digest = first.digest
        else:
            found = find_command(self._connection, *key)
            if found is None:
                return None
            digest, outcome = found
        if digest != command.digest:
            return Outcome(Verdict.KEY_REUSED, 0, None, (), b"")
        return outcome._replace(verdict=Verdict.DUPLICATE)

    def _head(self, stream: str, commit: CommitInProgress) -> tuple[int, bytes]:
        known = commit.heads.get(stream) or self._heads.get(stream)
        if known is not None:
            return known
        row = self._connection.execute(
            "SELECT version, hash FROM events WHERE stream = ? ORDER BY version DESC LIMIT 1",
            (stream,),
        ).fetchone()
        return (0, NO_HASH) if row is None else (row[0], row[1])

    def _next_offset(self, log: str, commit: CommitInProgress) -> int:
        key = (log, 0)
        offset = commit.offsets.get(key)
        if offset is None:
            offset = self.heads_of_logs[key]
        commit.offsets[key] = offset + 1
        return offset

    def _recorded_at(self, log: str, tenant_id: str, commit: CommitInProgress) -> datetime:
        """The store's clock, never before what the tenant's part of the log shows already."""
        key = (log, _PARTITION, tenant_id)
        known = commit.recorded_at.get(key)
        if known is not None:
            return known
        last = self._clocks.get(key)
        if last is None:
            row = self._connection.execute(
                "SELECT recorded_at FROM tenant_clocks"
                " WHERE log = ? AND partition = ? AND tenant_id = ?",
                key,
            ).fetchone()
            last = 0 if row is None else row[0]
        commit.clocks[key] = max(last, commit.now)
        commit.recorded_at[key] = moment(commit.clocks[key])
        return commit.recorded_at[key]

    def _store(self, commit: CommitInProgress) -> None:
        execute_many = self._connection.executemany
        execute_many(INSERT_EVENT, commit.rows)
        execute_many(
            "UPDATE logs SET next_offset = ? WHERE log = ? AND partition = ?",
            [(offset, *key) for key, offset in commit.offsets.items()],
        )
        execute_many(
            "INSERT OR REPLACE INTO tenant_clocks VALUES (?, ?, ?, ?)",
            [(*key, at) for key, at in commit.clocks.items()],
        )
        execute_many(
            "INSERT INTO commands VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [_command_row(command, outcome) for command, outcome in commit.commands.values()],
        )


def _command_row(command: CommandRecord, outcome: Outcome) -> tuple[object, ...]:
    position = outcome.position or (None, None, None)
    ids = b"".join(event_id.bytes for event_id in outcome.event_ids)
    return (
        command.tenant_id,
        command.command_id,
        command.digest,
        outcome.version,
        *position,
        ids,
        command.answer,
    )


def find_command(
    connection: sqlite3.Connection, tenant_id: str, command_id: str
) -> tuple[bytes, Outcome] | None:
    row = connection.execute(
        "SELECT digest, version, log, partition, log_offset, event_ids, answer FROM commands"
        " WHERE tenant_id = ? AND command_id = ?",
        (tenant_id, command_id),
    ).fetchone()
    if row is None:
        return None
    digest, version, log, partition, offset, ids, answer = row
    position = None if log is None else Position(log, partition, offset)
    return digest, Outcome(Verdict.DUPLICATE, version, position, tuple(_event_ids(ids)), answer)


def _event_ids(joined: bytes) -> Iterable[UUID]:
    return (UUID(bytes=joined[start : start + 16]) for start in range(0, len(joined), 16))
