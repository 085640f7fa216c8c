"""One broker and one database server for a benchmark, both on disk, fsync and all."""

import asyncio
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from stack.kafka_server import KAFKA, KafkaServer
from stack.postgres_server import PostgresServer


@dataclass(frozen=True, slots=True)
class Servers:
    postgres: PostgresServer
    kafka: KafkaServer

    @property
    def bootstrap(self) -> str:
        return self.kafka.bootstrap

    async def database(self, template: str = "template0") -> str:
        """The name of a new one, empty or a copy."""
        name = f"bench_{uuid.uuid4().hex[:12]}"
        connection = await asyncpg.connect(self.postgres.url())
        try:
            await connection.execute(
                f'CREATE DATABASE "{name}" TEMPLATE "{template}" STRATEGY FILE_COPY'
            )
            await connection.execute("CHECKPOINT")
        finally:
            await connection.close()
        return name

    def url(self, database: str) -> str:
        return self.postgres.url(database)


@contextmanager
def servers(*, with_kafka: bool = True) -> Iterator[Servers]:
    """Started for the benchmark, removed with all they hold. A Kafka that is not asked for is not
    started."""
    with ExitStack() as running:
        postgres = PostgresServer(durable=True)
        running.callback(postgres.close)
        postgres.start()
        folder = Path(tempfile.mkdtemp(prefix="pulsetrail-bench-kafka-"))
        running.callback(shutil.rmtree, folder, ignore_errors=True)
        kafka = KafkaServer(folder)
        if with_kafka:
            running.callback(kafka.stop)
            kafka.start()
        yield Servers(postgres, kafka)


def versions(found: Servers) -> str:
    """Of the servers, for the table."""

    async def ask() -> str:
        connection = await asyncpg.connect(found.postgres.url())
        try:
            return str(await connection.fetchval("SHOW server_version"))
        finally:
            await connection.close()

    kafka = f", Kafka {KAFKA.rpartition(':')[2]}" if found.kafka.is_running else ""
    return f"PostgreSQL {asyncio.run(ask())}, fsync on{kafka}"
