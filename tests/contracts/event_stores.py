"""The event stores under contract, what each promises beyond it, and events to put into them."""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from shared.adapters.sqlite_event_store import SqliteEventStore
from shared.clock import Clock
from shared.envelope import EncodedEvent, Envelope
from shared.event_store import Append, CommandRecord, EventStore

LOGS = ("opportunities", "leads")
NOW = datetime(2026, 3, 2, 9, 30, 0, 125_000, tzinfo=UTC)

MANY_STREAMS_IN_ONE_COMMIT = "many_streams_in_one_commit"
COMMAND_IDS_ACROSS_STREAMS = "command_ids_across_streams"
EMPTY_COMMANDS_REMEMBERED = "empty_commands_remembered"
OPTIONAL_PROMISES = frozenset(
    {MANY_STREAMS_IN_ONE_COMMIT, COMMAND_IDS_ACROSS_STREAMS, EMPTY_COMMANDS_REMEMBERED}
)

OpenStore = Callable[..., Awaitable[EventStore]]
"""Opens the store of the test, again after it was closed; takes a clock."""


@dataclass(frozen=True)
class Adapter:
    """One way to keep events: how it is opened in a folder, and its optional promises."""

    name: str
    open: Callable[[Path, Clock], Awaitable[EventStore]]
    promises: frozenset[str] = OPTIONAL_PROMISES
    marks: tuple[pytest.MarkDecorator, ...] = ()


async def open_sqlite(folder: Path, clock: Clock) -> EventStore:
    return SqliteEventStore(folder / "events.db", LOGS, clock, lambda: uuid.uuid4().hex)


ADAPTERS = (Adapter("sqlite", open_sqlite),)


def params(promise: str | None = None) -> list[Any]:
    """The adapters that promise this; all of them without a promise."""
    return [
        pytest.param(each, id=each.name, marks=each.marks)
        for each in ADAPTERS
        if promise is None or promise in each.promises
    ]


class SettableClock:
    """A wall clock that somebody sets, also backwards."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


def event_id(number: int) -> UUID:
    return UUID(int=number)


def an_event(number: int, *, payload: bytes = b"{}", **envelope: Any) -> EncodedEvent:
    """The event whose id is `number`."""
    fields: dict[str, Any] = {
        "tenant_id": "acme",
        "actor_id": "p1",
        "occurred_at": NOW,
        "origin": "live",
        "correlation_id": "c1",
    }
    return EncodedEvent(
        event_id(number), "test.happened.v1", 1, payload, Envelope(**(fields | envelope))
    )


def an_append(
    stream: str,
    expected_version: int,
    *numbers: int,
    log: str = "opportunities",
    command: CommandRecord | None = None,
) -> Append:
    events: Sequence[EncodedEvent] = [an_event(number) for number in numbers]
    return Append(log, stream, expected_version, events, command)


def a_command(command_id: str = "p1:k1", digest: bytes = b"d1", tenant_id: str = "acme") -> Any:
    return CommandRecord(tenant_id, command_id, digest, b"the first answer")
