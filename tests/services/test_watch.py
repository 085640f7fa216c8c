"""The watch at the edges: killed and repeated, overtaken by an action, on the history clock."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from services.directory.domain.tenant import TENANT, ChangeSettings, MoveHistoryClock
from services.opportunities.domain.opportunity import OPPORTUNITY
from services.projections.domain.signal import SignalCommand
from services.projections.queries.read_models import PROCESSES
from services.projections.watch import sending
from services.projections.watch.opportunities import OpportunityWatch
from shared.command_handling import CommandContext, CommandHandling
from shared.envelope import Origin
from shared.ports import Ports
from tests.domain.opportunity_examples import open_o1
from tests.services.sales_floor import NOW, SalesFloor, sales_floor


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with sales_floor(tmp_path / "data") as found:
        yield found


async def after_days(floor: SalesFloor, days: float) -> None:
    floor.clock.move_to(NOW + timedelta(days=days))
    await floor.hosting.catch_up()


async def events_of_signals(floor: SalesFloor) -> int:
    return await floor.hosting.ports.event_store.head("projections", 0)


async def states(floor: SalesFloor) -> list[str]:
    rows = (await floor.shown("/signals?rule=stalled"))["rows"]
    return [row["state"] for row in rows]


async def test_a_watch_killed_before_it_remembered_says_nothing_twice(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    await after_days(floor, 3)
    await floor.told("/opportunities/O1/log-action", {"type": "call", "summary": "x"}, "rep-1")
    await after_days(floor, 3.1)
    said = await events_of_signals(floor)
    async with floor.hosting.ports.read_store.transaction() as connection:
        forgotten = update(PROCESSES.deadlines).values(due_at=0, known=b"[]")
        await connection.execute(forgotten)

    await floor.hosting.catch_up()

    assert await events_of_signals(floor) == said
    assert await states(floor) == ["resolved"]


async def test_an_action_that_overtakes_the_watch_is_looked_at_next(
    floor: SalesFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    await floor.open("O1", owner_id="rep-1")
    await floor.hosting.catch_up()
    floor.clock.move_to(NOW + timedelta(days=3))
    send = sending.send

    async def send_while_somebody_acts(
        ports: Ports, commands: CommandHandling, tenant: str, wanted: Sequence[SignalCommand]
    ) -> None:
        await send(ports, commands, tenant, wanted)
        call = {"type": "call", "summary": "x", "occurred_at": "2026-03-03T09:00:00Z"}
        await floor.told("/opportunities/O1/log-action", call, "rep-1")
        await floor.hosting.catch_up(runners=False)

    ports = floor.hosting.ports
    watching = OpportunityWatch(ports, ports.commands("projections"))
    monkeypatch.setattr(sending, "send", send_while_somebody_acts)
    assert await watching.step(floor.clock())
    monkeypatch.setattr(sending, "send", send)

    await floor.hosting.catch_up()

    assert await states(floor) == []


async def test_a_change_of_settings_takes_no_signal_back(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    for _ in range(3):
        floor.clock.move_to(floor.clock() + timedelta(hours=1))
        await floor.told("/opportunities/O1/log-action", {"type": "call"}, "rep-1")
    await after_days(floor, 1)
    patient = ChangeSettings(settings={"no_response_after": 5}, now=floor.clock())
    await floor.handle("directory", TENANT, "T1", patient)
    await after_days(floor, 1.5)

    rows = (await floor.shown("/signals?rule=no_response"))["rows"]
    assert [row["state"] for row in rows] == ["open"]


async def test_while_a_history_comes_in_nothing_is_due_yet(floor: SalesFloor) -> None:
    imported = CommandContext(
        tenant_id="T1",
        actor_id=None,
        occurred_at=NOW - timedelta(days=10),
        correlation_id="import",
        origin=Origin.IMPORT,
    )
    opening = replace(open_o1(), occurred_at=imported.occurred_at)
    handling = floor.hosting.ports.commands("opportunities")
    await handling.handle(OPPORTUNITY, "O1", opening, imported)
    await floor.hosting.catch_up()
    assert await events_of_signals(floor) == 0

    moved = MoveHistoryClock(clock_at=NOW - timedelta(days=5), now=NOW)
    await floor.handle("directory", TENANT, "T1", moved)
    organisations = floor.hosting.ports.organisations
    organisations.importing.add("T1")
    await floor.hosting.catch_up()
    assert await events_of_signals(floor) == 0

    organisations.importing.discard("T1")
    await floor.hosting.catch_up()
    [signal] = (await floor.shown("/signals?rule=stalled"))["rows"]
    assert (signal["historical"], signal["due_at"]) == (True, "2026-02-22T09:00:00.000Z")


async def test_with_nothing_due_the_watch_does_nothing(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    await floor.hosting.catch_up()
    ports = floor.hosting.ports
    watching = OpportunityWatch(ports, ports.commands("projections"))

    assert not await watching.step(NOW + timedelta(days=2))
    assert await watching.step(NOW + timedelta(days=2, milliseconds=1))


async def test_what_was_retracted_is_raised_again_when_its_disproof_is_voided(
    floor: SalesFloor,
) -> None:
    await floor.open("O1", owner_id="rep-1")
    await after_days(floor, 3)
    late: dict[str, Any] = {
        "type": "call",
        "action_id": "A1",
        "summary": "on time",
        "occurred_at": "2026-03-03T09:00:00Z",
    }
    await floor.told("/opportunities/O1/log-action", late, "rep-1")
    await floor.hosting.catch_up()
    assert await states(floor) == []

    body = {"action_id": "A1", "reason": "it was another customer"}
    await floor.told("/opportunities/O1/void-action", body, "rep-1")
    await floor.hosting.catch_up()

    assert await states(floor) == ["open"]
