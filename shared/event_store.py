"""The port of the event store: it decides who was first, numbers what it keeps, forgets nothing."""

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import NamedTuple, Protocol
from uuid import UUID
from zlib import crc32

from shared.envelope import EncodedEvent, Position, StoredEvent


class CommandRecord(NamedTuple):
    """A command remembered with its events: a repeat is answered, another body refused.

    `command_id` is scoped by the caller already; `digest` is the SHA-256 of the command's body.
    """

    tenant_id: str
    command_id: str
    digest: bytes
    answer: bytes


class Append(NamedTuple):
    """Events for one stream, decided on its version `expected_version` (0: it does not exist)."""

    log: str
    stream: str
    expected_version: int
    events: Sequence[EncodedEvent]
    command: CommandRecord | None = None


class Verdict(StrEnum):
    DONE = "done"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    KEY_REUSED = "key_reused"


class Outcome(NamedTuple):
    """What became of one Append. A duplicate brings the first answer, a conflict the version."""

    verdict: Verdict
    version: int
    position: Position | None
    event_ids: tuple[UUID, ...]
    answer: bytes


def partition_of(stream: str, partitions: int) -> int:
    """The log partition of a stream; fixed for ever when a log is created."""
    return crc32(stream.encode()) % partitions


class UnreadableEvent(Exception):
    """A stored row cannot be an event any more: only tampering or a damaged disk does that."""


class EventStore(Protocol):
    """Same promises on every adapter, by tests/contracts/test_event_store.py.

    Appends of one call are taken in order, each with its own outcome; a conflict costs only itself.
    What is answered DONE is durable. Offsets of a partition are contiguous from 0, in commit order;
    `recorded_at` decreases within a tenant's part of a partition by no more than `clocks_apart`.
    Raises StoreAway when the
    store cannot be written or reached; then nothing of the call is known to be stored. Whoever
    appends an event id that is stored already has a bug and is told by another exception; nothing
    of that call is stored. Reads raise UnreadableEvent for a damaged row.
    """

    @property
    def partitions(self) -> int: ...

    @property
    def clocks_apart(self) -> timedelta:
        """Zero where one writer at a time gives a partition its times."""
        ...

    async def check(self) -> None:
        """Can it work? Raises StoreAway, which passes, and CannotGoOn, which does not."""
        ...

    async def append(self, appends: Sequence[Append]) -> list[Outcome]: ...

    async def read_stream(self, stream: str, after_version: int = 0) -> list[StoredEvent]: ...

    async def read_streams(self, streams: Collection[str]) -> Mapping[str, list[StoredEvent]]: ...

    async def read_log(
        self, log: str, partition: int, from_offset: int, limit: int, *, as_stored: bool = False
    ) -> list[StoredEvent]:
        """At most `limit` events of a partition from `from_offset` on, in order.

        `as_stored`: read now from where they are kept, not remembered from their append.
        """
        ...

    async def head(self, log: str, partition: int, *, as_stored: bool = False) -> int:
        """The offset that the next event of the partition will get; `as_stored` as above."""
        ...

    async def log_id(self, log: str) -> str:
        """Random, given when the log was created: tells a restored or foreign log apart."""
        ...

    async def find_events(self, event_ids: Collection[UUID]) -> Mapping[UUID, StoredEvent]:
        """Of any log, by id; those that are not stored are not there."""
        ...

    async def known_events(self, event_ids: Collection[UUID]) -> set[UUID]: ...

    async def find_command(
        self, tenant_id: str, command_id: str, stream: str | None = None
    ) -> tuple[bytes, Outcome] | None:
        """The digest and the first outcome of a remembered command.

        `stream` is where it would have appended: a store that recognises command ids within their
        stream only looks there, and nowhere without it.
        """
        ...

    async def load_snapshot(self, stream: str, key: str) -> tuple[int, bytes] | None: ...

    async def save_snapshot(self, stream: str, key: str, version: int, state: bytes) -> None: ...

    @property
    def generation(self) -> int:
        """Grows with every commit that this process learns of."""
        ...

    def generation_of(self, log: str) -> int:
        """The same of the commits to one log: for who reads it again only when it has grown."""
        ...

    async def wait_beyond(self, generation: int, seconds: float) -> None:
        """Return when the generation is beyond the one named, at the latest after `seconds`."""
        ...

    async def close(self) -> None: ...
