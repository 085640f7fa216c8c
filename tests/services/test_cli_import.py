"""`pulsetrail import` as it is typed: rows to events, what is refused, what is repeated (G2)."""

import csv
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.oracle.logs import CHECKOUT, MADE_UP_LOG
from tests.system import warm_start
from tests.system.command import Pulsetrail

EXAMPLE = CHECKOUT / "examples" / "made_up"
MAPPING = EXAMPLE / "mapping.toml"
HEADER = (
    "case:AMOUNT_REQ,case:REG_DATE,case:concept:name,concept:name,"
    "lifecycle:transition,org:resource,time:timestamp\n"
)


def line(case: str, what: str, when: str, who: str = "201", phase: str = "COMPLETE") -> str:
    return f"1000,,{case},{what},{phase},{who},2025-03-{when}+08:00\n"


CASE_1 = (
    line("1", "LEAD_IN", "03T09:00:00", who="sys"),
    line("1", "电话沟通", "03T10:00:00", phase="START"),
    line("1", "QUALIFIED", "03T11:00:00"),
    line("1", "QUOTE_SENT", "04T09:00:00"),
)
CASE_2 = (line("2", "LEAD_IN", "05T09:00:00"), line("2", "WON", "06T09:00:00"))


def log(folder: Path, *lines: str, name: str = "log.csv", header: str = HEADER) -> Path:
    path = folder / name
    path.write_text(header + "".join(lines), encoding="utf-8")
    return path


def types(pulsetrail: Pulsetrail, *options: str) -> Counter[str]:
    return Counter(event["type"].split(".")[1] for event in pulsetrail.lines("events", *options))


def answer(pulsetrail: Pulsetrail, file: Path, *options: str, code: int = 0) -> dict[str, Any]:
    text = pulsetrail.run(
        "import", str(file), "--mapping", str(MAPPING), "--json", *options, exit_code=code
    )
    found: dict[str, Any] = json.loads(text.splitlines()[-1])
    return found


def refused(pulsetrail: Pulsetrail, *arguments: str, code: int = 3) -> str:
    done = warm_start.run(*pulsetrail.arguments(*arguments))
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    return done.stderr


@pytest.fixture
def pulsetrail(tmp_path: Path) -> Pulsetrail:
    return Pulsetrail(tmp_path / "data")


def test_a_history_becomes_events_with_its_own_times(
    pulsetrail: Pulsetrail, tmp_path: Path
) -> None:
    told = answer(pulsetrail, log(tmp_path, *CASE_1, *CASE_2))

    assert {name: told[name] for name in ("rows", "accepted", "duplicates", "rejected")} == {
        "rows": 6,
        "accepted": 6,
        "duplicates": 0,
        "rejected": 0,
    }
    assert told["errors"] == []
    stream = pulsetrail.lines("events", "--stream", "default/opportunity/made-up-1")
    assert [(event["type"], event["occurred_at"]) for event in stream] == [
        ("opportunities.opportunity_opened.v1", "2025-03-03T01:00:00.000Z"),
        ("opportunities.opportunity_assigned.v1", "2025-03-03T02:00:00.000Z"),
        ("opportunities.action_logged.v1", "2025-03-03T02:00:00.000Z"),
        ("opportunities.stage_changed.v1", "2025-03-03T03:00:00.000Z"),
        ("opportunities.stage_changed.v1", "2025-03-04T01:00:00.000Z"),
    ]
    assert {event["origin"] for event in stream} == {"import"}
    opened, assigned, action, moved, skipped = (event["data"] for event in stream)
    assert (opened["amount"], opened["currency"], opened["unit_id"]) == ("1000", "CNY", "sales")
    assert assigned["owner_id"] == "rep-201"
    assert assigned["unit_path"] == ["company", "sales", "north", "team-0"]
    assert (action["type"], action["actor_id"]) == ("电话沟通 START", "rep-201")
    assert moved["violations"] == []
    assert {each["code"] for each in skipped["violations"]} == {"skip", "golden-action"}


def test_the_history_clock_stands_at_the_last_row(pulsetrail: Pulsetrail, tmp_path: Path) -> None:
    answer(pulsetrail, log(tmp_path, *CASE_1, *CASE_2))
    rows = pulsetrail.json("tenants", "list")["rows"]
    assert [(row["clock"], row["live"]) for row in rows] == [("2025-03-06T01:00:00.000Z", False)]
    signals = pulsetrail.lines("signals", "--rule", "stalled")
    assert signals == []


def test_until_reads_no_further_and_sets_the_clock(pulsetrail: Pulsetrail, tmp_path: Path) -> None:
    file = log(tmp_path, *CASE_1, *CASE_2)
    told = answer(pulsetrail, file, "--until", "2025-03-31T00:00:00Z")
    assert told["rows"] == 6
    assert pulsetrail.json("tenants", "list")["rows"][0]["clock"] == "2025-03-31T00:00:00.000Z"
    (stalled,) = pulsetrail.lines("signals", "--rule", "stalled")
    assert stalled["due_at"] == stalled["raised_at"] == "2025-03-09T01:00:00.000Z"
    assert stalled["historical"] is True


def test_until_the_future_is_refused(pulsetrail: Pulsetrail, tmp_path: Path) -> None:
    file = str(log(tmp_path, *CASE_1))
    said = refused(
        pulsetrail, "import", file, "--mapping", str(MAPPING), "--until", "2999-01-01T00:00:00Z"
    )
    assert "until" in said


def test_the_same_file_twice_adds_nothing(pulsetrail: Pulsetrail, tmp_path: Path) -> None:
    file = log(tmp_path, *CASE_1, *CASE_1[1:2], *CASE_2)
    answer(pulsetrail, file)
    before = pulsetrail.run("events")

    again = answer(pulsetrail, file)

    assert (again["accepted"], again["duplicates"], again["rejected"]) == (0, 7, 0)
    assert pulsetrail.run("events") == before


def test_a_dry_run_writes_nothing(pulsetrail: Pulsetrail, tmp_path: Path) -> None:
    before = pulsetrail.run("events")
    told = answer(pulsetrail, log(tmp_path, *CASE_1, "broken\n"), "--dry-run", code=1)
    assert (told["accepted"], told["rejected"], told["dry_run"]) == (4, 1, True)
    assert pulsetrail.run("events") == before


def with_a_pilot_stage(folder: Path) -> Path:
    """The example's mapping, its pipeline grown by a stage."""
    mapping, pipeline = (
        (EXAMPLE / name).read_text(encoding="utf-8") for name in ("mapping.toml", "pipeline.toml")
    )
    rule = '[[rule]]\nwhen = { activity = "PILOT" }\nstage = "pilot"\n'
    (folder / "mapping.toml").write_text(f"{mapping}\n{rule}", encoding="utf-8")
    (folder / "pipeline.toml").write_text(
        f'{pipeline}\n[[stage]]\nname = "pilot"\n', encoding="utf-8"
    )
    return folder / "mapping.toml"


def test_a_dry_run_tells_what_the_opportunities_would_refuse(
    pulsetrail: Pulsetrail, tmp_path: Path
) -> None:
    answer(pulsetrail, log(tmp_path, *CASE_1))
    before = pulsetrail.run("events")
    file = log(
        tmp_path,
        line("1", "PILOT", "05T09:00:00"),
        line("3", "LEAD_IN", "06T09:00:00"),
        line("3", "PILOT", "07T09:00:00", who="305"),
        line("1", "NEGOTIATION", "08T09:00:00", who="306"),
        name="grown.csv",
    )
    command = ["import", str(file), "--mapping", str(with_a_pilot_stage(tmp_path)), "--json"]

    tried = json.loads(pulsetrail.run(*command, "--dry-run", exit_code=1).splitlines()[-1])

    assert pulsetrail.run("events") == before
    [refusal] = tried["errors"]
    assert (refusal["row"], refusal["field"], refusal["code"]) == (2, "stage", "malformed")
    assert "pilot" in refusal["message"]
    done = json.loads(pulsetrail.run(*command, exit_code=1).splitlines()[-1])
    assert {**done, "seconds": 0, "dry_run": True} == {**tried, "seconds": 0}
    assert (done["accepted"], done["rejected"]) == (3, 1)


def test_a_dry_run_refuses_settings_that_the_import_would_refuse(
    pulsetrail: Pulsetrail, tmp_path: Path
) -> None:
    mapping = with_a_pilot_stage(tmp_path)
    text = mapping.read_text(encoding="utf-8")
    mapping.write_text(text.replace("Asia/Shanghai", "Moon/Sea", 1), encoding="utf-8")
    command = ["import", str(log(tmp_path, *CASE_1)), "--mapping", str(mapping)]
    for options in (["--dry-run"], []):
        assert "zone" in refused(pulsetrail, *command, *options)


def test_half_wrong_rows_cost_only_themselves(pulsetrail: Pulsetrail, tmp_path: Path) -> None:
    file = log(
        tmp_path,
        CASE_1[0],
        "1000,,1,QUALIFIED\n",
        line("1", "QUALIFIED", "99T11:00:00"),
        line("a/b", "LEAD_IN", "03T09:00:00"),
        line("1", "Demo", "03T12:00:00", who="anna"),
        CASE_1[3],
    )
    told = answer(pulsetrail, file, code=1)
    assert (told["rows"], told["accepted"], told["rejected"]) == (6, 2, 4)
    found = [(each["row"], each["field"], each["code"]) for each in told["errors"]]
    assert sorted(found) == [
        (3, "", "wrong-number-of-columns"),
        (4, "time:timestamp", "not-a-time"),
        (5, "case:concept:name", "malformed-id"),
        (6, "org:resource", "not-a-number"),
    ]
    assert all(each["message"] for each in told["errors"])


def test_a_late_action_is_taken_and_a_late_change_of_state_is_out_of_date(
    pulsetrail: Pulsetrail, tmp_path: Path
) -> None:
    answer(pulsetrail, log(tmp_path, *CASE_1))
    late = log(
        tmp_path,
        line("1", "微信消息", "03T12:00:00"),
        line("1", "SOLUTION", "03T13:00:00"),
        name="late.csv",
    )
    told = answer(pulsetrail, late, code=1)
    assert (told["accepted"], told["rejected"]) == (1, 1)
    assert told["errors"][0]["code"] == "out-of-date"


def test_a_mapping_that_names_an_absent_column_writes_nothing(
    pulsetrail: Pulsetrail, tmp_path: Path
) -> None:
    before = pulsetrail.run("events")
    file = log(tmp_path, "1,2025-03-03\n", header="case,time\n")
    said = refused(pulsetrail, "import", str(file), "--mapping", str(MAPPING))
    assert "columns.case" in said
    assert "absent-column" in said
    assert pulsetrail.run("events") == before


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (('source = "made-up"', ""), "source"),
        (('stage = "qualified"', 'stage = "married"'), "unknown-stage"),
        (('parent = "sales"', 'parent = "moon"'), "unit[1].parent"),
        (('pipeline = "pipeline.toml"', 'pipeline = "gone.toml"'), "gone.toml"),
        (("[columns]", "[columns"), "mapping.toml"),
    ],
)
def test_a_mapping_that_cannot_be_used_names_what_is_wrong(
    pulsetrail: Pulsetrail, tmp_path: Path, change: tuple[str, str], named: str
) -> None:
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(MAPPING.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    pipeline = (EXAMPLE / "pipeline.toml").read_text(encoding="utf-8")
    (tmp_path / "pipeline.toml").write_text(pipeline, encoding="utf-8")
    file = log(tmp_path, *CASE_1)
    assert named in refused(pulsetrail, "import", str(file), "--mapping", str(mapping))


def test_a_file_that_is_not_there_is_refused(pulsetrail: Pulsetrail, tmp_path: Path) -> None:
    gone = str(tmp_path / "gone.csv")
    assert "gone.csv" in refused(pulsetrail, "import", gone, "--mapping", str(MAPPING))


def test_interrupted_and_repeated_it_goes_on_without_doubling(
    pulsetrail: Pulsetrail, tmp_path: Path
) -> None:
    with MADE_UP_LOG.open(encoding="utf-8", newline="") as text:
        header, *rows = csv.reader(text)
    file = tmp_path / "long.csv"
    with file.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(header)
        for part in range(8):
            writer.writerows([*row[:2], f"{part}-{row[2]}", *row[3:]] for row in rows)
    pulsetrail.run("tenants", "list")
    command = ["import", str(file), "--mapping", str(MAPPING), "--json"]
    importing = subprocess.Popen(
        [sys.executable, "-m", "services.cli", "--data", str(pulsetrail.folder), *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    log_of_store = pulsetrail.folder / "events.db-wal"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and importing.poll() is None:
        if log_of_store.exists() and log_of_store.stat().st_size > 3_000_000:
            break
        time.sleep(0.01)
    importing.send_signal(signal.SIGINT)
    _, said = importing.communicate(timeout=60)
    assert importing.returncode == 130, said
    assert "Traceback" not in said

    told = answer(pulsetrail, file)

    assert told["duplicates"] > 0
    assert told["accepted"] + told["duplicates"] == told["rows"] == 8 * len(rows)
    counted = types(pulsetrail)
    whole = Pulsetrail(tmp_path / "whole")
    answer(whole, file)
    assert counted == types(whole)
    for board in ("silence", "process-health", "golden-actions"):
        assert pulsetrail.json("board", board) == whole.json("board", board)
