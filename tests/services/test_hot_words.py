"""A customer's group-chat message with a hot word becomes a lead of the quickest rep (L8)."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.directory.domain.api_key import API_KEY, CreateApiKey
from services.directory.domain.person import PERSON, AddPerson
from services.leads import hearing
from shared.http import key_hash
from tests.services.logs import events_of
from tests.services.sales_floor import SalesFloor, code_of, sales_floor
from tests.services.test_allocating import MORNING, allocations, on_duty

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    """Two reps on duty in team-1."""
    async with sales_floor(tmp_path) as running:
        person = AddPerson(
            person_id="rep-3", unit_id="team-1", name=None, language="en", now=running.clock()
        )
        await running.handle("directory", PERSON, "rep-3", person)
        key = CreateApiKey(
            key_id="K-rep-3",
            key_hash=key_hash("key-rep-3"),
            role="rep",
            unit_id="team-1",
            person_id="rep-3",
            name="rep-3",
            now=running.clock(),
        )
        await running.handle("directory", API_KEY, key.key_id, key)
        running.clock.move_to(MORNING)
        for rep in ("rep-1", "rep-3"):
            await on_duty(running, rep)
        yield running


def message(number: int = 1, text: str = "样品有吗", **more: Any) -> dict[str, Any]:
    return {
        "message_id": f"M{number}",
        "customer_id": "C1",
        "text": text,
        "unit_id": "team-1",
        **more,
    }


async def leads(floor: SalesFloor) -> list[dict[str, Any]]:
    await floor.hosting.catch_up()
    rows: list[dict[str, Any]] = (await floor.shown("/leads"))["rows"]
    return rows


async def responded(floor: SalesFloor, rep: str, number: int, after: timedelta) -> None:
    """A lead of another customer, given by hand and answered by the rep."""
    lead_id = f"before-{rep}-{number}"
    body = {"lead_id": lead_id, "customer_id": f"C-{lead_id}", "owner_id": rep}
    await floor.told("/leads", body, "director")
    floor.clock.move_to(floor.clock() + after)
    await floor.told(f"/leads/{lead_id}/contact", {"type": "call"}, rep)


async def test_a_message_with_a_hot_word_becomes_a_lead_with_the_reasons_recorded(
    floor: SalesFloor,
) -> None:
    answer = await floor.told("/messages", message(text="這個樣品的價格？"), "boss-1")
    assert answer["hot_words"] == ["价格", "样品"]
    [lead] = await leads(floor)
    assert (lead["customer_id"], lead["source"], lead["track"]) == ("C1", "group_chat", "hot_word")
    assert (lead["behaviours"], lead["score"]["total"]) == (["hot_word"], 60)
    [event] = await allocations(floor)
    assert (event.why, event.rep_id) == ("quickest_to_respond_least_recently_served", "rep-1")


async def test_a_message_without_one_is_only_kept(floor: SalesFloor) -> None:
    answer = await floor.told("/messages", message(text="你好"), "boss-1")
    assert answer["hot_words"] == []
    assert await leads(floor) == []


async def test_the_words_are_the_tenants_own(floor: SalesFloor) -> None:
    words = {"settings": {"hot_words": ["Angebot"]}}
    await floor.told("/settings", words, "administrator")
    await floor.told("/messages", message(1, "样品"), "boss-1")
    assert await leads(floor) == []
    await floor.told("/messages", message(2, "ein angebot, bitte"), "boss-1")
    assert len(await leads(floor)) == 1
    for wrong in ({"hot_words": "样品"}, {"hot_words": [""]}, {"hot_words": ["x"] * 201}):
        refused = await floor.post("/settings", {"settings": wrong}, "administrator")
        assert refused.status_code == 422


async def test_a_word_announced_for_later_is_hot_from_then_on_only(floor: SalesFloor) -> None:
    from_then_on = MORNING + timedelta(hours=1)
    announced = {
        "settings": {"hot_words": ["Angebot"]},
        "effective_at": from_then_on.isoformat(),
    }
    await floor.told("/settings", announced, "administrator")
    early = await floor.told("/messages", message(1, "ein Angebot, bitte"), "boss-1")
    assert early["hot_words"] == []
    assert (await floor.told("/messages", message(2, "样品"), "boss-1"))["hot_words"] == ["样品"]
    floor.clock.move_to(from_then_on)
    late = await floor.told("/messages", message(3, "ein Angebot, bitte"), "boss-1")
    assert late["hot_words"] == ["Angebot"]


async def test_a_message_that_comes_twice_is_taken_once(floor: SalesFloor) -> None:
    for _each in range(2):
        await floor.told("/messages", message(), "boss-1")
    await floor.hosting.catch_up()
    assert len(await leads(floor)) == 1
    assert await floor.events("customer_message/M1") == ["customer_message_received"]
    other = await floor.post("/messages", message(customer_id="C2"), "boss-1")
    assert code_of(other) == (409, "message-is-anothers")


async def test_many_messages_of_a_customer_make_one_lead(floor: SalesFloor) -> None:
    for number in range(5):
        await floor.told("/messages", message(number), "boss-1")
    assert len(await leads(floor)) == 1
    [lead] = await leads(floor)
    await floor.told(f"/leads/{lead['lead_id']}/disqualify", {"reason": "done"}, "boss-1")
    await floor.hosting.catch_up()
    await floor.told("/messages", message(9), "boss-1")
    assert [each["status"] for each in await leads(floor)] == ["disqualified", "assigned"]


async def test_a_message_heard_again_after_its_lead_is_closed_makes_no_other(
    floor: SalesFloor,
) -> None:
    """As after a hand-over: a checkpoint is stored a little later than what came of the events."""
    await floor.told("/messages", message(), "boss-1")
    [lead] = await leads(floor)
    await floor.told(f"/leads/{lead['lead_id']}/disqualify", {"reason": "done"}, "boss-1")
    await floor.hosting.catch_up()
    ports = floor.hosting.ports
    await hearing.reaction(ports).take(await events_of(ports, "leads"))
    assert [each["status"] for each in await leads(floor)] == ["disqualified"]


@pytest.mark.parametrize(
    ("ending", "body", "status"),
    [("disqualify", {"reason": "done"}, "disqualified"), ("return", {}, "returned")],
)
async def test_a_message_that_said_nothing_new_changes_nothing_when_heard_again_afterwards(
    floor: SalesFloor, ending: str, body: dict[str, Any], status: str
) -> None:
    """The second one hurried nobody, so that no event of a lead names it."""
    await floor.told("/messages", message(1), "boss-1")
    [lead] = await leads(floor)
    floor.clock.move_to(MORNING + MINUTE)
    await floor.told("/messages", message(2), "boss-1")
    await floor.hosting.catch_up()
    floor.clock.move_to(MORNING + 2 * MINUTE)
    await floor.told(f"/leads/{lead['lead_id']}/{ending}", body, "boss-1")
    await floor.hosting.catch_up()
    ports = floor.hosting.ports
    await hearing.reaction(ports).take(await events_of(ports, "leads"))
    assert [each["status"] for each in await leads(floor)] == [status]


async def test_a_message_that_hurried_a_lead_now_closed_does_not_hurry_the_next_one(
    floor: SalesFloor,
) -> None:
    for number in (1, 2):
        await floor.told("/messages", message(number), "boss-1")
    [lead] = await leads(floor)
    floor.clock.move_to(MORNING + MINUTE)
    await floor.told(f"/leads/{lead['lead_id']}/disqualify", {"reason": "done"}, "boss-1")
    floor.clock.move_to(MORNING + 2 * MINUTE)
    await floor.told("/leads", {"lead_id": "L2", "customer_id": "C1", "unit_id": "team-1"})
    await floor.hosting.catch_up()
    ports = floor.hosting.ports
    await hearing.reaction(ports).take(await events_of(ports, "leads"))
    await floor.hosting.catch_up()
    assert "hot_word_said" not in await floor.events("lead/L2")


async def test_it_goes_to_the_rep_with_the_lowest_mean_of_the_last_three(
    floor: SalesFloor,
) -> None:
    """rep-1 was slow once, four answers ago."""
    for number, minutes in enumerate((600, 10, 10, 10)):
        await responded(floor, "rep-1", number, minutes * MINUTE)
    for number, minutes in enumerate((5, 20, 20, 20)):
        await responded(floor, "rep-3", number, minutes * MINUTE)
    floor.clock.move_to(MORNING + timedelta(days=1))
    await floor.told("/messages", message(), "boss-1")
    await floor.hosting.catch_up()
    [event] = await allocations(floor)
    assert (event.rep_id, event.why) == ("rep-1", "quickest_to_respond")
    assert event.response_seconds == {"rep-1": 600.0, "rep-3": 1200.0}


async def test_among_equals_it_goes_to_who_has_served_the_customer(floor: SalesFloor) -> None:
    await floor.told(
        "/opportunities", {"opportunity_id": "O1", "customer_id": "C1", "owner_id": "rep-3"}
    )
    await floor.told("/messages", message(), "boss-1")
    await floor.hosting.catch_up()
    [event] = await allocations(floor)
    assert (event.rep_id, event.served_customer) == ("rep-3", ["rep-3"])
    assert event.why == "quickest_to_respond_served_customer"


async def test_a_rep_who_is_offline_or_at_the_cap_gets_none(floor: SalesFloor) -> None:
    await responded(floor, "rep-1", 1, MINUTE)
    await on_duty(floor, "rep-1", is_there=False)
    floor.clock.move_to(MORNING + timedelta(hours=1))
    await floor.told("/messages", message(), "boss-1")
    await floor.hosting.catch_up()
    [event] = await allocations(floor)
    assert (event.rep_id, event.passed_over) == ("rep-3", {"offline": ["rep-1"]})


async def test_it_comes_before_leads_that_waited_longer(floor: SalesFloor) -> None:
    for rep in ("rep-1", "rep-3"):
        await on_duty(floor, rep, is_there=False)
    floor.clock.move_to(MORNING + timedelta(minutes=20))
    waiting = {"lead_id": "L1", "customer_id": "C9", "unit_id": "team-1"}
    await floor.told("/leads", waiting, "boss-1")
    await floor.hosting.catch_up()
    await floor.told("/messages", message(), "boss-1")
    await floor.hosting.catch_up()
    await on_duty(floor, "rep-3")
    await floor.hosting.catch_up()
    assert [each.track for each in await allocations(floor)] == ["hot_word", "standard"]


async def test_a_message_is_bounded_and_sealed(floor: SalesFloor) -> None:
    too_long = await floor.post("/messages", message(text="样" * 4001), "boss-1")
    assert code_of(too_long) == (422, "malformed")
    await floor.told("/messages", message(text="Wang wants a sample"), "boss-1")
    stored = await floor.hosting.ports.event_store.read_stream("T1/customer_message/M1")
    assert all(b"Wang" not in each.payload for each in stored)


async def test_where_a_message_may_not_go_it_is_refused(floor: SalesFloor) -> None:
    elsewhere = await floor.post("/messages", message(unit_id="team-2"), "boss-1")
    assert code_of(elsewhere) == (403, "forbidden")
    nowhere = await floor.post("/messages", message(unit_id="nowhere"), "boss-1")
    assert code_of(nowhere) == (409, "not-yet-known")
    nobody = await floor.post("/messages", message(), "legal")
    assert code_of(nobody) == (403, "forbidden")


async def test_messages_come_in_batches(floor: SalesFloor) -> None:
    lines = "\n".join(
        f'{{"command": "receive-message", "id": "k{number}", "message_id": "M{number}", '
        f'"customer_id": "C{number}", "text": "sample?", "unit_id": "team-1"}}'
        for number in range(3)
    )
    response = await floor.http.post(
        "/api/v1/commands",
        content=lines,
        headers={"Authorization": "Bearer key-boss-1", "Content-Type": "application/x-ndjson"},
    )
    assert response.text.count('"done"') == 3
    assert len(await leads(floor)) == 3
