"""The file of the embedded event store: refused when newer, made ready when not."""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from shared.adapters.sqlite_event_store_schema import SCHEMA, SCHEMA_VERSION
from shared.data_folder import DataIsNewer


def refuse_newer(path: Path) -> None:
    """Raises DataIsNewer, having only read the file."""
    if not path.exists():
        return
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    finally:
        connection.close()
    if version > SCHEMA_VERSION:
        raise DataIsNewer(
            f"{path} was written by a newer version of Pulsetrail"
            f" (its format {version}, ours {SCHEMA_VERSION}): install that version or newer"
        )


def prepare(
    connection: sqlite3.Connection, logs: Sequence[str], new_log_id: Callable[[], str]
) -> None:
    """Make the tables and logs that are missing."""
    connection.execute("BEGIN IMMEDIATE")
    for statement in SCHEMA.split(";"):
        connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    known = {row[0] for row in connection.execute("SELECT log FROM logs")}
    for log in logs:
        if log not in known:
            connection.execute("INSERT INTO logs VALUES (?, 0, ?, 0)", (log, new_log_id()))
    connection.execute("COMMIT")
