"""Following a log in KurrentDB ends when it is told to, whatever the client makes of that."""

import asyncio
from typing import Any, cast

from kurrentdbclient import AsyncKurrentDBClient
from kurrentdbclient.exceptions import GrpcError

from shared.adapters.kurrentdb_connecting import StreamNames
from shared.adapters.kurrentdb_event_store_news import NumberingNews
from shared.adapters.kurrentdb_event_store_numbering import LogNumbering


class DeafClient:
    """Says of the first call that it failed when it was cancelled, as one does whose server goes
    away."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def read_stream(self, *_args: Any, **_named: Any) -> Any:
        is_first = not self.asked.is_set()
        self.asked.set()
        try:
            await asyncio.sleep(3_600)
        except asyncio.CancelledError:
            if is_first:
                raise GrpcError("Cancelling all calls") from None
            raise

    async def close(self) -> None:
        return


async def test_it_ends_though_the_client_takes_the_cancellation_for_a_failure() -> None:
    client = DeafClient()
    names = StreamNames("pulsetrail", "opportunities")
    numbering = LogNumbering(cast(AsyncKurrentDBClient, client), names, NumberingNews())
    await client.asked.wait()
    async with asyncio.timeout(5):
        await numbering.close()
