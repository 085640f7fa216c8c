"""Ten thousand signals at once: nothing is dropped, the urgent goes first, few messages (N4)."""

import re
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.directory.domain.person import PERSON, AddPerson, SetAddress
from shared.codec import NewEvent
from shared.command_handling import derived_id
from shared.envelope import Envelope, stream_name
from shared.event_store import Append, Verdict
from shared.events.signals import SignalRaised
from tests.receivers.receiver import Received, Receiver, receiving
from tests.receivers.wecom import WeComRules
from tests.services.alarm_floor import AlarmFloor, alarm_floor
from tests.services.sales_floor import NOW

SIGNALS = 10_000
PEOPLE = 40
URGENT = 10
MINUTE = timedelta(minutes=1)
A_MINUTE_AND_THE_MARGIN = timedelta(seconds=61)
MOST_A_MINUTE = 20
BOSS = "the-boss"
"""Reached with the urgent in the fourth minute, when the robot has messages for twenty more."""
OWNER = {"after_seconds": 0, "to": "owner", "channels": ["inbox", "robot"]}
MANAGER = {"after_seconds": 150, "to": "manager", "channels": ["robot"]}


def policy(rule: str, *steps: dict[str, Any]) -> dict[str, Any]:
    return {"name": rule, "rules": [rule], "steps": list(steps), "quiet_hours": None}


@pytest.fixture
async def alarm(tmp_path: Path) -> AsyncIterator[AlarmFloor]:
    async with alarm_floor(tmp_path / "data") as running:
        floor = running.floor
        for number in range(PEOPLE):
            person_id = f"seller-{number}"
            add = AddPerson(
                person_id=person_id, unit_id="team-1", name=None, language="en", now=NOW
            )
            await floor.handle("directory", PERSON, person_id, add)
            known = SetAddress(person_id=person_id, channel="wecom", address=person_id, now=NOW)
            await floor.handle("directory", PERSON, person_id, known)
        boss = SetAddress(person_id="boss-1", channel="wecom", address=BOSS, now=NOW)
        await floor.handle("directory", PERSON, "boss-1", boss)
        await floor.hosting.catch_up()
        await floor.told("/policies", policy("stalled", OWNER), "administrator")
        await floor.told("/policies", policy("approval_overdue", OWNER, MANAGER), "administrator")
        yield running


@pytest.fixture
async def robot(alarm: AlarmFloor) -> AsyncIterator[Receiver]:
    async with receiving(WeComRules("k")) as receiver:
        url = f"http://127.0.0.1:{receiver.port}/cgi-bin/webhook/send?key=k"
        await alarm.robot("wecom", url, "", "north")
        yield receiver


def signal(number: int) -> SignalRaised:
    return SignalRaised(
        signal_id=f"S{number:05d}",
        rule="approval_overdue" if number < URGENT else "stalled",
        subject_kind="opportunity",
        subject_id=f"O-{number:05d}",
        customer_id="C1",
        stage="first_contact",
        unit_id="team-1",
        unit_path=["company", "north", "team-1"],
        owner_id=f"seller-{number % PEOPLE}",
        due_at=NOW,
        raised_at=NOW,
        anchor_event_id=None,
        window=None,
        historical=False,
        facts={},
        told=[],
    )


async def flood(alarm: AlarmFloor) -> None:
    """All of them stand in the log before anybody looks at the first."""
    ports = alarm.floor.hosting.ports
    envelope = Envelope("T1", None, alarm.now, "live", "test")
    for start in range(0, SIGNALS, 1_000):
        appends = []
        for number in range(start, start + 1_000):
            raised = signal(number)
            stream = stream_name("T1", "hand_made_signal", raised.signal_id)
            event = NewEvent(raised, derived_id(stream), envelope)
            appends.append(Append("projections", stream, 0, await ports.codec.seal([event])))
        outcomes = await ports.event_store.append(appends)
        assert all(outcome.verdict is Verdict.DONE for outcome in outcomes)


def mentioned(received: Received) -> str:
    [found] = re.findall(r"<@([a-z0-9-]+)>", received.document["markdown"]["content"])
    return str(found)


def told_of(arrived: Sequence[Received]) -> Counter[str]:
    texts = (each.document["markdown"]["content"] for each in arrived)
    return Counter(found for text in texts for found in re.findall(r"O-\d{5}", text))


async def minute_by_minute(alarm: AlarmFloor, robot: Receiver) -> list[int]:
    """How many messages the robot got in each minute, until none came any more."""
    counts: list[int] = []
    while not counts or counts[-1]:
        before = len(robot.arrived)
        await alarm.settle(after=A_MINUTE_AND_THE_MARGIN)
        counts.append(len(robot.arrived) - before)
        assert len(counts) < 60
    return counts


async def test_ten_thousand_signals_reach_everybody_in_few_messages_the_urgent_first(
    alarm: AlarmFloor, robot: Receiver
) -> None:
    await flood(alarm)
    await alarm.settle()
    counts = await minute_by_minute(alarm, robot)
    assert robot.refusals == []
    assert max(counts) == MOST_A_MINUTE
    assert set(counts[:-2]) == {MOST_A_MINUTE}

    readers = [mentioned(each) for each in robot.arrived]
    assert readers.index(BOSS) <= 4 * MOST_A_MINUTE
    to_boss = robot.arrived[readers.index(BOSS)]
    urgent = Counter(f"O-{number:05d}" for number in range(URGENT))
    assert told_of([to_boss]) == urgent

    to_owners = [each for each in robot.arrived if each is not to_boss]
    assert told_of(to_owners) == Counter(f"O-{number:05d}" for number in range(SIGNALS))
    most = max(Counter(readers).values())
    assert most <= 12
    assert (await alarm.floor.shown("/undelivered", "administrator"))["rows"] == []
