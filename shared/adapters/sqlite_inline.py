"""SQLite under SQLAlchemy's async engines without a thread for every statement.

A statement handed to a thread waits for the busy loop to come round again: under load that takes
ten times as long as the short statements that nearly all are. So they run where they are awaited;
a read that turns out to be long is broken off and begins anew in a thread, and the next time starts
there.
"""

import asyncio
import sqlite3
from collections import deque
from time import monotonic
from typing import Any

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util.concurrency import await_

URL_SCHEME = "sqlite+inline"

_INSTRUCTIONS_A_LOOK = 1_000
_UNBOUNDED = float("inf")


class InlineConnection(sqlite3.Connection):
    """Unless bound, a statement may hold up the loop for as long as it takes."""

    _longest_seconds = _UNBOUNDED
    _ends_at = _UNBOUNDED
    _long: set[str]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._long = set()

    def bound(self, longest_seconds: float, long_reads: set[str]) -> None:
        """For connections that only read: what is broken off is done a second time.

        `long_reads`: the statements that were long when they last ran, kept by all who share it.
        """
        self._longest_seconds = longest_seconds
        self._long = long_reads
        self.set_progress_handler(self._is_late, _INSTRUCTIONS_A_LOOK)

    def _is_late(self) -> bool:
        return monotonic() > self._ends_at

    def cursor(self, factory: Any = None) -> Any:
        return super().cursor(factory or InlineCursor)

    async def execute_whole(self, cursor: "InlineCursor", statement: str, values: Any) -> None:
        if statement not in self._long:
            if self._at_once(cursor, statement, values):
                return
            self._long.add(statement)
        await self._in_thread(cursor, statement, values)

    def _at_once(self, cursor: "InlineCursor", statement: str, values: Any) -> bool:
        """False when it was broken off."""
        self._ends_at = monotonic() + self._longest_seconds
        try:
            cursor.execute_whole(statement, values)
        except sqlite3.OperationalError as failure:
            if getattr(failure, "sqlite_errorcode", None) != sqlite3.SQLITE_INTERRUPT:
                raise
            return False
        finally:
            self._ends_at = _UNBOUNDED
        return True

    async def _in_thread(self, cursor: "InlineCursor", statement: str, values: Any) -> None:
        """Who no longer waits for the answer gets the connection back only when it is idle."""
        begin = monotonic()
        loop = asyncio.get_running_loop()
        reading = loop.run_in_executor(None, cursor.execute_whole, statement, values)
        try:
            await asyncio.shield(reading)
        except asyncio.CancelledError:
            self._ends_at = 0
            await asyncio.gather(reading, return_exceptions=True)
            raise
        if monotonic() - begin < self._longest_seconds:
            self._long.discard(statement)


class InlineCursor(sqlite3.Cursor):
    """Its rows are all there once its statement is executed."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self._rows: deque[Any] = deque()

    def execute_whole(self, statement: str, values: Any) -> None:
        self.execute(statement, values)
        self._rows = deque(super().fetchall())

    def fetchone(self) -> Any:
        return self._rows.popleft() if self._rows else None

    def fetchmany(self, size: int | None = 1) -> list[Any]:
        wanted = min(size or 1, len(self._rows))
        return [self._rows.popleft() for _ in range(wanted)]

    def fetchall(self) -> list[Any]:
        rows = list(self._rows)
        self._rows.clear()
        return rows

    async def _async_soft_close(self) -> None:
        """Asked for by async results; no statement is open any more."""


class InlineDialect(SQLiteDialect_pysqlite):
    """The driver of the standard library, awaited."""

    driver = "inline"
    supports_statement_cache = True
    is_async = True
    has_terminate = True

    def do_execute(self, cursor: Any, statement: str, parameters: Any, context: Any = None) -> None:
        await_(cursor.connection.execute_whole(cursor, statement, parameters))

    def do_execute_no_params(self, cursor: Any, statement: str, context: Any = None) -> None:
        await_(cursor.connection.execute_whole(cursor, statement, ()))

    def do_executemany(
        self, cursor: Any, statement: str, parameters: Any, context: Any = None
    ) -> None:
        await_(_execute_many(cursor, statement, parameters))


async def _execute_many(cursor: InlineCursor, statement: str, parameters: Any) -> None:
    cursor.executemany(statement, parameters)


registry.register(URL_SCHEME.replace("+", "."), __name__, InlineDialect.__name__)
