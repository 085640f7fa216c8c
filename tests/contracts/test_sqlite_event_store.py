"""What only a file can suffer: a full disk, a newer format, damage."""

import asyncio
import resource
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from shared.data_folder import DataIsNewer
from shared.errors import StoreAway
from shared.event_store import Append, EventStore, UnreadableEvent, Verdict
from tests.contracts.event_stores import NOW, an_append, an_event, open_sqlite

STREAM = "acme/opportunity/O1"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[EventStore]:
    opened = await open_sqlite(tmp_path, lambda: NOW)
    yield opened
    await opened.close()


@contextmanager
def full_disk(folder: Path) -> Iterator[None]:
    """No file of this process may grow beyond the largest one of the folder, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    largest = max(file.stat().st_size for file in folder.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def large(number: int) -> Append:
    stream = f"acme/opportunity/L{number}"
    return Append("opportunities", stream, 0, [an_event(number, payload=b"x" * 300_000)])


async def test_on_a_full_disk_what_was_answered_stays_and_the_rest_is_told(
    store: EventStore, tmp_path: Path
) -> None:
    await store.append([an_append(STREAM, 0, 1)])
    with full_disk(tmp_path):
        with pytest.raises(StoreAway):
            await store.append([large(2)])
        assert [event.event_id.int for event in await store.read_stream(STREAM)] == [1]
    [later] = await store.append([large(2)])
    [further] = await store.append([an_append(STREAM, 1, 3)])
    assert (later.verdict, further.verdict) == (Verdict.DONE, Verdict.DONE)
    numbers = [event.event_id.int for event in await store.read_log("opportunities", 0, 0, 10)]
    assert numbers == [1, 2, 3]
    assert await store.head("opportunities", 0) == 3


async def test_of_many_on_a_full_disk_everyone_gets_an_answer_that_is_true(
    store: EventStore, tmp_path: Path
) -> None:
    await store.append([large(1)])
    with full_disk(tmp_path):
        appends = [large(2), *(an_append(f"acme/opportunity/O{n}", 0, n) for n in range(3, 30))]
        answers = await asyncio.gather(
            *(store.append([each]) for each in appends), return_exceptions=True
        )
    stored = await store.read_log("opportunities", 0, 0, 100)
    told_done = {
        append.events[0].event_id
        for append, answer in zip(appends, answers, strict=True)
        if not isinstance(answer, BaseException)
    }
    assert isinstance(answers[0], StoreAway)
    assert {event.event_id for event in stored[1:]} == told_done
    assert [event.offset for event in stored] == list(range(len(stored)))


async def test_a_snapshot_on_a_full_disk_is_refused_like_an_append(
    store: EventStore, tmp_path: Path
) -> None:
    with full_disk(tmp_path), pytest.raises(StoreAway):
        await store.save_snapshot(STREAM, "opportunity.v1", 500, b"x" * 300_000)


async def test_a_file_of_a_newer_version_is_refused_untouched(tmp_path: Path) -> None:
    store = await open_sqlite(tmp_path, lambda: NOW)
    await store.append([an_append(STREAM, 0, 1)])
    await store.close()
    file = tmp_path / "events.db"
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(DataIsNewer, match="newer version"):
        await open_sqlite(tmp_path, lambda: NOW)
    assert file.read_bytes() == before
    assert names_in(tmp_path) == ["events.db"]


async def test_a_row_that_is_no_event_any_more_is_said_to_be_unreadable(
    store: EventStore, tmp_path: Path
) -> None:
    await store.append([an_append(STREAM, 0, 1, 2)])
    damages = (
        "type = CAST(x'FF74' AS TEXT)",
        "occurred_at = 9223372036854775807",
        "event_id = x'00'",
    )
    for damage in damages:
        connection = sqlite3.connect(tmp_path / "events.db")
        connection.execute(f"UPDATE events SET {damage} WHERE version = 2")
        connection.commit()
        connection.close()
        with pytest.raises(UnreadableEvent):
            await store.read_stream(STREAM)
    assert len(await store.read_log("opportunities", 0, 0, 1)) == 1


async def test_a_bug_of_one_caller_is_told_to_that_caller_only(store: EventStore) -> None:
    wrong, right = await asyncio.gather(
        store.append([an_append(STREAM, 0, 1, log="weather")]),
        store.append([an_append(STREAM, 0, 2)]),
        return_exceptions=True,
    )
    assert isinstance(wrong, Exception)
    assert not isinstance(wrong, StoreAway)
    assert not isinstance(right, BaseException)
    assert right[0].verdict is Verdict.DONE
