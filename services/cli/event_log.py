"""`pulsetrail events` and `pulsetrail verify`: the log, and whether it is untampered (U1)."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, ClassVar

from services.cli.desk import Desk, Request
from services.cli.exit_codes import DONE, FOUND_SOMETHING
from services.cli.output import Output
from services.cli.reading import ReadingRequest
from services.cli.remote import RemoteServer
from shared.event_log_api import LOGS, position_after, read_events
from shared.http import encode_json
from shared.integrity import Tampering
from shared.verification import verify

_TOLD_AT_ONCE = 1_000


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
        await _print(desk.output, events)
        return DONE

    async def ask(self, server: RemoteServer, output: Output) -> int:
        query = {"stream": self.stream, "type": self.type, "after": self.after}
        named = {name: value for name, value in query.items() if value is not None}
        await _print(output, server.lines("/events", named))
        return DONE


async def _print(output: Output, events: AsyncIterator[dict[str, Any]]) -> None:
    waiting: list[bytes] = []
    async for event in events:
        waiting.append(encode_json(event) + b"\n")
        if len(waiting) == _TOLD_AT_ONCE:
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
        total = 0
        for log in LOGS:
            for partition in range(store.partitions):
                total += await store.head(log, partition)
        with desk.output.progress("Events", total) as advance:
            flaws = await verify(store, LOGS, advance)
        if desk.output.as_json:
            shown = [_shown(flaw) for flaw in flaws]
            first = shown[0] if shown else None
            desk.output.document(
                {"untampered": not flaws, "events": total, "first_bad": first, "flaws": shown}
            )
        for flaw in flaws if not desk.output.as_json else ():
            desk.output.line(f"the first that does not fit: {_told(flaw)}")
        if not flaws and not desk.output.as_json:
            desk.output.line(f"{total:,} events, all as they were stored")
        return FOUND_SOMETHING if flaws else DONE


def _shown(flaw: Tampering) -> dict[str, Any]:
    return {
        "position": flaw.position._asdict(),
        "event_id": None if flaw.event_id is None else str(flaw.event_id),
        "stream": flaw.stream,
        "reason": flaw.reason,
    }


def _told(flaw: Tampering) -> str:
    log, partition, offset = flaw.position
    event = f"event {flaw.event_id} of {flaw.stream}, " if flaw.event_id else ""
    return f"{log}:{partition}:{offset}, {event}{flaw.reason}"
