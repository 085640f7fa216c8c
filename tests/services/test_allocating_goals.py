"""Allocation looks at how far each rep has come towards the goal of the month (L5, P9)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.leads.domain.allocation_book import ALLOCATION_BOOK, replayed_rep
from tests.services.sales_floor import SalesFloor
from tests.services.test_allocating import allocations, capture, owners, two_reps_on_duty

GOOD = ["demo_booked", "hot_word"]


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with two_reps_on_duty(tmp_path) as running:
        yield running


async def goal(floor: SalesFloor, person: str, target: int) -> None:
    body = {"person_id": person, "metric": "valid_leads", "target": target}
    await floor.told("/goals/2026-03/set", body, "director")


async def test_good_leads_go_to_who_is_nearer_to_the_goal_of_the_month(floor: SalesFloor) -> None:
    """30 March: 21 of 22 working days have begun. Of three valid leads rep-1 has two."""
    await goal(floor, "rep-1", 2)
    await goal(floor, "rep-3", 2)
    for number in range(4):
        await capture(floor, number, budget_status="oral" if number < 3 else "untouched")
    assert await owners(floor) == ["rep-1", "rep-3", "rep-1", "rep-3"]
    await capture(floor, 4, behaviours=GOOD)
    await floor.hosting.catch_up()
    *_before, event = await allocations(floor)
    assert event.attainments == pytest.approx({"rep-1": 22 / 21, "rep-3": 11 / 21})
    assert event.weights == {"rep-1": 1167, "rep-3": 833}
    assert event.rep_id == "rep-1"
    floor.clock.move_to(floor.clock() + timedelta(minutes=1))
    board = await floor.shown("/boards/goals?month=2026-03&unit=team-1")
    shown = {row["rep_id"]: row["metrics"][0]["attainment"] for row in board["rows"]}
    assert (shown["rep-1"], shown["rep-3"]) == (1.0, 0.5)


async def test_a_goal_taken_away_leaves_the_win_rate_alone_to_weigh(floor: SalesFloor) -> None:
    await goal(floor, "rep-1", 2)
    await goal(floor, "rep-3", 2)
    for rep in ("rep-1", "rep-3"):
        body = {"person_id": rep, "metric": "valid_leads"}
        await floor.told("/goals/2026-03/remove", body, "director")
    await capture(floor, 1, budget_status="oral", behaviours=GOOD)
    await floor.hosting.catch_up()
    [event] = await allocations(floor)
    assert (event.attainments, event.weights) == ({}, {"rep-1": 1000, "rep-3": 1000})


async def test_leads_given_back_bring_nobody_nearer_to_the_goal(floor: SalesFloor) -> None:
    await goal(floor, "rep-1", 2)
    await goal(floor, "rep-3", 2)
    await capture(floor, 1, budget_status="oral")
    assert await owners(floor) == ["rep-1"]
    await floor.told("/leads/L1/return", {}, "rep-1")
    await capture(floor, 2, behaviours=GOOD)
    await floor.hosting.catch_up()
    *_before, event = await allocations(floor)
    assert event.attainments == {"rep-1": 0, "rep-3": 0}


async def test_replaying_gives_the_same_rep_without_goals_at_hand(floor: SalesFloor) -> None:
    await goal(floor, "rep-1", 3)
    await goal(floor, "rep-3", 1)
    for number in range(6):
        behaviours = GOOD if number % 2 else []
        await capture(floor, number, behaviours=behaviours, budget_status="oral")
        await floor.hosting.catch_up()
    book = ALLOCATION_BOOK.initial
    found = await allocations(floor)
    assert any(attained > 0 for each in found for attained in each.attainments.values())
    for event in found:
        assert replayed_rep(book, event) == event.rep_id
        book = ALLOCATION_BOOK.fold([event], book)
