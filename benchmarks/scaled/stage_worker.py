"""The product's worker on one read model, as a process: `python -m benchmarks.scaled.stage_worker`.

Everything is the product's: source, subscription, engine, checkpoints, Faust.
"""

import argparse
import asyncio
import sys
import time
import uuid

import uvloop

from benchmarks.scaled.stage_model import MODEL
from benchmarks.scaled.stages import LOG, PARTITIONS
from services.cli.perform import collect_garbage_seldom
from shared.adapters.faust_worker import FaustWorker
from shared.adapters.kafka_consumer import KafkaLogSource
from shared.adapters.postgres_event_store import open_postgres_event_store
from shared.adapters.postgres_key_store import open_postgres_key_store
from shared.adapters.postgres_read_store import open_postgres_read_store
from shared.clock import wall_clock
from shared.codec import Codec
from shared.delivered_subscription import DeliveredSubscription
from shared.feed import Feed
from shared.log_source import Delivered, LogSource
from shared.running import Work


class TellingSource(KafkaLogSource):
    """Tells once when the first events came, and what the process had used until then."""

    told = False

    async def fetch(self, seconds: float) -> list[Delivered]:
        began = time.monotonic()
        fetched = await super().fetch(seconds)
        if not self.told and any(each.events for each in fetched):
            self.told = True
            sys.stdout.write(f"begun {began} {time.process_time()}\n")
            sys.stdout.flush()
        return fetched


async def main(given: argparse.Namespace) -> None:
    store = await open_postgres_event_store(given.url, [LOG], wall_clock, PARTITIONS)
    reads = open_postgres_read_store(given.url)
    keys = await open_postgres_key_store(given.url)
    MODEL.tables  # noqa: B018  # asked for, they are declared
    await reads.create_tables()

    async def open_source(log: str, subscription: str) -> LogSource:
        return TellingSource(
            log,
            await store.log_id(log),
            PARTITIONS,
            given.bootstrap,
            group=subscription,
            prefix=given.prefix,
        )

    subscription = DeliveredSubscription(MODEL, Feed(store, Codec(keys)), reads, open_source)
    stopping = asyncio.Event()

    async def obey(_order: bytes) -> None:
        """Nobody gives any."""

    work = [Work(subscription.name, lambda: subscription.follow(stopping))]
    worker = FaustWorker(given.bootstrap, given.prefix, uuid.uuid4().hex, work, obey)
    collect_garbage_seldom()
    await worker.start()
    raise SystemExit(await worker.ended())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("bootstrap", "url", "prefix"):
        parser.add_argument(name)
    uvloop.run(main(parser.parse_args()))
