"""The inbox as a page: what is unread on top, opened and so read, and what lies behind it."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.services.alarm_floor import AlarmFloor, alarm_floor
from tests.services.test_page_forms import following
from tests.services.test_pages import page, shown

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def alarm(tmp_path: Path) -> AsyncIterator[AlarmFloor]:
    async with alarm_floor(tmp_path / "data") as found:
        yield found


async def told(alarm: AlarmFloor, *names: str) -> list[str]:
    """A message each to rep-1; their ids, the latest first."""
    for name in names:
        await alarm.signal(name)
        await alarm.settle()
        await alarm.settle(after=MINUTE)
    return [row["message_id"] for row in await alarm.inbox("rep-1")]


async def opened(alarm: AlarmFloor, message_id: str, key: str = "rep-1") -> str:
    answer = await following(alarm.floor, page(alarm.floor, f"/inbox/{message_id}", key))
    assert answer.status_code == 200, answer.text
    return str(answer.text)


def waiting(text: str) -> list[str]:
    """What the menu says is unread."""
    return [each.split("<")[0] for each in text.split('class="waiting">')[1:]]


async def test_what_is_unread_stands_on_top_and_opening_it_marks_it_read(
    alarm: AlarmFloor,
) -> None:
    second, first = await told(alarm, "S1", "S2")
    before = await shown(alarm.floor, "/inbox", "rep-1")
    assert set(waiting(before)) == {"2"}
    assert 'id="read"' not in before

    text = await opened(alarm, first)

    assert "Opportunity O-S1 is silent" in text
    assert 'href="/escalations/S1"' in text
    assert set(waiting(text)) == {"1"}
    after = await shown(alarm.floor, "/inbox", "rep-1")
    places = [after.index(each) for each in ('id="unread"', second, 'id="read"', first)]
    assert places == sorted(places)
    [_unread, read] = await alarm.inbox("rep-1")
    assert read["read_at"] is not None


async def test_the_menu_says_nothing_where_everything_is_read(alarm: AlarmFloor) -> None:
    [message_id] = await told(alarm, "S1")
    await opened(alarm, message_id)

    assert waiting(await shown(alarm.floor, "/my-day", "rep-1")) == []


async def test_an_empty_inbox_says_what_would_come(alarm: AlarmFloor) -> None:
    assert "Nothing was told to you here yet." in await shown(alarm.floor, "/inbox", "rep-1")
    assert "这里还没有给您的通知" in await shown(alarm.floor, "/inbox", "rep-1", "zh")
    assert "This key stands for nobody" in await shown(alarm.floor, "/inbox", "director")


async def test_a_message_is_opened_by_its_reader_only(alarm: AlarmFloor) -> None:
    [message_id] = await told(alarm, "S1")

    for key in ("rep-2", "boss-1", "director"):
        assert (await page(alarm.floor, f"/inbox/{message_id}", key)).status_code == 404
    assert [row["read_at"] for row in await alarm.inbox("rep-1")] == [None]


async def test_the_read_ones_come_page_by_page_after_those_unread(
    alarm: AlarmFloor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.projections.pages.inbox._SHOWN", 2)
    ids = await told(alarm, *(f"S{number}" for number in range(5)))
    for message_id in ids[3:]:
        await opened(alarm, message_id)
    seen: list[list[str]] = []
    path: str | None = "/inbox"
    while path is not None:
        text = await shown(alarm.floor, path, "rep-1")
        listed = sorted((text.index(f"/inbox/{each}"), each) for each in ids if each in text)
        seen.append([each for _place, each in listed])
        link = text.partition('class="button" href="')[2]
        path = link.split('"')[0].replace("&amp;", "&") if link else None

    assert seen == [ids[:2], [ids[2], *ids[3:]]]


async def test_what_resolved_itself_says_so_and_leads_to_what_it_was_about(
    alarm: AlarmFloor,
) -> None:
    await told(alarm, "S1")
    await alarm.resolved("S1")
    await alarm.settle()
    [says_so] = [row for row in await alarm.inbox("rep-1") if row["resolved_id"] == "S1"]

    text = await opened(alarm, says_so["message_id"])

    assert "Resolved by itself: Opportunity O-S1 is silent" in text
    behind = text.split('id="behind"')[1]
    assert 'href="/escalations/S1"' in behind
    assert 'href="/timelines/opportunity/O-S1"' in behind
    assert "resolved" in behind
