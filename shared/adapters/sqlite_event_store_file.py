"""The file of the embedded event store, made ready."""

import sqlite3
from collections.abc import Callable, Sequence

from shared.adapters.sqlite_event_store_schema import SCHEMA, SCHEMA_VERSION


def prepare(
    connection: sqlite3.Connection, logs: Sequence[str], new_log_id: Callable[[], str]
) -> dict[str, str]:
    """Make the tables and logs that are missing; answers the ids of all logs by name."""
    connection.execute("BEGIN IMMEDIATE")
    for statement in SCHEMA.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    known = dict(connection.execute("SELECT log, log_id FROM logs"))
    for log in logs:
        if log not in known:
            known[log] = new_log_id()
            connection.execute("INSERT INTO logs VALUES (?, 0, ?, 0)", (log, known[log]))
    connection.execute("COMMIT")
    return known
