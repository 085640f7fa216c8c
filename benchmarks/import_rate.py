"""How fast history is imported, beside the bare insert of the very rows that the import produced.

    python -m benchmarks.import_rate

Reads the bank log where it is at hand (PULSETRAIL_SAMPLES), otherwise a made-up log of the same
size. What was imported is compared with the oracle before any figure is given.
"""

import os
import runpy
import sqlite3
import statistics
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, Popen
from time import perf_counter

from benchmarks.figure import Figure, table
from tests.oracle.case import Rules
from tests.oracle.logs import BANK, BANK_LOG, CHECKOUT, MADE_UP
from tests.oracle.reading import read, rows_of
from tests.system.command import Pulsetrail
from tests.system.reference import compare_everything

EVENTS_A_COMMIT = 1000
BARE_RUNS = 3
EXAMPLES = CHECKOUT / "examples"
BARE = "bare insert of the same event rows"


@dataclass(frozen=True, slots=True)
class Imported:
    """`resident_bytes` is the largest that the process ever had in memory."""

    seconds: float
    processor_seconds: float
    resident_bytes: int


def measure() -> Iterator[Figure]:
    """Raises AssertionError where the import's result is not what the oracle makes of the log."""
    with tempfile.TemporaryDirectory(prefix="pulsetrail-import-rate-") as scratch:
        yield from _measure(Path(scratch))


def _measure(scratch: Path) -> Iterator[Figure]:
    name, file, mapping, rules = _log(scratch)
    pulsetrail = Pulsetrail(scratch / "data")
    imported = run_import(pulsetrail, file, mapping)
    compare_everything(pulsetrail, read(rows_of(file), rules))

    stored = pulsetrail.folder / "events.db"
    bare = [insert_bare(stored, scratch / f"bare-{run}.db") for run in range(BARE_RUNS)]
    events = bare[0][0]
    rate = events / imported.seconds
    bare_rate = events / statistics.median(seconds for _, seconds in bare)
    megabytes = imported.resident_bytes / 1e6
    yield Figure(name=f"import of {name}: events", value=events, unit="events")
    yield _at_most(f"import of {name}: duration", imported.seconds, "s", 25)
    yield Figure(name=f"import of {name}: processor", value=imported.processor_seconds, unit="s")
    yield _at_most(f"import of {name}: resident memory", megabytes, "MB", 400)
    yield Figure(name=f"import of {name}: rate", value=rate, unit="events/s")
    yield Figure(name="bare insert: rate", value=bare_rate, unit="events/s")
    yield Figure(
        name=f"import of {name}: share of the bare rate",
        value=rate / bare_rate,
        unit="ratio",
        target=">= 0.10",
        met=rate / bare_rate >= 0.10,
        compared_with=f"{BARE}, synchronous FULL, {EVENTS_A_COMMIT:,} a commit",
    )


def _at_most(name: str, value: float, unit: str, most: float) -> Figure:
    target = f"< {most:g} (orientation)"
    return Figure(name=name, value=value, unit=unit, target=target, met=value < most)


def _log(scratch: Path) -> tuple[str, Path, Path, Rules]:
    if BANK_LOG.exists():
        return "the bank log", BANK_LOG, EXAMPLES / "bpic12" / "mapping.toml", BANK
    made_up = EXAMPLES / "made_up"
    generator = runpy.run_path(str(made_up / "generate.py"))
    rows = generator["log_rows"](ordinary_cases=15_000, first_case=10_000)
    generator["write"](scratch / "log.csv", rows)
    return "a large made-up log", scratch / "log.csv", made_up / "mapping.toml", MADE_UP


def run_import(pulsetrail: Pulsetrail, file: Path, mapping: Path) -> Imported:
    """The whole command, from its start to its end: every read model is then caught up."""
    begin = perf_counter()
    process = Popen(
        pulsetrail.arguments("import", str(file), "--mapping", str(mapping), "--json"),
        stdout=DEVNULL,
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = perf_counter() - begin
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"the import ended with {process.returncode}"
    unit = 1 if sys.platform == "darwin" else 1024
    return Imported(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit)


def insert_bare(stored: Path, fresh: Path) -> tuple[int, float]:
    """Insert the stored event rows into an empty database; answers how many, in how many seconds.

    Only inserting, committing and closing is timed, not the reading.
    """
    source = sqlite3.connect(stored)
    target = sqlite3.connect(fresh, isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = FULL"):
        target.execute(f"PRAGMA {pragma}")
    for (statement,) in source.execute(
        "SELECT sql FROM sqlite_master WHERE tbl_name = 'events' AND sql IS NOT NULL"
        " ORDER BY type = 'index'"
    ):
        target.execute(statement)
    rows = source.execute("SELECT * FROM events ORDER BY rowid")
    insert = f"INSERT INTO events VALUES ({', '.join('?' * len(rows.description))})"
    count, seconds = 0, 0.0
    while batch := rows.fetchmany(EVENTS_A_COMMIT):
        begin = perf_counter()
        target.execute("BEGIN IMMEDIATE")
        target.executemany(insert, batch)
        target.execute("COMMIT")
        seconds += perf_counter() - begin
        count += len(batch)
    begin = perf_counter()
    target.close()
    seconds += perf_counter() - begin
    source.close()
    return count, seconds


if __name__ == "__main__":
    print(table(measure()))
