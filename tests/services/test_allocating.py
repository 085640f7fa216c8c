"""Leads allocated live: to whom, why, once, and what happens when nobody is there (L5)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from services.directory.domain.person import PERSON, AddPerson
from services.leads.allocating import Allocating
from services.leads.domain.allocation_book import ALLOCATION_BOOK, replayed_rep
from services.leads.domain.lead import LEAD
from services.leads.domain.lead_commands import WithdrawLead
from services.leads.domain.presence import PRESENCE, NotePresence
from services.leads.keeping_books import reactions
from shared.events.leads import LeadAllocated
from tests.services.logs import events_of
from tests.services.sales_floor import SalesFloor, code_of, sales_floor

MORNING = datetime(2026, 3, 30, 2, tzinfo=UTC)
"""A Monday, 10:00 in Shanghai, four weeks after everybody joined."""


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with two_reps_on_duty(tmp_path) as running:
        yield running


@asynccontextmanager
async def two_reps_on_duty(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    """In team-1, on a Monday morning."""
    async with sales_floor(tmp_path) as running:
        person = AddPerson(
            person_id="rep-3", unit_id="team-1", name=None, language="en", now=running.clock()
        )
        await running.handle("directory", PERSON, "rep-3", person)
        running.clock.move_to(MORNING)
        for rep in ("rep-1", "rep-3"):
            await on_duty(running, rep)
        yield running


async def on_duty(floor: SalesFloor, rep: str, *, is_there: bool = True) -> None:
    command = NotePresence(person_id=rep, on_duty=is_there, now=floor.clock())
    await floor.handle("leads", PRESENCE, rep, command)


async def capture(floor: SalesFloor, number: int, **more: Any) -> None:
    body = {
        "lead_id": f"L{number}",
        "customer_id": f"C{number}",
        "source": "referral",
        "unit_id": "team-1",
        **more,
    }
    await floor.told("/leads", body, "boss-1")


async def owners(floor: SalesFloor, key: str = "boss-1") -> list[Any]:
    await floor.hosting.catch_up()
    return [each["owner_id"] for each in (await floor.shown("/leads", key))["rows"]]


async def allocations(floor: SalesFloor, unit_id: str = "team-1") -> list[LeadAllocated]:
    ports = floor.hosting.ports
    stored = await ports.event_store.read_stream(f"T1/allocation_book/{unit_id}")
    events = [ports.codec.decode(each).event for each in stored]
    return [each for each in events if isinstance(each, LeadAllocated)]


async def test_leads_go_round_among_those_on_duty_with_the_reasons_recorded(
    floor: SalesFloor,
) -> None:
    for number in range(4):
        await capture(floor, number)
    assert await owners(floor) == ["rep-1", "rep-3", "rep-1", "rep-3"]
    [first, *_later] = await allocations(floor)
    assert first.weights == {"rep-1": 1000, "rep-3": 1000}
    assert (first.track, first.why, first.number) == ("standard", "least_recently_served", 1)
    shown = await floor.shown("/leads/L0", "rep-1")
    assert (shown["status"], shown["track"], shown["allocation"]) == ("assigned", "standard", 1)


async def test_replaying_the_book_gives_every_lead_to_the_same_rep(floor: SalesFloor) -> None:
    for number in range(6):
        await capture(floor, number, behaviours=["demo_booked", "hot_word"] if number % 2 else [])
    await floor.hosting.catch_up()
    book = ALLOCATION_BOOK.initial
    found = await allocations(floor)
    assert {each.track for each in found} == {"standard", "high_value"}
    for event in found:
        assert replayed_rep(book, event) == event.rep_id
        book = ALLOCATION_BOOK.fold([event], book)


async def test_good_leads_go_to_who_wins_more(floor: SalesFloor) -> None:
    for number in range(4):
        await floor.open(f"O{number}", "rep-1")
        await floor.told(f"/opportunities/O{number}/win", {}, "rep-1")
    await floor.hosting.catch_up()
    for number in range(3):
        await capture(floor, number, behaviours=["demo_booked", "hot_word"])
    assert await owners(floor) == ["rep-1", "rep-3", "rep-1"]
    [first, *_later] = await allocations(floor)
    assert first.win_rates == {"rep-1": 5 / 8, "rep-3": 1 / 4}
    assert first.weights == {"rep-1": 1429, "rep-3": 571}


async def test_business_hours_announced_for_later_do_not_hold_yet(floor: SalesFloor) -> None:
    announced = {
        "settings": {"business_hours": "13:00-18:00"},
        "effective_at": (MORNING + timedelta(minutes=5)).isoformat(),
    }
    await floor.told("/settings", announced, "administrator")
    await capture(floor, 1)
    assert await owners(floor) == ["rep-1"]
    floor.clock.move_to(MORNING + timedelta(minutes=5))
    await capture(floor, 2)
    assert await owners(floor) == ["rep-1", None]
    shown = await floor.shown("/leads/L2", "boss-1")
    assert shown["passed_over"] == {"outside_business_hours": ["rep-1", "rep-3"]}


async def test_two_allocators_at_once_never_give_one_lead_to_two_reps(floor: SalesFloor) -> None:
    for number in range(20):
        await capture(floor, number)
    await floor.hosting.catch_up(runners=False)
    ports = floor.hosting.ports
    allocators = [Allocating(replace(ports)) for _each in range(3)]
    await asyncio.gather(*(each.step(floor.clock()) for each in allocators))
    found = await allocations(floor)
    assert sorted(each.lead_id for each in found) == sorted(f"L{number}" for number in range(20))
    assert [each.number for each in found] == list(range(1, 21))
    given = await owners(floor)
    assert (given.count("rep-1"), given.count("rep-3")) == (10, 10)


async def test_allocating_again_after_being_killed_in_between_gives_nothing_twice(
    floor: SalesFloor,
) -> None:
    """Killed after the book was written and before any lead heard of it."""
    await capture(floor, 1)
    await floor.hosting.catch_up(runners=False)
    ports = floor.hosting.ports
    assert await Allocating(replace(ports)).step(floor.clock()) is True
    assert await Allocating(replace(ports)).step(floor.clock()) is False
    assert await owners(floor) == ["rep-1"]
    assert len(await allocations(floor)) == 1
    assert (await floor.events("lead/L1")).count("lead_assigned") == 1


async def test_where_nobody_is_eligible_the_lead_waits_and_says_why(floor: SalesFloor) -> None:
    for rep in ("rep-1", "rep-3"):
        await on_duty(floor, rep, is_there=False)
    floor.clock.move_to(floor.clock() + timedelta(minutes=16))
    await capture(floor, 1)
    assert await owners(floor) == [None]
    shown = await floor.shown("/leads/L1", "boss-1")
    assert shown["passed_over"] == {"offline": ["rep-1", "rep-3"]}
    assert shown["found_nobody_at"] == "2026-03-30T02:16:00.000Z"
    assert (await floor.events("lead/L1")).count("lead_found_nobody") == 1
    await on_duty(floor, "rep-3")
    assert await owners(floor) == ["rep-3"]
    assert (await floor.shown("/leads/L1", "boss-1"))["found_nobody_at"] is None


async def test_in_a_unit_without_reps_a_lead_waits_visibly(floor: SalesFloor) -> None:
    await capture(floor, 1, unit_id="north")
    assert await owners(floor) == [None]
    shown = await floor.shown("/leads/L1", "boss-1")
    assert shown["passed_over"] == {"offline": ["boss-1"]}
    assert shown["found_nobody_at"] is not None


async def test_at_night_leads_wait_until_business_begins(floor: SalesFloor) -> None:
    floor.clock.move_to(MORNING + timedelta(hours=12))
    await capture(floor, 1)
    assert await owners(floor) == [None]
    floor.clock.move_to(MORNING + timedelta(hours=23))
    assert await owners(floor) == ["rep-1"]


async def test_who_left_or_is_new_gets_nothing(floor: SalesFloor) -> None:
    person = AddPerson(
        person_id="rep-4", unit_id="team-1", name=None, language="en", now=floor.clock()
    )
    await floor.handle("directory", PERSON, "rep-4", person)
    await on_duty(floor, "rep-4")
    await floor.told("/people/rep-1/leave", {}, "administrator")
    for number in range(3):
        await capture(floor, number)
    assert await owners(floor) == ["rep-3"] * 3
    [first, *_later] = await allocations(floor)
    assert first.passed_over == {"newcomer": ["rep-4"]}


async def test_who_has_as_many_as_the_cap_gets_no_more_until_one_is_done_with(
    floor: SalesFloor,
) -> None:
    await floor.told("/settings", {"settings": {"open_lead_cap": 1}}, "administrator")
    for number in range(3):
        await capture(floor, number)
    assert await owners(floor) == ["rep-1", "rep-3", None]
    await floor.told("/leads/L0/disqualify", {"reason": "no-need"}, "rep-1")
    await floor.hosting.catch_up()
    assert (await floor.shown("/leads/L2", "boss-1"))["owner_id"] == "rep-1"


async def test_a_lead_given_by_hand_meanwhile_stays_there_and_counts_once(
    floor: SalesFloor,
) -> None:
    await floor.told("/settings", {"settings": {"open_lead_cap": 1}}, "administrator")
    await capture(floor, 1)
    await floor.hosting.catch_up(runners=False)
    await Allocating(floor.hosting.ports).step(floor.clock())
    await floor.told("/leads/L1/assign", {"owner_id": "rep-3"}, "boss-1")
    assert await owners(floor) == ["rep-3"]
    await capture(floor, 2)
    assert await owners(floor) == ["rep-3", "rep-1"]


async def test_a_returned_lead_is_allocated_anew_when_released(floor: SalesFloor) -> None:
    await capture(floor, 1)
    assert await owners(floor) == ["rep-1"]
    await floor.told("/leads/L1/return", {}, "boss-1")
    assert await owners(floor) == [None]
    await floor.told("/leads/L1/release", {}, "boss-1")
    assert await owners(floor) == ["rep-3"]
    assert [each.round for each in await allocations(floor)] == [1, 2]


async def test_events_that_come_again_after_more_has_happened_change_no_book(
    floor: SalesFloor,
) -> None:
    """As after a hand-over: a reaction's checkpoint is stored a little later than what it did."""
    await capture(floor, 1)
    await capture(floor, 2)
    await floor.hosting.catch_up()
    for order, body in (
        ("assign", {"owner_id": "rep-3"}),
        ("assign", {"owner_id": "rep-1"}),
        ("return", {}),
        ("release", {}),
    ):
        await floor.told(f"/leads/L1/{order}", body, "boss-1")
        await floor.hosting.catch_up()
    await floor.told("/leads/L2/assign", {"owner_id": "rep-1"}, "boss-1")
    await floor.hosting.catch_up()
    told, holders = await events_of(floor.hosting.ports, "leads"), await _holders(floor)
    assert holders == {"L1": (await floor.shown("/leads/L1", "boss-1"))["owner_id"], "L2": "rep-1"}
    for reaction in reactions(floor.hosting.ports):
        for start in range(len(told)):
            await reaction.take(told[start : start + 3])
            assert await _holders(floor) == holders, f"{reaction.name} from {start}"


async def test_a_book_still_waits_for_what_is_allocated_when_an_old_return_comes_again(
    floor: SalesFloor,
) -> None:
    await capture(floor, 1)
    await floor.hosting.catch_up()
    for order in ("return", "release"):
        await floor.told(f"/leads/L1/{order}", {}, "boss-1")
        await floor.hosting.catch_up(runners=False)
    await Allocating(floor.hosting.ports).step(floor.clock())
    [rep] = (await _holders(floor)).values()
    for reaction in reactions(floor.hosting.ports):
        if "keeping" in reaction.name:
            await reaction.take(await events_of(floor.hosting.ports, "leads"))
    assert await _holders(floor) == {"L1": rep}
    assert await owners(floor) == [rep]


async def _holders(floor: SalesFloor) -> dict[str, str]:
    """By lead who has it, as the unit's book says."""
    commands = floor.hosting.ports.commands("leads")
    _version, book = await commands.load(ALLOCATION_BOOK, "T1/allocation_book/team-1", fresh=True)
    held = {f"L{number}": book.holders.get(f"L{number}") for number in (1, 2)}
    assert sum(book.open_leads.values()) == len([each for each in held.values() if each])
    return {lead_id: rep for lead_id, rep in held.items() if rep}


async def test_a_lead_withdrawn_and_captured_again_is_allocated_again(floor: SalesFloor) -> None:
    await capture(floor, 1)
    assert await owners(floor) == ["rep-1"]
    withdraw = WithdrawLead(lead_id="L1", now=floor.clock())
    await floor.handle("leads", LEAD, "L1", withdraw)
    assert await owners(floor) == []
    await capture(floor, 1)
    assert await owners(floor) == ["rep-3"]
    assert [each.round for each in await allocations(floor)] == [1, 2]


async def test_without_budget_status_no_lead_is_allocated_where_the_tenant_wants_one(
    floor: SalesFloor,
) -> None:
    await floor.told("/settings", {"settings": {"budget_status_required": True}}, "administrator")
    await capture(floor, 1)
    assert await owners(floor) == [None]
    await floor.told("/leads/L1/change-fields", {"budget_status": "untouched"}, "boss-1")
    assert await owners(floor) == ["rep-1"]


async def test_being_seen_lasts_fifteen_minutes_and_is_recorded_once_a_minute(
    floor: SalesFloor,
) -> None:
    seen = await floor.told("/presence", {}, "rep-2")
    assert (seen["person_id"], seen["on_duty"]) == ("rep-2", False)
    await floor.told("/presence", {}, "rep-2")
    assert await floor.events("presence/rep-2") == ["rep_seen"]
    floor.clock.move_to(MORNING + timedelta(minutes=15))
    await floor.told("/leads", {"lead_id": "L1", "customer_id": "C1", "unit_id": "team-2"})
    assert await owners(floor, "director") == ["rep-2"]
    await floor.told("/presence", {"on_duty": True}, "rep-2")
    assert (await floor.events("presence/rep-2"))[-2:] == ["rep_seen", "rep_went_on_duty"]
    nobody = await floor.post("/presence", {}, "director")
    assert code_of(nobody) == (422, "malformed")


async def test_allocation_is_open_month_by_month(floor: SalesFloor) -> None:
    for number in range(4):
        await capture(floor, number, behaviours=["demo_booked", "hot_word"] if number < 2 else [])
    await floor.hosting.catch_up()
    await floor.told("/leads/L0/convert", {"opportunity_id": "O1"}, "boss-1")
    await floor.hosting.catch_up()
    board = await floor.shown("/boards/allocation?unit=team-1&month=2026-03", "rep-2")
    assert [
        (each["rep_id"], each["assigned"], each["high_value"], each["converted"])
        for each in board["rows"]
    ] == [("rep-1", 2, 1, 1), ("rep-3", 2, 1, 0)]
    assert board["rows"][0] == {
        "rep_id": "rep-1",
        "tenure": "under_3_months",
        "assigned": 2,
        "high_value": 1,
        "high_value_share": 0.5,
        "days_eligible": 1,
        "converted": 1,
        "conversion": 0.5,
    }
    [tenure] = board["by_tenure"]
    assert (tenure["leads_per_head"], tenure["conversion"]) == (2, 0.25)
    # One day in March is less than half of its working days: nobody counts.
    assert (board["gini"], len(board["trend"])) == (None, 6)
    running = await floor.shown("/boards/allocation?unit=team-2")
    assert (running["month"], running["rows"]) == ("2026-03", [])
    unknown = await floor.get("/boards/allocation?unit=nowhere")
    assert code_of(unknown) == (404, "not-found")


async def test_fairness_of_a_month_just_begun_is_shown_live(floor: SalesFloor) -> None:
    floor.clock.move_to(MORNING + timedelta(days=2))
    for number in range(4):
        await capture(floor, number)
    await floor.hosting.catch_up()
    board = await floor.shown("/boards/allocation?unit=team-1")
    assert (board["month"], board["gini"], board["gini_high_value"]) == ("2026-04", 0.0, None)


async def test_a_lead_shows_why_it_went_to_its_rep(floor: SalesFloor) -> None:
    await capture(floor, 1)
    await floor.hosting.catch_up()
    [row] = (await floor.shown("/leads/L1/allocation", "rep-1"))["rows"]
    assert (row["rep_id"], row["why"], row["weights"]) == (
        "rep-1",
        "least_recently_served",
        {"rep-1": 1000, "rep-3": 1000},
    )
    assert code_of(await floor.get("/leads/L1/allocation", "rep-2")) == (404, "not-found")


async def test_a_lead_younger_than_48_hours_at_the_end_of_its_month_counts_in_none(
    floor: SalesFloor,
) -> None:
    fewer = {"budget_fill_least_leads": 2}
    await floor.told("/settings", {"settings": fewer}, "administrator")
    for month, day in ((1, "2026-01-10"), (2, "2026-02-27")):
        for number in range(2):
            untouched = {"budget_status": "untouched", "owner_id": "rep-1"}
            happened = {"occurred_at": f"{day}T02:00:00Z"}
            await capture(floor, month * 10 + number, **untouched, **happened)
    await capture(floor, 1)
    await floor.hosting.catch_up()
    assert (await floor.shown("/leads/L1", "boss-1"))["owner_id"] is not None


async def test_a_unit_that_left_budget_statuses_open_for_two_months_gets_no_leads(
    floor: SalesFloor,
) -> None:
    fewer = {"budget_fill_least_leads": 2}
    await floor.told("/settings", {"settings": fewer}, "administrator")
    for month, day in ((1, "2026-01-10"), (2, "2026-02-10")):
        for number in range(2):
            untouched = {"budget_status": "untouched", "owner_id": "rep-1"}
            happened = {"occurred_at": f"{day}T02:00:00Z"}
            await capture(floor, month * 10 + number, **untouched, **happened)
    await capture(floor, 1)
    await floor.hosting.catch_up()
    shown = await floor.shown("/leads/L1", "boss-1")
    assert shown["passed_over"] == {"unit_suspended": ["rep-1", "rep-3"]}
    for number in (20, 21):
        await floor.told(f"/leads/L{number}/change-fields", {"budget_status": "oral"}, "boss-1")
    await floor.told("/leads/L10/return", {}, "boss-1")
    await floor.told("/leads/L10/release", {}, "boss-1")
    await capture(floor, 2)
    await floor.hosting.catch_up()
    # What is filled or released in March was open at the end of January and February.
    assert (await floor.shown("/leads/L2", "boss-1"))["owner_id"] is None
    for number in range(2):
        said = {"budget_status": "oral", "owner_id": "rep-1"}
        await capture(floor, 30 + number, **said, occurred_at="2026-03-20T02:00:00Z")
    await floor.hosting.catch_up()
    assert (await floor.shown("/leads/L1", "boss-1"))["owner_id"] == "rep-1"
