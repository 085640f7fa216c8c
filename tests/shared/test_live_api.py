"""Server-sent events: a message comes when whoever asks upon it finds what changed."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from shared import live_api
from tests.services.sales_floor import SalesFloor, sales_floor


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with sales_floor(tmp_path / "data") as found:
        await found.hosting.catch_up()
        found.clock.move_to(found.clock() + timedelta(minutes=1))
        yield found


def changes(floor: SalesFloor) -> AsyncIterator[str]:
    return live_api.changes(floor.hosting.ports, "T1", None)


async def test_a_message_waits_until_the_boards_show_the_change(floor: SalesFloor) -> None:
    """The host of this test follows the log only when it is told to."""
    messages = changes(floor)
    assert (await anext(messages)).startswith("retry:")
    following = asyncio.ensure_future(anext(messages))
    await asyncio.sleep(0)

    await floor.open("O1")
    await asyncio.sleep(0.2)
    assert not following.done()
    await floor.hosting.catch_up()
    message = await asyncio.wait_for(following, 1.5)

    data = json.loads(message.partition("data: ")[2])
    assert "opportunities.opportunity_opened.v1" in data["changed"]
    shown = (await floor.shown("/boards/silence"))["rows"]
    assert [row["opportunity_id"] for row in shown] == ["O1"]


async def test_what_was_recorded_just_before_a_page_came_is_told_when_it_is_shown(
    floor: SalesFloor,
) -> None:
    """The page was made before the read models followed, and asks for the stream after it."""
    await floor.open("O1")
    messages = changes(floor)
    await anext(messages)
    following = asyncio.ensure_future(anext(messages))
    await asyncio.sleep(0.2)
    assert not following.done()
    await floor.hosting.catch_up()

    data = json.loads((await asyncio.wait_for(following, 1.5)).partition("data: ")[2])
    assert "opportunities.opportunity_opened.v1" in data["changed"]
    assert "directory.person_added.v1" not in data["changed"]


async def test_read_models_that_stand_still_delay_a_message_and_do_not_stop_it(
    floor: SalesFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_api, "_SHOWN_WITHIN_SECONDS", 0.1)
    messages = changes(floor)
    await anext(messages)
    following = asyncio.ensure_future(anext(messages))
    await asyncio.sleep(0)

    await floor.open("O1")

    assert "opportunity_opened" in await asyncio.wait_for(following, 5)


async def test_the_first_change_after_a_pause_is_told_at_once_and_the_next_a_second_later(
    floor: SalesFloor,
) -> None:
    messages, loop = changes(floor), asyncio.get_running_loop()
    await anext(messages)
    await floor.open("O1")
    await floor.hosting.catch_up()

    begun = loop.time()
    assert "opportunity_opened" in await anext(messages)
    told = loop.time()
    await floor.open("O2")
    await floor.hosting.catch_up()
    assert "opportunity_opened" in await anext(messages)

    assert told - begun < 0.5
    assert loop.time() - told >= 1.0


@pytest.mark.parametrize(
    ("drawn", "minutes"), [(b"\x00" * 4, 13.5), (b"\x80\0\0\0", 15.0), (b"\xff" * 4, 16.5)]
)
def test_streams_end_after_some_fifteen_minutes_each_at_its_own_time(
    drawn: bytes, minutes: float
) -> None:
    seconds = live_api.stream_seconds(lambda count: drawn[:count])
    assert seconds == pytest.approx(minutes * 60, abs=0.001)


async def test_a_stream_ends_by_itself(floor: SalesFloor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_api, "_STREAM_SECONDS", 0.2)
    monkeypatch.setattr(live_api, "_COMMENT_SECONDS", 0.1)
    told = [message async for message in changes(floor)]
    assert told[0].startswith("retry:")
    assert set(told[1:]) <= {": still here\n\n"}
