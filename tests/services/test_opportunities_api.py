"""Opportunities over HTTP, on the embedded host: rules, sight, times, repeats."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.directory.domain.person import PERSON, MovePerson
from services.directory.domain.tenant import TENANT, ChangeSettings
from services.directory.domain.unit_tree import UNIT_TREE, MoveUnit
from shared.clock import iso
from shared.http import BASE
from tests.services.sales_floor import NOW, SalesFloor, code_of, sales_floor


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with sales_floor(tmp_path) as running:
        yield running


async def test_a_rep_opens_an_opportunity_that_is_their_own(floor: SalesFloor) -> None:
    response = await floor.post(
        "/opportunities", {"customer_id": "C1", "amount": "1000.50", "currency": "CNY"}, "rep-1"
    )
    assert response.status_code == 201
    assert response.headers["ETag"] == '"1"'
    assert response.headers["Pulsetrail-Position"]
    opened = response.json()
    assert opened["owner_id"] == "rep-1"
    assert opened["unit_id"] == "team-1"
    assert opened["stage"] == "first_contact"
    assert opened["status"] == "open"
    assert opened["amount"] == "1000.50"
    assert len(opened["events"]) == 1
    path = f"/opportunities/{opened['opportunity_id']}"
    assert (await floor.get(path, "rep-1")).headers["ETag"] == '"1"'


async def test_an_opportunity_walks_through_its_pipeline(floor: SalesFloor) -> None:
    await floor.open()
    moved = await floor.told("/opportunities/O1/change-stage", {"stage": "needs_confirmed"})
    assert moved["stage"] == "needs_confirmed"
    won = await floor.post("/opportunities/O1/win", None)
    assert won.json()["status"] == "won"
    again = await floor.told("/opportunities/O1/reopen", {"reason": "they called"})
    assert again["status"] == "open"
    lost = await floor.told("/opportunities/O1/lose", {"reason": "price", "note": "too dear"})
    assert lost["status"] == "lost"
    assert await floor.events("opportunity/O1") == [
        "opportunity_opened",
        "stage_changed",
        "opportunity_won",
        "opportunity_reopened",
        "opportunity_lost",
    ]


REFUSALS: list[tuple[str, Any, tuple[int, str]]] = [
    ("/opportunities", {"customer_id": "C 1"}, (422, "malformed")),
    ("/opportunities", {"customer_id": "C1", "colour": "red"}, (422, "malformed")),
    ("/opportunities", {"customer_id": "C1", "amount": "NaN"}, (422, "malformed")),
    ("/opportunities", {"customer_id": "C1", "pipeline": "P9"}, (422, "malformed")),
    ("/opportunities", {"customer_id": "C1", "owner_id": "rep-9"}, (409, "not-yet-known")),
    ("/opportunities", {"customer_id": "C1", "unit_id": "team-9"}, (409, "not-yet-known")),
    (
        "/opportunities",
        {"customer_id": "C1", "owner_id": "rep-1", "unit_id": "team-2"},
        (409, "unit-is-not-the-owners"),
    ),
    (
        "/opportunities",
        {"customer_id": "C1", "occurred_at": "9999-12-31T00:00:00Z"},
        (422, "malformed"),
    ),
    (
        "/opportunities",
        {"customer_id": "C1", "occurred_at": "2026-03-02T09:00:00"},
        (422, "malformed"),
    ),
    (
        "/opportunities",
        {"opportunity_id": "O1", "customer_id": "C1"},
        (409, "opportunity-is-already-opened"),
    ),
    ("/opportunities/O9/win", {}, (404, "not-found")),
    ("/opportunities/O1/change-stage", {"stage": "tenth"}, (422, "malformed")),
    (
        "/opportunities/O1/change-stage",
        {"stage": "ready_to_sign"},
        (409, "stage-cannot-be-left"),
    ),
    ("/opportunities/O1/change-stage", {"stage": "first_contact"}, (409, "already-in-stage")),
    (
        "/opportunities/O1/win",
        {"occurred_at": "2026-03-01T09:00:00Z"},
        (409, "out-of-date"),
    ),
    ("/opportunities/O1/lose", {}, (422, "malformed")),
    ("/opportunities/O1/log-action", {"type": "dance"}, (422, "malformed")),
    ("/opportunities/O1/log-action", {"type": "call", "actor_id": "x"}, (409, "not-yet-known")),
    (
        "/opportunities/O1/log-action",
        {"type": "call", "fields": {"weather": "fine"}},
        (422, "malformed"),
    ),
    (
        "/opportunities/O1/log-action",
        {"type": "call", "fields": {"duration_seconds": 10**40}},
        (422, "malformed"),
    ),
    (
        "/opportunities/O1/log-action",
        {"type": "call", "evidence": [{"sha256": "a" * 64, "kind": "photo"}]},
        (422, "malformed"),
    ),
    ("/opportunities/O1/void-action", {"action_id": "A9"}, (404, "not-found")),
    (
        "/opportunities/O1/request-approval",
        {"kind": "discount", "steps": ["emperor"]},
        (422, "malformed"),
    ),
    (
        "/opportunities/O1/decide-approval",
        {"approval_id": "V9", "decision": "approve"},
        (404, "not-found"),
    ),
]


async def test_what_is_refused_says_why_and_changes_nothing(floor: SalesFloor) -> None:
    await floor.open()
    for path, body, expected in REFUSALS:
        answer = code_of(await floor.post(path, body))
        assert answer == expected, (path, body)
    assert await floor.events("opportunity/O1") == ["opportunity_opened"]


async def test_actions_are_logged_corrected_and_voided(floor: SalesFloor) -> None:
    await floor.open()
    logged = await floor.told(
        "/opportunities/O1/log-action",
        {
            "type": "call",
            "summary": "Budget is approved",
            "fields": {"outcome": "reached", "duration_seconds": 90},
            "pain_point": True,
            "next_action": {"due_at": "2026-03-09T09:00:00+08:00", "type": "visit"},
        },
        "rep-1",
    )
    action_id = logged["action_id"]
    assert logged["action"]["valid"] is True
    corrected = await floor.told(
        "/opportunities/O1/correct-action", {"action_id": action_id, "type": "visit"}, "rep-1"
    )
    assert corrected["action"]["type"] == "visit"
    voided = await floor.told("/opportunities/O1/void-action", {"action_id": action_id}, "rep-1")
    assert voided["action"]["voided"] is True
    [stored] = (await floor.hosting.ports.event_store.read_stream("T1/opportunity/O1"))[1:2]
    event = floor.hosting.ports.codec.decode(stored).event
    assert event.actor_id == "rep-1"
    assert event.actor_unit_path == ("company", "north", "team-1")
    assert event.fields == {"duration_seconds": 90}
    assert b"Budget" not in stored.payload
    assert b"reached" not in stored.payload


async def test_clocks_that_are_off_are_corrected_and_the_raw_time_kept(floor: SalesFloor) -> None:
    await floor.open(occurred_at=iso(NOW - timedelta(days=1)))
    sent_at = NOW - timedelta(minutes=30)
    await floor.told(
        "/opportunities/O1/log-action",
        {
            "type": "call",
            "occurred_at": iso(sent_at - timedelta(hours=1)),
            "sent_at": iso(sent_at),
        },
    )
    stored = (await floor.hosting.ports.event_store.read_stream("T1/opportunity/O1"))[-1]
    assert stored.occurred_at == NOW - timedelta(hours=1)
    assert stored.raw_occurred_at == sent_at - timedelta(hours=1)
    assert stored.sent_at == sent_at


async def test_a_corrected_time_keeps_its_raw_value_too(floor: SalesFloor) -> None:
    await floor.open(occurred_at=iso(NOW - timedelta(days=1)))
    logged = await floor.told("/opportunities/O1/log-action", {"type": "call"})
    said = NOW - timedelta(hours=2)
    corrected = await floor.told(
        "/opportunities/O1/correct-action",
        {
            "action_id": logged["action_id"],
            "occurred_at": iso(said),
            "sent_at": iso(NOW - timedelta(minutes=30)),
        },
    )
    assert corrected["action"]["happened_at"] == iso(said + timedelta(minutes=30))
    stored = (await floor.hosting.ports.event_store.read_stream("T1/opportunity/O1"))[-1]
    assert (stored.occurred_at, stored.raw_occurred_at) == (NOW, said)
    assert stored.sent_at == NOW - timedelta(minutes=30)


async def test_an_approval_step_names_a_role_that_can_decide_it(floor: SalesFloor) -> None:
    await floor.open()
    asked = {"kind": "discount", "steps": ["manager", "auditor", {"role": "marketing"}]}
    refused = await floor.post("/opportunities/O1/request-approval", asked)
    assert code_of(refused) == (422, "malformed")
    assert [each["field"] for each in refused.json()["errors"]] == ["steps[1]", "steps[2]"]


async def test_a_repeated_command_gives_the_first_answer(floor: SalesFloor) -> None:
    body = {"customer_id": "C1"}
    first = await floor.post("/opportunities", body, "rep-1", Idempotency_Key="once")
    again = await floor.post("/opportunities", body, "rep-1", Idempotency_Key="once")
    assert again.json() == first.json()
    other = await floor.post(
        "/opportunities", {"customer_id": "C2"}, "rep-1", Idempotency_Key="once"
    )
    assert code_of(other) == (409, "idempotency-key-reused")
    path = f"/opportunities/{first.json()['opportunity_id']}/log-action"
    for _ in range(2):
        logged = await floor.post(path, {"type": "call"}, "rep-1", Idempotency_Key="call")
        assert logged.status_code == 200
    assert logged.json()["version"] == 2


async def test_an_accepted_command_is_answered_again_when_it_would_be_refused_by_now(
    floor: SalesFloor,
) -> None:
    await floor.open()
    path = "/opportunities/O1/change-stage"
    forward = {"stage": "needs_confirmed"}
    first = await floor.post(path, forward, "rep-1", Idempotency_Key="forward")
    await floor.told("/opportunities/O1/assign", {"owner_id": "rep-2"})
    again = await floor.post(path, forward, "rep-1", Idempotency_Key="forward")
    assert (again.status_code, again.json()) == (200, first.json())
    other = await floor.post(path, forward, "rep-1", Idempotency_Key="another")
    assert other.status_code == 404


async def test_every_route_is_described(floor: SalesFloor) -> None:
    described = (await floor.get("/openapi.json")).json()["paths"]
    log_action = described[f"{BASE}/opportunities/{{opportunity_id}}/log-action"]["post"]
    assert log_action["requestBody"]["required"] is True
    assert "NewAction" in str(log_action["requestBody"])
    assert f"{BASE}/evidence" in described


async def test_who_saw_an_older_version_is_refused(floor: SalesFloor) -> None:
    await floor.open()
    await floor.told("/opportunities/O1/log-action", {"type": "call"})
    stale = await floor.post("/opportunities/O1/win", {}, If_Match='"1"')
    assert stale.status_code == 412
    fresh = await floor.post("/opportunities/O1/win", {}, If_Match='"2"')
    assert fresh.status_code == 200


async def test_everybody_sees_their_own_part(floor: SalesFloor) -> None:
    await floor.open("O1", "rep-1")
    await floor.open("O2", "rep-2")
    seen = {
        key: [
            (await floor.get(f"/opportunities/{opportunity_id}", key)).status_code
            for opportunity_id in ("O1", "O2")
        ]
        for key in ("rep-1", "rep-2", "boss-1", "director", "auditor", "legal", "elsewhere")
    }
    assert seen == {
        "rep-1": [200, 404],
        "rep-2": [404, 200],
        "boss-1": [200, 404],
        "director": [200, 200],
        "auditor": [200, 200],
        "legal": [404, 404],
        "elsewhere": [404, 404],
    }
    assert (await floor.get("/opportunities/O1", "administrator")).status_code == 403
    assert (await floor.post("/opportunities/O2/win", {}, "rep-1")).status_code == 404
    assert (await floor.post("/opportunities/O1/win", {}, "auditor")).status_code == 403


async def test_who_acted_on_an_opportunity_sees_it_and_acts_on_it_until_the_action_is_voided(
    floor: SalesFloor,
) -> None:
    await floor.open("O1", "rep-1")
    helped = {"type": "visit", "actor_id": "rep-2"}
    action_id = (await floor.told("/opportunities/O1/log-action", helped))["action_id"]
    assert (await floor.get("/opportunities/O1", "rep-2")).status_code == 200
    await floor.told("/opportunities/O1/log-action", {"type": "call"}, "rep-2")
    moved = {"stage": "needs_confirmed"}
    assert (await floor.told("/opportunities/O1/change-stage", moved, "rep-2"))["stage"]
    shown = await floor.shown("/opportunities/O1", "rep-2")
    for each in (action_id, shown["actions"][-1]["action_id"]):
        await floor.told("/opportunities/O1/void-action", {"action_id": each})
    assert (await floor.get("/opportunities/O1", "rep-2")).status_code == 404


async def test_nobody_opens_what_they_may_not_see(floor: SalesFloor) -> None:
    body = {"customer_id": "C1", "owner_id": "rep-2"}
    assert (await floor.post("/opportunities", body, "rep-1")).status_code == 403
    assert (await floor.post("/opportunities", body, "boss-1")).status_code == 403
    named = {"type": "call", "actor_id": "rep-2"}
    await floor.open()
    assert (await floor.post("/opportunities/O1/log-action", named, "rep-1")).status_code == 403


async def test_without_owner_an_opportunity_is_in_the_callers_unit(floor: SalesFloor) -> None:
    opened = await floor.open("O1", "boss-1")
    assert (opened["owner_id"], opened["unit_id"]) == (None, "north")
    assigned = await floor.told("/opportunities/O1/assign", {"owner_id": "rep-1"}, "boss-1")
    assert (assigned["owner_id"], assigned["unit_id"]) == ("rep-1", "team-1")
    given_back = await floor.told("/opportunities/O1/assign", {"owner_id": None}, "boss-1")
    assert (given_back["owner_id"], given_back["unit_id"]) == (None, "team-1")


async def test_each_approval_step_is_decided_by_its_role(floor: SalesFloor) -> None:
    await floor.open()
    requested = await floor.told(
        "/opportunities/O1/request-approval",
        {"kind": "discount", "steps": ["manager", {"role": "legal", "limit_hours": 24}]},
        "rep-1",
    )
    assert requested["approval"]["steps"] == [
        {"role": "manager", "limit_hours": None},
        {"role": "legal", "limit_hours": 24.0},
    ]
    decision = {"approval_id": requested["approval_id"], "decision": "approve"}
    path = "/opportunities/O1/decide-approval"
    assert code_of(await floor.post(path, decision, "rep-1")) == (
        403,
        "step-belongs-to-another-role",
    )
    assert code_of(await floor.post(path, decision, "legal")) == (
        403,
        "step-belongs-to-another-role",
    )
    assert (await floor.told(path, decision, "boss-1"))["approval"]["outcome"] == "pending"
    assert (await floor.told(path, decision, "legal"))["approval"]["outcome"] == "granted"
    assert (await floor.get("/opportunities/O1", "legal")).status_code == 200


async def overdue_approvals(floor: SalesFloor) -> list[tuple[str, str, str]]:
    await floor.hosting.catch_up()
    rows = (await floor.shown("/signals?rule=approval_overdue"))["rows"]
    return sorted((each["subject_id"], each["due_at"], each["state"]) for each in rows)


async def test_an_approval_is_overdue_by_the_limit_that_is_set_when_it_is_judged(
    floor: SalesFloor,
) -> None:
    for opportunity_id, step in (("O1", "manager"), ("O2", {"role": "manager", "limit_hours": 40})):
        await floor.open(opportunity_id)
        request = {"kind": "discount", "steps": [step]}
        await floor.told(f"/opportunities/{opportunity_id}/request-approval", request, "rep-1")
    floor.clock.move_to(NOW + timedelta(hours=30))
    assert await overdue_approvals(floor) == []
    shortened = ChangeSettings(settings={"approval_limit_hours": 24}, now=floor.clock())
    await floor.handle("directory", TENANT, "T1", shortened)
    floor.clock.move_to(NOW + timedelta(hours=31))
    assert await overdue_approvals(floor) == [("O1", iso(NOW + timedelta(hours=30)), "open")]


async def test_what_was_lost_waits_for_approval_anew_from_its_reopening(floor: SalesFloor) -> None:
    await floor.open()
    asked = await floor.told("/opportunities/O1/request-approval", {"kind": "discount"}, "rep-1")
    decision = {"approval_id": asked["approval_id"], "decision": "approve"}
    await floor.told("/opportunities/O1/lose", {"reason": "price"}, "rep-1")
    refused = await floor.post("/opportunities/O1/decide-approval", decision, "boss-1")
    assert code_of(refused) == (409, "opportunity-is-closed")
    floor.clock.move_to(NOW + timedelta(hours=50))
    assert await overdue_approvals(floor) == []
    await floor.told("/opportunities/O1/reopen", {}, "rep-1")
    floor.clock.move_to(NOW + timedelta(hours=99))
    due_at = iso(NOW + timedelta(hours=98))
    assert await overdue_approvals(floor) == [("O1", due_at, "open")]
    await floor.told("/opportunities/O1/decide-approval", decision, "boss-1")
    assert await overdue_approvals(floor) == [("O1", due_at, "resolved")]


async def test_a_batch_costs_a_bad_line_only_itself(floor: SalesFloor) -> None:
    lines = [
        {"command": "open-opportunity", "id": "1", "opportunity_id": "O1", "customer_id": "C1"},
        {"command": "log-action", "id": "2", "opportunity_id": "O1", "type": "call"},
        {"command": "log-action", "id": "3", "opportunity_id": "O1", "type": "dance"},
        {"command": "log-action", "id": "4", "type": "call"},
        {"command": "log-action", "id": "2", "opportunity_id": "O1", "type": "call"},
        {
            "command": "change-stage",
            "id": "6",
            "opportunity_id": "O1",
            "stage": "needs_confirmed",
            "if_match": "2",
        },
        {"command": "win", "id": "7", "opportunity_id": "O1", "if_match": "2"},
    ]
    response = await floor.http.post(
        f"{BASE}/commands",
        content="\n".join(json.dumps(each) for each in lines),
        headers={"Authorization": "Bearer key-rep-1", "Content-Type": "application/x-ndjson"},
    )
    answers = [json.loads(each) for each in response.text.splitlines()]
    assert [each["outcome"] for each in answers] == [
        "done",
        "done",
        "refused",
        "refused",
        "duplicate",
        "done",
        "conflict",
    ]
    assert answers[3]["problem"]["errors"][0]["field"] == "opportunity_id"


async def test_open_opportunities_follow_their_owner_and_their_unit(floor: SalesFloor) -> None:
    await floor.open("O1", "rep-1")
    await floor.open("O2", "rep-1")
    await floor.told("/opportunities/O2/win", {})
    await floor.hosting.catch_up()
    move = MovePerson(person_id="rep-1", unit_id="team-2", now=NOW)
    await floor.handle("directory", PERSON, "rep-1", move)
    await floor.hosting.catch_up()
    assert (await floor.shown("/opportunities/O1"))["unit_id"] == "team-2"
    assert await floor.events("opportunity/O2") == ["opportunity_opened", "opportunity_won"]
    lift = MoveUnit(unit_id="team-2", parent_id="company", now=NOW)
    await floor.handle("directory", UNIT_TREE, "T1", lift)
    await floor.hosting.catch_up()
    assert await floor.events("opportunity/O1") == [
        "opportunity_opened",
        "opportunity_unit_changed",
        "opportunity_unit_changed",
    ]
    await floor.told("/opportunities/O2/reopen", {})
    await floor.hosting.catch_up()
    assert await floor.events("opportunity/O2") == [
        "opportunity_opened",
        "opportunity_won",
        "opportunity_reopened",
        "opportunity_unit_changed",
    ]


async def test_opportunities_not_indexed_yet_follow_as_well(floor: SalesFloor) -> None:
    await floor.open()
    move = MovePerson(person_id="rep-1", unit_id="team-2", now=NOW)
    await floor.handle("directory", PERSON, "rep-1", move)
    await floor.hosting.catch_up()
    assert (await floor.shown("/opportunities/O1"))["unit_id"] == "team-2"
    assert await floor.events("opportunity/O1") == [
        "opportunity_opened",
        "opportunity_unit_changed",
    ]


async def test_open_opportunities_follow_their_customer(floor: SalesFloor) -> None:
    await floor.open()
    await floor.hosting.catch_up()
    description = {"name": "Hongda", "customer_type": "pharmacy", "is_key": True}
    await floor.told("/customers/C1/describe", description)
    await floor.hosting.catch_up()
    assert await floor.events("opportunity/O1") == [
        "opportunity_opened",
        "opportunity_customer_changed",
    ]
    await floor.open("O2")
    stored = (await floor.hosting.ports.event_store.read_stream("T1/opportunity/O2"))[0]
    event = floor.hosting.ports.codec.decode(stored).event
    assert (event.customer_type, event.customer_is_key) == ("pharmacy", True)


async def test_pipelines_are_published_with_the_next_version(floor: SalesFloor) -> None:
    document = {
        "pipeline": {"name": "fast"},
        "stage": [{"name": "hello", "golden_action": [{"action": "demo", "limit": "48h"}]}],
    }
    first = await floor.post("/pipelines", document, "administrator")
    assert (first.status_code, first.json()["pipeline_version"]) == (201, 1)
    document["pipeline"] = {"name": "fast", "unmet": "record"}
    second = await floor.told("/pipelines", document, "administrator")
    assert second["pipeline_version"] == 2
    await floor.hosting.catch_up()
    rows = (await floor.shown("/pipelines"))["rows"]
    assert [(row["name"], row["version"]) for row in rows] == [("fast", 2), ("standard", 1)]
    assert (await floor.shown("/pipelines/fast"))["unmet"] == "record"
    await floor.open(pipeline="fast")
    assert (await floor.shown("/opportunities/O1"))["pipeline_version"] == 2
    migrated = await floor.told(
        "/opportunities/O1/migrate", {"pipeline": "standard", "stage": "first_contact"}
    )
    assert (migrated["pipeline"], migrated["stage"]) == ("standard", "first_contact")


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"pipeline": {"name": "P1"}, "stage": []}, "pipeline-cannot-be-walked"),
        ({"pipeline": {"name": "P1", "x": 1}, "stage": []}, "document-is-malformed"),
        (
            {
                "pipeline": {"name": "P1"},
                "stage": [{"name": "A", "golden_action": [{"action": "dance"}]}],
            },
            "pipeline-cannot-be-walked",
        ),
        ({"stage": []}, "malformed"),
    ],
)
async def test_a_pipeline_that_cannot_be_walked_is_refused(
    floor: SalesFloor, document: Any, code: str
) -> None:
    refused = await floor.post("/pipelines", document, "administrator")
    assert code_of(refused) == (422, code)
    assert refused.json()["errors"]


async def test_action_types_are_data_of_the_tenant(floor: SalesFloor) -> None:
    body = {
        "type": "拜访药店",
        "minimum_summary_characters": 5,
        "fields": [{"name": "stock_out", "kind": "text", "required": True}],
    }
    assert (await floor.post("/action-types", body, "administrator")).status_code == 201
    assert (await floor.post("/action-types", body, "rep-1")).status_code == 403
    rows = (await floor.shown("/action-types", "rep-1"))["rows"]
    assert len(rows) == 15
    await floor.open()
    logged = await floor.told("/opportunities/O1/log-action", {"type": "拜访药店"})
    assert logged["action"]["invalid_reasons"] == ["summary-too-short", "field-missing:stock_out"]


async def test_fields_and_amount_are_changed(floor: SalesFloor) -> None:
    await floor.open()
    changed = await floor.told(
        "/opportunities/O1/change-fields", {"fields": {"budget": "written"}, "amount": "10.00"}
    )
    assert (changed["fields"], changed["filled"]) == ({}, ["budget"])
    assert changed["amount"] == "10.00"
    assert (await floor.shown("/opportunities/O1"))["fields"] == {"budget": "written"}
    await floor.hosting.ports.key_store.erase("T1", "customer/C1")
    assert (await floor.shown("/opportunities/O1"))["fields"] == {"budget": {"erased": True}}
