"""Workshops proposed for units' weeks: late, imported, taken back, over, at going live (P3)."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.directory.domain.tenant import TENANT, GoLive, MoveHistoryClock
from services.opportunities.domain.opportunity import OPPORTUNITY
from shared.command_handling import CommandContext
from shared.envelope import Origin
from tests.domain.opportunity_examples import open_o1
from tests.services.sales_floor import NOW, SalesFloor, sales_floor


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with sales_floor(tmp_path / "data") as found:
        yield found


async def after_days(floor: SalesFloor, days: float) -> None:
    floor.clock.move_to(NOW + timedelta(days=days))
    await floor.hosting.catch_up()


async def proposals(floor: SalesFloor, unit: str = "company") -> dict[str, dict[str, Any]]:
    """By week."""
    rows = (await floor.shown("/signals?rule=workshop_proposed&limit=500"))["rows"]
    return {row["window"]: row for row in rows if row["subject_id"] == unit}


async def imported(floor: SalesFloor, opportunity_id: str, opened_at: datetime) -> None:
    context = CommandContext(
        tenant_id="T1",
        actor_id=None,
        occurred_at=opened_at,
        correlation_id="import",
        origin=Origin.IMPORT,
    )
    opening = replace(open_o1(), opportunity_id=opportunity_id, occurred_at=opened_at)
    handling = floor.hosting.ports.commands("opportunities")
    await handling.handle(OPPORTUNITY, opportunity_id, opening, context)
    await floor.hosting.catch_up()


async def test_a_proposal_is_over_when_the_week_after_is(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    await after_days(floor, 8)
    assert [row["state"] for row in (await proposals(floor)).values()] == ["open"]

    await after_days(floor, 15)

    found = await proposals(floor)
    assert {week: row["state"] for week, row in found.items()} == {
        "2026-W10": "resolved",
        "2026-W11": "open",
    }
    assert found["2026-W10"]["ended_at"] == found["2026-W11"]["due_at"]
    why = await floor.shown(f"/why/{found['2026-W10']['signal_id']}")
    assert any("The week after it was over at" in each for each in why["sentences"])


async def test_a_late_action_takes_back_what_was_proposed_months_ago(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    await floor.open("O2", owner_id="rep-1")
    await floor.told("/opportunities/O2/lose", {"reason": "declined"}, "rep-1")
    await after_days(floor, 8)
    await floor.told("/opportunities/O1/lose", {"reason": "declined"}, "rep-1")
    await after_days(floor, 100)
    assert list(await proposals(floor)) == ["2026-W10"]

    late = {"type": "call", "summary": "on Sunday", "occurred_at": "2026-03-08T12:00:00Z"}
    await floor.told("/opportunities/O1/log-action", late, "rep-1")
    await after_days(floor, 100.1)

    assert await proposals(floor) == {}


async def test_a_voided_action_makes_a_week_of_months_ago_unhealthy(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    await after_days(floor, 6)
    call = {"type": "call", "action_id": "A1", "summary": "x"}
    await floor.told("/opportunities/O1/log-action", call, "rep-1")
    await after_days(floor, 7)
    await floor.told("/opportunities/O1/lose", {"reason": "declined"}, "rep-1")
    await after_days(floor, 100)
    assert await proposals(floor) == {}

    await floor.told("/opportunities/O1/void-action", {"action_id": "A1"}, "rep-1")
    await after_days(floor, 100.1)

    found = await proposals(floor)
    assert {week: row["state"] for week, row in found.items()} == {"2026-W10": "resolved"}
    assert found["2026-W10"]["historical"] is False


async def test_what_an_import_makes_due_in_the_past_is_history(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1")
    await after_days(floor, 8)

    await imported(floor, "O2", NOW - timedelta(days=14))
    await after_days(floor, 8.1)

    found = await proposals(floor)
    assert {week: (row["historical"], row["state"]) for week, row in found.items()} == {
        "2026-W08": (True, "resolved"),
        "2026-W09": (True, "resolved"),
        "2026-W10": (False, "open"),
    }
    escalated = (await floor.shown("/escalations?limit=500"))["rows"]
    assert {row["subject_id"] for row in escalated} == {"company", "north", "team-1", "O1"}


async def test_at_going_live_only_the_last_weeks_proposals_are_told(floor: SalesFloor) -> None:
    await imported(floor, "O1", NOW - timedelta(days=60))
    moved = MoveHistoryClock(clock_at=NOW - timedelta(days=1), now=NOW)
    await floor.handle("directory", TENANT, "T1", moved)
    await floor.hosting.catch_up()
    assert len(await proposals(floor)) > 5

    await floor.handle("directory", TENANT, "T1", GoLive(now=NOW))
    await after_days(floor, 0.1)

    still_open = [week for week, row in (await proposals(floor)).items() if row["state"] == "open"]
    assert still_open == ["2026-W09"]
    escalated = (await floor.shown("/escalations?limit=500"))["rows"]
    told = [row for row in escalated if row["rule"] == "workshop_proposed"]
    assert len(told) == len({row["subject_id"] for row in told}) > 0
