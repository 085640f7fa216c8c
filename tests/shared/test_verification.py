"""Tampering is found, whatever byte it touched, and the first bad event is named."""

import sqlite3
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.envelope import EncodedEvent, Envelope, StoredEvent
from shared.event_store import Append, EventStore, UnreadableEvent
from shared.integrity import Tampering, event_hash, tampering
from shared.verification import verify
from tests.contracts.event_stores import (
    LOGS,
    NOW,
    SettableClock,
    an_append,
    event_id,
    open_sqlite,
)

TARGET = 5
"""Offset of the event that is tampered with: the second of its stream, with others around it."""

TEXTS = (
    "stream",
    "type",
    "tenant_id",
    "actor_id",
    "origin",
    "correlation_id",
    "causation_id",
    "command_id",
    "trace_context",
)
BLOBS = ("payload", "hash", "event_id")
NUMBERS = ("version", "schema_version", "occurred_at", "sent_at", "entered_at", "recorded_at")
OPTIONAL = ("actor_id", "raw_occurred_at", "causation_id", "trace_context", "sent_at", "entered_at")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EventStore]:
    """Twelve events of three streams in turn, recorded a second apart, and two in another log."""
    clock = SettableClock()
    opened = await open_sqlite(tmp_path, clock)
    for number in range(12):
        clock.move(seconds=1)
        envelope = Envelope(
            tenant_id="acme",
            actor_id="p1",
            occurred_at=NOW,
            origin="live",
            correlation_id="c1",
            causation_id="e0",
            command_id=f"p1:k{number}",
            raw_occurred_at=None,
            sent_at=NOW,
            entered_at=NOW,
            trace_context="00-01",
        )
        payload = b'{"number": %d}' % number
        event = EncodedEvent(event_id(number), "test.happened.v1", 1, payload, envelope)
        stream = f"acme/opportunity/O{number % 3}"
        await opened.append([Append("opportunities", stream, number // 3, [event])])
    await opened.append([an_append("acme/lead/L1", 0, 100, 101, log="leads")])
    yield opened
    await opened.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


def execute(file: Path, statement: str, *values: Any) -> None:
    connection = sqlite3.connect(file)
    connection.execute(statement, values)
    connection.commit()
    connection.close()


def original(file: Path, column: str) -> Any:
    connection = sqlite3.connect(file)
    query = f"SELECT {column} FROM events WHERE log = 'opportunities' AND log_offset = ?"
    [value] = connection.execute(query, (TARGET,)).fetchone()
    connection.close()
    return value


async def flaw_after(store: EventStore, file: Path, column: str, value: Any) -> Tampering | None:
    """Put a value in the target row, verify, put the right one back."""
    for index in ("events_by_id", "events_by_stream"):  # as whoever tampers would
        execute(file, f"DROP INDEX IF EXISTS {index}")
    before = original(file, column)
    rowid = original(file, "rowid")
    kind = "TEXT" if isinstance(before, str) else "BLOB"
    cast = f"CAST(? AS {kind})" if isinstance(value, bytes) else "?"
    execute(file, f"UPDATE events SET {column} = {cast} WHERE rowid = ?", value, rowid)
    found = await verify(store, LOGS)
    execute(file, f"UPDATE events SET {column} = ? WHERE rowid = ?", before, rowid)
    assert len(found) <= 1
    return found[0] if found else None


def changed_bytes(value: bytes) -> list[bytes]:
    """Each byte changed once in its lowest and once in its highest bit."""
    return [
        value[:at] + bytes([value[at] ^ bit]) + value[at + 1 :]
        for at in range(len(value))
        for bit in (0x01, 0x80)
    ]


async def test_an_untouched_store_verifies(store: EventStore) -> None:
    looked_at: list[int] = []
    assert await verify(store, LOGS, looked_at.append) == []
    assert looked_at == [12, 14]


@pytest.mark.parametrize("column", [*TEXTS, *BLOBS])
async def test_every_changed_byte_is_found_and_its_event_named(
    store: EventStore, file: Path, column: str
) -> None:
    value = original(file, column)
    stored = value.encode() if isinstance(value, str) else value
    for changed in changed_bytes(stored):
        found = await flaw_after(store, file, column, changed)
        assert found is not None, changed
        assert found.position == ("opportunities", 0, TARGET)
    assert await verify(store, LOGS) == []


@pytest.mark.parametrize("column", NUMBERS)
async def test_every_changed_byte_of_a_number_is_found(
    store: EventStore, file: Path, column: str
) -> None:
    value = original(file, column).to_bytes(8, "big", signed=True)
    for changed in changed_bytes(value):
        number = int.from_bytes(changed, "big", signed=True)
        found = await flaw_after(store, file, column, number)
        assert found is not None, number
        assert found.position == ("opportunities", 0, TARGET)


@pytest.mark.parametrize("column", OPTIONAL)
async def test_absent_is_not_the_same_as_empty(store: EventStore, file: Path, column: str) -> None:
    absent = original(file, column) is None
    empty: Any = 0 if column.endswith("_at") else ""
    for value in {None, empty} - ({None} if absent else set()):
        assert await flaw_after(store, file, column, value) is not None


@pytest.mark.parametrize(("column", "value"), [("log", "leads"), ("partition", 1)])
async def test_an_event_moved_out_of_its_log_is_missed(
    store: EventStore, file: Path, column: str, value: Any
) -> None:
    rowid = original(file, "rowid")
    execute(file, f"UPDATE events SET {column} = ? WHERE rowid = ?", value, rowid)
    first = (await verify(store, LOGS))[0]
    assert first.position == ("opportunities", 0, TARGET)
    assert first.reason == "an event is missing at this position"


@pytest.mark.parametrize("offset", range(12))
async def test_a_removed_event_is_missed_the_last_one_too(
    store: EventStore, file: Path, offset: int
) -> None:
    execute(file, "DELETE FROM events WHERE log = 'opportunities' AND log_offset = ?", offset)
    [found] = await verify(store, LOGS)
    assert found.position == ("opportunities", 0, offset)
    assert (found.event_id, found.stream) == (None, None)


async def test_a_removed_event_whose_gap_was_closed_is_missed(
    store: EventStore, file: Path
) -> None:
    execute(file, "DELETE FROM events WHERE log = 'opportunities' AND log_offset = ?", TARGET)
    for offset in range(TARGET + 1, 12):
        execute(
            file,
            "UPDATE events SET log_offset = log_offset - 1"
            " WHERE log = 'opportunities' AND log_offset = ?",
            offset,
        )
    execute(file, "UPDATE logs SET next_offset = 11 WHERE log = 'opportunities'")
    [found] = await verify(store, LOGS)
    assert found.stream == f"acme/opportunity/O{TARGET % 3}"
    assert found.event_id == event_id(TARGET + 3)


@pytest.mark.parametrize("other", [TARGET + 1, TARGET + 3])
async def test_swapped_events_are_found(store: EventStore, file: Path, other: int) -> None:
    for before, after in ((TARGET, 99), (other, TARGET), (99, other)):
        execute(file, "UPDATE events SET log_offset = ? WHERE log_offset = ?", after, before)
    first = (await verify(store, LOGS))[0]
    assert first.position.offset in (TARGET, TARGET + 1)


@pytest.mark.parametrize("count", [0, 11, 13])
async def test_a_changed_count_is_found(store: EventStore, file: Path, count: int) -> None:
    execute(file, "UPDATE logs SET next_offset = ? WHERE log = 'opportunities'", count)
    [found] = await verify(store, LOGS)
    assert found.reason == f"the log ends here but counted {count} events"


async def test_every_log_with_a_flaw_is_told_with_its_first(store: EventStore, file: Path) -> None:
    execute(file, "UPDATE events SET payload = x'00' WHERE log_offset IN (1, 4, 7)")
    found = await verify(store, LOGS)
    assert [flaw.position for flaw in found] == [("opportunities", 0, 1), ("leads", 0, 1)]
    assert [flaw.event_id for flaw in found] == [event_id(1), event_id(101)]


async def test_the_batches_of_a_long_log_are_one_chain(
    store: EventStore, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.verification._BATCH", 5)
    looked_at: list[int] = []
    assert await verify(store, LOGS, looked_at.append) == []
    assert looked_at == [5, 10, 12, 14]
    execute(file, "UPDATE events SET origin = 'demo' WHERE log_offset = 11")
    [found] = await verify(store, LOGS)
    assert found.event_id == event_id(11)


async def test_what_is_appended_meanwhile_is_looked_at_too(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_log = store.read_log
    pending = [an_append("acme/opportunity/new", 0, 200)]

    async def reading_while_others_append(*position: Any, **kwargs: Any) -> list[StoredEvent]:
        if pending:
            await store.append([pending.pop()])
        return await read_log(*position, **kwargs)

    monkeypatch.setattr(store, "read_log", reading_while_others_append)
    looked_at: list[int] = []
    assert await verify(store, LOGS, looked_at.append) == []
    assert looked_at[-1] == 15


async def test_a_row_that_cannot_be_read_is_named_among_good_ones(
    store: EventStore, file: Path
) -> None:
    execute(file, "UPDATE events SET event_id = x'00' WHERE log_offset = 7")
    with pytest.raises(UnreadableEvent):
        await store.read_log("opportunities", 0, 0, 100, as_stored=True)
    [found] = await verify(store, LOGS)
    assert found.position == ("opportunities", 0, 7)


# -------------------------------------------------------------------------------- the pure part


def forged(change: Callable[[StoredEvent], StoredEvent], event: StoredEvent) -> StoredEvent:
    """A change whose maker knows how to hash, but not what comes after."""
    after = change(event)
    return after._replace(hash=event_hash(b"", after))


async def test_a_rehashed_change_breaks_what_comes_after_it(store: EventStore) -> None:
    events = await store.read_log("opportunities", 0, 0, 100)
    events[0] = forged(lambda event: event._replace(payload=b"{}"), events[0])
    found = tampering(events, "opportunities", 0, 12)
    assert found is not None
    assert found.event_id == event_id(3)


async def test_times_that_go_back_are_found(store: EventStore) -> None:
    events = await store.read_log("opportunities", 0, 0, 100)
    earlier = events[0].recorded_at - timedelta(hours=1)
    events[2] = forged(lambda event: event._replace(recorded_at=earlier), events[2])
    found = tampering(events[:3], "opportunities", 0, 3)
    assert found is not None
    assert found.reason == "it was recorded before the event that it follows"
