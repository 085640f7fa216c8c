"""The embedded store of read models: what readers see, what they hold up, what a failure says."""

import asyncio
from pathlib import Path
from traceback import format_exception

import pytest
from sqlalchemy import text

from shared.adapters.sqlite_read_store import open_sqlite_read_store
from shared.errors import StoreAway
from shared.read_store import ReadStore

COUNTED_FOR_LONG = 1_000_000
"""Takes some tenths of a second."""


async def test_a_failure_tells_nothing_of_what_was_to_be_written(tmp_path: Path) -> None:
    store = open_sqlite_read_store(tmp_path / "read_models.db")
    row = {"name": "Ms Wang"}
    statement = text("INSERT INTO nowhere VALUES (:name)")
    with pytest.raises(StoreAway) as failure:
        async with store.transaction() as connection:
            await connection.execute(statement, row)
    await store.close()
    assert "Ms Wang" not in "".join(format_exception(failure.value))


async def numbered(store: ReadStore, count: int) -> None:
    async with store.transaction() as connection:
        await connection.execute(text("CREATE TABLE IF NOT EXISTS numbers (number INTEGER)"))
        for number in range(count):
            await connection.execute(text("INSERT INTO numbers VALUES (:n)"), {"n": number})


async def sum_of_numbers(store: ReadStore) -> int:
    async with store.reading() as connection:
        found = await connection.execute(text("SELECT sum(number) FROM numbers"))
        return int(found.scalar_one())


async def count_for_long(store: ReadStore, count: int = COUNTED_FOR_LONG) -> int:
    counted = text(
        "WITH RECURSIVE counted (number) AS"
        " (SELECT 1 UNION ALL SELECT number + 1 FROM counted LIMIT :count)"
        " SELECT count(*) FROM counted"
    )
    async with store.reading() as connection:
        return int((await connection.execute(counted, {"count": count})).scalar_one())


async def test_a_reader_sees_what_was_last_committed_and_nothing_before(tmp_path: Path) -> None:
    store = open_sqlite_read_store(tmp_path / "read_models.db")
    await numbered(store, 3)
    async with store.transaction() as connection:
        await connection.execute(text("INSERT INTO numbers VALUES (100)"))
        assert await sum_of_numbers(store) == 3
    assert await sum_of_numbers(store) == 103
    await store.close()


async def test_a_short_read_is_answered_without_waiting_for_anybody(tmp_path: Path) -> None:
    store = open_sqlite_read_store(tmp_path / "read_models.db", longest_inline_seconds=10)
    await numbered(store, 3)
    others = asyncio.Event()
    async with store.reading() as connection:
        asyncio.get_running_loop().call_soon(others.set)
        await connection.execute(text("SELECT sum(number) FROM numbers"))
        assert not others.is_set()
    await store.close()


async def test_a_long_read_holds_up_neither_the_loop_nor_a_write(tmp_path: Path) -> None:
    store = open_sqlite_read_store(tmp_path / "read_models.db", longest_inline_seconds=0.001)
    await numbered(store, 3)
    reading = asyncio.create_task(count_for_long(store))
    await asyncio.sleep(0.01)
    async with store.transaction() as connection:
        await connection.execute(text("INSERT INTO numbers VALUES (1000000)"))
    assert not reading.done()
    assert await reading == COUNTED_FOR_LONG
    await store.close()


async def test_a_long_read_that_nobody_waits_for_is_broken_off(tmp_path: Path) -> None:
    store = open_sqlite_read_store(tmp_path / "read_models.db", longest_inline_seconds=0.001)
    await numbered(store, 3)
    reading = asyncio.create_task(count_for_long(store, COUNTED_FOR_LONG * 100))
    await asyncio.sleep(0.01)
    reading.cancel()
    async with asyncio.timeout(5):  # of a minute that the read would take
        with pytest.raises(asyncio.CancelledError):
            await reading
    assert await sum_of_numbers(store) == 3
    await store.close()


async def test_what_was_opened_to_be_read_cannot_be_written(tmp_path: Path) -> None:
    store = open_sqlite_read_store(tmp_path / "read_models.db")
    await numbered(store, 1)
    with pytest.raises(StoreAway, match="readonly"):
        async with store.reading() as connection:
            await connection.execute(text("DELETE FROM numbers"))
    await store.close()
