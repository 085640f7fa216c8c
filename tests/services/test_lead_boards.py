"""Boards of leads: a rep's inbox, who waits, what is appealed, whose interest is proven."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.sales_floor import SalesFloor, code_of, sales_floor


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    """One lead that waits in team-1, one of rep-1, one of rep-2."""
    async with sales_floor(tmp_path) as running:
        for lead_id, owner in (("L0", {}), ("L1", {"owner_id": "rep-1"})):
            body = {"lead_id": lead_id, "customer_id": f"C-{lead_id}", "unit_id": "team-1"}
            await running.told("/leads", {**body, "source": "referral", **owner})
        other = {"lead_id": "L2", "customer_id": "C-L2", "owner_id": "rep-2", "source": "referral"}
        await running.told("/leads", other)
        await running.hosting.catch_up()
        yield running


async def rows(floor: SalesFloor, board: str, key: str = "director") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await floor.shown(f"/boards/{board}", key))["rows"]
    return found


async def lead_ids(floor: SalesFloor, board: str, key: str = "director") -> list[str]:
    return [each["lead_id"] for each in await rows(floor, board, key)]


async def test_a_reps_inbox_holds_their_own_leads(floor: SalesFloor) -> None:
    assert await lead_ids(floor, "leads", "rep-1") == ["L1"]
    assert await lead_ids(floor, "leads", "boss-1") == ["L0", "L1"]
    assert await lead_ids(floor, "leads?rep=rep-2") == ["L2"]
    assert await lead_ids(floor, "leads?unit=south") == ["L2"]


async def test_a_lead_goes_with_its_rep_to_another_unit(floor: SalesFloor) -> None:
    await floor.told("/people/rep-2/move", {"unit_id": "team-1"}, "administrator")
    await floor.hosting.catch_up()
    assert await lead_ids(floor, "leads", "boss-1") == ["L0", "L1", "L2"]
    assert await lead_ids(floor, "leads?unit=team-1") == ["L0", "L1", "L2"]
    assert await lead_ids(floor, "leads?unit=team-2") == []
    assert await lead_ids(floor, "leads", "rep-2") == ["L2"]


async def test_boards_are_paged(floor: SalesFloor) -> None:
    first = await floor.shown("/boards/leads?limit=2")
    rest = await floor.shown(f"/boards/leads?limit=2&cursor={first['next_cursor']}")
    assert [each["lead_id"] for each in first["rows"] + rest["rows"]] == ["L0", "L1", "L2"]
    wrong = await floor.get("/boards/leads?cursor=nonsense")
    assert code_of(wrong) == (422, "malformed")


async def test_who_waits_is_seen_with_the_reason(floor: SalesFloor) -> None:
    [waiting] = await rows(floor, "waiting-leads", "boss-1")
    assert (waiting["lead_id"], list(waiting["passed_over"])) == ("L0", ["newcomer"])


async def test_appeals_wait_for_the_manager_until_they_are_decided(floor: SalesFloor) -> None:
    await floor.told("/leads/L1/appeal", {"reason": "no budget"}, "rep-1")
    await floor.hosting.catch_up()
    assert await lead_ids(floor, "appeals", "boss-1") == ["L1"]
    assert await lead_ids(floor, "appeals", "rep-2") == []
    await floor.told("/leads/L1/decide-appeal", {"decision": "keep"}, "boss-1")
    await floor.hosting.catch_up()
    assert await lead_ids(floor, "appeals", "boss-1") == []


async def test_interest_counts_only_with_behaviour_behind_it(floor: SalesFloor) -> None:
    await floor.told("/leads/L1/contact", {"type": "call", "interested": True}, "rep-1")
    await floor.told("/leads/L2/contact", {"type": "call", "interested": True}, "rep-2")
    await floor.told("/leads/L2/note-behaviour", {"behaviour": "trial_opened"}, "rep-2")
    await floor.hosting.catch_up()
    assert (await floor.shown("/leads/L1", "rep-1"))["intent"] == "claimed"
    assert (await floor.shown("/leads/L2", "rep-2"))["intent"] == "high"
    shown = {each["unit_id"]: each for each in await rows(floor, "intent")}
    assert shown["company"] == {
        "unit_id": "company",
        "customers": 3,
        "high_intent": 1,
        "only_claimed": 1,
        "share": 1 / 3,
    }
    assert (shown["south"]["share"], shown["north"]["share"]) == (1.0, 0.0)
    assert (await rows(floor, "intent?unit=team-1"))[0]["only_claimed"] == 1


async def test_first_responses_are_shown_by_unit(floor: SalesFloor) -> None:
    await floor.told("/leads/L1/contact", {"type": "call"}, "rep-1")
    await floor.hosting.catch_up()
    floor.clock.move_to(floor.clock().replace(hour=12))
    shown = {each["unit_id"]: each for each in await rows(floor, "first-responses")}
    assert (shown["north"]["recent_hours"], shown["north"]["recent_responses"]) == (0.0, 1)
    assert (shown["south"]["recent_hours"], shown["south"]["before_responses"]) == (None, 0)


async def test_from_first_contact_to_won_is_shown_where_something_was_won(
    floor: SalesFloor,
) -> None:
    await floor.told("/leads/L1/convert", {"opportunity_id": "O1"}, "rep-1")
    await floor.hosting.catch_up()
    floor.clock.move_to(floor.clock().replace(day=12))
    await floor.told("/opportunities/O1/win", {}, "rep-1")
    await floor.hosting.catch_up()
    shown = {each["unit_id"]: each for each in await rows(floor, "lead-to-won")}
    assert (shown["company"]["leads"], shown["company"]["won"]) == (3, 1)
    assert (shown["company"]["median_days"], shown["company"]["p90_days"]) == (10.0, 10.0)
    assert (shown["south"]["share"], shown["south"]["median_days"]) == (0.0, None)


async def test_a_unit_out_of_sight_is_not_found(floor: SalesFloor) -> None:
    for board in ("intent", "first-responses", "lead-to-won"):
        hidden = await floor.get(f"/boards/{board}?unit=south", "boss-1")
        assert code_of(hidden) == (404, "not-found")
        assert code_of(await floor.get(f"/boards/{board}", "rep-1")) == (404, "not-found")
