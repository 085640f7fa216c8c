"""Many signals at a time take few commits, and none is lost or told twice (N4, N5)."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from services.notifications.app import build
from shared.adapters.sqlite_event_store import SqliteEventStore
from shared.command_handling import CommandHandling
from shared.event_store import Append, Outcome
from tests.services.alarm_floor import AlarmFloor, alarm_floor

MINUTE = timedelta(minutes=1)
SIGNALS = tuple(f"S{number}" for number in range(5))
RESOLVED = "Resolved by itself: Opportunity O-S0 is silent"


async def flood(alarm: AlarmFloor) -> None:
    for signal_id in SIGNALS:
        await alarm.signal(signal_id)


async def told(alarm: AlarmFloor) -> dict[str, int]:
    """How often each escalation stands in the owner's inbox."""
    inbox = await alarm.inbox("rep-1")
    return Counter(each for message in inbox for each in message["escalation_ids"])


async def waited(alarm: AlarmFloor) -> None:
    """What was interrupted is found, and repeated after its back-off."""
    for _ in range(2):
        await alarm.settle(after=2 * MINUTE)


async def test_a_flood_takes_few_commits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with alarm_floor(tmp_path / "data") as alarm:
        await flood(alarm)
        append = SqliteEventStore.append
        calls: list[int] = []

        async def counted(self: SqliteEventStore, appends: Sequence[Append]) -> list[Outcome]:
            calls.append(len(appends))
            return await append(self, appends)

        monkeypatch.setattr(SqliteEventStore, "append", counted)
        await alarm.settle()
        assert calls == [5, 5]
        await alarm.settle(after=MINUTE)
        assert calls[2:] == [1, 1, 1]
        for signal_id in SIGNALS:
            await alarm.resolved(signal_id)
        calls.clear()
        await alarm.settle()
        assert calls == [5, 5, 5, 5]
        assert await told(alarm) == dict.fromkeys(SIGNALS, 1)


@pytest.mark.parametrize("is_stored_first", [False, True])
@pytest.mark.parametrize("number", range(9))
async def test_killed_at_whichever_write_everybody_is_told_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, is_stored_first: bool
) -> None:
    append = SqliteEventStore.append
    writes = count()

    async def dying(self: SqliteEventStore, appends: Sequence[Append]) -> list[Outcome]:
        is_the_one = next(writes) == number
        outcomes: Any = None
        if is_stored_first or not is_the_one:
            outcomes = await append(self, appends)
        if is_the_one:
            raise asyncio.CancelledError
        assert outcomes is not None
        return list(outcomes)

    async def passes(alarm: AlarmFloor, after: timedelta) -> None:
        """Some time, through the one death if it comes."""
        with monkeypatch.context() as killed:
            killed.setattr(SqliteEventStore, "append", dying)
            with suppress(asyncio.CancelledError):
                await alarm.settle(after=after)

    async with alarm_floor(tmp_path / "data") as alarm:
        await flood(alarm)
        await passes(alarm, timedelta())
        await passes(alarm, MINUTE)
    async with alarm_floor(tmp_path / "data") as alarm:
        await waited(alarm)
        assert await told(alarm) == dict.fromkeys(SIGNALS, 1)
        for signal_id in SIGNALS:
            await alarm.resolved(signal_id)
        await passes(alarm, timedelta())
        await waited(alarm)
        assert next(writes) > number
        titles = [message["title"] for message in await alarm.inbox("rep-1")]
        assert titles.count(RESOLVED) == 1
        assert await told(alarm) == dict.fromkeys(SIGNALS, 1)


async def test_two_processes_that_write_letters_at_the_same_time_tell_each_thing_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first has seen less, and is held up before it writes."""
    async with alarm_floor(tmp_path / "data") as alarm:
        hosting = alarm.floor.hosting
        [slow] = [each for each in hosting.runners if each.name == "notifications.letters"]
        others = build(hosting.ports)
        [quick] = [each for each in others.runners if each.name == "notifications.letters"]
        await alarm.signal("S0")
        await alarm.settle()
        alarm.floor.clock.move_to(alarm.now + MINUTE)

        released, reached = asyncio.Event(), asyncio.Event()
        handle_runs = CommandHandling.handle_runs

        async def held_up(self: CommandHandling, *given: Any) -> Any:
            if not reached.is_set():
                reached.set()
                await released.wait()
            return await handle_runs(self, *given)

        monkeypatch.setattr(CommandHandling, "handle_runs", held_up)
        writing = asyncio.ensure_future(slow.step(alarm.now))
        await reached.wait()
        await alarm.signal("S1")
        await hosting.catch_up(runners=False)
        for runner in hosting.runners:
            if runner.name == "notifications.steps":
                await runner.step(alarm.now)
        await hosting.catch_up(runners=False)
        await quick.step(alarm.now)
        released.set()
        await writing
        monkeypatch.undo()
        await waited(alarm)
        assert await told(alarm) == {"S0": 1, "S1": 1}
