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

from shared.adapters.sqlite_event_store import SqliteEventStore
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
