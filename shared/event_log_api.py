"""The log for auditors: every event with its envelope, opened where the caller may see it."""

import re
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec
from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.responses import StreamingResponse

from shared.access import Caller, Resource, Verb
from shared.clock import iso
from shared.codec import Codec
from shared.envelope import RecordedEvent, StoredEvent
from shared.errors import FieldProblem, Malformed, PoisonMessage
from shared.event_store import EventStore
from shared.event_type import Withheld, event_type_of
from shared.http import BASE, Access, encode_json, json_response
from shared.ports import Ports

LOGS = ("directory", "leads", "opportunities", "scoring", "projections", "notifications")
_BATCH = 1_000
_NDJSON = "application/x-ndjson"


async def shown(codec: Codec, events: Sequence[StoredEvent]) -> list[dict[str, Any]]:
    """Events as interfaces.md prints them, `data` opened. What cannot be decoded is shown raw."""
    answers: list[dict[str, Any]] = []
    for stored in events:
        try:
            [recorded] = await codec.open([codec.decode(stored)])
            data = _data(recorded)
        except PoisonMessage:
            data = _raw(stored.payload)
        answers.append(_envelope(stored) | {"data": data})
    return answers


async def shown_to_outsiders(
    codec: Codec, stored: StoredEvent, *, personal_fields: bool
) -> dict[str, Any]:
    """An event as it leaves the house: personal fields are left out unless they were granted.

    Raises PoisonMessage for what cannot be decoded.
    """
    recorded = codec.decode(stored)
    if personal_fields:
        [recorded] = await codec.open([recorded])
    sealed = () if personal_fields else event_type_of(type(recorded.event)).personal_fields
    data = {name: value for name, value in _data(recorded).items() if name not in sealed}
    return _envelope(stored) | {"data": data}


def _raw(payload: bytes) -> Any:
    try:
        return msgspec.json.decode(payload)
    except msgspec.DecodeError:
        return payload.decode(errors="replace")


def _data(recorded: RecordedEvent) -> dict[str, Any]:
    declared = event_type_of(type(recorded.event))
    data: dict[str, Any] = {}
    for field in declared.rules:
        value = getattr(recorded.event, field)
        if isinstance(value, Withheld):
            value = {"erased": True} if value.erased else {"sealed": True}
        data[field] = value
    return data


def _envelope(stored: StoredEvent) -> dict[str, Any]:
    return {
        "position": {"log": stored.log, "partition": stored.partition, "offset": stored.offset},
        "stream": stored.stream,
        "version": stored.version,
        "event_id": str(stored.event_id),
        "type": stored.type,
        "occurred_at": iso(stored.occurred_at),
        "recorded_at": iso(stored.recorded_at),
        "tenant_id": stored.tenant_id,
        "actor_id": stored.actor_id,
        "origin": stored.origin,
        "raw_occurred_at": stored.raw_occurred_at and iso(stored.raw_occurred_at),
        "sent_at": stored.sent_at and iso(stored.sent_at),
        "entered_at": stored.entered_at and iso(stored.entered_at),
        "correlation_id": stored.correlation_id,
        "causation_id": stored.causation_id,
        "hash": stored.hash.hex(),
    }


async def read_events(
    store: EventStore,
    codec: Codec,
    *,
    tenant_id: str | None,
    after: tuple[str, int, int] | None = None,
    stream: str | None = None,
    type_name: str | None = None,
) -> AsyncIterator[dict[str, Any]]:
    """The log in order of (log, partition, offset), after a position; one tenant's unless None."""
    for log in LOGS:
        for partition in range(store.partitions):
            if after is not None and _order(log, partition) < _order(after[0], after[1]):
                continue
            here = after is not None and (log, partition) == after[:2]
            offset = after[2] + 1 if here and after is not None else 0
            while events := await store.read_log(log, partition, offset, _BATCH):
                offset = events[-1].offset + 1
                wanted = [
                    each
                    for each in events
                    if (tenant_id is None or each.tenant_id == tenant_id)
                    and (stream is None or each.stream == stream)
                    and (type_name is None or each.type == type_name)
                ]
                for answer in await shown(codec, wanted):
                    yield answer


def _order(log: str, partition: int) -> tuple[int, int]:
    return LOGS.index(log), partition


def position_after(text: str | None) -> tuple[str, int, int] | None:
    """`<log>:<partition>:<offset>`. Raises Malformed."""
    if text is None:
        return None
    found = re.fullmatch("([a-z]+):([0-9]{1,9}):([0-9]{1,18})", text)
    if found is None or found[1] not in LOGS:
        problem = FieldProblem("after", "position", "expected <log>:<partition>:<offset>")
        raise Malformed("after is no position", errors=[problem])
    return found[1], int(found[2]), int(found[3])


def router(ports: Ports, access: Access) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["events"])
    reading = access.may(Resource.EVENTS, Verb.READ)

    @routes.get("/events")
    async def get_events(
        request: Request,
        caller: Caller = Depends(reading),
        stream: str | None = None,
        type: str | None = None,
        after: str | None = None,
        limit: int = Query(100, ge=1, le=500),
    ) -> Response:
        events = read_events(
            ports.event_store,
            ports.codec,
            tenant_id=caller.tenant_id,
            after=position_after(after),
            stream=stream,
            type_name=type,
        )
        if _NDJSON in request.headers.get("accept", ""):
            return StreamingResponse(_lines(events), media_type=_NDJSON)
        rows: list[dict[str, Any]] = []
        async for event in events:
            rows.append(event)
            if len(rows) == limit:
                break
        return json_response({"rows": rows, "next_cursor": _cursor(rows, limit)})

    return routes


def _cursor(rows: Sequence[dict[str, Any]], limit: int) -> str | None:
    if len(rows) < limit:
        return None
    position = rows[-1]["position"]
    return f"{position['log']}:{position['partition']}:{position['offset']}"


async def _lines(events: AsyncIterator[dict[str, Any]]) -> AsyncIterator[bytes]:
    async for event in events:
        yield encode_json(event) + b"\n"
