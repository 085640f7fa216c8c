"""The typed client against the OpenAPI document and a running system (G1, G5)."""

import asyncio
import inspect
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from pulsetrail_client import AsyncClient, Away, OfflineQueue, Refused, calls
from pulsetrail_client.call import Call
from services.cli.documents import openapi_schema
from shared.hosting import application
from tests.services.sales_floor import NOW, SalesFloor, sales_floor

BASE = "/api/v1"
EXAMPLES: dict[str, Any] = {
    "datetime": NOW,
    "str": "text",
    "int": 1,
    "bool": True,
    "bytes": b"x",
    "Sequence": ["text"],
    "Mapping": {"a": "b"},
    "Json": {"due_at": "2026-03-02T09:00:00Z"},
}


def with_everything(operation: Callable[..., Call[Any]]) -> Call[Any]:
    """Called with something for each of its arguments."""
    signature = inspect.signature(operation)
    given = {name: _example(str(each.annotation)) for name, each in signature.parameters.items()}
    return operation(**given)


def _example(annotation: str) -> Any:
    named = (name for name in ("Sequence", "Mapping", "datetime", "Json", "bytes", "bool", "int"))
    return EXAMPLES[next((name for name in named if name in annotation), "str")]


OPERATIONS = {
    name: operation
    for name, operation in inspect.getmembers(calls, inspect.isfunction)
    if operation.__module__ == calls.__name__
}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return asyncio.run(openapi_schema())


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_exists_with_these_fields(document: dict[str, Any], name: str) -> None:
    call = with_everything(OPERATIONS[name])

    operation = document["paths"][BASE + call.template][call.method.lower()]

    parameters = operation.get("parameters", [])
    in_path = {each["name"] for each in parameters if each["in"] == "path"}
    assert call.path_fields.keys() == in_path
    in_query = {each["name"] for each in parameters if each["in"] == "query"}
    assert call.query.keys() <= in_query
    if call.body:
        schema = body_schema(document, operation)
        assert call.body.keys() <= schema["properties"].keys()
        assert set(schema.get("required", [])) <= call.body.keys()
    elif call.method == "GET":
        assert not any(each.get("required") for each in parameters if each["in"] == "query")


def body_schema(document: dict[str, Any], operation: dict[str, Any]) -> dict[str, Any]:
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    for each in schema.get("anyOf", [schema]):
        if "$ref" in each:
            found: dict[str, Any] = document["components"]["schemas"][each["$ref"].split("/")[-1]]
            return found
    raise AssertionError(f"no body in {schema}")


class Network(httpx.AsyncBaseTransport):
    """A way to the server that can be cut before or after it has worked."""

    def __init__(self, floor: SalesFloor) -> None:
        self._way = httpx.ASGITransport(application(floor.hosting), raise_app_exceptions=False)
        self.is_cut = False
        self.loses_answers = 0
        self.bodies: list[bytes] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.is_cut:
            raise httpx.ConnectError("no network")
        self.bodies.append(await request.aread())
        answer = await self._way.handle_async_request(request)
        if self.loses_answers:
            self.loses_answers -= 1
            await answer.aread()
            raise httpx.ReadError("cut off")
        return answer


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with sales_floor(tmp_path / "data") as running:
        yield running


@pytest.fixture
def network(floor: SalesFloor) -> Network:
    return Network(floor)


@pytest.fixture
async def client(network: Network) -> AsyncIterator[AsyncClient]:
    async with AsyncClient("http://test", "key-rep-1", transport=network) as found:
        yield found


async def test_a_deal_is_led_and_read_by_the_client(floor: SalesFloor, client: AsyncClient) -> None:
    told = await client.send(calls.open_opportunity("C1", opportunity_id="O1", owner_id="rep-1"))
    await client.send(calls.log_action("O1", "call", summary="asked for a quote"))
    await floor.hosting.catch_up()

    board = await client.send(calls.board("silence"))

    assert told["version"] == 1
    assert [row["opportunity_id"] for row in board["rows"]] == ["O1"]


async def test_a_lost_answer_is_asked_for_again_and_counts_once(
    floor: SalesFloor, client: AsyncClient, network: Network
) -> None:
    await client.send(calls.open_opportunity("C1", opportunity_id="O1", owner_id="rep-1"))
    network.loses_answers = 1

    await client.send(calls.log_action("O1", "call", summary="asked for a quote"))

    assert await floor.events("opportunity/O1") == ["opportunity_opened", "action_logged"]


async def test_a_refusal_names_its_fields(client: AsyncClient) -> None:
    with pytest.raises(Refused) as refusal:
        await client.send(calls.open_opportunity("C1", amount="much"))

    assert (refusal.value.status, refusal.value.code) == (422, "malformed")
    assert [each["field"] for each in refusal.value.errors] == ["amount"]


def test_a_time_without_its_offset_is_refused() -> None:
    with pytest.raises(ValueError, match="offset"):
        calls.win("O1", occurred_at=datetime(2026, 3, 2))  # noqa: DTZ001  # what is refused


async def test_what_was_logged_offline_counts_when_it_happened(
    floor: SalesFloor, client: AsyncClient, network: Network, tmp_path: Path
) -> None:
    await client.send(calls.open_opportunity("C1", opportunity_id="O1", owner_id="rep-1"))
    queue = OfflineQueue(tmp_path / "queue.db", floor.clock)
    floor.clock.move_to(NOW + timedelta(hours=1))
    queue.add("log-action", opportunity_id="O1", type="call", summary="in the underground")
    network.is_cut = True
    with pytest.raises(Away):
        await queue.post_async(client)

    network.is_cut = False
    floor.clock.move_to(NOW + timedelta(hours=6))
    posted = await queue.post_async(client)

    assert (posted.settled, len(queue)) == (1, 0)
    stored = await floor.hosting.ports.event_store.read_stream("T1/opportunity/O1")
    assert stored[-1].occurred_at == NOW + timedelta(hours=1)
    assert stored[-1].sent_at == NOW + timedelta(hours=6)


async def test_a_wrong_clock_is_put_right(
    floor: SalesFloor, client: AsyncClient, tmp_path: Path
) -> None:
    await client.send(calls.open_opportunity("C1", opportunity_id="O1", owner_id="rep-1"))
    floor.clock.move_to(NOW + timedelta(hours=6))
    of_device = iter([NOW - timedelta(days=400, hours=1), NOW - timedelta(days=400)])
    queue = OfflineQueue(tmp_path / "queue.db", lambda: next(of_device))

    queue.add("log-action", opportunity_id="O1", type="call", summary="with a wrong clock")
    await queue.post_async(client)

    stored = await floor.hosting.ports.event_store.read_stream("T1/opportunity/O1")
    assert stored[-1].occurred_at == NOW + timedelta(hours=5)


async def test_a_queue_whose_answer_was_lost_doubles_nothing(
    floor: SalesFloor, client: AsyncClient, network: Network, tmp_path: Path
) -> None:
    await client.send(calls.open_opportunity("C1", opportunity_id="O1", owner_id="rep-1"))
    queue = OfflineQueue(tmp_path / "queue.db", floor.clock)
    for number in range(25):
        queue.add("log-action", opportunity_id="O1", type="call", summary=f"call {number}")
    network.loses_answers = 99
    with pytest.raises(Away):
        await queue.post_async(client)
    queue.close()

    network.loses_answers = 0
    floor.clock.move_to(NOW + timedelta(minutes=1))
    again = OfflineQueue(tmp_path / "queue.db", floor.clock)
    posted = await again.post_async(client)

    assert (posted.settled, posted.conflicts, len(again)) == (25, 0, 0)
    logged = await floor.events("opportunity/O1")
    assert logged.count("action_logged") == 25


async def test_a_refused_command_is_kept_apart_and_costs_only_itself(
    floor: SalesFloor, client: AsyncClient, tmp_path: Path
) -> None:
    await client.send(calls.open_opportunity("C1", opportunity_id="O1", owner_id="rep-1"))
    queue = OfflineQueue(tmp_path / "queue.db", floor.clock)
    queue.add("change-stage", key="wrong", opportunity_id="O1", stage="nowhere")
    queue.add("log-action", opportunity_id="O1", type="call", summary="right")

    posted = await queue.post_async(client)

    assert (posted.settled, posted.refused, len(queue)) == (1, 1, 0)
    [refused] = queue.refused()
    assert (refused.key, refused.command["stage"]) == ("wrong", "nowhere")
    queue.forget_refused("wrong")
    assert queue.refused() == []


def test_many_commands_go_in_several_bodies(tmp_path: Path) -> None:
    queue = OfflineQueue(tmp_path / "queue.db", lambda: datetime(2026, 3, 2, tzinfo=UTC))
    for number in range(3):
        queue.add(
            "log-action", opportunity_id="O1", type="note", summary="x" * 3_000_000 + str(number)
        )
    sent: list[bytes] = []

    class Server:
        def send(self, call: Call[Any]) -> list[dict[str, Any]]:
            sent.append(call.content or b"")
            keys = [line.split(b'"id": "')[1][:32].decode() for line in sent[-1].splitlines()]
            return [{"id": key, "outcome": "done"} for key in keys]

    posted = queue.post(Server())  # type: ignore[arg-type]  # as far as the queue asks it

    assert posted.settled == 3
    assert [body.count(b"\n") for body in sent] == [2, 1]
    assert max(map(len, sent)) < 8 * 1024 * 1024
