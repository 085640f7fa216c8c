"""From a signal to people, up the chain until somebody acknowledges (A5, N2, N3, N4)."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from services.directory.domain.api_key import API_KEY, CreateApiKey
from shared.http import key_hash
from tests.services.alarm_floor import AlarmFloor, alarm_floor
from tests.services.sales_floor import code_of

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
# the clock stands at Monday 17:00 in Shanghai: four working hours end on Tuesday at 12:00
FOUR_WORKING_HOURS = 19 * HOUR


@pytest.fixture
async def alarm(tmp_path: Path) -> AsyncIterator[AlarmFloor]:
    async with alarm_floor(tmp_path / "data") as running:
        yield running


async def test_a_signal_reaches_its_owner_then_the_manager_then_the_director(
    alarm: AlarmFloor,
) -> None:
    await alarm.signal("S1")
    await alarm.settle()
    assert (await alarm.escalations())["S1"]["told"] == ["rep-1"]
    await alarm.settle(after=FOUR_WORKING_HOURS - MINUTE)
    assert (await alarm.escalations())["S1"]["told"] == ["rep-1"]
    await alarm.settle(after=MINUTE)
    assert (await alarm.escalations())["S1"]["told"] == ["rep-1", "boss-1"]
    await alarm.settle(after=5 * HOUR)
    told = (await alarm.escalations())["S1"]
    assert told["told"] == ["rep-1", "boss-1", "lawyer-1"]
    assert told["level"] == 2
    await alarm.settle(after=24 * HOUR)
    assert (await alarm.escalations())["S1"]["level"] == 3


async def test_each_is_told_in_the_inbox_after_the_grouping_time(alarm: AlarmFloor) -> None:
    await alarm.signal("S1")
    await alarm.settle()
    assert await alarm.inbox("rep-1") == []
    await alarm.settle(after=MINUTE)
    [message] = await alarm.inbox("rep-1")
    assert message["title"] == "Opportunity O-S1 is silent"
    assert message["escalation_ids"] == ["S1"]
    assert await alarm.inbox("boss-1") == []


async def test_many_at_a_time_are_one_digest(alarm: AlarmFloor) -> None:
    for number in range(7):
        await alarm.signal(f"S{number}")
    await alarm.settle()
    await alarm.settle(after=MINUTE)
    [message] = await alarm.inbox("rep-1")
    assert message["title"] == "7 escalations wait for you"
    assert len(message["escalation_ids"]) == 7


async def test_after_an_acknowledgement_nobody_else_is_told(alarm: AlarmFloor) -> None:
    await alarm.signal("S1")
    await alarm.settle()
    answer = await alarm.floor.told("/escalations/S1/acknowledge", {}, "rep-1")
    assert (answer["state"], answer["acknowledged_by"]) == ("acknowledged", "rep-1")
    await alarm.floor.told("/escalations/S1/acknowledge", {}, "rep-1")
    await alarm.settle(after=72 * HOUR)
    shown = (await alarm.escalations())["S1"]
    assert (shown["told"], shown["next_step"]) == (["rep-1"], "acknowledged")
    assert await alarm.inbox("boss-1") == []


async def test_why_says_where_an_escalation_went_and_who_took_it(alarm: AlarmFloor) -> None:
    await alarm.signal("S1", facts={"since": "2026-02-28T09:00:00.000Z", "limit_hours": 48.0})
    await alarm.settle()
    await alarm.floor.told("/escalations/S1/acknowledge", {}, "rep-1")
    await alarm.settle()
    told = await alarm.floor.shown("/why/S1")
    assert told["escalations"] == ["S1"]
    opened, step, acknowledged = told["sentences"][-3:]
    assert opened.startswith("It was escalated at ")
    assert "rep-1 to be told" in step
    assert acknowledged.startswith("rep-1 acknowledged it at ")
    assert [event["type"] for event in told["events"]][-3:] == [
        "notifications.escalation_opened.v1",
        "notifications.escalation_step_reached.v1",
        "notifications.escalation_acknowledged.v1",
    ]


async def test_acknowledged_before_anybody_was_told_it_is_told_to_nobody(
    alarm: AlarmFloor,
) -> None:
    await alarm.signal("S1")
    await alarm.settle()
    await alarm.floor.told("/escalations/S1/acknowledge", {}, "rep-1")
    await alarm.settle(after=5 * MINUTE)
    assert await alarm.inbox("rep-1") == []


async def test_a_snoozed_one_goes_on_afterwards(alarm: AlarmFloor) -> None:
    await alarm.signal("S1")
    await alarm.settle()
    until = (alarm.now + 22 * HOUR).isoformat()
    answer = await alarm.floor.told("/escalations/S1/snooze", {"until": until}, "rep-1")
    assert answer["state"] == "snoozed"
    await alarm.settle(after=21 * HOUR)
    assert (await alarm.escalations())["S1"]["told"] == ["rep-1"]
    await alarm.settle(after=HOUR)
    assert (await alarm.escalations())["S1"]["told"] == ["rep-1", "boss-1"]


async def test_whom_it_is_handed_over_to_is_told_and_has_it(alarm: AlarmFloor) -> None:
    await alarm.signal("S1")
    await alarm.settle()
    body = {"to_person_id": "rep-2"}
    answer = await alarm.floor.told("/escalations/S1/hand-over", body, "rep-1")
    assert answer["holder_id"] == "rep-2"
    await alarm.settle()
    await alarm.settle(after=MINUTE)
    [message] = await alarm.inbox("rep-2")
    assert message["escalation_ids"] == ["S1"]
    assert list(await alarm.escalations("rep-2")) == ["S1"]


async def test_handing_over_to_nobody_we_know_is_refused(alarm: AlarmFloor) -> None:
    await alarm.signal("S1")
    await alarm.settle()
    body = {"to_person_id": "nobody"}
    refused = await alarm.floor.post("/escalations/S1/hand-over", body, "rep-1")
    assert code_of(refused) == (409, "not-yet-known")


async def test_when_its_signal_is_resolved_it_resolves_itself_and_says_so(
    alarm: AlarmFloor,
) -> None:
    await alarm.signal("S1")
    await alarm.settle()
    await alarm.settle(after=MINUTE)
    await alarm.resolved("S1")
    await alarm.settle()
    shown = (await alarm.escalations())["S1"]
    assert (shown["state"], shown["reason"]) == ("resolved", "signal-resolved")
    titles = [message["title"] for message in await alarm.inbox("rep-1")]
    assert "Resolved by itself: Opportunity O-S1 is silent" in titles
    await alarm.settle(after=72 * HOUR)
    assert await alarm.inbox("boss-1") == []


async def test_a_resolved_escalation_still_says_who_acknowledged_it(alarm: AlarmFloor) -> None:
    await alarm.signal("S1")
    await alarm.settle()
    await alarm.floor.told("/escalations/S1/acknowledge", {}, "rep-1")
    await alarm.resolved("S1")
    await alarm.settle()
    shown = (await alarm.escalations())["S1"]
    assert (shown["state"], shown["acknowledged_by"]) == ("resolved", "rep-1")
    assert shown["acknowledged_at"] is not None


async def test_a_signal_raised_again_after_its_retraction_is_escalated_again(
    alarm: AlarmFloor,
) -> None:
    await alarm.signal("S1")
    await alarm.settle()
    await alarm.retracted("S1")
    await alarm.settle()
    assert (await alarm.escalations())["S1"]["state"] == "resolved"
    await alarm.signal("S1")
    await alarm.settle()
    assert (await alarm.escalations())["S1"]["state"] == "open"


async def test_somebody_resolves_it_with_a_reason(alarm: AlarmFloor) -> None:
    await alarm.signal("S1")
    await alarm.settle()
    body = {"reason": "called-the-customer"}
    answer = await alarm.floor.told("/escalations/S1/resolve", body, "boss-1")
    assert (answer["state"], answer["reason"]) == ("resolved", "called-the-customer")
    late = await alarm.floor.post("/escalations/S1/acknowledge", {}, "rep-1")
    assert code_of(late) == (409, "escalation-is-resolved")


async def test_historical_signals_are_never_escalated(alarm: AlarmFloor) -> None:
    await alarm.signal("S1", historical=True)
    await alarm.settle(after=72 * HOUR)
    assert await alarm.escalations() == {}


async def test_at_going_live_what_is_still_open_is_told_once_as_one_digest(
    alarm: AlarmFloor,
) -> None:
    for number in range(3):
        await alarm.signal(f"S{number}", historical=True)
    await alarm.resolved("S2")
    await alarm.signal("S3", historical=True, owner_id="rep-2")
    await alarm.go_live()
    await alarm.settle()
    await alarm.settle(after=MINUTE)
    [mine] = await alarm.inbox("rep-1")
    assert mine["title"] == "At going live: 2 escalations wait for you"
    assert mine["escalation_ids"] == ["S0", "S1"]
    [others] = await alarm.inbox("rep-2")
    assert others["escalation_ids"] == ["S3"]
    await alarm.signal("S4", historical=True)
    await alarm.settle(after=72 * HOUR)
    assert set(await alarm.escalations()) == {"S0", "S1", "S3"}
    assert len(await alarm.inbox("rep-1")) == 1
    assert await alarm.inbox("boss-1") == []


async def test_whom_the_pipeline_names_is_told_too(alarm: AlarmFloor) -> None:
    await alarm.signal("S1", told=["lawyer-1"])
    await alarm.settle()
    assert (await alarm.escalations())["S1"]["told"] == ["rep-1", "lawyer-1"]


async def test_without_an_owner_the_manager_is_told_at_once(alarm: AlarmFloor) -> None:
    await alarm.signal("S1", owner_id=None)
    await alarm.settle()
    assert (await alarm.escalations())["S1"]["told"] == ["boss-1"]


async def test_everybody_sees_what_is_theirs(alarm: AlarmFloor) -> None:
    await alarm.signal("S1")
    await alarm.settle()
    for key in ("rep-1", "boss-1", "director", "auditor"):
        assert list(await alarm.escalations(key)) == ["S1"]
    for key in ("rep-2", "elsewhere"):
        assert await alarm.escalations(key) == {}
        assert (await alarm.floor.get("/escalations/S1", key)).status_code == 404
        refused = await alarm.floor.post("/escalations/S1/acknowledge", {}, key)
        assert refused.status_code == 404
    refused = await alarm.floor.post("/escalations/S1/acknowledge", {}, "auditor")
    assert refused.status_code == 403


async def test_the_list_is_filtered_and_paged(alarm: AlarmFloor) -> None:
    for number in range(5):
        await alarm.signal(f"S{number}", rule="stalled" if number else "no_response")
        await alarm.settle(after=MINUTE)
    await alarm.floor.told("/escalations/S4/acknowledge", {}, "rep-1")
    await alarm.settle()
    assert set(await alarm.escalations(query="?state=open")) == {"S0", "S1", "S2", "S3"}
    assert set(await alarm.escalations(query="?rule=no_response")) == {"S0"}
    assert set(await alarm.escalations(query="?subject_id=O-S2")) == {"S2"}
    first = await alarm.floor.shown("/escalations?limit=3")
    second = await alarm.floor.shown(f"/escalations?limit=3&cursor={first['next_cursor']}")
    ids = [row["escalation_id"] for row in (*first["rows"], *second["rows"])]
    assert ids == ["S4", "S3", "S2", "S1", "S0"]
    assert second["next_cursor"] is None
    assert (await alarm.floor.get("/escalations?cursor=x")).status_code == 422


async def test_what_cannot_be_is_refused(alarm: AlarmFloor) -> None:
    await alarm.signal("S1")
    await alarm.settle()
    past = {"until": "2020-01-01T00:00:00Z"}
    assert (await alarm.floor.post("/escalations/S1/snooze", past, "rep-1")).status_code == 422
    assert (await alarm.floor.post("/escalations/S1/snooze", {}, "rep-1")).status_code == 422
    unknown = await alarm.floor.post("/escalations/S9/acknowledge", {}, "rep-1")
    assert unknown.status_code == 404


async def test_a_repeated_command_gives_the_first_answer(alarm: AlarmFloor) -> None:
    await alarm.signal("S1")
    await alarm.settle()
    first = await alarm.floor.post(
        "/escalations/S1/acknowledge", {}, "rep-1", Idempotency_Key="once"
    )
    again = await alarm.floor.post(
        "/escalations/S1/acknowledge", {}, "rep-1", Idempotency_Key="once"
    )
    assert first.json() == again.json()


async def test_a_policy_of_the_tenants_own_takes_effect(alarm: AlarmFloor) -> None:
    policy = {
        "name": "quick",
        "rules": ["stalled"],
        "steps": [{"after_seconds": 0, "to": "role:director", "channels": ["inbox"]}],
        "group_seconds": 0,
    }
    await alarm.floor.told("/policies", policy, "administrator")
    await alarm.signal("S1")
    await alarm.settle()
    assert (await alarm.escalations())["S1"]["told"] == ["lawyer-1"]
    assert len(await alarm.inbox("legal")) == 1
    shown = await alarm.floor.shown("/policies", "administrator")
    assert shown["rows"][-1]["name"] == "quick"
    await alarm.floor.told("/policies/quick/remove", {}, "administrator")
    gone = await alarm.floor.get("/policies/quick", "administrator")
    assert gone.status_code == 404


async def test_a_policy_that_cannot_be_followed_is_refused_field_by_field(
    alarm: AlarmFloor,
) -> None:
    step = {"after_seconds": 0, "to": "boss", "channels": ["pigeon"]}
    body = {"name": "quick", "rules": ["stalled"], "steps": [step]}
    refused = await alarm.floor.post("/policies", body, "administrator")
    assert code_of(refused) == (422, "malformed")
    fields = [problem["field"] for problem in refused.json()["errors"]]
    assert fields == ["steps.0.to", "steps.0.channels"]
    assert (await alarm.floor.post("/policies", body, "director")).status_code == 403


async def test_own_words_are_said_from_then_on(alarm: AlarmFloor) -> None:
    words = {"rule": "stalled", "language": "en", "title": "Call {subject_id}!", "line": "now"}
    previewed = await alarm.floor.told("/words/preview", words, "administrator")
    assert previewed["preview"]["title"] == "Call O-1001!"
    await alarm.floor.told("/words", words, "administrator")
    await alarm.signal("S1")
    await alarm.settle()
    await alarm.settle(after=MINUTE)
    [message] = await alarm.inbox("rep-1")
    assert (message["title"], message["body"]) == ("Call O-S1!", "now")
    own = {"rule": "stalled", "language": "en"}
    await alarm.floor.told("/words/remove", own, "administrator")
    rows = (await alarm.floor.shown("/words", "administrator"))["rows"]
    assert not any(row["own"] for row in rows)


async def test_a_message_is_read_by_its_reader_only(alarm: AlarmFloor) -> None:
    await alarm.signal("S1")
    await alarm.settle()
    await alarm.settle(after=MINUTE)
    [message] = await alarm.inbox("rep-1")
    path = f"/inbox/{message['message_id']}/read"
    assert (await alarm.floor.post(path, {}, "rep-2")).status_code == 404
    await alarm.floor.told(path, {}, "rep-1")
    await alarm.settle()
    [message] = await alarm.inbox("rep-1")
    assert message["read_at"] is not None
    unread = await alarm.floor.shown("/inbox?unread=true", "rep-1")
    assert unread["rows"] == []


async def test_acknowledged_in_a_batch(alarm: AlarmFloor) -> None:
    await alarm.signal("S1")
    await alarm.settle()
    lines = (
        b'{"command": "acknowledge-escalation", "id": "a", "escalation_id": "S1"}\n'
        b'{"command": "snooze-escalation", "id": "b", "escalation_id": "S1"}\n'
        b'{"command": "resolve-escalation", "id": "c", "escalation_id": "S9"}\n'
    )
    response = await alarm.floor.http.post(
        "/api/v1/commands",
        content=lines,
        headers={"Authorization": "Bearer key-rep-1", "Content-Type": "application/x-ndjson"},
    )
    outcomes = [json.loads(line)["outcome"] for line in response.content.splitlines()]
    assert outcomes == ["done", "refused", "refused"]


OTHERS = 51


async def escalations_of_a_director_under_many_others(alarm: AlarmFloor) -> None:
    """S-told was told to lawyer-1, who is director over everybody, and S-held was handed over to
    them; everything since then reached the rep alone."""
    key = CreateApiKey(
        key_id="K-lawyer",
        key_hash=key_hash("key-lawyer"),
        role="director",
        unit_id="company",
        person_id="lawyer-1",
        name="lawyer",
        now=alarm.now,
    )
    await alarm.floor.handle("directory", API_KEY, key.key_id, key)
    step = {"after_seconds": 0, "to": "person:lawyer-1", "channels": ["inbox"]}
    policy = {"name": "to-the-lawyer", "rules": ["no_response"], "steps": [step]}
    await alarm.floor.told("/policies", policy, "administrator")
    await alarm.signal("S-told", rule="no_response")
    await alarm.signal("S-held")
    await alarm.settle()
    handed = {"to_person_id": "lawyer-1"}
    await alarm.floor.told("/escalations/S-held/hand-over", handed)
    await alarm.settle(after=MINUTE)
    for number in range(OTHERS):
        await alarm.signal(f"S{number}")
    await alarm.settle()


async def test_mine_are_those_that_i_was_told_of_or_hold_however_many_others_there_are(
    alarm: AlarmFloor,
) -> None:
    await escalations_of_a_director_under_many_others(alarm)
    everything = await alarm.escalations("lawyer", "?state=open&limit=500")
    assert len(everything) == OTHERS + 2
    assert set(await alarm.escalations("lawyer", "?mine=true&state=open&limit=2")) == {
        "S-told",
        "S-held",
    }
    assert await alarm.escalations("director", "?mine=true") == {}


async def test_today_shows_what_waits_for_me_below_fifty_newer_ones_of_others(
    alarm: AlarmFloor,
) -> None:
    await escalations_of_a_director_under_many_others(alarm)
    headers = {"Authorization": "Bearer key-lawyer", "Accept-Language": "en"}
    shown = (await alarm.floor.http.get("/", headers=headers)).text
    for mine in ("S-told", "S-held"):
        assert f"/escalations/{mine}/acknowledge" in shown
    assert shown.count("/acknowledge") == 2
