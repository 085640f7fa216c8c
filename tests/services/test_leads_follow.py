"""Leads follow their owner and their unit, and so do the books that the cap is kept by (L5, A9)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.directory.domain.person import PERSON, GiveGrant
from services.embedded import build
from services.leads.domain.allocation_book import ALLOCATION_BOOK
from services.leads.domain.lead import LEAD
from services.leads.domain.lead_commands import TakeBackLeadEnding
from services.leads.domain.lead_state import Assigned
from tests.services.logs import events_of
from tests.services.sales_floor import SalesFloor, code_of
from tests.services.test_allocating import capture, on_duty, owners, two_reps_on_duty


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    """boss-1 manages north, with team-1 in it; boss-2 south, with team-2."""
    async with two_reps_on_duty(tmp_path) as running:
        for person_id, unit_id in (("boss-1", "north"), ("lawyer-1", "south")):
            grant = GiveGrant(
                person_id=person_id, role="manager", unit_id=unit_id, now=running.clock()
            )
            await running.handle("directory", PERSON, person_id, grant)
        yield running


async def move(floor: SalesFloor, person_id: str, unit_id: str) -> None:
    await floor.told(f"/people/{person_id}/move", {"unit_id": unit_id}, "administrator")


async def open_leads(floor: SalesFloor, unit_id: str) -> dict[str, int]:
    """By rep, as the unit's book counts them."""
    commands = floor.hosting.ports.commands("leads")
    stream = f"T1/allocation_book/{unit_id}"
    _version, book = await commands.load(ALLOCATION_BOOK, stream, fresh=True)
    return {rep: number for rep, number in book.open_leads.items() if number}


async def signals(floor: SalesFloor) -> list[tuple[str, list[str]]]:
    """Each that was raised: by which rule, and the path of the unit it was raised for."""
    raised = [
        each.event
        for each in await events_of(floor.hosting.ports, "projections")
        if each.stored.type.startswith("projections.signal_raised")
    ]
    return [(each.rule, list(each.unit_path)) for each in raised]


async def test_a_rep_at_the_cap_who_moves_takes_their_leads_along_and_gets_no_more(
    floor: SalesFloor,
) -> None:
    await floor.told("/settings", {"settings": {"open_lead_cap": 2}}, "administrator")
    for number in range(2):
        await capture(floor, number, owner_id="rep-1")
    await floor.hosting.catch_up()
    assert await open_leads(floor, "team-1") == {"rep-1": 2}
    await move(floor, "rep-1", "team-2")
    await floor.hosting.catch_up()
    assert await open_leads(floor, "team-1") == {}
    assert await open_leads(floor, "team-2") == {"rep-1": 2}
    await floor.told("/leads", {"lead_id": "L9", "customer_id": "C9", "unit_id": "team-2"})
    await floor.hosting.catch_up()
    shown = await floor.shown("/leads/L9")
    assert (shown["owner_id"], shown["passed_over"]["at_cap"]) == (None, ["rep-1"])
    await floor.told("/leads/L0/disqualify", {"reason": "no-need"})
    await floor.hosting.catch_up()
    assert (await floor.shown("/leads/L9"))["owner_id"] == "rep-1"


async def test_open_leads_say_where_their_owner_is_and_closed_ones_where_it_was(
    floor: SalesFloor,
) -> None:
    for number in range(2):
        await capture(floor, number, owner_id="rep-1")
    await floor.told("/leads/L1/disqualify", {"reason": "no-need"}, "boss-1")
    await floor.hosting.catch_up()
    await move(floor, "rep-1", "team-2")
    await floor.hosting.catch_up()
    moved = ["lead_captured", "lead_assigned", "lead_unit_changed"]
    assert await floor.events("lead/L0") == moved
    assert await floor.events("lead/L1") == ["lead_captured", "lead_assigned", "lead_disqualified"]
    await floor.told("/units/team-2/move", {"parent_id": "north"}, "administrator")
    await floor.hosting.catch_up()
    assert await floor.events("lead/L0") == [*moved, "lead_unit_changed"]
    [*_before, last] = [
        each.event
        for each in await events_of(floor.hosting.ports, "leads")
        if each.stored.type.startswith("leads.lead_unit_changed")
    ]
    assert last.unit_path == ["company", "north", "team-2"]
    assert (last.unit_id, last.previous_unit_id, last.owner_id) == ("team-2", "team-2", "rep-1")


async def test_what_becomes_of_a_moved_lead_is_told_to_the_new_unit(floor: SalesFloor) -> None:
    await capture(floor, 1, owner_id="rep-1")
    await floor.hosting.catch_up()
    await move(floor, "rep-1", "team-2")
    await floor.hosting.catch_up()
    await floor.told("/leads/L1/contact", {"type": "call"}, "rep-1")
    floor.clock.move_to(floor.clock() + timedelta(hours=80))
    await floor.hosting.catch_up()
    assert ("lead_sleeps", ["company", "south", "team-2"]) in await signals(floor)
    board = await floor.shown("/boards/first-responses?unit=south")
    assert [(each["unit_id"], each["recent_responses"]) for each in board["rows"]] == [
        ("south", 1),
        ("team-2", 1),
    ]


async def test_boards_count_a_lead_in_the_unit_that_its_owner_moved_to(floor: SalesFloor) -> None:
    await capture(floor, 1, owner_id="rep-1")
    await floor.hosting.catch_up()
    await move(floor, "rep-1", "team-2")
    await floor.hosting.catch_up()
    for unit_id, customers in (("team-1", 0), ("team-2", 1)):
        board = await floor.shown(f"/boards/intent?unit={unit_id}")
        assert board["rows"][0]["customers"] == customers, unit_id


async def test_open_leads_count_for_the_budget_statuses_of_the_unit_they_are_in(
    floor: SalesFloor,
) -> None:
    """Two months of rep-1's leads of which nobody knows the budgets suspend the unit that rep-1 is
    in now, and no other (L9)."""
    fewer = {"budget_fill_least_leads": 2}
    await floor.told("/settings", {"settings": fewer}, "administrator")
    for month in (1, 2):
        for number in range(2):
            at = f"2026-0{month}-10T02:00:00Z"
            await capture(floor, month * 10 + number, owner_id="rep-1", occurred_at=at)
    await floor.hosting.catch_up()
    await move(floor, "rep-1", "team-2")
    await floor.hosting.catch_up()
    await capture(floor, 1)
    await floor.told("/leads", {"lead_id": "L2", "customer_id": "C2", "unit_id": "team-2"})
    await floor.hosting.catch_up()
    assert (await floor.shown("/leads/L1"))["owner_id"] == "rep-3"
    assert (await floor.shown("/leads/L2"))["passed_over"] == {"unit_suspended": ["rep-1", "rep-2"]}


async def test_a_returned_lead_waits_where_its_unit_is_by_then(floor: SalesFloor) -> None:
    for rep in ("rep-1", "rep-3"):
        await on_duty(floor, rep, is_there=False)
    floor.clock.move_to(floor.clock() + timedelta(minutes=16))
    await capture(floor, 1)
    await floor.told("/leads/L1/return", {}, "boss-1")
    await floor.hosting.catch_up()
    await floor.told("/units/team-1/move", {"parent_id": "south"}, "administrator")
    await floor.hosting.catch_up()
    await floor.told("/leads/L1/release", {})
    await floor.hosting.catch_up()
    assert (await signals(floor))[-1] == ("lead_waits", ["company", "south", "team-1"])


async def test_leads_that_are_not_on_the_list_yet_follow_as_well(floor: SalesFloor) -> None:
    await capture(floor, 1, owner_id="rep-1")
    await move(floor, "rep-1", "team-2")
    await floor.hosting.catch_up()
    assert (await floor.events("lead/L1"))[-1] == "lead_unit_changed"
    assert await open_leads(floor, "team-2") == {"rep-1": 1}
    assert await open_leads(floor, "team-1") == {}


async def test_a_lead_given_to_somebody_who_moved_meanwhile_is_caught_up_with(
    floor: SalesFloor,
) -> None:
    """Allocated in one unit's book, and assigned after everybody had followed the move."""
    await capture(floor, 1)
    await floor.hosting.catch_up(runners=False)
    allocating = [each for each in _runners(floor) if each.name == "leads.allocating"]
    assert await allocating[0].step(floor.clock()) is True
    await move(floor, "rep-1", "team-2")
    [following] = [each for each in _reactions(floor) if each.name == "leads.following_people"]
    moved = await events_of(floor.hosting.ports, "directory")
    assert await following.take(moved) == []
    assert await owners(floor, "director") == ["rep-1"]
    assert (await floor.events("lead/L1"))[-2:] == ["lead_assigned", "lead_unit_changed"]
    assert await open_leads(floor, "team-1") == {}
    assert await open_leads(floor, "team-2") == {"rep-1": 1}


async def test_a_lead_that_is_open_again_is_caught_up_with(floor: SalesFloor) -> None:
    await capture(floor, 1, owner_id="rep-1")
    commands = floor.hosting.ports.commands("leads")
    _version, before = await commands.load(LEAD, "T1/lead/L1")
    await floor.told("/leads/L1/disqualify", {"reason": "no-need"}, "boss-1")
    await floor.hosting.catch_up()
    await move(floor, "rep-1", "team-2")
    await floor.hosting.catch_up()
    assert isinstance(before, Assigned)
    again = TakeBackLeadEnding(lead_id="L1", before=before, now=floor.clock())
    await floor.handle("leads", LEAD, "L1", again)
    await floor.hosting.catch_up()
    assert (await floor.events("lead/L1"))[-2:] == ["lead_ending_taken_back", "lead_unit_changed"]
    assert await open_leads(floor, "team-1") == {}
    assert await open_leads(floor, "team-2") == {"rep-1": 1}


async def test_a_moved_lead_is_on_the_timeline_of_who_sees_it_now(floor: SalesFloor) -> None:
    await capture(floor, 1, owner_id="rep-1")
    await floor.hosting.catch_up()
    await move(floor, "rep-1", "team-2")
    await floor.hosting.catch_up()
    assert code_of(await floor.get("/timelines/lead/L1", "boss-1")) == (404, "not-found")
    rows = (await floor.shown("/timelines/lead/L1"))["rows"]
    assert rows[-1]["type"] == "leads.lead_unit_changed.v1"


def _reactions(floor: SalesFloor) -> list[Any]:
    return [each for service in build(floor.hosting.ports) for each in service.reactions]


def _runners(floor: SalesFloor) -> list[Any]:
    return [each for service in build(floor.hosting.ports) for each in service.runners]
