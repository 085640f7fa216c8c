"""The format of a SQLite file: one that a newer version wrote is left alone."""

import sqlite3
from pathlib import Path

from shared.data_folder import DataIsNewer


def refuse_newer(path: Path, ours: int) -> None:
    """Raises DataIsNewer, having only read the file."""
    if not path.exists():
        return
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
    try:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    finally:
        connection.close()
    if version > ours:
        raise DataIsNewer(
            f"{path} was written by a newer version of Pulsetrail"
            f" (its format {version}, ours {ours}): install that version or newer"
        )


def stamp(connection: sqlite3.Connection, ours: int) -> None:
    """Only where it is not so yet: a full disk keeps nobody from reading."""
    if connection.execute("PRAGMA user_version").fetchone()[0] != ours:
        connection.execute(f"PRAGMA user_version = {ours}")
