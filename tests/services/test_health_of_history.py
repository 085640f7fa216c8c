"""Of an imported history that went live, health is what the rows of the file say (S2)."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
from rich.console import Console

from services.cli.desk import Desk, furnish
from services.cli.import_history import ImportHistory
from services.cli.output import Output
from services.directory.domain.tenant import TENANT, GoLive
from services.embedded import LOGS, open_embedded
from shared.clock import VirtualClock
from shared.command_handling import CommandContext
from shared.envelope import StoredEvent
from shared.hosting import Hosting
from tests.oracle import behaviour, health
from tests.oracle.health_reading import ages
from tests.oracle.logs import CHECKOUT, MADE_UP, MADE_UP_LOG
from tests.oracle.reading import Reading, read, rows_of

ZONE = "Asia/Shanghai"
MAPPING = CHECKOUT / "examples" / "made_up" / "mapping.toml"


class WentLive(NamedTuple):
    """Three days after it was imported, an hour after its last row."""

    reading: Reading
    events: list[StoredEvent]
    health: health.Tenant


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> WentLive:
    return asyncio.run(_imported(tmp_path_factory.mktemp("history")))


async def _imported(folder: Path) -> WentLive:
    reading = read(rows_of(MADE_UP_LOG), MADE_UP)
    clock = VirtualClock(reading.clock + timedelta(hours=1))
    async with open_embedded(folder, clock=clock) as hosting:
        await furnish(hosting.ports)
        await hosting.catch_up()
        output = Output(Console(quiet=True), Console(quiet=True), as_json=True)
        desk = Desk(hosting=hosting, output=output, tenant_id="default")
        await ImportHistory(files=(str(MADE_UP_LOG),), mapping=str(MAPPING)).run(desk)
        await _go_live(hosting, clock)
        for _ in range(3):
            clock.move_to(clock() + timedelta(days=1))
            await hosting.catch_up()
        store = hosting.ports.event_store
        events = [event for log in LOGS for event in await store.read_log(log, 0, 0, 100_000)]
    return WentLive(reading, events, health.Tenant(behaviour.told(events), ZONE))


async def _go_live(hosting: Hosting, clock: VirtualClock) -> None:
    context = CommandContext(
        tenant_id="default", actor_id=None, occurred_at=clock(), correlation_id="test"
    )
    commands = hosting.ports.commands("directory")
    await commands.handle(TENANT, "default", GoLive(now=clock()), context)


def test_what_was_open_in_the_file_is_scored_at_the_end_of_every_day(outcome: WentLive) -> None:
    days = outcome.health.days()
    assert len(days) == 3
    scored = {subject for _kind, subject in outcome.health.recorded}
    assert scored == set(ages(outcome.reading, days[0].ends))
    assert len(scored) > 20


def test_silence_and_stage_age_are_those_of_the_rows(outcome: WentLive) -> None:
    first = outcome.health.days()[0]
    expected = ages(outcome.reading, first.ends)
    for (_kind, subject), scores in health.said(outcome.health).items():
        measured = {name: value for name, value, _points in scores[0].parts}
        assert scores[0].day == first.day
        assert measured["silence"] == pytest.approx(expected[subject].silence, abs=1e-4)
        assert measured.get("stage_age") == pytest.approx(expected[subject].stage_age, abs=1e-4)


def test_every_score_is_what_a_reckoning_of_our_own_says(outcome: WentLive) -> None:
    assert health.disagreements(outcome.health) == []


def test_what_was_imported_nobody_entered_so_nobody_is_doubted(outcome: WentLive) -> None:
    types = {event.type for event in outcome.events}
    assert "scoring.authenticity_case_opened.v1" not in types
