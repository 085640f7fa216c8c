"""What an import makes of a log is what the oracle makes of it: every board, signal and figure."""

import csv
import gzip
import sqlite3
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from random import Random

import pytest

from tests.oracle.case import Rules
from tests.oracle.logs import BANK, BANK_IS_AWAY, BANK_LOG, CHECKOUT, MADE_UP, MADE_UP_LOG
from tests.oracle.reading import Reading, read, rows_of
from tests.system.command import Pulsetrail
from tests.system.reference import (
    compare_everything,
    compare_golden_actions,
    compare_process_health,
    compare_roots,
    compare_silence,
    moments,
    written,
)

pytestmark = pytest.mark.timeout(600)
EXAMPLES = CHECKOUT / "examples"
Line = list[str]


@dataclass(frozen=True, slots=True)
class Log:
    """A log with its mapping and its meaning; `week` and `month` are looked at one by one."""

    file: Path
    mapping: Path
    rules: Rules
    week: str
    month: str

    def reading(self) -> Reading:
        return read(rows_of(self.file), self.rules)

    def lines(self) -> list[Line]:
        opener = gzip.open if self.file.suffix == ".gz" else open
        with opener(self.file, "rt", encoding="utf-8", newline="") as text:
            return list(csv.reader(text))


LOGS = {
    "made-up": Log(
        MADE_UP_LOG, EXAMPLES / "made_up" / "mapping.toml", MADE_UP, "2025-W12", "2025-04"
    ),
    "bank": Log(BANK_LOG, EXAMPLES / "bpic12" / "mapping.toml", BANK, "2011-W45", "2011-11"),
}


@pytest.fixture(scope="module", params=sorted(LOGS))
def log(request: pytest.FixtureRequest) -> Log:
    found = LOGS[request.param]
    if not found.file.exists():
        pytest.skip(BANK_IS_AWAY)
    return found


@pytest.fixture(scope="module")
def reading(log: Log) -> Reading:
    return log.reading()


@pytest.fixture(scope="module")
def imported(log: Log, tmp_path_factory: pytest.TempPathFactory) -> Pulsetrail:
    pulsetrail = Pulsetrail(tmp_path_factory.mktemp("imported"))
    answer = pulsetrail.import_log(log.mapping, log.file)
    assert answer["rejected"] == 0
    assert answer["duplicates"] == 0
    assert answer["accepted"] == answer["rows"] == len(log.lines()) - 1
    assert answer["errors"] == []
    return pulsetrail


reordered = pytest.mark.parametrize(
    "log",
    ["made-up", pytest.param("bank", marks=pytest.mark.slow)],
    indirect=True,
    scope="module",
)


def test_every_board_and_signal_at_the_clock(imported: Pulsetrail, reading: Reading) -> None:
    compare_everything(imported, reading)


def test_the_silence_board_of_the_past(imported: Pulsetrail, reading: Reading) -> None:
    for moment in moments(reading, 4):
        compare_silence(imported, reading, moment)


def test_process_health_of_the_past(imported: Pulsetrail, reading: Reading) -> None:
    for moment in moments(reading, 2):
        compare_process_health(imported, reading, "company", moment=moment)


def test_one_week_and_one_month(imported: Pulsetrail, reading: Reading, log: Log) -> None:
    for unit in ("company", reading.rules.unowned_unit, "team-1"):
        compare_process_health(imported, reading, unit, week=log.week)
    compare_golden_actions(imported, reading, "company", week=log.week)
    compare_golden_actions(imported, reading, "company", month=log.month)


def test_importing_it_again_adds_nothing(
    imported: Pulsetrail,
    reading: Reading,
    log: Log,
) -> None:
    events = stored_events(imported)

    answer = imported.import_log(log.mapping, log.file)

    assert (answer["accepted"], answer["rejected"]) == (0, 0)
    assert answer["duplicates"] == answer["rows"] == reading.rows
    assert stored_events(imported) == events
    compare_roots(imported, reading)


@reordered
def test_two_halves_one_after_the_other(log: Log, reading: Reading, tmp_path: Path) -> None:
    header, *lines = log.lines()
    middle = len(lines) // 2
    pulsetrail = Pulsetrail(tmp_path / "data")

    for part, half in enumerate((lines[:middle], lines[middle:])):
        file = write(tmp_path / f"half-{part}.csv", header, half)
        answer = pulsetrail.import_log(log.mapping, file)
        assert (answer["accepted"], answer["rejected"]) == (len(half), 0)

    compare_roots(pulsetrail, reading)


@reordered
def test_cases_interleaved_anew(log: Log, reading: Reading, tmp_path: Path) -> None:
    header, *lines = log.lines()
    pulsetrail = Pulsetrail(tmp_path / "data")

    file = write(tmp_path / "interleaved.csv", header, interleaved(lines, Random(3)))
    answer = pulsetrail.import_log(log.mapping, file)

    assert (answer["accepted"], answer["rejected"]) == (len(lines), 0)
    compare_roots(pulsetrail, reading)


def test_several_files_of_one_history(tmp_path: Path) -> None:
    log = LOGS["made-up"]
    header, *lines = log.lines()
    pulsetrail = Pulsetrail(tmp_path / "data")
    even = write(tmp_path / "even.csv", header, [ln for ln in lines if int(ln[2]) % 2 == 0])
    odd = write(tmp_path / "odd.csv", header, [ln for ln in lines if int(ln[2]) % 2])

    answer = pulsetrail.import_log(log.mapping, odd, even)

    assert (answer["accepted"], answer["rejected"]) == (len(lines), 0)
    compare_roots(pulsetrail, log.reading())


def test_reading_until_a_moment_and_then_to_the_end(tmp_path: Path) -> None:
    log = LOGS["made-up"]
    whole = log.reading()
    rows = rows_of(log.file)
    pulsetrail = Pulsetrail(tmp_path / "data")

    for moment in moments(whole, 3):
        until = read(rows, log.rules, moment)
        pulsetrail.import_log(log.mapping, log.file, until=written(moment))
        compare_roots(pulsetrail, until)
    pulsetrail.import_log(log.mapping, log.file)

    compare_roots(pulsetrail, whole)


def stored_events(pulsetrail: Pulsetrail) -> int:
    with closing(sqlite3.connect(pulsetrail.folder / "events.db")) as connection:
        return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])


def write(file: Path, header: Line, lines: list[Line]) -> Path:
    with file.open("w", encoding="utf-8", newline="") as text:
        csv.writer(text).writerows([header, *lines])
    return file


def interleaved(lines: list[Line], random: Random) -> list[Line]:
    """The cases in another order among each other, each case's rows in theirs."""
    waiting: dict[str, list[Line]] = defaultdict(list)
    for line in reversed(lines):
        waiting[line[2]].append(line)
    turns = [line[2] for line in lines]
    random.shuffle(turns)
    return [waiting[case].pop() for case in turns]
