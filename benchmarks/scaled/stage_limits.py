"""What half of the work costs alone, each a process: `python -m benchmarks.scaled.stage_limits`.

`consume`: getmany and msgspec, nothing folded or written. `merge`: the rows of the same batches
written as ours are, nothing read or folded. Prints events, seconds and CPU seconds.
"""

import argparse
import sys
import time

import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.scaled.stage_model import MODEL
from benchmarks.scaled.stages import PARTITIONS, TENANT, Stages
from services.cli.perform import collect_garbage_seldom
from shared.adapters.postgres_read_store import open_postgres_read_store
from shared.bulk_writing import upsert_tuples
from shared.events.opportunities import StageChanged
from shared.feed import BATCH


async def consume(given: argparse.Namespace) -> tuple[int, float, float]:
    decode = msgspec.json.Decoder(StageChanged).decode
    consumer = AIOKafkaConsumer(
        bootstrap_servers=given.bootstrap,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=8 * 1024 * 1024,
        fetch_max_bytes=32 * 1024 * 1024,
    )
    await consumer.start()
    consumer.assign([TopicPartition(given.topic, each) for each in range(PARTITIONS)])
    await consumer.seek_to_beginning()
    begun, used, count = time.monotonic(), time.process_time(), 0
    while count < given.events:
        for records in (await consumer.getmany(timeout_ms=500)).values():
            for record in records:
                decode(record.value)
            count += len(records)
    seconds, cpu = time.monotonic() - begun, time.process_time() - used
    await consumer.stop()
    return count, seconds, cpu


async def merge(given: argparse.Namespace) -> tuple[int, float, float]:
    """Batches as a worker takes them: as many events of each partition together."""
    stages = Stages(prefix="", log_id="", events=given.events, keys=given.keys)
    batches: list[list[tuple[object, ...]]] = []
    rows: dict[str, tuple[object, ...]] = {}
    encode = msgspec.json.encode
    for number, event in enumerate(stages.stored(), start=1):
        name = event.stream.rsplit("/", 1)[1]
        stage, at = stages.latest[name]
        body = encode({"to_stage": stage, "changed_at": at})
        rows[name] = (TENANT, name, stage, at, False, body)
        if number % BATCH == 0 or number == given.events:
            batches.append([rows[key] for key in sorted(rows)])
            rows = {}
    MODEL.tables  # noqa: B018  # asked for, they are declared
    reads = open_postgres_read_store(given.url)
    await reads.create_tables()
    begun, used = time.monotonic(), time.process_time()
    for batch in batches:
        async with reads.transaction() as connection:
            await upsert_tuples(connection, MODEL.rows, batch)
    seconds, cpu = time.monotonic() - begun, time.process_time() - used
    await reads.close()
    return given.events, seconds, cpu


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=("consume", "merge"))
    parser.add_argument("--bootstrap")
    parser.add_argument("--topic")
    parser.add_argument("--url")
    parser.add_argument("--events", type=int)
    parser.add_argument("--keys", type=int)
    asked = parser.parse_args()
    collect_garbage_seldom()
    counted = uvloop.run((consume if asked.what == "consume" else merge)(asked))
    sys.stdout.write(" ".join(str(each) for each in counted) + "\n")
