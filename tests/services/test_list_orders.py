"""Lists are ordered by the server, by their heads, in the address; files and next pages too."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from services.projections.pages import silence
from services.projections.queries.asking import Asker, Question
from services.projections.queries.boards import asker_of
from services.projections.queries.silence_board import silence_board
from shared.clock import iso
from tests.services.sales_floor import NOW, SalesFloor, sales_floor
from tests.services.test_pages import page, shown, silent_for

ORDERS = {
    "": ["O4", "O3", "O2", "O1", "O0"],
    "-left": ["O0", "O1", "O2", "O3", "O4"],
    "stage": ["O4", "O2", "O0", "O3", "O1"],
    "-stage": ["O1", "O3", "O0", "O2", "O4"],
}


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    """Five opportunities, the higher the number the longer silent; odd ones a stage further."""
    async with sales_floor(tmp_path / "data") as running:
        for number in range(5):
            at = NOW - timedelta(hours=number)
            await running.open(f"O{number}", owner_id="rep-1", occurred_at=iso(at))
            if number % 2:
                moved = {"stage": "needs_confirmed", "occurred_at": iso(at)}
                await running.told(f"/opportunities/O{number}/change-stage", moved, "rep-1")
        await running.hosting.catch_up()
        yield running


def rows(text: str) -> list[str]:
    return re.findall(r'id="row-(O\d)"', text)


@pytest.mark.parametrize("order", ORDERS)
async def test_silence_is_ordered_as_its_address_says_over_pages_and_in_the_file(
    floor: SalesFloor, monkeypatch: pytest.MonkeyPatch, order: str
) -> None:
    monkeypatch.setattr(silence, "_SHOWN", 2)
    path, found = f"/silence?sort={order}", []
    while path:
        text = await shown(floor, path)
        found += rows(text)
        following = re.search(r'href="([^"]+)" rel="next"', text)
        path = following[1].replace("&amp;", "&") if following else ""
    [_head, *lines] = (await page(floor, f"/silence?sort={order}&format=csv")).text.splitlines()

    assert found == ORDERS[order]
    assert [line.partition(",")[0] for line in lines] == ORDERS[order]


async def test_a_past_moment_is_ordered_alike(floor: SalesFloor) -> None:
    await silent_for(floor, 1)
    ports = floor.hosting.ports
    asker: Asker = await asker_of(ports, "T1", None, floor.clock())
    for order, ids in ORDERS.items():
        question = Question(as_of=NOW, order=order, limit=2)
        found, cursor = [], ""
        while cursor is not None:
            asked = replace(question, cursor=cursor or None)
            board = await silence_board(ports.read_store, asker, asked)
            found += [row["opportunity_id"] for row in board["rows"]]
            cursor = board["next_cursor"]
        assert found == ids


async def test_a_head_is_a_link_that_says_how_its_column_is_ordered(floor: SalesFloor) -> None:
    text = await shown(floor, "/silence?sort=stage")
    assert re.search(r'<th aria-sort="ascending"><a class="order" href="[^"]*sort=-stage"', text)
    assert text.count("aria-sort") == 1
    assert '<a class="order" href="/silence">Time left' in text
    assert 'aria-sort="descending"' in await shown(floor, "/silence?sort=-left")
    assert (await page(floor, "/silence?sort=amount")).status_code == 422


async def test_units_and_reps_of_process_health_are_ordered_by_name_or_index(
    floor: SalesFloor,
) -> None:
    await floor.open("P1", "rep-2", owner_id="rep-2")
    await silent_for(floor, 3)

    def units(text: str) -> list[str]:
        return re.findall(r'href="/process-health\?unit=(north|south)&amp;week=', text)

    worst_first = units(await shown(floor, "/process-health", "director"))
    best_first = units(await shown(floor, "/process-health?sort=-index", "director"))
    by_name = await shown(floor, "/process-health?sort=name", "director")

    assert sorted(worst_first) == ["north", "south"]
    assert best_first == worst_first[::-1]
    assert units(by_name) == ["north", "south"]
    assert units(await shown(floor, "/process-health?sort=-name", "director")) == ["south", "north"]
    assert by_name.count('aria-sort="ascending"') == 2
