"""Bad input at the command line: one line that says what is wrong, and nothing is lost."""

import fcntl
import gzip
import json
import os
import sqlite3
from pathlib import Path

import httpx
import pytest

from tests.oracle.logs import CHECKOUT, MADE_UP, MADE_UP_LOG
from tests.oracle.reading import read, rows_of
from tests.system import warm_start
from tests.system.command import Json, Pulsetrail
from tests.system.reference import compare_process_health, compare_signals, compare_silence
from tests.system.serving import Serving

MAPPING = CHECKOUT / "examples" / "made_up" / "mapping.toml"


@pytest.fixture
def pulsetrail(tmp_path: Path) -> Pulsetrail:
    return Pulsetrail(tmp_path / "data")


def attempted(
    pulsetrail: Pulsetrail,
    *arguments: str,
    file_limit_bytes: int | None = None,
    **settings: str,
) -> tuple[int, str, list[str]]:
    """The exit code, what was said on stdout, and the lines on stderr."""
    done = warm_start.run(
        *pulsetrail.arguments(*arguments),
        environment=os.environ | settings,
        file_limit_bytes=file_limit_bytes,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr.splitlines()


def imported(file: Path, mapping: Path = MAPPING) -> list[str]:
    return ["import", str(file), "--mapping", str(mapping), "--json"]


def compare_with_the_whole_log(pulsetrail: Pulsetrail) -> None:
    """Whatever went before, the whole log imported now gives what it gives alone."""
    pulsetrail.import_log(MAPPING, MADE_UP_LOG)
    reading = read(rows_of(MADE_UP_LOG), MADE_UP)
    compare_silence(pulsetrail, reading)
    compare_signals(pulsetrail, reading)
    compare_process_health(pulsetrail, reading, "company")
    assert pulsetrail.json("verify")["untampered"] is True


def test_of_a_half_wrong_file_the_right_rows_are_taken_and_the_wrong_ones_named(
    pulsetrail: Pulsetrail, tmp_path: Path
) -> None:
    lines = MADE_UP_LOG.read_bytes().splitlines(keepends=True)
    wrong = {
        300: (b"only,three,columns\n", "wrong-number-of-columns"),
        301: (lines[300].replace(b"2025-", b"yesterday-"), "not-a-time"),
        302: (b"\xff\xfe" + lines[301], "broken-text"),
        303: (b"many" + lines[302][lines[302].index(b",") :], "not-an-amount"),
    }
    file = tmp_path / "half-wrong.csv"
    mixed = [*lines[:300], *(line for line, _ in wrong.values()), *lines[300:]]
    file.write_bytes(b"".join(mixed))

    code, said, _ = attempted(pulsetrail, *imported(file))
    answer = _last_document(said)

    assert code == 1
    assert (answer["rows"], answer["rejected"]) == (len(mixed) - 1, len(wrong))
    assert answer["accepted"] == len(lines) - 1
    named = {each["row"]: each["code"] for each in answer["errors"]}
    assert set(named) == {number + 1 for number in wrong}
    assert [named[number + 1] for number in (300, 301, 302)] == [
        code for _, code in list(wrong.values())[:3]
    ]
    compare_with_the_whole_log(pulsetrail)


@pytest.mark.parametrize("packed", [False, True])
def test_of_a_truncated_file_what_is_whole_is_taken(
    pulsetrail: Pulsetrail, tmp_path: Path, packed: bool
) -> None:
    whole = MADE_UP_LOG.read_bytes()
    file = tmp_path / ("cut.csv.gz" if packed else "cut.csv")
    content = gzip.compress(whole) if packed else whole
    file.write_bytes(content[: len(content) // 2])

    code, said, _ = attempted(pulsetrail, *imported(file))
    answer = _last_document(said)

    assert code == 1
    assert (answer["accepted"], answer["rejected"]) == (answer["rows"] - 1, 1)
    assert answer["accepted"] > 100
    compare_with_the_whole_log(pulsetrail)


def test_files_and_mappings_that_cannot_be_read_write_nothing(
    pulsetrail: Pulsetrail, tmp_path: Path
) -> None:
    pulsetrail.import_log(MAPPING, MADE_UP_LOG)
    before = pulsetrail.run("events")
    (tmp_path / "pipeline.toml").write_bytes((MAPPING.parent / "pipeline.toml").read_bytes())
    text = MAPPING.read_text(encoding="utf-8")
    mappings = {
        "absent-column": text.replace('"org:resource"', '"org:nobody"'),
        "no-toml": "[columns\n",
    }
    attempts = [
        imported(tmp_path / "away.csv"),
        imported(MADE_UP_LOG, tmp_path / "away.toml"),
    ]
    for name, content in mappings.items():
        mapping = tmp_path / f"{name}.toml"
        mapping.write_text(content, encoding="utf-8")
        attempts.append(imported(MADE_UP_LOG, mapping))
    for name, bytes_ in (("empty.csv", b""), ("binary.csv", b"\x00\xff" * 2_048)):
        (tmp_path / name).write_bytes(bytes_)
        attempts.append(imported(tmp_path / name))
    for arguments in attempts:
        code, said, complaint = attempted(pulsetrail, *arguments)
        assert (code, said) == (3, ""), (arguments, code, said, complaint)
        assert complaint, arguments
    _, _, complaint = attempted(pulsetrail, *attempts[2])
    assert "org:nobody" in "\n".join(complaint)
    assert pulsetrail.run("events") == before


def test_a_command_that_makes_no_sense_is_wrong_usage(pulsetrail: Pulsetrail) -> None:
    for arguments in (
        ["dance"],
        ["import"],
        ["board"],
        ["board", "silence", "--as-of", "yesterday"],
        ["serve", "--port", "70000"],
    ):
        code, _, complaint = attempted(pulsetrail, *arguments)
        assert code == 2, arguments
        assert complaint
    code, _, complaint = attempted(
        pulsetrail, "tenants", "list", PULSETRAIL_MAX_BODY_BYTES="plenty"
    )
    assert code == 2
    [line] = complaint
    assert "PULSETRAIL_MAX_BODY_BYTES" in line


@pytest.mark.parametrize("name", ["events.db", "keys.db", "read_models.db"])
def test_a_file_of_a_newer_version_is_not_touched(pulsetrail: Pulsetrail, name: str) -> None:
    pulsetrail.run("tenants", "list")
    file = pulsetrail.folder / name
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = file.read_bytes()
    for arguments in (["tenants", "list"], ["serve", "--port", "0"], ["verify"]):
        code, said, complaint = attempted(pulsetrail, *arguments)
        assert (code, said) == (3, "")
        [line] = complaint
        assert "newer version of Pulsetrail" in line
        assert name in line
    assert file.read_bytes() == before


def test_a_folder_that_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    code, _, complaint = attempted(Pulsetrail(tmp_path / "data"), "tenants", "list")
    assert code == 4
    assert complaint


def test_a_folder_that_somebody_holds_without_serving(pulsetrail: Pulsetrail) -> None:
    before = pulsetrail.run("events")
    with (pulsetrail.folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        code, said, complaint = attempted(pulsetrail, "events")
    assert (code, said) == (4, "")
    assert "in use" in " ".join(complaint)
    assert pulsetrail.run("events") == before


async def test_a_served_folder_is_served_once_and_other_commands_reach_it(tmp_path: Path) -> None:
    serving = Serving(tmp_path / "data")
    serving.folder.mkdir()
    serving.start()
    try:
        await serving.ready()
        code, _, complaint = attempted(serving.command, "serve", "--port", "0")
        assert code == 4
        [line] = complaint
        assert "in use" in line
        made = serving.command.json("keys", "create", "--role", "director")
        assert made["key"].startswith("pt_")
        assert "default" in serving.command.run("tenants", "list")
    finally:
        assert serving.stop() == 0


def test_an_import_onto_a_full_disk_goes_on_when_there_is_room(pulsetrail: Pulsetrail) -> None:
    """Files may not grow beyond a bound here, as on a disk that is full."""
    pulsetrail.run("tenants", "list")
    arguments = imported(MADE_UP_LOG)
    code, said, complaint = attempted(pulsetrail, *arguments, file_limit_bytes=300_000)
    assert (code, said) == (4, ""), complaint
    assert complaint
    assert pulsetrail.json("verify")["untampered"] is True
    compare_with_the_whole_log(pulsetrail)


async def test_serving_on_a_full_disk_refuses_what_it_cannot_keep_and_keeps_the_rest(
    tmp_path: Path,
) -> None:
    serving = Serving(tmp_path / "data")
    key = serving.command.json("keys", "create", "--role", "director")["key"]
    headers = {"Authorization": f"Bearer {key}"}
    serving.start(file_limit_bytes=1_500_000)
    answers: list[httpx.Response] = []
    try:
        await serving.ready()
        async with httpx.AsyncClient(base_url=f"{serving.address}/api/v1", timeout=30) as http:
            opened = await http.post(
                "/opportunities",
                json={"opportunity_id": "O1", "customer_id": "C1"},
                headers=headers,
            )
            assert opened.status_code == 201
            for number in range(400):
                body = {"type": "call", "action_id": f"A{number}", "summary": "x" * 9_000}
                answer = await http.post("/opportunities/O1/log-action", json=body, headers=headers)
                answers.append(answer)
                if answer.status_code != 200:
                    break
            refused = answers[-1]
            assert refused.status_code == 503, refused.text
            assert refused.headers["Retry-After"].isdigit()
            assert refused.headers["content-type"] == "application/problem+json"
            ready = await http.get(f"{serving.address}/readyz")
            assert ready.status_code == 503
            assert "event store" in ready.json()["missing"]
            shown = await http.get("/opportunities/O1", headers=headers)
            assert shown.status_code == 200
    finally:
        serving.kill()
    serving.start()
    try:
        await serving.ready()
        async with httpx.AsyncClient(base_url=f"{serving.address}/api/v1", timeout=30) as http:
            again = await http.post(
                "/opportunities/O1/log-action",
                json={"type": "call", "action_id": "after", "summary": "there is room"},
                headers=headers,
            )
            assert again.status_code == 200
            shown = await http.get("/opportunities/O1", headers=headers)
    finally:
        assert serving.stop() == 0
    kept = [each["action_id"] for each in shown.json()["actions"]]
    assert kept == [*(f"A{number}" for number in range(len(answers) - 1)), "after"]
    assert serving.command.json("verify")["untampered"] is True


def _last_document(said: str) -> Json:
    document: Json = json.loads(said.splitlines()[-1])
    return document
