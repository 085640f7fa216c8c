"""GET /live: server-sent events that say what changed, so that a page knows when to ask again."""

import asyncio
import base64
import binascii
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Header
from starlette.responses import StreamingResponse

from shared.access import Caller, Resource, Verb
from shared.event_log_api import LOGS
from shared.event_store import EventStore
from shared.http import BASE, Access
from shared.ports import Ports

_MOST_OFTEN_SECONDS = 1.0
_SHOWN_WITHIN_SECONDS = 2.0
_COMMENT_SECONDS = 15.0
_STREAM_SECONDS = 15 * 60.0
_JITTER = 0.1
_EVENTS_LOOKED_AT = 1_000
_JUST_BEFORE = timedelta(seconds=30)
_EVENTS_JUST_BEFORE = 200

Heads = dict[tuple[str, int], int]


def router(ports: Ports, access: Access, leaving: asyncio.Event) -> APIRouter:
    """`leaving` ends the streams: who follows one comes again, to another process."""
    routes = APIRouter(prefix=BASE, tags=["live"])
    reading = access.may(Resource.BOARDS, Verb.READ)

    @routes.get("/live")
    async def get_live(
        caller: Annotated[Caller, Depends(reading)],
        last_event_id: Annotated[str | None, Header()] = None,
    ) -> StreamingResponse:
        return StreamingResponse(
            _until(leaving, changes(ports, caller.tenant_id, last_event_id)),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    return routes


async def _until(leaving: asyncio.Event, messages: AsyncGenerator[str, None]) -> AsyncIterator[str]:
    left = asyncio.create_task(leaving.wait())
    try:
        while not leaving.is_set():
            message = asyncio.ensure_future(anext(messages, None))
            try:
                await asyncio.wait({left, message}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not message.done():
                    message.cancel()
                    await asyncio.wait({message})
            if message.cancelled() or (told := message.result()) is None:
                return
            yield told
    finally:
        left.cancel()
        await messages.aclose()


async def changes(
    ports: Ports, tenant_id: str, last_event_id: str | None
) -> AsyncGenerator[str, None]:
    """At most one message a second, the first after a pause at once; they name event types of the
    tenant, nothing of their content. A stream without an id begins half a minute ago: the page that
    asks for it may have been made before the read models followed what was recorded then.

    Whoever asks upon a message finds what changed: it waits for the read models, but for no longer
    than two seconds. The stream ends by itself after some 15 minutes.
    """
    store = ports.event_store
    heads = _resumed(last_event_id) or await _just_before(store, ports.clock() - _JUST_BEFORE)
    loop = asyncio.get_running_loop()
    ends, quiet_since = loop.time() + stream_seconds(ports.random_bytes), loop.time()
    yield "retry: 2000\n\n"
    while loop.time() < ends:
        generation = store.generation
        before = heads
        heads, types = await _advanced(store, tenant_id, before)
        if types:
            moved = {place: end for place, end in heads.items() if end > before[place]}
            await ports.progress.reached(moved, seconds=_SHOWN_WITHIN_SECONDS)
            data = json.dumps({"changed": sorted(types)})
            yield f"id: {_token(heads)}\ndata: {data}\n\n"
            quiet_since = loop.time()
            await asyncio.sleep(_MOST_OFTEN_SECONDS)
            continue
        if loop.time() - quiet_since >= _COMMENT_SECONDS:
            yield ": still here\n\n"
            quiet_since = loop.time()
        await store.wait_beyond(generation, _COMMENT_SECONDS)


def stream_seconds(random_bytes: Callable[[int], bytes]) -> float:
    """15 minutes, up to a tenth more or less: clients that all came at once after a restart come
    back one by one."""
    chance = int.from_bytes(random_bytes(4)) / 2**32
    return _STREAM_SECONDS * (1 - _JITTER + 2 * _JITTER * chance)


async def _advanced(
    store: EventStore, tenant_id: str, heads: Mapping[tuple[str, int], int]
) -> tuple[Heads, set[str]]:
    types: set[str] = set()
    advanced = dict(heads)
    for (log, partition), offset in heads.items():
        events = await store.read_log(log, partition, offset, _EVENTS_LOOKED_AT)
        if events:
            advanced[log, partition] = events[-1].offset + 1
            types.update(event.type for event in events if event.tenant_id == tenant_id)
    return advanced, types


async def _just_before(store: EventStore, moment: datetime) -> Heads:
    """The end of each partition, or where what was recorded since then begins, if that is near.
    Most end earlier, which their last event tells."""
    heads: Heads = {}
    for log in LOGS:
        for partition in range(store.partitions):
            end = await store.head(log, partition)
            heads[log, partition] = end
            for count in (1, _EVENTS_JUST_BEFORE):
                begin = max(0, end - count)
                last = await store.read_log(log, partition, begin, end - begin)
                recent = [event.offset for event in last if event.recorded_at >= moment]
                if not recent:
                    break
                heads[log, partition] = recent[0]
    return heads


def _token(heads: Mapping[tuple[str, int], int]) -> str:
    plain = json.dumps([[*place, offset] for place, offset in heads.items()])
    return base64.urlsafe_b64encode(plain.encode()).decode()


def _resumed(last_event_id: str | None) -> Heads | None:
    """Where a client stopped; None for one that begins, or whose id is none of ours."""
    if last_event_id is None:
        return None
    try:
        places = json.loads(base64.urlsafe_b64decode(last_event_id))
        heads = {(str(log), int(partition)): int(offset) for log, partition, offset in places}
    except (ValueError, TypeError, binascii.Error):
        return None
    return heads if {log for log, _ in heads} == set(LOGS) else None
