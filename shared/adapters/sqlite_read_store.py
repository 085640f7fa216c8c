"""Read models of the embedded system: one SQLite file that may be deleted and rebuilt."""

from pathlib import Path
from typing import Any

from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from shared.adapters.sqlite_format import refuse_newer, stamp
from shared.adapters.sqlite_inline import URL_SCHEME, InlineConnection
from shared.read_store import ReadStore

_FORMAT = 1
_READERS = 4
_LONGEST_INLINE_SECONDS = 0.005
"""A page of a board takes a tenth of that; a heat map over years reads on in a thread."""


def open_sqlite_read_store(
    path: Path, longest_inline_seconds: float = _LONGEST_INLINE_SECONDS
) -> ReadStore:
    """WAL, synchronous NORMAL: a power cut may lose the last commits, never tear one.

    Raises DataIsNewer.
    """
    refuse_newer(path, _FORMAT)
    writer = _engine(path, connections=1)
    readers = _engine(path, connections=_READERS, max_overflow=_READERS)
    event.listen(writer.sync_engine, "connect", _configure)
    event.listen(readers.sync_engine, "connect", _configure)

    def stamped(connection: InlineConnection, _record: Any) -> None:
        stamp(connection, _FORMAT)

    event.listen(writer.sync_engine, "connect", stamped)

    long_reads: set[str] = set()

    def only_reads(connection: InlineConnection, _record: Any) -> None:
        connection.execute("PRAGMA query_only = ON")
        connection.bound(longest_inline_seconds, long_reads)

    event.listen(readers.sync_engine, "connect", only_reads)
    return ReadStore(writer, readers)


def _engine(path: Path, *, connections: int, max_overflow: int = 0) -> AsyncEngine:
    return create_async_engine(
        f"{URL_SCHEME}:///{path}",
        connect_args={"factory": InlineConnection, "check_same_thread": False},
        poolclass=AsyncAdaptedQueuePool,
        pool_size=connections,
        max_overflow=max_overflow,
        # Failures are logged: what was to be written may be about a person.
        hide_parameters=True,
    )


def _configure(connection: InlineConnection, _record: Any) -> None:
    for pragma in (
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "busy_timeout = 10000",
        "cache_size = -32000",
        "temp_store = MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")
