"""Bad input over HTTP: the answers that interfaces.md describes, and nothing is written."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.clock import iso
from shared.event_log_api import LOGS
from shared.http import BASE
from shared.settings import InstallationSettings
from tests.services.sales_floor import NOW, SalesFloor, code_of, sales_floor

SETTINGS = InstallationSettings(max_evidence_bytes=2_048, max_batch_lines=50)
JSON = "application/json"
NDJSON = "application/x-ndjson"


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with sales_floor(tmp_path, SETTINGS) as running:
        await running.open("O1")
        await running.told("/opportunities/O1/log-action", {"type": "call"}, "rep-1")
        await running.hosting.catch_up()
        yield running


async def heads(floor: SalesFloor) -> list[int]:
    """How many events each log holds."""
    return [await floor.hosting.ports.event_store.head(log, 0) for log in LOGS]


async def sent(
    floor: SalesFloor, path: str, content: bytes, media_type: str = JSON, **headers: str
) -> httpx.Response:
    named = {name.replace("_", "-").encode(): value.encode() for name, value in headers.items()}
    return await floor.http.post(
        BASE + path,
        content=content,
        headers={
            b"Authorization": b"Bearer key-director",
            b"Content-Type": media_type.encode(),
            **named,
        },
    )


def assert_problem(response: httpx.Response, status: int, code: str, field: str | None) -> None:
    """The fields of interfaces.md, the field at fault among them, and no trace of our own code."""
    assert response.status_code == status, (response.request.content[:99], response.text)
    assert code_of(response) == (status, code), response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem.keys() >= {"type", "title", "status", "detail", "code", "errors", "trace_id"}
    if field is not None:
        assert field in [each["field"] for each in problem["errors"]], response.text
    assert "Traceback" not in response.text


LOG = "/opportunities/O1/log-action"
MOVE = "/opportunities/O1/change-stage"
OPEN = "/opportunities"

WRONG_TYPES: list[tuple[str, Any, str]] = [
    (OPEN, {"customer_id": 5}, "customer_id"),
    (OPEN, {"customer_id": None}, "customer_id"),
    (OPEN, {"customer_id": ["C1"]}, "customer_id"),
    (OPEN, {"customer_id": "C1", "amount": "many"}, "amount"),
    (OPEN, {"customer_id": "C1", "amount": -1}, "amount"),
    (OPEN, {"customer_id": "C1", "amount": 1e400}, "amount"),
    (OPEN, {"customer_id": "C1", "currency": "yuan"}, "currency"),
    (OPEN, {"customer_id": "C" * 65}, "customer_id"),
    (OPEN, {"customer_id": "C1/../O1"}, "customer_id"),
    (LOG, {"type": {"name": "call"}}, "type"),
    (LOG, {"type": "call", "fields": [1, 2]}, "fields"),
    (LOG, {"type": "call", "evidence": "photo"}, "evidence"),
    (LOG, {"type": ""}, "type"),
    (MOVE, {"stage": 2}, "stage"),
    (MOVE, {}, "stage"),
    ("/opportunities/O1/assign", {"owner_id": 1}, "owner_id"),
    ("/opportunities/O1/decide-approval", {"approval_id": "V1", "decision": "maybe"}, "decision"),
]
UNKNOWN_FIELDS: list[tuple[str, Any, str]] = [
    (OPEN, {"customer_id": "C1", "tenant_id": "T2"}, "tenant_id"),
    (LOG, {"type": "call", "recorded_at": "2026-03-02T08:00:00Z"}, "recorded_at"),
    (MOVE, {"stage": "needs_confirmed", "force": True}, "force"),
]


def _late(time: timedelta) -> str:
    return iso(NOW + time)


ABSURD_TIMES = [
    "0001-01-01T00:00:00Z",
    "0001-01-01T00:00:00+14:00",
    "1969-12-31T23:59:59Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-14:00",
    _late(timedelta(hours=25)),
    "2026-03-02T08:00:00",
    "2026-02-30T08:00:00Z",
    "yesterday",
    "",
    17,
    1e308,
    True,
    ["2026-03-02T08:00:00Z"],
]


async def test_wrong_types_and_unknown_fields_are_named(floor: SalesFloor) -> None:
    before = await heads(floor)
    for path, body, field in WRONG_TYPES + UNKNOWN_FIELDS:
        content = json.dumps(body).replace("Infinity", "1e400").encode()
        assert_problem(await sent(floor, path, content), 422, "malformed", field)
    assert await heads(floor) == before


async def test_absurd_times_are_refused_wherever_one_is_given(floor: SalesFloor) -> None:
    before = await heads(floor)
    for time in ABSURD_TIMES:
        for path, body in (
            (OPEN, {"customer_id": "C1"}),
            (LOG, {"type": "call"}),
            (MOVE, {"stage": "needs_confirmed"}),
            ("/opportunities/O1/win", {}),
        ):
            response = await floor.post(path, {**body, "occurred_at": time})
            assert_problem(response, 422, "malformed", "occurred_at")
    for time in ABSURD_TIMES[6:10]:
        response = await floor.post(LOG, {"type": "call", "sent_at": time})
        assert_problem(response, 422, "malformed", "sent_at")
    assert await heads(floor) == before


async def test_a_little_ahead_is_clamped_to_the_receipt_and_marked(floor: SalesFloor) -> None:
    early = {"type": "call", "action_id": "A9", "occurred_at": _late(timedelta(hours=23))}
    await floor.told(LOG, early)
    stored = (await floor.hosting.ports.event_store.read_stream("T1/opportunity/O1"))[-1]
    assert stored.occurred_at == NOW
    assert stored.raw_occurred_at == NOW + timedelta(hours=23)


UNREADABLE = [
    b"",
    b"nothing that is JSON",
    b'{"type": "call"',
    b'{"type": "call"}}',
    b'["call"]',
    b'"call"',
    b"null",
    b'{"type": "call", "summary": "\xff\xfe"}',
    b'{"type": "call", "summary": "\xe4\xbd"}',
    '{"type": "call"}'.encode("utf-16"),
    '{"type": "call"}'.encode("utf-16-le"),
    '{"type": "call"}'.encode("utf-32"),
    b"[" * 200_000,
    b'{"type": ' * 20_000,
    b'{"type": "call", "fields": {"a": ' + b"9" * 10_000 + b"}}",
    b'{"type": "call", "summary": "\\ud800"}',
    b'{"type": "call", "action_id": "\\ud800"}',
    b'{"type": "call\\ud800"}',
    b'{"\\ud800": "call"}',
]


async def test_what_cannot_be_read_is_refused_and_costs_nothing(floor: SalesFloor) -> None:
    before = await heads(floor)
    for content in UNREADABLE:
        assert_problem(await sent(floor, LOG, content), 422, "malformed", None)
    assert await heads(floor) == before
    for media_type in (
        "text/plain",
        "application/xml",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-16",
    ):
        response = await sent(floor, LOG, b'{"type": "call"}', media_type)
        assert_problem(response, 415, "unsupported", None)
    assert await heads(floor) == before
    await floor.told(LOG, {"type": "call"})


async def test_a_bad_line_of_a_batch_costs_only_itself(floor: SalesFloor) -> None:
    good = b'{"command": "log-action", "opportunity_id": "O1", "type": "call"}'
    bad = [
        *(each for each in UNREADABLE if each),
        b'{"command": "log-action", "opportunity_id": "O1", "type": "call", "colour": 1}',
        b'{"command": "log-action", "opportunity_id": "O1", "type": 5}',
        b'{"command": "log-action", "opportunity_id": 5, "type": "call"}',
        b'{"command": "log-action", "type": "call"}',
        b'{"command": "dance"}',
        b'{"command": 5}',
        b'{"command": "log-action", "id": 5, "opportunity_id": "O1", "type": "call"}',
        b'{"command": "log-action", "id": "", "opportunity_id": "O1", "type": "call"}',
        b'{"command": "log-action", "id": "\\ud800", "opportunity_id": "O1", "type": "call"}',
        b'{"command": "change-stage", "opportunity_id": "O1", "stage": "tenth"}',
    ]
    actions = await floor.events("opportunity/O1")
    content = b"\n".join([good, *bad, good])
    response = await sent(floor, "/commands", content, NDJSON)
    assert response.status_code == 200
    answers = [json.loads(line) for line in response.text.splitlines()]
    assert len(answers) == len(bad) + 2
    assert [answers[0]["outcome"], answers[-1]["outcome"]] == ["done", "done"]
    for line, answer in zip(bad, answers[1:-1], strict=True):
        assert answer["outcome"] == "refused", line
        assert answer["problem"]["status"] == 422, (line, answer)
    assert await floor.events("opportunity/O1") == [*actions, "action_logged", "action_logged"]


async def test_what_is_too_large_is_refused_whole(floor: SalesFloor) -> None:
    before = await heads(floor)
    limit = SETTINGS.max_body_bytes
    body = b'{"type": "call", "summary": "' + b"x" * limit + b'"}'
    assert_problem(await sent(floor, LOG, body), 413, "too-large", None)

    async def unannounced() -> AsyncIterator[bytes]:
        for _ in range(limit // 65_536 + 2):
            yield b"x" * 65_536

    headers = {"Authorization": "Bearer key-director", "Content-Type": JSON}
    url = f"{BASE}/opportunities"
    response = await floor.http.post(url, content=unannounced(), headers=headers)
    assert_problem(response, 413, "too-large", None)
    line = b'{"command": "log-action", "opportunity_id": "O1", "type": "call"}\n'
    lines = line * (SETTINGS.max_batch_lines + 1)
    assert_problem(await sent(floor, "/commands", lines, NDJSON), 413, "too-large", None)
    evidence = await floor.http.put(
        f"{BASE}/evidence",
        content=b"x" * (SETTINGS.max_evidence_bytes + 1),
        headers={"Authorization": "Bearer key-director", "Content-Type": "text/plain"},
    )
    assert_problem(evidence, 413, "too-large", None)
    assert await heads(floor) == before


async def test_ids_and_stages_that_do_not_exist(floor: SalesFloor) -> None:
    await floor.open("O-of-T2", "elsewhere")
    before = await heads(floor)
    for opportunity_id in ("O9", "O-of-T2", "%F0%9F%98%80", "%FF", "..", "O1%2Fx", "x" * 500):
        for path, body in (
            ("log-action", {"type": "call"}),
            ("change-stage", {"stage": "needs_confirmed"}),
            ("win", {}),
        ):
            response = await floor.post(f"/opportunities/{opportunity_id}/{path}", body)
            assert response.status_code in (404, 422), response.text
            if opportunity_id.startswith("O"):
                assert_problem(response, 404, "not-found", None)
        assert (await floor.get(f"/opportunities/{opportunity_id}")).status_code in (404, 422)
    unknown = await floor.post(MOVE, {"stage": "tenth"})
    assert_problem(unknown, 422, "malformed", "stage")
    pipeline = await floor.post(OPEN, {"customer_id": "C1", "pipeline": "none"})
    assert_problem(pipeline, 422, "malformed", "pipeline")
    action_type = await floor.post(LOG, {"type": "dance"})
    assert_problem(action_type, 422, "malformed", "type")
    for body, field in (({"owner_id": "nobody"}, "owner_id"), ({"unit_id": "none"}, "unit_id")):
        response = await floor.post(OPEN, {"customer_id": "C1", **body})
        assert_problem(response, 409, "not-yet-known", field)
        assert response.headers["Retry-After"].isdigit()
    assert await heads(floor) == before


async def test_a_stale_version_and_a_reused_key(floor: SalesFloor) -> None:
    headers = {"Idempotency_Key": "K1"}
    first = await floor.post(LOG, {"type": "call", "action_id": "A1"}, "rep-1", **headers)
    assert first.status_code == 200
    before = await heads(floor)
    again = await floor.post(LOG, {"type": "call", "action_id": "A1"}, "rep-1", **headers)
    assert (again.status_code, again.content) == (200, first.content)
    other = await floor.post(LOG, {"type": "email", "action_id": "A1"}, "rep-1", **headers)
    assert_problem(other, 409, "idempotency-key-reused", None)
    elsewhere = await floor.post(MOVE, {"stage": "needs_confirmed"}, "rep-1", **headers)
    assert_problem(elsewhere, 409, "idempotency-key-reused", None)
    stale = await floor.post(MOVE, {"stage": "needs_confirmed"}, If_Match='"1"')
    assert stale.status_code == 412
    for nonsense in ('"one"', "-1", '"' + "9" * 400 + '"', "\u00b2"):
        response = await sent(floor, MOVE, b'{"stage": "needs_confirmed"}', If_Match=nonsense)
        assert response.status_code in (412, 422), response.text
    too_long = await floor.post(LOG, {"type": "call"}, Idempotency_Key="K" * 201)
    assert_problem(too_long, 422, "malformed", "Idempotency-Key")
    assert await heads(floor) == before
    present = await floor.get("/opportunities/O1")
    fresh = present.headers["ETag"]
    moved = await floor.post(MOVE, {"stage": "needs_confirmed"}, If_Match=fresh)
    assert moved.status_code == 200


WRONG_QUERIES = [
    "/boards/silence?limit=0",
    "/boards/silence?limit=501",
    "/boards/silence?limit=many",
    "/boards/silence?cursor=not-ours",
    "/boards/silence?cursor=%FF",
    "/boards/silence?as_of=2026-03-02T08:00:00",
    "/boards/silence?as_of=0001-01-01T00:00:00%2B14:00",
    "/boards/silence?colour=red",
    "/boards/process-health?week=2026-W99",
    "/boards/process-health?week=0000-W01",
    "/boards/process-health?week=9999-W53",
    "/boards/golden-actions?month=2026-13",
    "/boards/golden-actions?week=2026-W10&month=2026-03",
    "/boards/golden-actions?month=2026-03&quarter=2026-Q1",
    "/boards/funnel?quarter=2026-Q5",
    "/boards/goals?quarter=2026-Q1",
    "/boards/process-health?quarter=2026-Q1",
    "/signals?state=gone",
    "/signals?cursor=AAAA",
    "/events?after=opportunities:0",
    "/events?after=nowhere:0:0",
    "/events?limit=0",
    "/escalations?cursor=%00",
]


async def test_reads_that_make_no_sense_are_refused(floor: SalesFloor) -> None:
    for path in WRONG_QUERIES:
        key = "auditor" if path.startswith("/events") else "director"
        response = await floor.get(path, key)
        assert code_of(response) == (422, "malformed"), (path, response.text)
    for path in ("/boards/none", "/boards/silence?unit=none", "/timelines/none/O1", "/why/none"):
        assert code_of(await floor.get(path)) == (404, "not-found"), path
    for token in ("nonsense", "%FF", "\u00b2", "99999999999999999999"):
        waited = await floor.http.get(
            f"{BASE}/boards/silence",
            headers={
                b"Authorization": b"Bearer key-director",
                b"Pulsetrail-Wait-For": token.encode(),
            },
        )
        assert_problem(waited, 422, "malformed", None)


async def test_a_key_that_is_none(floor: SalesFloor) -> None:
    for presented in (b"Bearer", b"Bearer \xff\xfe", b"Basic a2V5", b"Bearer " + b"k" * 5_000):
        headers = {b"Authorization": presented}
        response = await floor.http.get(f"{BASE}/boards/silence", headers=headers)
        assert_problem(response, 401, "unauthenticated", None)
        assert response.headers["WWW-Authenticate"] == "Bearer"
