"""Quix Streams: each key's latest change to its PostgreSQL sink; run by the interpreter of the
peer. The last row of a key in a batch is the latest, as a partition is in order."""

import sys
import time
from typing import Any
from urllib.parse import urlsplit

from quixstreams import Application  # type: ignore[import-not-found]  # in an environment of its own
from quixstreams.sinks.community.postgresql import (  # type: ignore[import-not-found]  # the same
    PostgreSQLSink,
)

bootstrap, topic, url, group = sys.argv[1:]
address = urlsplit(url)


class LatestOnly(PostgreSQLSink):  # type: ignore[misc]  # untyped here
    """An upsert may name a key only once."""

    def write(self, batch: Any) -> None:
        latest = {item.value["opportunity_id"]: item for item in batch}
        batch._buffer = type(batch._buffer)(latest.values())
        super().write(batch)


app = Application(
    broker_address=bootstrap,
    consumer_group=group,
    auto_offset_reset="earliest",
    auto_create_topics=False,
    commit_interval=1.0,
    loglevel="WARNING",
)
sink = LatestOnly(
    host=address.hostname,
    port=address.port,
    dbname=address.path[1:],
    user=address.username,
    password="unused",
    table_name="latest_stage",
    primary_key_columns=("opportunity_id",),
    upsert_on_primary_key=True,
    include_metadata=False,
)
changes = app.dataframe(app.topic(topic, value_deserializer="json"))
changes = changes.apply(
    lambda change: {name: change[name] for name in ("opportunity_id", "to_stage", "changed_at")}
)
changes.sink(sink)
sys.stdout.write(f"begun {time.monotonic()} {time.process_time()}\n")
sys.stdout.flush()
app.run()
