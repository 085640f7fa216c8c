"""A row touched by a parked event says so, wherever it is shown, and says what to do about it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.command_handling import derived_id
from shared.envelope import EncodedEvent, Envelope
from shared.event_store import Append, Verdict
from tests.services.sales_floor import NOW, SalesFloor, sales_floor
from tests.services.test_pages import page, shown, silent_for

CUSTOMER = "Tianrun"


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    """O1 has an event that says nothing of what it should; O2 is whole."""
    async with sales_floor(tmp_path / "data") as running:
        await running.told("/customers", {"customer_id": "C1", "name": CUSTOMER})
        for opportunity_id in ("O1", "O2"):
            await running.open(opportunity_id, owner_id="rep-1")
        await running.hosting.catch_up()
        await spoil(running, "opportunities", "opportunity/O1", "opportunities.action_logged.v1")
        yield running


async def spoil(floor: SalesFloor, log: str, of: str, type_name: str) -> None:
    ports, stream = floor.hosting.ports, f"T1/{of}"
    version = len(await ports.event_store.read_stream(stream))
    envelope = Envelope("T1", "rep-1", NOW, "live", "test")
    event = EncodedEvent(derived_id("unreadable", stream), type_name, 1, b"{}", envelope)
    [outcome] = await ports.event_store.append([Append(log, stream, version, [event])])
    assert outcome.verdict is Verdict.DONE
    await floor.hosting.catch_up()


async def test_the_silence_board_says_which_row_lacks_an_event(floor: SalesFloor) -> None:
    await silent_for(floor, 3)
    for path in ("/boards/silence", "/boards/silence?as_of=2026-03-03T00:00:00Z"):
        rows = (await floor.shown(path))["rows"]
        assert {row["opportunity_id"]: row["incomplete"] for row in rows} == {
            "O1": True,
            "O2": False,
        }


async def test_the_page_and_file_of_silence_mark_it_and_say_what_to_do(floor: SalesFloor) -> None:
    text = await shown(floor, "/silence")
    in_chinese = await shown(floor, "/silence", language="zh")
    [_head, *lines] = (await page(floor, "/silence?format=csv")).text.splitlines()

    assert text.count("</svg>incomplete</span>") == 1
    assert "dead-letters list" in text
    assert in_chinese.count("</svg>不完整</span>") == 1
    assert [line.endswith(",an event is missing") for line in sorted(lines)] == [True, False]


async def test_the_timeline_of_an_opportunity_that_lacks_an_event_says_so(
    floor: SalesFloor,
) -> None:
    assert "Incomplete: an event of it" in await shown(floor, "/timelines/opportunity/O1")
    assert "Incomplete" not in await shown(floor, "/timelines/opportunity/O2")


async def test_a_signal_that_lacks_an_event_says_so(floor: SalesFloor) -> None:
    await silent_for(floor, 3)
    signals = (await floor.shown("/signals"))["rows"]
    spoiled = next(row["signal_id"] for row in signals if row["subject_id"] == "O2")
    stream = f"signal/{spoiled}"
    await spoil(floor, "projections", stream, "projections.signal_resolved.v1")

    rows = (await floor.shown("/signals"))["rows"]

    assert {row["signal_id"] for row in rows if row["incomplete"]} == {spoiled}
    assert len(rows) > 1
