"""`pulsetrail` beside the scaled system: the same commands, on its PostgreSQL, without a folder."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from services.cli.demonstration import Size
from services.cli.demonstration.on_database import demonstrate_on_database
from services.cli.exit_codes import AWAY, DONE, FOUND_SOMETHING
from services.projections.queries.read_models import PROCESSES
from services.scaled import open_alone
from services.schemas import migrate
from shared.clock import wall_clock
from shared.settings import DatabasePasswords, ScaledSettings
from tests.system import warm_start

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(240)]

TINY = Size(days=6, teams=1, reps_a_team=2, opportunities_a_rep=3)


@pytest.fixture
async def scaled(database: str, tmp_path: Path) -> ScaledSettings:
    settings = ScaledSettings.model_validate(
        {
            "database_url": database,
            "log_partitions": 4,
            "object_store_url": (tmp_path / "objects").as_uri(),
        }
    )
    await migrate(settings, DatabasePasswords())
    await demonstrate_on_database(settings, lambda _share: None, TINY)
    return settings


def pulsetrail(scaled: ScaledSettings, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "DATABASE_URL": scaled.database_url.get_secret_value(),
        "LOG_PARTITIONS": str(scaled.log_partitions),
        "OBJECT_STORE_URL": scaled.object_store_url,
    }
    return warm_start.run("--tenant", "demo", *arguments, environment=os.environ | environment)


def document(run: subprocess.CompletedProcess[str]) -> Any:
    return json.loads(run.stdout)


async def test_boards_and_the_log_are_shown(scaled: ScaledSettings) -> None:
    board = pulsetrail(scaled, "--json", "board", "silence")
    assert board.returncode == DONE, board.stderr
    assert document(board)["total"] > 0
    events = pulsetrail(scaled, "events")
    assert len(events.stdout.splitlines()) > 50
    assert pulsetrail(scaled, "verify").returncode == DONE


async def test_a_read_model_is_compared_and_rebuilt_while_no_worker_runs(
    scaled: ScaledSettings,
) -> None:
    unspoiled = pulsetrail(scaled, "rebuild", "--compare")
    assert unspoiled.returncode == DONE, unspoiled.stdout + unspoiled.stderr

    async with (
        open_alone(scaled, clock=wall_clock) as alone,
        alone.hosting.ports.read_store.transaction() as connection,
    ):
        await connection.execute(delete(PROCESSES.rows))

    spoiled = pulsetrail(scaled, "--json", "rebuild", PROCESSES.name, "--compare")
    assert spoiled.returncode == FOUND_SOMETHING, spoiled.stderr
    assert spoiled.stdout, spoiled.stderr
    assert document(spoiled)["rows"][0]["differences"]
    as_logs_call_it = f"{PROCESSES.name}.v{PROCESSES.version}"
    assert pulsetrail(scaled, "rebuild", as_logs_call_it).returncode == DONE
    assert pulsetrail(scaled, "rebuild", PROCESSES.name, "--compare").returncode == DONE


async def test_a_database_that_is_away_is_one_line(scaled: ScaledSettings) -> None:
    nowhere = scaled.model_copy(
        update={"database_url": type(scaled.database_url)("postgresql://127.0.0.1:1/none")}
    )
    run = pulsetrail(nowhere, "board", "silence")
    assert run.returncode == AWAY
    assert len(run.stderr.strip().splitlines()) == 1
