"""`pulsetrail events` and `pulsetrail verify`: the log, and whether it is untampered (U1)."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from services.cli.desk import DONE, FOUND_SOMETHING, Desk, Request
from services.cli.output import Advance, Output
from services.cli.reading import ReadingRequest
from services.cli.remote import RemoteServer
from shared.envelope import Position, StoredEvent
from shared.errors import StoreAway
from shared.event_log_api import LOGS, position_after, read_events
from shared.event_store import EventStore
from shared.http import encode_json
from shared.integrity import Tampering, counted, tampering

_BATCH = 2_000
_TOLD_EVERY = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowEvents(ReadingRequest):
    """`after`: `<log>:<partition>:<offset>`."""

    name: ClassVar[str] = "events"

    stream: str | None = None
    type: str | None = None
    after: str | None = None

    async def run(self, desk: Desk) -> int:
        events = read_events(
            desk.ports.event_store,
            desk.ports.codec,
            tenant_id=desk.tenant_id,
            after=position_after(self.after),
            stream=self.stream,
            type_name=self.type,
        )
        await print_lines(desk.output, events)
        return DONE

    async def ask(self, server: RemoteServer, output: Output) -> int:
        query = {"stream": self.stream, "type": self.type, "after": self.after}
        named = {name: value for name, value in query.items() if value is not None}
        await print_lines(output, server.lines("/events", named))
        return DONE


async def print_lines(output: Output, lines: AsyncIterator[dict[str, Any]]) -> None:
    """One JSON document a line, many at once."""
    waiting: list[bytes] = []
    async for line in lines:
        waiting.append(encode_json(line) + b"\n")
        if len(waiting) == _TOLD_EVERY:
            output.raw(b"".join(waiting))
            waiting.clear()
    output.raw(b"".join(waiting))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verify(Request):
    """The whole store, every tenant."""

    name: ClassVar[str] = "verify"
    wants_tenant: ClassVar[bool] = False

    async def run(self, desk: Desk) -> int:
        store = desk.ports.event_store
        heads = {
            (log, partition): await store.head(log, partition)
            for log in LOGS
            for partition in range(store.partitions)
        }
        total, found = [0], None
        with desk.output.progress("Events", sum(heads.values())) as advance:
            for (log, partition), head in heads.items():
                found = await _flaw(store, Position(log, partition, head), total, advance)
                if found is not None:
                    break
        self._tell(desk, total[0], found)
        return DONE if found is None else FOUND_SOMETHING

    def _tell(self, desk: Desk, events: int, found: Tampering | None) -> None:
        if desk.output.as_json:
            first = None
            if found is not None:
                first = {
                    "position": found.position._asdict(),
                    "event_id": found.event_id and str(found.event_id),
                    "stream": found.stream,
                    "reason": found.reason,
                }
            desk.output.document(
                {"untampered": found is None, "events": events, "first_bad": first}
            )
        elif found is None:
            desk.output.line(f"{events:,} events, all as they were stored")
        else:
            log, partition, offset = found.position
            where = f"{log}:{partition}:{offset}"
            event = f"event {found.event_id} of {found.stream}" if found.event_id else "no event"
            desk.output.line(f"first that does not fit: {where}, {event}: {found.reason}")


async def _flaw(
    store: EventStore, head: Position, total: list[int], advance: Advance
) -> Tampering | None:
    """The first flaw of one log partition; `head.offset` is how many events it says it holds."""
    loop = asyncio.get_running_loop()

    def batch(offset: int, limit: int) -> list[StoredEvent]:
        reading = store.read_log(head.log, head.partition, offset, limit)
        return asyncio.run_coroutine_threadsafe(reading, loop).result()

    def events() -> Iterator[StoredEvent]:
        offset = 0
        while found := batch(offset, _BATCH):
            loop.call_soon_threadsafe(advance, total[0])
            yield from found
            offset = found[-1].offset + 1

    def walk() -> Tampering | None:
        return tampering(counted(events(), total), head.log, head.partition, head.offset)

    try:
        return await asyncio.to_thread(walk)
    except (ValueError, OverflowError, sqlite3.Error, StoreAway):
        return await _unreadable(store, head)


async def _unreadable(store: EventStore, head: Position) -> Tampering | None:
    """The first event whose row cannot even be read as one."""
    for offset in range(head.offset):
        try:
            await store.read_log(head.log, head.partition, offset, 1)
        except (ValueError, OverflowError, sqlite3.Error, StoreAway) as flaw:
            position = Position(head.log, head.partition, offset)
            return Tampering(position, None, None, f"its row cannot be read: {flaw}")
    return None
