"""What a subscription folds events into, and the flaws that keep an event from being folded."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from sqlalchemy import Select, Table
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.envelope import RecordedEvent


class Flaw(NamedTuple):
    """An event that could not be folded: its stream is parked with the reason."""

    recorded: RecordedEvent
    reason: str


def keep_first(flaws: dict[str, Flaw], found: Iterable[Flaw]) -> None:
    """Add what was found, by stream; of one stream only the flaw that comes first counts."""
    for flaw in found:
        stored = flaw.recorded.stored
        known = flaws.get(stored.stream)
        if known is None or stored.version < known.recorded.stored.version:
            flaws[stored.stream] = flaw


def follows_a_flaw(recorded: RecordedEvent, flaws: Mapping[str, Flaw]) -> bool:
    flaw = flaws.get(recorded.stored.stream)
    return flaw is not None and recorded.stored.version >= flaw.recorded.stored.version


class Content(NamedTuple):
    """What a rebuild must reproduce: rows by their key, a `body` as `decode` reads it."""

    name: str
    rows: Select[Any]
    key: tuple[str, ...]
    decode: Callable[[bytes], Any] | None = None


class ReadModel(Protocol):
    """What a subscription applies in the transaction of its checkpoint."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> int: ...

    @property
    def log(self) -> str: ...

    @property
    def reads(self) -> tuple[type[Any], ...]:
        """The event classes that can change it; others only move its checkpoint."""
        ...

    @property
    def tables(self) -> Sequence[Table]: ...

    async def apply(
        self, connection: AsyncConnection, events: Sequence[RecordedEvent]
    ) -> list[Flaw]:
        """Fold the events into the tables; what cannot be folded is returned, not raised, and
        nothing that comes after it in its stream is folded."""
        ...

    async def refold(
        self, connection: AsyncConnection, events: Sequence[RecordedEvent]
    ) -> list[Flaw]:
        """Put what all events of a stream come to in the place of what some of them came to; with
        flaws nothing is written."""
        ...

    async def mark_incomplete(
        self, connection: AsyncConnection, events: Sequence[RecordedEvent]
    ) -> None:
        """Say of the rows of these events that something is missing from them."""
        ...

    def beside(self) -> "ReadModel":
        """The same read model with tables of its own, for a rebuild."""
        ...

    @property
    def contents(self) -> Sequence[Content]:
        """What a rebuild must reproduce. Tables whose columns include `due_at` are not in it:
        they hold what the watch knows, and a rebuild only has everything looked at again."""
        ...
