"""Read models of the embedded system: one SQLite file that may be deleted and rebuilt."""

from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from shared.read_store import ReadStore

_READERS = 4


def open_sqlite_read_store(path: Path) -> ReadStore:
    """WAL, synchronous NORMAL: a power cut may lose the last commits, never tear one."""
    url = f"sqlite+aiosqlite:///{path}"
    # Failures are logged: what was to be written may be about a person.
    writer, readers = (
        create_async_engine(
            url,
            poolclass=AsyncAdaptedQueuePool,
            pool_size=size,
            max_overflow=overflow,
            hide_parameters=True,
        )
        for size, overflow in ((1, 0), (_READERS, _READERS))
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
