"""Statements and rows of the event store on PostgreSQL; one schema a log, named like it."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from shared.clock import milliseconds, moment
from shared.envelope import Position, StoredEvent
from shared.event_store import CommandRecord, Outcome, UnreadableEvent, Verdict

_EVENT_TYPES = {
    "partition": "integer",
    "log_offset": "bigint",
    "stream": "text",
    "version": "integer",
    "event_id": "uuid",
    "type": "text",
    "schema_version": "integer",
    "tenant_id": "text",
    "actor_id": "text",
    "occurred_at": "bigint",
    "raw_occurred_at": "bigint",
    "sent_at": "bigint",
    "entered_at": "bigint",
    "origin": "text",
    "recorded_at": "bigint",
    "correlation_id": "text",
    "causation_id": "text",
    "command_id": "text",
    "trace_context": "text",
    "payload": "bytea",
    "hash": "bytea",
}
_COMMAND_TYPES = {
    "tenant_id": "text",
    "command_id": "text",
    "digest": "bytea",
    "version": "integer",
    "partition": "integer",
    "log_offset": "bigint",
    "event_ids": "bytea",
    "answer": "bytea",
}
_COUNTER_TYPES = {"partition": "integer", "next_offset": "bigint", "recorded_at": "bigint"}

EVENT_COLUMNS = tuple(_EVENT_TYPES)
COMMAND_COLUMNS = tuple(_COMMAND_TYPES)
EVENT_WIDTH = len(EVENT_COLUMNS)
COMMAND_WIDTH = len(COMMAND_COLUMNS)
COUNTER_WIDTH = len(_COUNTER_TYPES)


class LogStatements:
    """What is asked of one log, written once: prepared by every connection that uses it."""

    def __init__(self, log: str) -> None:
        schema = f'"{log}"'
        self.select_events = (
            f"SELECT '{log}' AS log, {', '.join(EVENT_COLUMNS)} FROM {schema}.events"
        )
        self.lock = (
            f"SELECT partition, next_offset, recorded_at FROM {schema}.partitions"
            " WHERE partition = ANY($1::integer[]) ORDER BY partition FOR UPDATE"
        )
        self.lock_free = f"{self.lock} SKIP LOCKED"
        self.heads = (
            "SELECT asked.stream, last.version, last.hash FROM unnest($1::text[]) AS asked(stream)"
            f" CROSS JOIN LATERAL (SELECT version, hash FROM {schema}.events"
            " WHERE events.stream = asked.stream ORDER BY version DESC LIMIT 1) AS last"
        )
        self.commands = (
            f"SELECT {', '.join(f'known.{name}' for name in _COMMAND_TYPES)}"
            " FROM unnest($1::text[], $2::text[]) AS asked(tenant_id, command_id)"
            f" JOIN {schema}.commands AS known USING (tenant_id, command_id)"
        )
        self.store = _store_statement(schema)
        self.count = _count_statement(schema, 1)
        self.is_stored = f"SELECT 1 FROM {schema}.events WHERE event_id = $1 AND hash = $2"
        self.is_remembered = (
            f"SELECT 1 FROM {schema}.commands WHERE tenant_id = $1 AND command_id = $2"
            " AND event_ids = $3 AND digest = $4"
        )
        self.head = f"SELECT next_offset FROM {schema}.partitions WHERE partition = $1"
        self.log_heads = f"SELECT next_offset FROM {schema}.partitions ORDER BY partition"
        self.read = (
            f"{self.select_events} WHERE partition = $1 AND log_offset >= $2"
            " ORDER BY log_offset LIMIT $3"
        )
        self.tick = (
            f"UPDATE {schema}.partitions SET recorded_at = greatest(recorded_at, $2)"
            " WHERE partition = $1 RETURNING recorded_at"
        )
        self.find_commands = f"SELECT '{log}' AS log, {self.commands.removeprefix('SELECT ')}"
        self.save_snapshot = (
            f"INSERT INTO {schema}.snapshots VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (stream, key) DO UPDATE SET version = excluded.version,"
            " state = excluded.state"
        )
        self.load_snapshot = (
            f"SELECT version, state FROM {schema}.snapshots WHERE stream = $1 AND key = $2"
        )
        self.total = f"SELECT '{log}', coalesce(sum(next_offset), 0) FROM {schema}.partitions"


def _store_statement(schema: str) -> str:
    """Events, commands and counters of a commit: $1… columns as arrays, in the order above."""
    events = _arrays(_EVENT_TYPES, 1)
    commands = _arrays(_COMMAND_TYPES, 1 + EVENT_WIDTH)
    return (
        f"WITH stored AS (INSERT INTO {schema}.events ({', '.join(EVENT_COLUMNS)})"
        f" SELECT * FROM unnest({events})),"
        f" remembered AS (INSERT INTO {schema}.commands ({', '.join(COMMAND_COLUMNS)})"
        f" SELECT * FROM unnest({commands}))"
        f" {_count_statement(schema, 1 + EVENT_WIDTH + COMMAND_WIDTH)}"
    )


def _count_statement(schema: str, first: int) -> str:
    return (
        f"UPDATE {schema}.partitions AS counted SET next_offset = now.next_offset,"
        " recorded_at = now.recorded_at"
        f" FROM unnest({_arrays(_COUNTER_TYPES, first)})"
        f" AS now({', '.join(_COUNTER_TYPES)}) WHERE counted.partition = now.partition"
    )


def _arrays(types: dict[str, str], first: int) -> str:
    return ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(types.values(), first))


def columns_of(rows: Sequence[tuple[Any, ...]], width: int) -> list[Sequence[Any]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width


def event_row(event: StoredEvent) -> tuple[Any, ...]:
    return (
        *event[1:10],
        milliseconds(event.occurred_at),
        _milliseconds_or_none(event.raw_occurred_at),
        _milliseconds_or_none(event.sent_at),
        _milliseconds_or_none(event.entered_at),
        event.origin,
        milliseconds(event.recorded_at),
        *event[16:],
    )


def stored_events(rows: Iterable[Any]) -> list[StoredEvent]:
    """Raises UnreadableEvent."""
    try:
        return [_stored_event(tuple(row)) for row in rows]
    except (ValueError, OverflowError, TypeError) as flaw:
        raise UnreadableEvent(f"a stored event cannot be read: {flaw}") from flaw


def _stored_event(row: tuple[Any, ...]) -> StoredEvent:
    return StoredEvent._make(
        (
            *row[:10],
            moment(row[10]),
            _moment_or_none(row[11]),
            _moment_or_none(row[12]),
            _moment_or_none(row[13]),
            row[14],
            moment(row[15]),
            *row[16:],
        )
    )


def command_row(command: CommandRecord, outcome: Outcome) -> tuple[Any, ...]:
    position = outcome.position
    return (
        command.tenant_id,
        command.command_id,
        command.digest,
        outcome.version,
        None if position is None else position.partition,
        None if position is None else position.offset,
        b"".join(event_id.bytes for event_id in outcome.event_ids),
        command.answer,
    )


def remembered(log: str, row: Sequence[Any]) -> tuple[bytes, Outcome]:
    """Digest and first outcome of a row of the commands."""
    _tenant, _command, digest, version, partition, offset, ids, answer = row
    position = None if partition is None else Position(log, partition, offset)
    event_ids = tuple(UUID(bytes=ids[at : at + 16]) for at in range(0, len(ids), 16))
    return digest, Outcome(Verdict.DUPLICATE, version, position, event_ids, answer)


def _moment_or_none(value: int | None) -> datetime | None:
    return None if value is None else moment(value)


def _milliseconds_or_none(value: datetime | None) -> int | None:
    return None if value is None else milliseconds(value)
