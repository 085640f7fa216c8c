"""Boards and the log as files: CSV, NDJSON, and XES for process-mining tools (G4)."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

from services.projections.domain.event_log import HEAD, TAIL, LoggedEvent, trace
from services.projections.queries.asking import Asker, Question
from services.projections.queries.boards import board
from shared.envelope import StoredEvent
from shared.errors import PoisonMessage
from shared.event_log_api import read_events, shown_to_outsiders
from shared.ports import Ports
from shared.tables import CSV, NDJSON, columns_of, csv_file, csv_stream, ndjson_line

XES = "application/xml"
MEDIA_TYPES = {"csv": CSV, "ndjson": NDJSON, "xes": XES}
TABLE_FORMATS = ("csv", "ndjson")
_STREAMS_AT_ONCE = 500
_EVENTS_AT_ONCE = 1_000
_LOG = "opportunities"
_CASE = "opportunity"
_EVENT_COLUMNS = (
    "event_id",
    "type",
    "stream",
    "version",
    "occurred_at",
    "recorded_at",
    "actor_id",
    "origin",
    "correlation_id",
    "causation_id",
    "data",
)


async def board_as_file(
    ports: Ports, asker: Asker, name: str, question: Question, as_format: str
) -> bytes:
    """All rows. Raises as the board does. Rows within rows stand in a CSV cell as JSON."""
    answer = await board(ports, asker, name, replace(question, limit=None, cursor=None))
    rows: Sequence[dict[str, Any]] = answer["rows"]
    if as_format == "csv":
        return csv_file(rows, columns_of(rows))
    return b"".join(ndjson_line(row) for row in rows)


def events_as_file(ports: Ports, tenant_id: str, as_format: str) -> AsyncIterator[bytes]:
    """The log, opened as auditors see it; in XES the opportunities without personal data."""
    if as_format == "xes":
        return _event_log(ports, tenant_id)
    events = read_events(ports.event_store, ports.codec, tenant_id=tenant_id)
    return csv_stream(events, _EVENT_COLUMNS) if as_format == "csv" else _lines(events)


async def _lines(events: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    async for event in events:
        yield ndjson_line(event)


async def _event_log(ports: Ports, tenant_id: str) -> AsyncIterator[bytes]:
    """A trace a case, cases in the order in which they were first recorded."""
    yield HEAD.encode()
    streams = await _cases(ports, tenant_id)
    for start in range(0, len(streams), _STREAMS_AT_ONCE):
        found = await ports.event_store.read_streams(streams[start : start + _STREAMS_AT_ONCE])
        for stream, stored in found.items():
            logged = [await _logged(ports, each) for each in stored]
            yield trace(stream.rsplit("/", 1)[1], logged).encode()
    yield TAIL.encode()


async def _cases(ports: Ports, tenant_id: str) -> list[str]:
    store, prefix = ports.event_store, f"{tenant_id}/{_CASE}/"
    streams: list[str] = []
    for partition in range(store.partitions):
        offset = 0
        while events := await store.read_log(_LOG, partition, offset, _EVENTS_AT_ONCE):
            offset = events[-1].offset + 1
            streams += (
                each.stream
                for each in events
                if each.version == 1 and each.stream.startswith(prefix)
            )
    return streams


async def _logged(ports: Ports, stored: StoredEvent) -> LoggedEvent:
    """What cannot be decoded is there by its name and time."""
    try:
        event = await shown_to_outsiders(ports.codec, stored, personal_fields=False)
    except PoisonMessage:
        event = {"data": {}}
    return LoggedEvent(
        name=stored.type.split(".")[1],
        event_id=str(stored.event_id),
        occurred_at=stored.occurred_at,
        actor_id=stored.actor_id,
        data=event["data"],
    )
