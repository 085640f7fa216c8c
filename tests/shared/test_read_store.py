"""The store of read models: what it says of a failure may be logged, hence names nobody."""

from pathlib import Path
from traceback import format_exception

import pytest
from sqlalchemy import text

from shared.adapters.sqlite_read_store import open_sqlite_read_store
from shared.errors import StoreAway


async def test_a_failure_tells_nothing_of_what_was_to_be_written(tmp_path: Path) -> None:
    store = open_sqlite_read_store(tmp_path / "read_models.db")
    row = {"name": "Ms Wang"}
    statement = text("INSERT INTO nowhere VALUES (:name)")
    with pytest.raises(StoreAway) as failure:
        async with store.transaction() as connection:
            await connection.execute(statement, row)
    await store.close()
    assert "Ms Wang" not in "".join(format_exception(failure.value))
