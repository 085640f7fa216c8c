"""Parked streams: shown, folded again when the reason is mended, or given up by somebody."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from shared.dead_letters import StillPoison, dead_letters, discard, retry
from shared.envelope import RecordedEvent
from shared.errors import NotFound, PoisonMessage
from shared.events.directory import PersonAdded, PersonMoved
from shared.ports import Ports
from shared.projecting import RowReadModel
from shared.reaction import Reaction
from shared.rebuilding import rebuild
from tests.shared import staff
from tests.shared.installation import opened
from tests.shared.reading import catch_up, following, happen, rows_of
from tests.shared.staff import NOWHERE, Join, Move, headcount_model

STREAM = "acme/person/P1"
NAME = "staff.headcount"


@pytest.fixture
async def ports(tmp_path: Path, read_models: str | None) -> AsyncIterator[Ports]:
    async with opened(tmp_path, read_models=read_models) as ports:
        yield ports


def mended() -> RowReadModel[staff.StaffRow]:
    """The headcount of a program that knows people who are nowhere."""

    def evolve(row: staff.StaffRow | None, recorded: RecordedEvent) -> staff.StaffRow | None:
        event = recorded.event
        if isinstance(event, PersonMoved) and event.unit_id == NOWHERE:
            recorded = RecordedEvent(replace(event, unit_id="elsewhere"), recorded.arrived)
        return staff.evolve_row(row, recorded)

    return replace(headcount_model(), projection=replace(staff.HEADCOUNT, evolve=evolve))


async def a_parked_person(ports: Ports) -> None:
    follower = await following(ports)
    await happen(ports, Join(person_id="P1"), Join(person_id="P2"))
    await happen(ports, Move(person_id="P1", unit_id=NOWHERE), Move(person_id="P1", unit_id="u3"))
    await catch_up(follower)


async def test_a_dead_letter_says_what_whose_and_why(ports: Ports) -> None:
    await a_parked_person(ports)
    first, second = await dead_letters(ports)
    assert (first.subscription, first.stream, first.log_offset) == ("staff.headcount.v1", STREAM, 2)
    assert first.reason == "ValueError: nobody can be nowhere"
    assert (second.log_offset, second.discarded_by) == (3, None)


async def test_what_is_still_poison_changes_nothing(ports: Ports) -> None:
    await a_parked_person(ports)
    before = await rows_of(ports, headcount_model().rows)
    with pytest.raises(StillPoison, match="nobody can be nowhere"):
        await retry(ports, NAME, STREAM)
    assert await rows_of(ports, headcount_model().rows) == before
    assert len(await dead_letters(ports)) == 2


async def test_a_mended_stream_is_folded_again_from_its_first_event(ports: Ports) -> None:
    await a_parked_person(ports)
    follower = await following(ports, mended())
    await follower.position(0)
    assert await retry(ports, NAME, STREAM) == 2
    rows = {row["key"]: row for row in await rows_of(ports, headcount_model().rows)}
    assert (rows["P1"]["unit_id"], rows["P1"]["incomplete"]) == ("u3", False)
    assert await dead_letters(ports) == []
    await happen(ports, Move(person_id="P1", unit_id="u4"))
    await catch_up(follower)
    assert await follower.parked() == set()
    rows = {row["key"]: row for row in await rows_of(ports, headcount_model().rows)}
    assert rows["P1"]["unit_id"] == "u4"
    assert await rebuild(ports, mended(), compare=True) == []


async def test_a_stream_given_up_goes_on_incomplete_and_says_who_gave_it_up(ports: Ports) -> None:
    await a_parked_person(ports)
    follower = await following(ports)
    assert await discard(ports, NAME, STREAM, "operator-1") == 2
    assert {letter.discarded_by for letter in await dead_letters(ports)} == {"operator-1"}
    await happen(ports, Move(person_id="P1", unit_id="u4"))
    await catch_up(follower)
    rows = {row["key"]: row for row in await rows_of(ports, headcount_model().rows)}
    assert (rows["P1"]["unit_id"], rows["P1"]["incomplete"]) == ("u4", True)


async def test_a_reaction_gets_again_what_it_could_not_take(ports: Ports) -> None:
    heard: list[str] = []
    bad = {"P1"}

    async def greet(events: Sequence[RecordedEvent]) -> None:
        for each in events:
            if each.event.person_id in bad:
                raise PoisonMessage("nobody can greet them")
        heard.extend(each.event.person_id for each in events)

    greeting = Reaction(name="staff.greeting", log="directory", react=greet, reads=(PersonAdded,))
    follower = await following(ports, greeting)
    await happen(ports, Join(person_id="P1"), Join(person_id="P2"))
    await catch_up(follower)
    assert heard == ["P2"]
    bad.clear()
    assert await retry(ports, "staff.greeting", STREAM) == 1
    assert heard == ["P2", "P1"]


async def test_what_is_not_parked_is_not_found(ports: Ports) -> None:
    await a_parked_person(ports)
    for subscription, stream in ((NAME, "acme/person/P2"), ("staff.unheard", STREAM)):
        with pytest.raises(NotFound):
            await retry(ports, subscription, stream)
        with pytest.raises(NotFound):
            await discard(ports, subscription, stream, "operator-1")
