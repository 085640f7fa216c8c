"""`pulsetrail` as it is typed: reading, keys, tenants, proofs, exit codes, a folder in use."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from rich.console import Console

from services.cli.desk import Desk, furnish
from services.cli.doctor import calendar_findings
from services.cli.output import Output
from services.cli.tenants import GoLiveNow
from services.embedded import open_embedded
from shared.clock import VirtualClock
from shared.data_folder import DataFolder
from tests.oracle.logs import CHECKOUT, MADE_UP_LOG
from tests.system import warm_start
from tests.system.command import Json, Pulsetrail

EXAMPLE = CHECKOUT / "examples" / "made_up"


def typed(*arguments: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    data = ["--data", str(folder)] if folder else []
    return warm_start.run(*arguments, *data)


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Pulsetrail:
    pulsetrail = Pulsetrail(tmp_path_factory.mktemp("imported"))
    pulsetrail.import_log(EXAMPLE / "mapping.toml", MADE_UP_LOG)
    return pulsetrail


@contextmanager
def serving(folder: Path) -> Iterator[tuple[str, str, subprocess.Popen[str]]]:
    """The address, what was said on stderr by then, and the process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "services.cli", "--data", str(folder), "serve", "--port", "0"],
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    try:
        assert process.stderr is not None
        said = ""
        while "Stop with Ctrl-C" not in said:
            line = process.stderr.readline()
            assert line, f"it ended: {said}"
            said += line
        found = re.search(r"Pulsetrail: (\S+)", said)
        assert found is not None
        yield found[1], said, process
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=30)


# --- a fresh folder ---------------------------------------------------------------------------


def test_a_fresh_folder_is_usable_at_once(tmp_path: Path) -> None:
    pulsetrail = Pulsetrail(tmp_path / "data")
    (tenant,) = pulsetrail.json("tenants", "list")["rows"]
    assert (tenant["tenant_id"], tenant["live"], tenant["zone"]) == (
        "default",
        False,
        "Asia/Shanghai",
    )
    assert pulsetrail.json("board", "silence")["rows"] == []
    pulsetrail.run("tenants", "create", "second")
    named = [row["tenant_id"] for row in pulsetrail.json("tenants", "list")["rows"]]
    assert named == ["default", "second"]
    assert pulsetrail.json("board", "silence", "--tenant", "second")["total"] == 0
    assert pulsetrail.json("go-live", "--tenant", "second")["live_at"]
    live = {row["tenant_id"]: row["live"] for row in pulsetrail.json("tenants", "list")["rows"]}
    assert live == {"default": False, "second": True}


def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    pulsetrail = Pulsetrail(tmp_path / "data")
    made = pulsetrail.json("keys", "create", "--role", "auditor", "--name", "yearly audit")
    assert set(made) == {"key_id", "key"}
    (listed,) = pulsetrail.json("keys", "list")["rows"]
    assert (listed["key_id"], listed["role"], listed["unit_id"], listed["name"]) == (
        made["key_id"],
        "auditor",
        "company",
        "yearly audit",
    )
    assert made["key"] not in pulsetrail.run("keys", "list")
    pulsetrail.run("keys", "revoke", made["key_id"])
    assert pulsetrail.json("keys", "list")["rows"][0]["revoked_at"]
    pulsetrail.run("keys", "revoke", "nobody", exit_code=3)
    pulsetrail.run("keys", "create", "--role", "king", exit_code=3)
    pulsetrail.run("keys", "create", "--role", "rep", "--unit", "moon", exit_code=3)
    pulsetrail.run("keys", "create", "--role", "rep", "--person", "nobody", exit_code=3)


def test_the_days_of_a_year_come_from_the_publication_or_from_a_file(tmp_path: Path) -> None:
    pulsetrail = Pulsetrail(tmp_path / "data")
    known = {row["year"]: row for row in pulsetrail.json("calendars", "list")["rows"]}
    assert all(row["source"].startswith("chinesecalendar") for row in known.values())
    assert pulsetrail.json("calendars", "set", "2035")["provisional"] is True
    days = tmp_path / "days.csv"
    days.write_text("date,working\n2035-02-08,false\n2035-02-10,yes\n", encoding="utf-8")
    assert pulsetrail.json("calendars", "set", "2035", "--file", str(days)) == {
        "year": 2035,
        "free_days": 1,
        "make_up_days": 1,
        "provisional": False,
        "source": "days.csv",
    }
    assert 2035 in [row["year"] for row in pulsetrail.json("calendars", "list")["rows"]]
    pulsetrail.run("calendars", "set", "2035", exit_code=3)
    pulsetrail.run("calendars", "set", "2036", "--file", str(days), exit_code=3)
    pulsetrail.run("calendars", "set", "2036", "--file", str(tmp_path / "away"), exit_code=3)
    pulsetrail.run("calendars", "set", "1066", exit_code=2)


def test_a_pipeline_is_checked_and_published_once(tmp_path: Path) -> None:
    pulsetrail = Pulsetrail(tmp_path / "data")
    good, bad = EXAMPLE / "pipeline.toml", tmp_path / "bad.toml"
    bad.write_text('[pipeline]\nname = "x"\ncolour = "red"\n', encoding="utf-8")
    assert pulsetrail.json("pipeline", "check", str(good)) == {
        "pipeline": "made-up",
        "walkable": True,
        "errors": [],
    }
    told = json.loads(pulsetrail.run("pipeline", "check", str(bad), "--json", exit_code=1))
    assert told["walkable"] is False
    assert "pipeline.colour" in {each["field"] for each in told["errors"]}
    for _ in range(2):
        published = pulsetrail.json("pipeline", "publish", str(good))
        assert published == {"pipeline": "made-up", "version": 1}
    pulsetrail.run("pipeline", "publish", str(bad), exit_code=3)
    pulsetrail.run("pipeline", "check", str(tmp_path / "gone.toml"), exit_code=3)


# --- reading ----------------------------------------------------------------------------------


def test_boards_come_as_tables_and_as_json(imported: Pulsetrail) -> None:
    told = imported.json("board", "silence", "--limit", "3")
    assert len(told["rows"]) == 3
    assert told["total"] > 3
    first = told["rows"][0]["opportunity_id"]
    assert first in imported.run("board", "silence", "--limit", "1")
    week = imported.json("board", "process-health", "--week", "2025-W12", "--unit", "north")
    assert {row["week"] for row in week["rows"]} == {"2025-W12"}
    assert imported.json("board", "golden-actions")["rows"]


def test_a_past_moment_is_shown_as_it_was(imported: Pulsetrail) -> None:
    told = imported.json("board", "silence", "--as-of", "2025-03-20T00:00:00Z")
    assert told["as_of"] == "2025-03-20T00:00:00.000Z"
    assert all(row["last_activity_at"] <= told["as_of"] for row in told["rows"])


def test_signals_timelines_and_reasons_lead_to_events(imported: Pulsetrail) -> None:
    signals = imported.lines("signals", "--rule", "stalled", "--state", "resolved")
    assert signals
    assert {each["state"] for each in signals} == {"resolved"}
    signal_row = signals[0]
    entries = imported.lines("timeline", "opportunity", signal_row["subject_id"])
    assert entries[0]["type"] == "opportunities.opportunity_opened.v1"
    assert [each["occurred_at"] for each in entries] == sorted(
        each["occurred_at"] for each in entries
    )
    reason = imported.json("why", signal_row["signal_id"])
    assert signal_row["anchor_event_id"] in {each["event_id"] for each in reason["events"]}
    assert imported.run("why", signal_row["signal_id"])
    figure = ["--unit", "sales", "--week", "2025-W12", "--figure", "index"]
    assert imported.json("why", "process-health", *figure)
    assert imported.run("escalations") == ""


def test_the_log_comes_one_event_a_line_after_a_position(imported: Pulsetrail) -> None:
    events = imported.lines("events", "--type", "opportunities.opportunity_won.v1")
    assert events
    where = events[4]["position"]
    after = f"{where['log']}:{where['partition']}:{where['offset']}"
    later = imported.lines("events", "--type", "opportunities.opportunity_won.v1", "--after", after)
    assert later == events[5:]
    assert set(events[0]) >= {
        "position",
        "stream",
        "version",
        "event_id",
        "type",
        "occurred_at",
        "recorded_at",
        "tenant_id",
        "actor_id",
        "data",
        "correlation_id",
        "causation_id",
        "hash",
    }


def test_read_models_are_rebuilt_and_compared(imported: Pulsetrail) -> None:
    board = imported.json("board", "silence")
    assert all(not row["differences"] for row in imported.json("rebuild", "--compare")["rows"])
    imported.run("rebuild")
    assert imported.json("board", "silence") == board
    imported.run("rebuild", "nonsense", exit_code=3)


def test_a_table_that_no_window_bounds_cuts_nothing(imported: Pulsetrail) -> None:
    [row] = imported.json("board", "silence", "--limit", "1")["rows"]
    done = typed("board", "silence", "--limit", "1", folder=imported.folder)
    assert done.stdout.splitlines()[-1].split()[:2] == [row["opportunity_id"], row["stage"]]
    assert row["last_activity_at"] in done.stdout
    assert "…" not in done.stdout


def test_nobody_was_late_where_the_source_has_no_entry_times(imported: Pulsetrail) -> None:
    [row] = imported.json("board", "silence", "--limit", "1")["rows"]
    done = typed("timeline", "opportunity", row["opportunity_id"], folder=imported.folder)
    entries = [json.loads(line) for line in done.stdout.splitlines()]
    assert {each["late_seconds"] for each in entries if each["origin"] == "import"} == {None}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("board", "nonsense"), 3),
        (("board", "silence", "--unit", "moon"), 3),
        (("board", "process-health", "--week", "2025-W99"), 3),
        (("board", "silence", "--tenant", "nobody"), 3),
        (("board", "silence", "--limit", "none"), 2),
        (("board", "silence", "--as-of", "yesterday"), 2),
        (("board",), 2),
        (("nonsense",), 2),
        (("events", "--after", "here"), 3),
        (("signals", "--state", "asleep"), 3),
        (("timeline", "opportunity", "nobody"), 3),
        (("why", "nobody"), 3),
        (("why", "process-health", "--unit", "north"), 2),
        (("tenants", "create", "a/b"), 3),
        (("verify", "--url", "http://127.0.0.1:9"), 2),
        (("board", "silence", "--url", "http://127.0.0.1:9"), 4),
    ],
)
def test_the_exit_code_says_what_was_wrong(
    imported: Pulsetrail, arguments: tuple[str, ...], code: int
) -> None:
    done = typed(*arguments, folder=imported.folder)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr


# --- documents, health, proof -----------------------------------------------------------------


def test_documents_describe_events_configuration_and_http() -> None:
    events: Json = json.loads(typed("schema", "events").stdout)
    assert "opportunities.action_logged.v1" in events["events"]
    config: Json = json.loads(typed("schema", "config").stdout)
    assert "PULSETRAIL_DATA_DIR" in config["environment"]
    assert config["tenant_settings"]["zone"]["default"] == "Asia/Shanghai"
    openapi: Json = json.loads(typed("schema", "openapi").stdout)
    assert "/api/v1/boards/{name}" in openapi["paths"]


def test_a_wrong_setting_stops_the_start_with_one_line(tmp_path: Path) -> None:
    done = warm_start.run(
        *Pulsetrail(tmp_path).arguments("tenants", "list"),
        environment=os.environ | {"PULSETRAIL_LOG_LEVEL": "loud"},
    )
    assert done.returncode == 2
    assert done.stderr.startswith("PULSETRAIL_LOG_LEVEL: ")
    assert done.stderr.count("\n") == 1


def test_the_doctor_finds_nothing_in_a_healthy_folder(imported: Pulsetrail) -> None:
    told = imported.json("doctor")
    assert all(row["ok"] for row in told["rows"])


async def test_the_doctor_tells_who_lives_without_the_holidays_of_the_year(tmp_path: Path) -> None:
    clock = VirtualClock(datetime(2026, 3, 2, 9, tzinfo=UTC))
    async with open_embedded(tmp_path, clock=clock) as hosting:
        output = Output(Console(), Console(stderr=True), as_json=True)
        desk = Desk(hosting=hosting, output=output, tenant_id="default")
        await furnish(hosting.ports)
        await hosting.catch_up()
        assert await calendar_findings(desk) == []
        await GoLiveNow().run(desk)
        assert [each.remedy for each in await calendar_findings(desk)] == [None]
        clock.move_to(datetime(2034, 12, 31, 16, 30, tzinfo=UTC))
        [finding] = await calendar_findings(desk)
        assert "calendars set 2035" in (finding.remedy or "")


def test_tampering_is_found_with_the_first_bad_event(tmp_path: Path) -> None:
    pulsetrail = Pulsetrail(tmp_path / "data")
    pulsetrail.run("tenants", "list")
    assert pulsetrail.json("verify")["untampered"] is True
    store = sqlite3.connect(pulsetrail.folder / "events.db")
    (event_id,) = store.execute(
        "SELECT event_id FROM events WHERE log = 'opportunities' AND log_offset = 3"
    ).fetchone()
    store.execute("UPDATE events SET payload = payload || ' ' WHERE event_id = ?", (event_id,))
    store.commit()
    store.close()

    told = json.loads(pulsetrail.run("verify", "--json", exit_code=1))

    assert told["untampered"] is False
    assert told["first_bad"]["position"] == {"log": "opportunities", "partition": 0, "offset": 3}
    assert told["first_bad"]["event_id"].replace("-", "") == event_id.hex()
    assert "opportunities:0:3" in pulsetrail.run("verify", exit_code=1)


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    pulsetrail = Pulsetrail(tmp_path / "data")
    pulsetrail.run("tenants", "list")
    store = sqlite3.connect(pulsetrail.folder / "events.db")
    store.execute("PRAGMA user_version = 999")
    store.execute("UPDATE facts SET value = '999' WHERE name = 'schema_version'")
    store.commit()
    store.close()
    done = typed("tenants", "list", folder=pulsetrail.folder)
    assert done.returncode == 3
    assert "newer" in done.stderr


# --- a folder in use --------------------------------------------------------------------------


def test_a_folder_held_by_who_does_not_serve_is_refused(tmp_path: Path) -> None:
    folder = DataFolder(tmp_path / "data")
    folder.acquire()
    try:
        done = typed("tenants", "list", folder=folder.path)
    finally:
        folder.release()
    assert done.returncode == 4
    assert "in use" in done.stderr


def test_commands_are_done_by_the_process_that_serves_the_folder(tmp_path: Path) -> None:
    pulsetrail = Pulsetrail(tmp_path / "data")
    mapping = EXAMPLE / "mapping.toml"
    with serving(pulsetrail.folder) as (address, said, process):
        assert "Administrator's key of tenant default, shown once: pt_" in said
        told = pulsetrail.import_log(mapping, MADE_UP_LOG)
        assert told["accepted"] == told["rows"] > 0
        again = pulsetrail.import_log(mapping, MADE_UP_LOG)
        assert again["duplicates"] == again["rows"]
        board = pulsetrail.json("board", "silence")
        assert board["rows"]
        done = typed("board", "nonsense", folder=pulsetrail.folder)
        assert (done.returncode, done.stdout) == (3, "")
        assert typed("serve", folder=pulsetrail.folder).returncode == 4
        filling = typed("demo", folder=pulsetrail.folder)
        assert (filling.returncode, filling.stdout) == (3, "")
        assert "stop the process that serves it" in filling.stderr

        key = pulsetrail.json("keys", "create", "--role", "director")["key"]
        asked = ["--url", address, "--token", key]
        assert (
            json.loads(typed("board", "silence", "--json", *asked).stdout)["rows"]
            == (board["rows"])
        )
        signals = typed("signals", *asked).stdout.splitlines()
        assert len(signals) == len(pulsetrail.lines("signals"))
        assert typed("events", *asked).returncode == 3
        assert typed("board", "silence", "--url", address, "--token", "wrong").returncode == 3

        link = re.search(r"http\S+/sign-in\S+", said)
        assert link is not None
        assert httpx.get(link[0], trust_env=False).status_code == 200
        page, form = f"{address}/sign-in", {"code": link[0].partition("code=")[2]}
        first = httpx.post(page, data=form, trust_env=False)
        assert first.status_code == 303
        assert "HttpOnly" in first.headers["set-cookie"]
        assert httpx.post(page, data=form, trust_env=False).status_code == 401
        local = httpx.post(f"{address}/local/requests", json={}, trust_env=False)
        assert local.status_code == 401

        process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + 20
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.05)
        assert process.returncode == 0
    assert pulsetrail.json("board", "silence")["rows"] == board["rows"]


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with serving(tmp_path / "one") as (address, _said, _process):
        port = address.rsplit(":", 1)[1]
        done = typed("serve", "--port", port, folder=tmp_path / "two")
    assert done.returncode == 4
    assert "in use" in done.stderr.lower()
