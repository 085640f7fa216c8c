"""A real Kafka and a durable real PostgreSQL of one's own, each behind a proxy."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import asyncpg

from stack.kafka_server import KafkaServer, free_port, temporary_server
from stack.postgres_server import PostgresServer
from tests.system.chaos.proxy import TcpProxy

_DATABASE = "chaos"
_GONE_SECONDS = 40.0


@dataclass
class Servers:
    """`database` and `kafka_address` go through the proxies, `direct_database` does not."""

    kafka: KafkaServer
    postgres: PostgresServer
    kafka_proxy: TcpProxy
    postgres_proxy: TcpProxy

    @property
    def kafka_address(self) -> str:
        return f"127.0.0.1:{self.kafka_proxy.port}"

    @property
    def direct_database(self) -> str:
        return self.postgres.url(_DATABASE)

    @property
    def database(self) -> str:
        return self.direct_database.replace(
            f":{self.postgres.port}/", f":{self.postgres_proxy.port}/"
        )

    async def restart_kafka(self) -> None:
        """As after kill -9 of the broker."""
        await asyncio.to_thread(self.kafka.kill)
        await asyncio.to_thread(self.kafka.start)

    async def restart_postgres(self) -> None:
        """As after kill -9 of all its processes: it recovers what was committed."""
        await asyncio.to_thread(self.postgres.kill)
        async with asyncio.timeout(_GONE_SECONDS):
            while True:
                try:
                    return await asyncio.to_thread(self.postgres.start)
                except RuntimeError:  # one of the killed still holds the shared memory
                    await asyncio.sleep(0.5)


@asynccontextmanager
async def own_servers() -> AsyncIterator[Servers]:
    async with AsyncExitStack() as stack:
        kafka = temporary_server()
        stack.callback(shutil.rmtree, kafka.folder, ignore_errors=True)
        kafka.port = free_port()
        postgres = PostgresServer(durable=True)
        proxies = TcpProxy(kafka.port), TcpProxy(postgres.port)
        for proxy in proxies:
            await proxy.start()
            stack.push_async_callback(proxy.close)
        kafka.advertised_port = proxies[0].port
        stack.push_async_callback(asyncio.to_thread, kafka.stop)
        stack.push_async_callback(asyncio.to_thread, postgres.close)
        await asyncio.gather(asyncio.to_thread(kafka.start), asyncio.to_thread(postgres.start))
        await _make_database(postgres.url())
        yield Servers(kafka, postgres, *proxies)


async def _make_database(server: str) -> None:
    connection: asyncpg.Connection[Any] = await asyncpg.connect(server)
    try:
        await connection.execute(f"CREATE DATABASE {_DATABASE}")
    finally:
        await connection.close()
