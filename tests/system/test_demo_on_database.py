"""The demonstration tenant on PostgreSQL: the same as in a folder, first there or not at all."""

import os
import subprocess
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.cli.demonstration import Size, fill_demo
from services.cli.demonstration.on_database import (
    LogHasGoneOn,
    NeedsPostgres,
    demonstrate_on_database,
)
from services.cli.desk import furnish
from services.cli.exit_codes import AWAY, REFUSED
from services.embedded import LOGS, open_embedded
from services.scaled import open_alone
from services.schemas import migrate
from shared.clock import VirtualClock, wall_clock
from shared.hosting import Hosting
from shared.settings import DatabasePasswords, ScaledSettings
from tests.servers.s3 import Bucket
from tests.system import warm_start

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(240)]

TINY = Size(days=6, teams=1, reps_a_team=2, opportunities_a_rep=3)
UNTIL = datetime(2026, 5, 29, 8, 0, tzinfo=UTC)


class Interrupted(Exception):
    """Somebody pressed Ctrl-C."""


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
    return settings


async def facts(hosting: Hosting) -> set[tuple[str, int, str, datetime]]:
    """What people did and what was concluded from it; ids of uploads are chance."""
    store = hosting.ports.event_store
    return {
        (event.stream, event.version, event.type, event.recorded_at)
        for log in ("directory", "leads", "opportunities", "projections")
        for partition in range(store.partitions)
        for event in await store.read_log(log, partition, 0, 100_000)
        if "/evidence/" not in event.stream
    }


async def how_many(scaled: ScaledSettings) -> int:
    async with open_alone(scaled, clock=wall_clock) as alone:
        store = alone.hosting.ports.event_store
        return sum([await store.head(log, each) for log in LOGS for each in range(4)])


def pulsetrail(scaled: ScaledSettings, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "DATABASE_URL": scaled.database_url.get_secret_value(),
        "LOG_PARTITIONS": str(scaled.log_partitions),
        "OBJECT_STORE_URL": scaled.object_store_url,
    }
    return warm_start.run(*arguments, environment=os.environ | environment)


def untold(_share: float) -> None:
    return


async def test_it_comes_out_as_in_a_data_folder(scaled: ScaledSettings, tmp_path: Path) -> None:
    clock = VirtualClock(UNTIL - timedelta(days=TINY.days))
    async with open_alone(scaled, clock=clock) as alone:
        filled = await fill_demo(alone.hosting, clock, UNTIL, untold, TINY)
        assert filled.surprises == ()
        on_database = await facts(alone.hosting)
        assert await alone.hosting.at_head()

    clock = VirtualClock(UNTIL - timedelta(days=TINY.days))
    async with open_embedded(tmp_path / "folder", clock=clock) as hosting:
        await fill_demo(hosting, clock, UNTIL, untold, TINY)
        in_folder = await facts(hosting)

    assert len(on_database) > 50
    assert on_database == in_folder


async def test_interrupted_and_repeated_it_goes_on_and_then_adds_nothing(
    scaled: ScaledSettings,
) -> None:
    def stop_after_the_first_day(_share: float) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        await demonstrate_on_database(scaled, stop_after_the_first_day, TINY)

    rest = await demonstrate_on_database(scaled, untold, TINY)
    assert not rest.was_there
    assert rest.surprises == ()

    there = await how_many(scaled)
    assert (await demonstrate_on_database(scaled, untold, TINY)).was_there
    assert await how_many(scaled) == there


async def test_what_others_record_afterwards_does_not_hide_that_it_is_there(
    scaled: ScaledSettings,
) -> None:
    await demonstrate_on_database(scaled, untold, TINY)
    async with open_alone(scaled, clock=wall_clock) as alone:
        await furnish(alone.hosting.ports)
    there = await how_many(scaled)

    assert (await demonstrate_on_database(scaled, untold, TINY)).was_there
    assert await how_many(scaled) == there


async def test_where_somebody_else_has_recorded_it_is_refused_and_nothing_is_written(
    scaled: ScaledSettings,
) -> None:
    async with open_alone(scaled, clock=wall_clock) as alone:
        await furnish(alone.hosting.ports)
    there = await how_many(scaled)

    with pytest.raises(LogHasGoneOn, match="take a database of its own"):
        await demonstrate_on_database(scaled, untold, TINY)
    assert await how_many(scaled) == there


async def test_where_a_relay_has_told_the_time_already_it_is_refused(
    scaled: ScaledSettings,
) -> None:
    async with open_alone(scaled, clock=wall_clock) as alone:
        await alone.recorded_until("opportunities", 3)

    with pytest.raises(LogHasGoneOn):
        await demonstrate_on_database(scaled, untold, TINY)
    assert await how_many(scaled) == 0


async def test_it_goes_where_the_environment_says_unless_a_folder_is_named(
    scaled: ScaledSettings, tmp_path: Path
) -> None:
    async with open_alone(scaled, clock=wall_clock) as alone:
        await furnish(alone.hosting.ports)

    told = pulsetrail(scaled, "demo")
    assert told.returncode == REFUSED
    assert told.stderr.startswith("log-has-gone-on: ")

    in_the_way = tmp_path / "a file"
    in_the_way.touch()
    told = pulsetrail(scaled, "--data", str(in_the_way), "demo")
    assert told.returncode == AWAY
    assert "a file" in told.stderr


@pytest.mark.parametrize("command", ["demo", "api", "worker", "watch"])
async def test_other_partitions_than_were_made_end_it_in_one_line(
    scaled: ScaledSettings, command: str
) -> None:
    told = pulsetrail(scaled.model_copy(update={"log_partitions": 8}), command)
    assert told.returncode == REFUSED
    assert told.stderr.count("\n") == 1
    assert "was made with 4 partitions, configured are 8: set LOG_PARTITIONS=4" in told.stderr


async def test_evidence_lies_in_the_bucket_that_is_named(
    scaled: ScaledSettings, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("ACCESS_KEY_ID", "key"), ("SECRET_ACCESS_KEY", "x"), ("REGION", "eu-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    at = {"object_store_url": bucket.url, "object_store_endpoint": bucket.endpoint}
    async with open_alone(scaled.model_copy(update=at), clock=wall_clock) as alone:
        objects = alone.hosting.ports.object_store
        await objects.check()
        assert await objects.put("acme", "abc", _chunks(b"a photo"))
        found = await objects.get("acme", "abc")
        assert found is not None
        assert b"".join([each async for each in found]) == b"a photo"
    assert not (tmp_path / "objects" / "acme").exists()


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def test_on_kurrentdb_it_is_refused() -> None:
    settings = ScaledSettings.model_validate(
        {"database_url": "postgresql://nobody@nowhere/x", "event_store_url": "kurrentdb://nowhere"}
    )
    with pytest.raises(NeedsPostgres):
        await demonstrate_on_database(settings, untold, TINY)
