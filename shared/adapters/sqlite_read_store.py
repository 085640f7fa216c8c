"""Read models of the embedded system: one SQLite file that may be deleted and rebuilt."""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from shared.read_store import ReadStore

T = TypeVar("T")

_READERS = 4


class _Inline(aiosqlite.Connection):
    """Runs statements where they are awaited, not in a thread.

    A batch is a dozen short statements. Handed to a thread, each waits for the busy loop to come
    round again: under load that took ten times as long as the statements themselves.
    """

    async def _execute(self, fn: Callable[..., T], *arguments: Any, **named: Any) -> T:
        return fn(*arguments, **named)


def open_sqlite_read_store(path: Path) -> ReadStore:
    """WAL, synchronous NORMAL: a power cut may lose the last commits, never tear one."""
    url = f"sqlite+aiosqlite:///{path}"

    async def open_inline() -> aiosqlite.Connection:
        return await _Inline(lambda: sqlite3.connect(path, check_same_thread=False), 64)

    # Failures are logged: what was to be written may be about a person.
    writer = create_async_engine(
        url,
        async_creator=open_inline,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=1,
        max_overflow=0,
        hide_parameters=True,
    )
    readers = create_async_engine(
        url,
        poolclass=AsyncAdaptedQueuePool,
        pool_size=_READERS,
        max_overflow=_READERS,
        hide_parameters=True,
    )
    for engine in (writer, readers):
        event.listen(engine.sync_engine, "connect", _configure)
    return ReadStore(writer, readers)


def _configure(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in (
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "busy_timeout = 10000",
        "cache_size = -32000",
        "temp_store = MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
