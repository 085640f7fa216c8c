"""HTTP in one place: how refusals look, what is bounded, who is let in."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.errors import StoreAway
from shared.followed_elsewhere import CheckpointReader, FollowedElsewhere
from shared.hosting import Hosting, application
from shared.settings import InstallationSettings
from tests.contracts.event_stores import an_append
from tests.shared.staff import headcount_model
from tests.shared.web import KEYS, serving

STAFF = "/api/v1/staff"


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[Hosting, httpx.AsyncClient]]:
    async with serving(tmp_path) as both:
        yield both


@pytest.fixture
def client(served: tuple[Hosting, httpx.AsyncClient]) -> httpx.AsyncClient:
    return served[1]


def problem(response: httpx.Response) -> dict[str, Any]:
    """The problem document, checked to have the fields of every problem and no more."""
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert set(document) == {"type", "title", "status", "detail", "code", "errors", "trace_id"}
    assert document["status"] == response.status_code
    assert document["type"] == f"urn:pulsetrail:problem:{document['code']}"
    assert document["trace_id"]
    assert all(set(error) == {"field", "code", "message"} for error in document["errors"])
    assert "Traceback" not in response.text
    assert "secret" not in response.text
    found: dict[str, Any] = document
    return found


# -------------------------------------------------------------------------------- commands


async def test_a_command_answers_its_state_version_and_position(client: httpx.AsyncClient) -> None:
    response = await client.post(STAFF, json={"person_id": "P1"})
    assert response.status_code == 201
    assert response.headers["etag"] == '"1"'
    assert response.headers["pulsetrail-position"]
    body = response.json()
    assert (body["unit_id"], body["version"], len(body["events"])) == ("u1", 1, 1)


async def test_a_repeat_under_the_same_key_gets_the_first_answer(client: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = await client.post(STAFF, json={"person_id": "P1"}, headers=headers)
    again = await client.post(STAFF, json={"person_id": "P1"}, headers=headers)
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["pulsetrail-position"] == first.headers["pulsetrail-position"]
    other = await client.post(STAFF, json={"person_id": "P2"}, headers=headers)
    assert (other.status_code, problem(other)["code"]) == (409, "idempotency-key-reused")


async def test_a_refused_command_is_a_conflict_with_its_code(client: httpx.AsyncClient) -> None:
    await client.post(STAFF, json={"person_id": "P1"})
    response = await client.post(STAFF, json={"person_id": "P1"})
    assert (response.status_code, problem(response)["code"]) == (409, "person-is-here-already")


async def test_who_was_overtaken_is_told_412(client: httpx.AsyncClient) -> None:
    response = await client.post(STAFF, json={"person_id": "P1"}, headers={"If-Match": '"3"'})
    assert (response.status_code, problem(response)["code"]) == (412, "version-conflict")
    response = await client.post(STAFF, json={"person_id": "P1"}, headers={"If-Match": '"0"'})
    assert response.status_code == 201


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("If-Match", "yesterday"),
        ("If-Match", b"\xb2"),
        ("If-Match", "9" * 5_000),
        ("Idempotency-Key", "k" * 201),
        ("Idempotency-Key", ""),
    ],
)
async def test_a_header_that_says_nothing_is_malformed(
    client: httpx.AsyncClient, header: str, value: str | bytes
) -> None:
    headers: Any = {header: value}
    response = await client.post(STAFF, json={"person_id": "P1"}, headers=headers)
    assert (response.status_code, problem(response)["errors"][0]["field"]) == (422, header)


# -------------------------------------------------------------------------------- bad bodies


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "person_id"),
        ({"person_id": 7}, "person_id"),
        ({"person_id": "has space"}, "person_id"),
        ({"person_id": "P1", "colour": "red"}, "colour"),
        ({"person_id": "P1", "joined_at": "yesterday"}, "joined_at"),
        ({"person_id": "P1", "joined_at": "2026-03-02T09:30:00"}, "joined_at"),
        ({"person_id": "P1", "joined_at": 1700000000}, "joined_at"),
        ({"person_id": "P1", "joined_at": "1700000000"}, "joined_at"),
        ({"person_id": "P1", "name": "x" * 65}, "name"),
        ({"person_id": "P1", "\udfff": 1}, ""),
    ],
)
async def test_what_does_not_fit_names_its_field(
    client: httpx.AsyncClient, body: dict[str, Any], field: str
) -> None:
    response = await client.post(
        STAFF, content=json.dumps(body), headers={"Content-Type": "application/json"}
    )
    assert response.status_code == 422
    document = problem(response)
    assert document["code"] == "malformed"
    assert [error["field"] for error in document["errors"]] == [field]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"P1"',
        b'{"person_id": "\xff\xfe"}',
        b'{"person_id": "P1", "name": "\\ud800"}',
        b"[" * 100_000,
        b'{"person_id": ' + b"9" * 10_000 + b"}",
        b'{"person_id": NaN}',
    ],
)
async def test_a_body_that_is_no_such_json_is_malformed(
    client: httpx.AsyncClient, content: bytes
) -> None:
    headers = {"Content-Type": "application/json"}
    response = await client.post(STAFF, content=content, headers=headers)
    assert (response.status_code, problem(response)["code"]) == (422, "malformed")
    assert not any(error["field"].isdigit() for error in problem(response)["errors"])


async def test_what_was_refused_is_not_repeated_in_the_answer(client: httpx.AsyncClient) -> None:
    response = await client.post(STAFF, json={"person_id": "secret person"})
    assert problem(response)["code"] == "malformed"


@pytest.mark.parametrize("limit", ["0", "501", "many"])
async def test_a_page_has_a_bound(client: httpx.AsyncClient, limit: str) -> None:
    response = await client.get(STAFF, params={"limit": limit})
    assert (response.status_code, problem(response)["errors"][0]["field"]) == (422, "limit")


# -------------------------------------------------------------------------------- other refusals


@pytest.mark.parametrize(
    ("path", "status", "code", "retry_after"),
    [
        (f"{STAFF}/forbidden", 403, "forbidden", None),
        (f"{STAFF}/unknown", 409, "not-yet-known", "1"),
        (f"{STAFF}/away", 503, "store-away", "5"),
        (f"{STAFF}/bug", 500, "internal-error", None),
        ("/api/v1/elsewhere", 404, "not-found", None),
    ],
)
async def test_every_refusal_is_a_problem_with_its_status(
    client: httpx.AsyncClient, path: str, status: int, code: str, retry_after: str | None
) -> None:
    response = await client.get(path)
    assert (response.status_code, problem(response)["code"]) == (status, code)
    assert response.headers.get("retry-after") == retry_after


async def test_a_method_that_is_not_there_is_a_problem_too(client: httpx.AsyncClient) -> None:
    response = await client.delete(STAFF)
    assert (response.status_code, problem(response)["code"]) == (405, "method-not-allowed")
    assert "POST" in response.headers["allow"] or "GET" in response.headers["allow"]


# -------------------------------------------------------------------------------- who asks


@pytest.mark.parametrize("presented", [None, "Bearer", "Bearer pt_unknown", "Basic pt_auditor"])
async def test_who_shows_no_key_of_ours_is_not_let_in(
    client: httpx.AsyncClient, presented: str | None
) -> None:
    headers = {} if presented is None else {"Authorization": presented}
    client.headers.pop("authorization")
    response = await client.get(STAFF, headers=headers)
    assert (response.status_code, problem(response)["code"]) == (401, "unauthenticated")
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    ("role", "status"), [("administrator", 201), ("auditor", 403), ("rep", 403)]
)
async def test_who_may_not_do_it_is_told_so(
    client: httpx.AsyncClient, role: str, status: int
) -> None:
    headers = {"Authorization": f"Bearer {KEYS[role]}"}
    response = await client.post(STAFF, json={"person_id": "P1"}, headers=headers)
    assert response.status_code == status


# -------------------------------------------------------------------------------- bounds


async def test_a_body_of_another_type_is_unsupported(client: httpx.AsyncClient) -> None:
    for media_type in ("text/plain", "application/x-www-form-urlencoded", ""):
        response = await client.post(
            STAFF, content=b'{"person_id": "P1"}', headers={"Content-Type": media_type}
        )
        assert (response.status_code, problem(response)["code"]) == (415, "unsupported")
    response = await client.post(
        STAFF,
        content=b'{"person_id": "P1"}',
        headers={"Content-Type": "application/json; charset=utf-8"},
    )
    assert response.status_code == 201


@pytest.mark.parametrize("charset", ["utf-16", "UTF-32LE", "gb18030", "latin-1", "nonsense"])
async def test_a_body_in_another_charset_is_unsupported(
    client: httpx.AsyncClient, charset: str
) -> None:
    for media_type in ("application/json", "application/x-ndjson"):
        headers = {"Content-Type": f"{media_type}; charset={charset}"}
        response = await client.post(STAFF, content=b'{"person_id": "P1"}', headers=headers)
        assert (response.status_code, problem(response)["code"]) == (415, "unsupported")
        assert "UTF-8" in problem(response)["detail"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le"])
@pytest.mark.parametrize("media_type", ["application/json", "application/json; charset=utf-8"])
async def test_json_that_only_a_guess_would_read_is_malformed(
    served: tuple[Hosting, httpx.AsyncClient], encoding: str, media_type: str
) -> None:
    hosting, client = served
    content = '{"person_id": "P1"}'.encode(encoding)
    headers = {"Content-Type": media_type}
    response = await client.post(STAFF, content=content, headers=headers)
    assert (response.status_code, problem(response)["code"]) == (422, "malformed")
    assert "UTF-8" in problem(response)["detail"]
    assert await hosting.ports.event_store.read_stream("acme/person/P1") == []


@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_larger_than_allowed_is_refused_whether_declared_or_not(
    tmp_path: Path, declared: bool
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            yield b"x" * 1_000

    settings = InstallationSettings(max_body_bytes=2_048)
    async with serving(tmp_path, settings=settings) as (_hosting, client):
        content: Any = b"x" * 3_000 if declared else chunks()
        response = await client.post(
            STAFF, content=content, headers={"Content-Type": "application/json"}
        )
    assert (response.status_code, problem(response)["code"]) == (413, "too-large")


async def test_a_body_that_broke_off_is_no_command(
    served: tuple[Hosting, httpx.AsyncClient],
) -> None:
    hosting, _client = served
    messages = [
        {"type": "http.request", "body": b'{"person_id": "P1"}', "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": STAFF,
        "raw_path": STAFF.encode(),
        "query_string": b"",
        "headers": [
            (b"authorization", f"Bearer {KEYS['administrator']}".encode()),
            (b"content-type", b"application/json"),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("test", 80),
        "scheme": "http",
        "http_version": "1.1",
    }
    await application(hosting)(scope, receive, send)
    assert sent == []
    assert await hosting.ports.event_store.read_stream("acme/person/P1") == []


async def test_too_many_requests_in_a_minute_are_told_when_to_come_back(tmp_path: Path) -> None:
    settings = InstallationSettings(requests_a_minute=3)
    async with serving(tmp_path, settings=settings) as (_hosting, client):
        answers = [await client.get(STAFF) for _ in range(4)]
        other = await client.get(STAFF, headers={"Authorization": f"Bearer {KEYS['auditor']}"})
    if [answer.status_code for answer in answers] != [200, 200, 200, 429]:
        return  # a minute ended in between: they were counted in two
    assert problem(answers[3])["code"] == "too-many-requests"
    assert int(answers[3].headers["retry-after"]) > 0
    assert other.status_code == 200


async def test_every_answer_has_the_safe_headers(client: httpx.AsyncClient) -> None:
    responses = [
        await client.get(STAFF),
        await client.get("/api/v1/elsewhere"),
        await client.post(STAFF, content=b"x"),
        await client.get("/healthz"),
    ]
    for response in responses:
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["x-frame-options"] == "DENY"


# -------------------------------------------------------------------------------- reading a write


async def test_a_read_that_names_a_write_waits_for_it(
    served: tuple[Hosting, httpx.AsyncClient],
) -> None:
    hosting, client = served
    written = await client.post(STAFF, json={"person_id": "P1"})
    waited_for = {"Pulsetrail-Wait-For": written.headers["pulsetrail-position"]}
    hosting.start()
    read = await client.get(STAFF, headers=waited_for)
    await hosting.stop()
    assert read.status_code == 200


async def test_a_token_that_is_not_ours_is_malformed(client: httpx.AsyncClient) -> None:
    response = await client.get(STAFF, headers={"Pulsetrail-Wait-For": "nonsense"})
    assert (response.status_code, problem(response)["code"]) == (422, "malformed")


async def nobody_there() -> None:
    raise StoreAway("it cannot be read: nobody there")


async def test_a_store_that_is_away_is_named_while_everything_else_is_ready(
    served: tuple[Hosting, httpx.AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    hosting, client = served
    await hosting.catch_up()
    monkeypatch.setattr(hosting.ports.key_store, "check", nobody_there)
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    missing = {"keys": "it cannot be read: nobody there"}
    assert answer.json() == {"ready": False, "missing": missing}


async def test_evidence_that_is_away_is_named_and_keeps_nobody_from_everything_else(
    served: tuple[Hosting, httpx.AsyncClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    hosting, client = served
    await hosting.catch_up()
    monkeypatch.setattr(hosting.ports.object_store, "check", nobody_there)
    answer = await client.get("/readyz")
    assert answer.status_code == 200
    missing = {"evidence": "it cannot be read: nobody there"}
    assert answer.json() == {"ready": True, "missing": missing}


async def test_it_is_ready_when_everything_has_caught_up(
    served: tuple[Hosting, httpx.AsyncClient],
) -> None:
    hosting, client = served
    behind = await client.get("/readyz")
    assert behind.status_code == 503
    assert behind.json() == {"ready": False, "missing": {"staff.headcount.v1": "catching up"}}
    await hosting.catch_up()
    assert (await client.get("/readyz")).json() == {"ready": True, "missing": {}}
    assert (await client.get("/healthz")).json() == {"alive": True}


async def test_it_is_not_ready_while_what_it_shows_is_behind_its_former_version(
    served: tuple[Hosting, httpx.AsyncClient],
) -> None:
    """Those who show the former one are asked as long."""
    hosting, client = served
    await hosting.catch_up()
    model = headcount_model()
    next_model = replace(model, projection=replace(model.projection, version=2))
    ports = hosting.ports
    reader = CheckpointReader(ports.read_store)
    hosting.shown = (FollowedElsewhere(next_model, ports.event_store, ports.read_store, reader),)
    answer = await client.get("/readyz")
    assert answer.status_code == 503
    missing = {"staff.headcount.v2": "behind its former version"}
    assert answer.json() == {"ready": False, "missing": missing}


# -------------------------------------------------------------------------------- the log


async def pages(client: httpx.AsyncClient, limit: int) -> list[str]:
    """The ids of all events of the tenant, page by page."""
    found: list[str] = []
    after: dict[str, Any] = {}
    for _ in range(50):
        response = await client.get("/api/v1/events", params={"limit": limit, **after})
        assert response.status_code == 200
        found += [row["event_id"] for row in response.json()["rows"]]
        cursor = response.json()["next_cursor"]
        if cursor is None:
            return found
        after = {"after": cursor}
    raise AssertionError("pages without end")


async def test_the_pages_of_the_log_join_over_all_logs(
    served: tuple[Hosting, httpx.AsyncClient],
) -> None:
    hosting, client = served
    for number, log in enumerate(("notifications", "leads", "opportunities", "projections")):
        appends = [an_append(f"acme/{log}/1", 0, 2 * number, 2 * number + 1, log=log)]
        await hosting.ports.event_store.append(appends)
    client.headers["authorization"] = f"Bearer {KEYS['auditor']}"
    whole = await pages(client, 500)
    assert len(whole) == len(set(whole)) == 5 + 8
    for limit in (1, 2, 3, 7):
        assert await pages(client, limit) == whole


@pytest.mark.parametrize(
    "after", ["", "x", "weather:0:1", "leads::1", "leads:0:", "leads:0:²", "leads:0:" + "9" * 30]
)
async def test_a_position_that_is_none_is_malformed(client: httpx.AsyncClient, after: str) -> None:
    client.headers["authorization"] = f"Bearer {KEYS['auditor']}"
    response = await client.get("/api/v1/events", params={"after": after})
    assert (response.status_code, problem(response)["errors"][0]["field"]) == (422, "after")
