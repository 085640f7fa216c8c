"""Pathway: the latest stage of each key into PostgreSQL; run by the interpreter of the peer.

Snapshot output, commits every second, persistence in files. The last stage by the greatest
(moment, stage): the reducer `latest` is wrong within a commit.
"""

import sys
import time
from urllib.parse import urlsplit

import pathway as pw  # type: ignore[import-not-found]  # in an environment of its own

bootstrap, topic, url, group, folder = sys.argv[1:]
address = urlsplit(url)


class Change(pw.Schema):  # type: ignore[misc]  # untyped here
    opportunity_id: str
    to_stage: str
    changed_at: str


changes = pw.io.kafka.read(
    {
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "auto.offset.reset": "earliest",
        "session.timeout.ms": "6000",
    },
    topic=topic,
    schema=Change,
    format="json",
    autocommit_duration_ms=1000,
    name="changes",
)
latest = changes.groupby(changes.opportunity_id).reduce(
    changes.opportunity_id,
    last=pw.reducers.max(pw.make_tuple(changes.changed_at, changes.to_stage)),
)
rows = latest.select(
    opportunity_id=pw.this.opportunity_id,
    to_stage=pw.this.last[1],
    changed_at=pw.this.last[0],
)
pw.io.postgres.write(
    rows,
    {
        "host": address.hostname,
        "port": str(address.port),
        "dbname": address.path[1:],
        "user": address.username,
        "password": "",
    },
    "latest_stage",
    init_mode="create_if_not_exists",
    output_table_type="snapshot",
    primary_key=[rows.opportunity_id],
)
sys.stdout.write(f"begun {time.monotonic()} {time.process_time()}\n")
sys.stdout.flush()
pw.run(
    monitoring_level=pw.MonitoringLevel.NONE,
    persistence_config=pw.persistence.Config(pw.persistence.Backend.filesystem(folder)),
)
