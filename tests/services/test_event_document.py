"""The AsyncAPI document and the JSON Schemas against events that are really stored (G4)."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from services.cli.documents import event_schemas
from services.cli.event_document import asyncapi_document
from shared.envelope import StoredEvent
from shared.event_log_api import LOGS, shown_to_outsiders
from shared.event_type import all_event_types
from shared.http import encode_json
from tests.services.sales_floor import SalesFloor, sales_floor

ENOUGH_TYPES = 10


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return asyncapi_document()


@pytest.fixture
async def stored(tmp_path: Path) -> list[StoredEvent]:
    """What an opportunity's life left in the logs."""
    async with sales_floor(tmp_path) as floor:
        await live(floor)
        store = floor.hosting.ports.event_store
        return [
            event
            for log in LOGS
            for partition in range(store.partitions)
            for event in await store.read_log(log, partition, 0, 1_000)
        ]


async def live(floor: SalesFloor) -> None:
    await floor.open("O1", owner_id="rep-1", amount="1000.00", currency="CNY")
    call = {"type": "call", "summary": "asked for a quote", "direction": "outbound"}
    await floor.told("/opportunities/O1/log-action", call, "rep-1")
    await floor.told("/opportunities/O1/change-stage", {"stage": "needs_confirmed"}, "rep-1")
    await floor.told("/opportunities/O1/lose", {"reason": "price", "note": "dear"}, "rep-1")
    await floor.hosting.catch_up()


def references(value: Any) -> Iterator[str]:
    match value:
        case dict():
            if isinstance(value.get("$ref"), str):
                yield value["$ref"]
            for each in value.values():
                yield from references(each)
        case list():
            for each in value:
                yield from references(each)


def resolved(document: dict[str, Any], reference: str) -> Any:
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def payload_of(document: dict[str, Any], message: str) -> Draft202012Validator:
    schema = document["components"]["messages"][message]["payload"]["schema"]
    return Draft202012Validator({**schema, "components": document["components"]})


def test_the_document_is_whole(document: dict[str, Any]) -> None:
    assert document["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= document["info"].keys()
    for reference in references(document):
        resolved(document, reference)
    for operation in document["operations"].values():
        assert operation["action"] == "send"
        assert "address" in resolved(document, operation["channel"]["$ref"])


def test_every_event_type_is_a_message_of_its_topic_and_of_webhooks(
    document: dict[str, Any],
) -> None:
    for each in all_event_types():
        topic = document["channels"][each.service]
        assert topic["address"] == f"pulsetrail.{each.service}"
        assert each.name in topic["messages"]
        assert f"{each.name}.posted" in document["channels"]["webhooks"]["messages"]


def test_the_schemas_are_schemas(document: dict[str, Any]) -> None:
    for message in document["components"]["messages"].values():
        Draft202012Validator.check_schema(message["payload"]["schema"])
    Draft202012Validator.check_schema(event_schemas())


async def test_what_is_stored_fits_what_is_written(
    document: dict[str, Any], stored: list[StoredEvent]
) -> None:
    assert len({event.type for event in stored}) >= ENOUGH_TYPES
    described = event_schemas()
    for event in stored:
        payload = msgspec.json.decode(event.payload)
        payload_of(document, event.type).validate(payload)
        schema = described["events"][event.type]
        Draft202012Validator({**schema, "$defs": described["$defs"]}).validate(payload)


async def test_what_is_posted_fits_what_is_written(
    document: dict[str, Any], tmp_path: Path
) -> None:
    async with sales_floor(tmp_path) as floor:
        await live(floor)
        ports = floor.hosting.ports
        for event in await ports.event_store.read_stream("T1/opportunity/O1"):
            data = await shown_to_outsiders(ports.codec, event, personal_fields=False)
            body = {"type": event.type, "timestamp": event.occurred_at, "data": data}
            posted = msgspec.json.decode(encode_json(body))
            payload_of(document, f"{event.type}.posted").validate(posted)


def test_a_payload_that_lacks_something_does_not_fit(document: dict[str, Any]) -> None:
    opened = payload_of(document, "opportunities.opportunity_opened.v1")

    assert not opened.is_valid({"opportunity_id": "O1"})
