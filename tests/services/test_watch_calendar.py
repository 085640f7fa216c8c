"""Days published and zones changed while limits run in business time: raised, moved, left alone."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from services.directory.domain.tenant import TENANT, ChangeSettings, SetCalendarDays
from services.projections.domain.signal import SignalCommand
from services.projections.watch import sending
from services.projections.watch.opportunities import OpportunityWatch
from shared.command_handling import CommandHandling
from shared.ports import Ports
from tests.services.sales_floor import SalesFloor, sales_floor

WEDNESDAY, SATURDAY = date(2026, 3, 4), date(2026, 3, 7)
PIPELINE = {
    "pipeline": {"name": "unhurried", "silence_in_business_time": True},
    "stage": [{"name": "hello"}, {"name": "bye"}],
}


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with sales_floor(tmp_path / "data") as found:
        await found.told("/pipelines", PIPELINE, "administrator")
        yield found


def march(day: int, hour: int) -> datetime:
    return datetime(2026, 3, day, hour, tzinfo=UTC)


async def at(floor: SalesFloor, moment: datetime) -> None:
    floor.clock.move_to(moment)
    await floor.hosting.catch_up()


async def opened(floor: SalesFloor, moment: datetime) -> None:
    """At 17:00 in Shanghai, with 48 hours of business time to fall silent in."""
    floor.clock.move_to(moment)
    await floor.open("O1", pipeline="unhurried", owner_id="rep-1")
    await floor.hosting.catch_up()


async def published(floor: SalesFloor, **days: bool) -> None:
    named = {date.fromisoformat(day.replace("_", "-")[1:]): works for day, works in days.items()}
    command = SetCalendarDays(
        year=2026, days=named, provisional=False, source="notice", now=floor.clock()
    )
    await floor.handle("directory", TENANT, "T1", command)


async def moved_to(floor: SalesFloor, zone: str) -> None:
    command = ChangeSettings(settings={"zone": zone}, now=floor.clock())
    await floor.handle("directory", TENANT, "T1", command)
    await floor.hosting.catch_up()


async def stalled(floor: SalesFloor, state: str = "open") -> list[str]:
    rows = (await floor.shown(f"/signals?rule=stalled&state={state}"))["rows"]
    return [row["due_at"] for row in rows]


async def test_a_day_off_published_later_takes_a_signal_back_until_it_is_due(
    floor: SalesFloor,
) -> None:
    await opened(floor, march(2, 9))
    await at(floor, march(5, 8))
    assert await stalled(floor) == ["2026-03-04T09:00:00.000Z"]

    await published(floor, _2026_03_04=False)
    await floor.hosting.catch_up()
    assert await stalled(floor) == []
    [taken_back] = (await floor.shown("/signals?state=retracted"))["rows"]
    why = await floor.shown(f"/why/{taken_back['signal_id']}")
    assert "It was taken back: by what was published since, it was due later." in why["sentences"]

    await at(floor, march(5, 9))
    assert await stalled(floor) == []
    await at(floor, march(5, 10))
    assert await stalled(floor) == ["2026-03-05T09:00:00.000Z"]


async def test_a_working_saturday_published_later_lets_a_limit_end_earlier(
    floor: SalesFloor,
) -> None:
    await opened(floor, march(6, 9))
    await at(floor, march(9, 10))
    assert await stalled(floor) == []

    await published(floor, _2026_03_07=True)
    await floor.hosting.catch_up()

    assert await stalled(floor) == ["2026-03-09T09:00:00.000Z"]


async def test_a_signal_that_should_have_come_earlier_is_raised_anew(floor: SalesFloor) -> None:
    await opened(floor, march(6, 9))
    await at(floor, march(10, 10))
    assert await stalled(floor) == ["2026-03-10T09:00:00.000Z"]

    await published(floor, _2026_03_07=True)
    await floor.hosting.catch_up()

    assert await stalled(floor) == ["2026-03-09T09:00:00.000Z"]
    assert await stalled(floor, "retracted") == []


async def test_days_published_while_the_watch_looks_are_looked_at_next(
    floor: SalesFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    await opened(floor, march(2, 9))
    floor.clock.move_to(march(5, 8))
    send = sending.send

    async def send_while_days_are_published(
        ports: Ports, commands: CommandHandling, tenant: str, wanted: Sequence[SignalCommand]
    ) -> None:
        await send(ports, commands, tenant, wanted)
        await published(floor, _2026_03_04=False)
        await floor.hosting.catch_up(runners=False)

    ports = floor.hosting.ports
    watching = OpportunityWatch(ports, ports.commands("projections"))
    with monkeypatch.context() as patched:
        patched.setattr(sending, "send", send_while_days_are_published)
        assert await watching.step(floor.clock())
    await floor.hosting.catch_up()

    assert await stalled(floor) == []


async def test_another_zone_takes_nothing_back(floor: SalesFloor) -> None:
    await opened(floor, march(6, 9))
    await at(floor, march(10, 10))
    said = await floor.hosting.ports.event_store.head("projections", 0)

    await moved_to(floor, "America/Los_Angeles")

    assert await stalled(floor) == ["2026-03-10T09:00:00.000Z"]
    assert await floor.hosting.ports.event_store.head("projections", 0) == said


@pytest.mark.parametrize(
    ("zone", "due_at"),
    [("America/Los_Angeles", "2026-03-10T08:00:00.000Z"), ("Asia/Shanghai", None)],
)
async def test_another_zone_moves_what_is_not_yet_due(
    floor: SalesFloor, zone: str, due_at: Any
) -> None:
    await opened(floor, march(6, 9))
    await at(floor, march(9, 10))
    await moved_to(floor, zone)

    await at(floor, datetime(2026, 3, 10, 8, 30, tzinfo=UTC))

    assert await stalled(floor) == ([] if due_at is None else [due_at])
