"""Where read models live: SQL by SQLAlchemy Core, the same statements on SQLite and PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, nullcontext

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, String, Table, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.errors import StoreAway
from shared.last_write import LastWrite

METADATA = MetaData()

CHECKPOINTS = Table(
    "checkpoints",
    METADATA,
    Column("subscription", String(128), primary_key=True),
    Column("partition", BigInteger, primary_key=True, autoincrement=False),
    Column("log", String(32), nullable=False),
    Column("log_id", String(64), nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    # Only where events come through a LogSource: where it goes on, and until when (milliseconds)
    # all that was recorded has been applied.
    Column("source_offset", BigInteger, nullable=True),
    Column("recorded_until", BigInteger, nullable=True),
    # Grows when somebody else than the subscription itself has changed what is kept of it.
    Column("epoch", BigInteger, nullable=False),
)

PARKED_STREAMS = Table(
    "parked_streams",
    METADATA,
    Column("subscription", String(128), primary_key=True),
    Column("stream", String(200), primary_key=True),
    Column("reason", String, nullable=False),
)

DEAD_LETTERS = Table(
    "dead_letters",
    METADATA,
    Column("subscription", String(128), primary_key=True),
    Column("partition", BigInteger, primary_key=True, autoincrement=False),
    Column("log_offset", BigInteger, primary_key=True, autoincrement=False),
    Column("stream", String(200), nullable=False),
    Column("event_id", LargeBinary(16), nullable=False),
    Column("reason", String, nullable=False),
    # Who accepted that it will never be applied.
    Column("discarded_by", String(200), nullable=True),
)


def database_away(what: str, failure: BaseException) -> StoreAway | None:
    """Whatever keeps a database in a file from doing it passes, or an operator makes it pass."""
    if isinstance(failure, OperationalError):
        return StoreAway(f"{what}: {failure.orig}")
    return None


class ReadStore:
    """Writing transactions one at a time where the database knows only one writer; readers see
    what was last committed.

    Read models can be rebuilt, so their commits need not survive a power cut, only stay whole:
    rows and checkpoint go together.
    """

    def __init__(
        self,
        writer: AsyncEngine,
        readers: AsyncEngine,
        *,
        one_writer: bool = True,
        away: Callable[[str, BaseException], StoreAway | None] = database_away,
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._turn = asyncio.Lock() if one_writer else nullcontext()
        self._away = away
        self._last_write = LastWrite()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Raises StoreAway when the database cannot be reached or written."""
        async with self._turn:
            told = self._failures_told("the read models cannot be written")
            with self._last_write.kept(), told:
                async with self._writer.begin() as connection:
                    yield connection

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A consistent view for one answer. Raises StoreAway."""
        with self._failures_told("the read models cannot be read"):
            async with self._readers.connect() as connection:
                yield connection

    async def check(self) -> None:
        """Can it work, and could it be written? Raises StoreAway."""
        async with self.reading() as connection:
            await connection.execute(text("SELECT 1"))
        self._last_write.check()

    @contextmanager
    def _failures_told(self, what: str) -> Iterator[None]:
        try:
            yield
        except Exception as failure:
            away = self._away(what, failure)
            if away is None or away is failure:
                raise
            raise away from failure

    async def create_tables(self, tables: Sequence[Table] | None = None) -> None:
        async with self.transaction() as connection:
            await connection.run_sync(
                lambda sync: METADATA.create_all(
                    sync, tables=None if tables is None else list(tables)
                )
            )

    async def drop_tables(self, tables: Sequence[Table]) -> None:
        """Those that exist; their names are free again."""
        async with self.transaction() as connection:
            await connection.run_sync(lambda sync: METADATA.drop_all(sync, tables=list(tables)))
        for table in tables:
            METADATA.remove(table)

    async def close(self) -> None:
        await self._writer.dispose()
        await self._readers.dispose()
