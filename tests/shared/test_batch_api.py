"""POST /commands: a command a line, each with its own outcome, in the order of the lines."""

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.hosting import Hosting
from shared.settings import InstallationSettings
from tests.shared.web import serving

COMMANDS = "/api/v1/commands"
NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[Hosting, httpx.AsyncClient]]:
    async with serving(tmp_path) as both:
        yield both


@pytest.fixture
def client(served: tuple[Hosting, httpx.AsyncClient]) -> httpx.AsyncClient:
    return served[1]


async def outcomes(
    client: httpx.AsyncClient, lines: Sequence[dict[str, Any] | bytes], **headers: str
) -> list[dict[str, Any]]:
    content = b"\n".join(
        line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines
    )
    response = await client.post(COMMANDS, content=content, headers={**NDJSON, **headers})
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in response.content.splitlines()]


def join(person_id: str, key: str | None = None) -> dict[str, Any]:
    line = {"command": "join", "person_id": person_id}
    return line if key is None else line | {"id": key}


def move(person_id: str, unit_id: str) -> dict[str, Any]:
    return {"command": "move", "person_id": person_id, "unit_id": unit_id}


async def test_every_line_is_answered_in_order(client: httpx.AsyncClient) -> None:
    lines = [join(f"P{n}", f"k{n}") for n in range(50)]
    answers = await outcomes(client, lines)
    assert [answer["id"] for answer in answers] == [f"k{n}" for n in range(50)]
    assert {answer["outcome"] for answer in answers} == {"done"}
    assert all(len(answer["events"]) == 1 for answer in answers)


async def test_lines_about_one_thing_keep_their_order(
    served: tuple[Hosting, httpx.AsyncClient],
) -> None:
    hosting, client = served
    lines = [join("P1"), *(move("P1", f"u{n}") for n in range(2, 12)), join("P2")]
    answers = await outcomes(client, lines)
    assert [answer["version"] for answer in answers] == [*range(1, 12), 1]
    stored = await hosting.ports.event_store.read_stream("acme/person/P1")
    units = [hosting.ports.codec.decode(event).event.unit_id for event in stored]
    assert units == ["u1", *(f"u{n}" for n in range(2, 12))]


async def test_a_batch_sent_again_adds_nothing(
    served: tuple[Hosting, httpx.AsyncClient],
) -> None:
    hosting, client = served
    lines = [join(f"P{n}", f"k{n}") for n in range(5)]
    first = await outcomes(client, lines)
    head = await hosting.ports.event_store.head("directory", 0)
    again = await outcomes(client, lines)
    assert [answer["outcome"] for answer in again] == ["duplicate"] * 5
    assert [answer["events"] for answer in again] == [answer["events"] for answer in first]
    assert await hosting.ports.event_store.head("directory", 0) == head


async def test_a_key_that_comes_twice_in_a_batch_counts_once(client: httpx.AsyncClient) -> None:
    answers = await outcomes(client, [join("P1", "k1"), join("P1", "k1"), join("P2", "k1")])
    assert [answer["outcome"] for answer in answers] == ["done", "duplicate", "conflict"]
    assert answers[2]["problem"]["code"] == "idempotency-key-reused"


async def test_lines_tied_by_key_and_by_subject_keep_their_order(
    client: httpx.AsyncClient,
) -> None:
    lines = [join("P1", "k1"), join("P2", "k2"), move("P1", "u2") | {"id": "k2"}, move("P2", "u3")]
    answers = await outcomes(client, [*lines, move("P1", "u4")])
    assert [answer["outcome"] for answer in answers] == ["done", "done", "conflict", "done", "done"]
    assert [answer.get("version") for answer in answers] == [1, 1, None, 2, 2]


async def test_the_problem_of_a_line_has_the_fields_of_any_other(
    client: httpx.AsyncClient,
) -> None:
    [answer] = await outcomes(client, [{"command": "fly"}])
    alone = await client.get("/api/v1/nowhere")
    assert set(answer["problem"]) == set(alone.json())


async def test_readers_can_wait_for_every_line(client: httpx.AsyncClient) -> None:
    lines = [join("P1", "k1"), move("P1", "u1"), join("P1", "k1")]
    joined, nothing_to_do, again = await outcomes(client, lines)
    assert (nothing_to_do["events"], nothing_to_do["outcome"]) == ([], "done")
    assert joined["position"] == nothing_to_do["position"] == again["position"]
    alone = await client.post("/api/v1/staff", json={"person_id": "P2"})
    assert alone.headers["pulsetrail-position"] != joined["position"]


BAD_LINES: list[tuple[Any, str]] = [
    (b"{", "malformed"),
    (b"[]", "malformed"),
    (b"7", "malformed"),
    (b'{"command": "join", "person_id": "\xff"}', "malformed"),
    (b"[" * 50_000, "malformed"),
    ({"command": "fly", "person_id": "P1"}, "malformed"),
    ({"command": ["join"], "person_id": "P1"}, "malformed"),
    ({"person_id": "P1"}, "malformed"),
    ({"command": "join"}, "malformed"),
    ({"command": "join", "person_id": "P1", "colour": "red"}, "malformed"),
    ({"command": "join", "person_id": "P1", "id": 7}, "malformed"),
    ({"command": "join", "person_id": "P1", "id": ""}, "malformed"),
    ({"command": "move", "person_id": "P0", "unit_id": "u2"}, "not-found"),
    ({"command": "move", "person_id": "P8", "unit_id": "bug"}, "internal-error"),
]


@pytest.mark.parametrize(("line", "code"), BAD_LINES)
async def test_one_bad_line_costs_only_itself(
    client: httpx.AsyncClient, line: Any, code: str
) -> None:
    before, bad, after = await outcomes(client, [join("P8"), line, join("P9")])
    assert (before["outcome"], after["outcome"]) == ("done", "done")
    assert (bad["outcome"], bad["problem"]["code"]) == ("refused", code)
    assert "secret" not in json.dumps(bad)


async def test_a_bad_line_names_its_field(client: httpx.AsyncClient) -> None:
    [answer] = await outcomes(client, [{"command": "join", "person_id": "P 1", "id": "k1"}])
    assert answer["id"] == "k1"
    assert [error["field"] for error in answer["problem"]["errors"]] == ["person_id"]


async def test_the_headers_of_the_request_are_no_keys_or_versions_of_its_lines(
    client: httpx.AsyncClient,
) -> None:
    headers = {"If-Match": '"7"', "Idempotency-Key": "k1"}
    answers = await outcomes(client, [join("P1"), join("P2")], **headers)
    assert [answer["outcome"] for answer in answers] == ["done", "done"]


async def test_a_line_that_saw_an_older_version_is_a_conflict(client: httpx.AsyncClient) -> None:
    seen: list[Any] = ["1", 1, '"1"', "*", None]
    people = [f"P{n}" for n in range(len(seen))]
    await outcomes(client, [join(person) for person in people])
    in_time = [
        move(person, "u2") | {"if_match": version}
        for person, version in zip(people, seen, strict=True)
    ]
    assert [answer["outcome"] for answer in await outcomes(client, in_time)] == ["done"] * 5
    too_late = [move(person, "u3") | {"if_match": "1"} for person in people[:2]]
    others = [move("P2", "u3") | {"if_match": "2"}]
    *late, fresh = await outcomes(client, [*too_late, *others])
    assert [(each["outcome"], each["problem"]["code"]) for each in late] == [
        ("conflict", "version-conflict")
    ] * 2
    assert (fresh["outcome"], fresh["version"]) == ("done", 3)


async def test_of_two_lines_that_saw_the_same_version_the_second_is_a_conflict(
    client: httpx.AsyncClient,
) -> None:
    await outcomes(client, [join("P1")])
    lines = [move("P1", f"u{n}") | {"if_match": "1", "id": f"k{n}"} for n in (2, 3)]
    assert [each["outcome"] for each in await outcomes(client, lines)] == ["done", "conflict"]
    again = await outcomes(client, lines)
    assert [each["outcome"] for each in again] == ["duplicate", "conflict"]


@pytest.mark.parametrize("version", ["one", "", '""', "-1", 1.5, -1, True, 10**18, ["1"]])
async def test_a_version_that_is_none_names_its_field(
    client: httpx.AsyncClient, version: Any
) -> None:
    [answer] = await outcomes(client, [join("P1") | {"if_match": version}])
    assert (answer["outcome"], answer["problem"]["status"]) == ("refused", 422)
    assert [error["field"] for error in answer["problem"]["errors"]] == ["if_match"]


async def test_empty_lines_are_passed_over(client: httpx.AsyncClient) -> None:
    assert len(await outcomes(client, [b"", join("P1"), b"  ", join("P2"), b""])) == 2
    assert await outcomes(client, [b""]) == []


async def test_a_batch_is_newline_delimited_json(client: httpx.AsyncClient) -> None:
    response = await client.post(COMMANDS, json=[join("P1")])
    assert (response.status_code, response.json()["code"]) == (415, "unsupported")


async def test_a_batch_has_at_most_so_many_lines(tmp_path: Path) -> None:
    settings = InstallationSettings(max_batch_lines=3)
    async with serving(tmp_path, settings=settings) as (hosting, client):
        content = b"\n".join(json.dumps(join(f"P{n}")).encode() for n in range(4))
        response = await client.post(COMMANDS, content=content, headers=NDJSON)
        assert (response.status_code, response.json()["code"]) == (413, "too-large")
        assert await hosting.ports.event_store.read_stream("acme/person/P0") == []


async def test_who_shows_no_key_sends_no_batch(client: httpx.AsyncClient) -> None:
    client.headers.pop("authorization")
    response = await client.post(COMMANDS, content=b"{}", headers=NDJSON)
    assert response.status_code == 401
