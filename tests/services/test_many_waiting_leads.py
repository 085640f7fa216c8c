"""More leads wait than are looked at at once: none of them keeps the others from sales (L2, L5)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.leads.domain.lead import LEAD
from services.leads.domain.lead_commands import CaptureLead
from services.leads.domain.lead_state import LeadFields
from shared.command_handling import CommandContext, Run, Step
from tests.services.logs import events_of
from tests.services.sales_floor import SalesFloor
from tests.services.test_allocating import capture, on_duty, two_reps_on_duty

MORE_THAN_AT_ONCE = 1_001


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with two_reps_on_duty(tmp_path) as running:
        yield running


async def capture_many(floor: SalesFloor) -> None:
    """Of team-1, M0000 to M1000, one a second; nobody has said anything of their budgets."""
    ports = floor.hosting.ports
    runs = []
    for number in range(MORE_THAN_AT_ONCE):
        at = floor.clock() - timedelta(hours=1) + timedelta(seconds=number)
        context = CommandContext(
            tenant_id="T1", actor_id=None, occurred_at=at, correlation_id="test"
        )
        command = CaptureLead(
            lead_id=f"M{number:04}",
            customer_id=f"C{number:04}",
            source="referral",
            fields=LeadFields(),
            behaviours=(),
            unit_id="team-1",
            unit_path=("company", "north", "team-1"),
            owner_id=None,
            occurred_at=at,
            now=at,
        )
        runs.append(Run(command.lead_id, [Step(command, context, ports.new_id())]))
    await ports.commands("leads").handle_runs(LEAD, runs)


async def test_a_thousand_leads_without_budget_status_starve_no_other(floor: SalesFloor) -> None:
    await floor.told("/settings", {"settings": {"budget_status_required": True}}, "administrator")
    await capture_many(floor)
    await capture(floor, 1, budget_status="untouched")
    await floor.hosting.catch_up()
    shown = await floor.shown("/leads/L1", "boss-1")
    assert (shown["status"], shown["owner_id"]) == ("assigned", "rep-1")
    first = await floor.shown("/leads/M0000", "boss-1")
    assert (first["status"], first["found_nobody_at"]) == ("captured", None)


async def test_every_lead_for_which_nobody_is_there_waits_visibly(floor: SalesFloor) -> None:
    for rep in ("rep-1", "rep-3"):
        await on_duty(floor, rep, is_there=False)
    floor.clock.move_to(floor.clock() + timedelta(minutes=16))
    await capture_many(floor)
    await floor.hosting.catch_up()
    told = [each.stored.type for each in await events_of(floor.hosting.ports, "leads")]
    assert told.count("leads.lead_found_nobody.v1") == MORE_THAN_AT_ONCE
    assert (await floor.shown("/leads/M1000", "boss-1"))["passed_over"] == {
        "offline": ["rep-1", "rep-3"]
    }
