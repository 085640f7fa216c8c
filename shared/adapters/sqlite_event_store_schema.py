"""Tables of the embedded event store and how its rows read as events."""

from datetime import datetime
from typing import Any
from uuid import UUID

from shared.clock import milliseconds, moment
from shared.envelope import StoredEvent

SCHEMA_VERSION = 1

SCHEMA = """
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS logs (
    log TEXT NOT NULL, partition INTEGER NOT NULL, log_id TEXT NOT NULL,
    next_offset INTEGER NOT NULL, PRIMARY KEY (log, partition)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS tenant_clocks (
    log TEXT NOT NULL, partition INTEGER NOT NULL, tenant_id TEXT NOT NULL,
    recorded_at INTEGER NOT NULL, PRIMARY KEY (log, partition, tenant_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
    log TEXT NOT NULL, partition INTEGER NOT NULL, log_offset INTEGER NOT NULL,
    stream TEXT NOT NULL, version INTEGER NOT NULL, event_id BLOB NOT NULL,
    type TEXT NOT NULL, schema_version INTEGER NOT NULL,
    tenant_id TEXT NOT NULL, actor_id TEXT,
    occurred_at INTEGER NOT NULL, raw_occurred_at INTEGER, sent_at INTEGER, entered_at INTEGER,
    origin TEXT NOT NULL, recorded_at INTEGER NOT NULL,
    correlation_id TEXT NOT NULL, causation_id TEXT, command_id TEXT, trace_context TEXT,
    payload BLOB NOT NULL, hash BLOB NOT NULL);
CREATE UNIQUE INDEX IF NOT EXISTS events_by_position ON events (log, partition, log_offset);
CREATE UNIQUE INDEX IF NOT EXISTS events_by_stream ON events (stream, version);
CREATE UNIQUE INDEX IF NOT EXISTS events_by_id ON events (event_id);
CREATE TABLE IF NOT EXISTS commands (
    tenant_id TEXT NOT NULL, command_id TEXT NOT NULL, digest BLOB NOT NULL,
    version INTEGER NOT NULL, log TEXT, partition INTEGER, log_offset INTEGER,
    event_ids BLOB NOT NULL, answer BLOB NOT NULL,
    PRIMARY KEY (tenant_id, command_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS snapshots (
    stream TEXT NOT NULL, key TEXT NOT NULL, version INTEGER NOT NULL, state BLOB NOT NULL,
    PRIMARY KEY (stream, key)) WITHOUT ROWID;
"""

COLUMNS = (
    "log, partition, log_offset, stream, version, event_id, type, schema_version, tenant_id,"
    " actor_id, occurred_at, raw_occurred_at, sent_at, entered_at, origin, recorded_at,"
    " correlation_id, causation_id, command_id, trace_context, payload, hash"
)

INSERT_EVENT = f"INSERT INTO events ({COLUMNS}) VALUES ({', '.join('?' * 22)})"


def _moment_or_none(value: int | None) -> datetime | None:
    return None if value is None else moment(value)


def _milliseconds_or_none(value: datetime | None) -> int | None:
    return None if value is None else milliseconds(value)


def stored_event(row: tuple[Any, ...]) -> StoredEvent:
    return StoredEvent._make(
        (
            *row[:5],
            UUID(bytes=row[5]),
            *row[6:10],
            moment(row[10]),
            _moment_or_none(row[11]),
            _moment_or_none(row[12]),
            _moment_or_none(row[13]),
            row[14],
            moment(row[15]),
            *row[16:],
        )
    )


def event_row(event: StoredEvent) -> tuple[Any, ...]:
    return (
        *event[:5],
        event.event_id.bytes,
        *event[6:10],
        milliseconds(event.occurred_at),
        _milliseconds_or_none(event.raw_occurred_at),
        _milliseconds_or_none(event.sent_at),
        _milliseconds_or_none(event.entered_at),
        event.origin,
        milliseconds(event.recorded_at),
        *event[16:],
    )
