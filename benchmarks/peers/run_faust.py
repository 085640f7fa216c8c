"""A plain Faust agent: takes batches, folds them, writes them; offsets are Faust's own."""

import sys
import tempfile
import time
from typing import Any

import asyncpg
import faust
import msgspec

bootstrap, topic_name, url, group = sys.argv[1:]


class Change(msgspec.Struct):
    opportunity_id: str
    to_stage: str
    changed_at: str


TABLE = """
CREATE TABLE IF NOT EXISTS latest_stage (
    opportunity_id text PRIMARY KEY, to_stage text NOT NULL, changed_at text NOT NULL
)"""
UPSERT = """
INSERT INTO latest_stage SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
ON CONFLICT (opportunity_id)
DO UPDATE SET to_stage = excluded.to_stage, changed_at = excluded.changed_at"""

app = faust.App(
    group,
    broker=f"kafka://{bootstrap}",
    store="memory://",
    datadir=tempfile.mkdtemp(prefix="faust-agent-"),
    key_serializer="raw",
    value_serializer="raw",
    topic_allow_declare=False,
    topic_disable_leader=True,
    web_enabled=False,
    autodiscover=False,
    consumer_auto_offset_reset="earliest",
    broker_session_timeout=10,
    broker_heartbeat_interval=2.5,
)
topic = app.topic(topic_name, key_serializer="raw", value_serializer="raw")
decode = msgspec.json.Decoder(Change).decode


@app.agent(topic)
async def latest_stage(stream: Any) -> None:
    pool = await asyncpg.create_pool(url, min_size=1, max_size=1)
    await pool.execute(TABLE)
    told = False
    async for values in stream.take(5_000, within=0.5):
        if not told:
            told = True
            sys.stdout.write(f"begun {time.monotonic()} {time.process_time()}\n")
            sys.stdout.flush()
        rows: dict[str, Change] = {}
        for value in values:
            change = decode(value)
            rows[change.opportunity_id] = change
        columns = zip(
            *((k, rows[k].to_stage, rows[k].changed_at) for k in sorted(rows)), strict=True
        )
        await pool.execute(UPSERT, *map(list, columns))


if __name__ == "__main__":
    sys.argv = ["faust", "worker", "--loglevel=warn", "--without-web"]
    app.main()
