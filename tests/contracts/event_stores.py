"""The event stores under contract, what each promises beyond it, and events to put into them."""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from shared.adapters.kurrentdb_event_store import (
    KurrentDbEventStore,
    open_kurrentdb_event_store,
)
from shared.adapters.postgres_event_store import PostgresEventStore, open_postgres_event_store
from shared.adapters.sqlite_event_store import SqliteEventStore
from shared.clock import Clock
from shared.envelope import EncodedEvent, Envelope
from shared.event_store import Append, CommandRecord, EventStore
from tests.servers.kurrentdb import (
    KurrentDbPlace,
    why_not_at_address,
    why_not_in_container,
)

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
    """One way to keep events: how it is opened at the test's place, and its optional promises.

    `place`: the fixture that gives the place, a folder or an address.
    """

    name: str
    open: Callable[[Any, Clock], Awaitable[EventStore]]
    promises: frozenset[str] = OPTIONAL_PROMISES
    marks: tuple[pytest.MarkDecorator, ...] = ()
    place: str = "tmp_path"


async def open_sqlite(folder: Path, clock: Clock) -> EventStore:
    return SqliteEventStore(folder / "events.db", LOGS, clock, lambda: uuid.uuid4().hex)


async def open_postgres(url: str, clock: Clock, partitions: int = 1) -> PostgresEventStore:
    return await open_postgres_event_store(url, LOGS, clock, partitions)


async def open_postgres_partitions(url: str, clock: Clock) -> PostgresEventStore:
    return await open_postgres(url, clock, 16)


async def open_kurrentdb(place: KurrentDbPlace, clock: Clock) -> KurrentDbEventStore:
    return await open_kurrentdb_event_store(
        place.url, LOGS, clock, lambda: uuid.uuid4().hex, installation=place.installation
    )


ADAPTERS: tuple[Adapter, ...] = (
    Adapter("sqlite", open_sqlite),
    Adapter("postgres", open_postgres, marks=(pytest.mark.postgres,), place="database_with_log"),
    Adapter(
        "postgres-16-partitions",
        open_postgres_partitions,
        marks=(pytest.mark.postgres,),
        place="database_with_partitions",
    ),
    Adapter("kurrentdb-in-process", open_kurrentdb, frozenset(), place="kurrentdb_place"),
)

if why_not_in_container() is None:
    ADAPTERS += (
        Adapter(
            "kurrentdb-in-container",
            open_kurrentdb,
            frozenset(),
            marks=(pytest.mark.kurrentdb,),
            place="kurrentdb_in_container",
        ),
    )
if why_not_at_address() is None:
    ADAPTERS += (
        Adapter(
            "kurrentdb-at-address",
            open_kurrentdb,
            frozenset(),
            marks=(pytest.mark.kurrentdb,),
            place="kurrentdb_at_address",
        ),
    )


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
