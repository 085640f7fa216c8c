"""How fair allocation was, by unit: days eligible, high-value leads, whole subtrees (L7)."""

import io
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console

from services.cli.desk import Desk
from services.cli.lead_boards import ShowLeadBoard
from services.cli.output import Output
from services.directory.domain.person import PERSON, AddPerson, MovePerson
from tests.oracle.fairness import fairness_of
from tests.services.sales_floor import SalesFloor
from tests.services.test_allocating import MORNING, allocations, capture, on_duty, two_reps_on_duty
from tests.services.test_pages import shown

GOOD = ["demo_booked", "hot_word"]
FIRST_OF_APRIL = MORNING + timedelta(days=2)


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with two_reps_on_duty(tmp_path) as running:
        yield running


async def test_good_leads_of_few_days_are_fair_over_all_days_of_who_could_have_had_them(
    floor: SalesFloor,
) -> None:
    for day in range(3):
        floor.clock.move_to(FIRST_OF_APRIL + timedelta(days=day))
        for number in range(2):
            await capture(floor, 2 * day + number, behaviours=[] if day else GOOD)
        await floor.hosting.catch_up()
    board = await floor.shown("/boards/allocation?unit=team-1&month=2026-04")
    assert [each["days_eligible"] for each in board["rows"]] == [3, 3]
    assert (board["gini"], board["gini_high_value"]) == (0.0, 0.0)


async def test_a_lead_of_high_score_is_one_of_high_value_with_a_hot_word_too(
    floor: SalesFloor,
) -> None:
    for rep in ("rep-1", "rep-3"):
        await on_duty(floor, rep, is_there=False)
    await capture(floor, 1, behaviours=["demo_booked"])
    said = {"message_id": "M1", "customer_id": "C1", "text": "价格", "unit_id": "team-1"}
    await floor.told("/messages", said, "boss-1")
    await floor.told("/messages", {**said, "message_id": "M2", "customer_id": "C2"}, "boss-1")
    await floor.hosting.catch_up()
    for rep in ("rep-1", "rep-3"):
        await on_duty(floor, rep)
    await floor.hosting.catch_up()
    found = {each.score: (each.track, each.is_high_value) for each in await allocations(floor)}
    assert found == {85.0: ("hot_word", True), 60.0: ("hot_word", False)}
    board = await floor.shown("/boards/allocation?unit=team-1&month=2026-03")
    assert sorted(each["high_value"] for each in board["rows"]) == [0, 1]


async def busy_april(floor: SalesFloor) -> None:
    """Two teams of two regions; rep-3 moves from the one to the other on the second day."""
    person = AddPerson(person_id="rep-4", unit_id="team-2", name=None, language="en", now=MORNING)
    await floor.handle("directory", PERSON, "rep-4", person)
    await on_duty(floor, "rep-2")
    for day in range(3):
        floor.clock.move_to(FIRST_OF_APRIL + timedelta(days=day))
        if day == 1:
            move = MovePerson(person_id="rep-3", unit_id="team-2", now=floor.clock())
            await floor.handle("directory", PERSON, "rep-3", move)
        for number in range(3):
            for team in (1, 2):
                await floor.told(
                    "/leads",
                    {
                        "lead_id": f"L{day}-{number}-{team}",
                        "customer_id": f"C{day}-{number}-{team}",
                        "source": "referral",
                        "unit_id": f"team-{team}",
                        "behaviours": [] if number else GOOD,
                    },
                )
        await floor.hosting.catch_up()


@pytest.mark.parametrize("unit_id", ["company", "north", "south", "team-1", "team-2"])
async def test_a_unit_above_teams_shows_each_rep_of_its_subtree_once_with_its_fairness(
    floor: SalesFloor, unit_id: str
) -> None:
    await busy_april(floor)
    organisation = await floor.hosting.ports.organisations.of("T1")
    events = [
        each
        for team in ("team-1", "team-2")
        if team in organisation.subtree(unit_id)
        for each in await allocations(floor, team)
    ]
    expected = fairness_of(events, "2026-04", working_days=3)
    assert len(expected.reps) == {"company": 3, "north": 2, "team-1": 2}.get(unit_id, 2)

    board = await floor.shown(f"/boards/allocation?unit={unit_id}&month=2026-04")

    found = {
        row["rep_id"]: (row["assigned"], row["high_value"], row["days_eligible"])
        for row in board["rows"]
    }
    assert found == expected.reps
    assert board["gini"] == pytest.approx(expected.gini)
    assert board["gini_high_value"] == pytest.approx(expected.gini_high_value)
    assert board["trend"][-1]["gini"] == board["gini"] is not None


async def test_a_region_counts_what_became_opportunities_in_its_teams(floor: SalesFloor) -> None:
    await capture(floor, 1)
    await floor.hosting.catch_up()
    await floor.told("/leads/L1/convert", {"opportunity_id": "O1"}, "boss-1")
    await floor.hosting.catch_up()
    [first, *_others] = (await floor.shown("/boards/allocation?unit=north"))["rows"]
    assert (first["rep_id"], first["assigned"], first["converted"]) == ("rep-1", 1, 1)


async def test_a_director_sees_the_whole_company_on_the_page_and_the_command_line(
    floor: SalesFloor,
) -> None:
    floor.clock.move_to(FIRST_OF_APRIL)
    for number in range(2):
        await capture(floor, number, behaviours=GOOD)
    await floor.hosting.catch_up()
    seen = await shown(floor, "/allocation", "director")
    assert "<h2>company · 2026-04</h2>" in seen
    assert '<a href="/leads?rep=rep-1">' in seen
    assert "Unevenness (Gini) 0: 0 is even" in seen

    said = io.StringIO()
    output = Output(Console(file=said, width=200), Console(quiet=True), as_json=False)
    desk = Desk(hosting=floor.hosting, output=output, tenant_id="T1")
    await ShowLeadBoard(board="allocation").run(desk)
    told = said.getvalue()
    assert "rep-1" in told
    assert ["2026-04", "0", "0"] in [line.split() for line in told.splitlines()]
