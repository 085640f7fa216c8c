"""A log read and decoded once for all who walk along it in step."""

from collections.abc import Iterable
from typing import Any

from shared.codec import Codec
from shared.envelope import ArrivedEvent, RecordedEvent, StoredEvent
from shared.errors import PoisonMessage
from shared.event_store import EventStore, UnreadableEvent
from shared.event_type import types_passed_over
from shared.read_model import Flaw

BATCH = 20_000


class SubscriptionStopped(Exception):
    """It cannot go on without an operator: too much poison, a hole, or a log that is not ours."""


class WrongLog(SubscriptionStopped):
    """It can never go on with this log: restored, replaced, deleted too far, or split otherwise."""


class Decoding:
    """Decodes what a reader of these classes reads; other events are passed over unseen."""

    def __init__(self, codec: Codec, reads: tuple[type[Any], ...]) -> None:
        self._codec = codec
        self._decoders = codec.decoders(types_passed_over(reads))

    def all(self, events: Iterable[ArrivedEvent]) -> list[RecordedEvent | Flaw]:
        decoders = self._decoders
        found: list[RecordedEvent | Flaw] = []
        add = found.append
        for arrived in events:
            try:
                add(RecordedEvent(decoders[arrived.type](arrived.payload), arrived))
            except Exception:  # of an older type, or poison: with its reason
                add(self.one(arrived))
        return found

    def one(self, arrived: ArrivedEvent) -> RecordedEvent | Flaw:
        """Whatever its type."""
        try:
            return self._codec.decode(arrived)
        except PoisonMessage as flaw:
            return Flaw(RecordedEvent(None, arrived), str(flaw))


class Feed:
    """Reads and decodes a log once for subscriptions that walk in step: the latest window of each
    partition is kept.

    `alone`: nobody else appends, so what was found empty is, until this process has appended.
    `reads`: what all of them together read.
    """

    def __init__(
        self,
        store: EventStore,
        codec: Codec,
        *,
        alone: bool = False,
        reads: tuple[type[Any], ...] = (object,),
    ) -> None:
        self.store = store
        self._codec = codec
        self._decoding = self.decoding(reads)
        self._alone = alone
        self._empty: dict[tuple[str, int], tuple[int, int]] = {}
        self._windows: dict[tuple[str, int], tuple[int, list[RecordedEvent | Flaw]]] = {}

    async def read(
        self, log: str, partition: int, from_offset: int, limit: int
    ) -> list[RecordedEvent | Flaw]:
        start, window = self._windows.get((log, partition), (0, []))
        if start <= from_offset < start + len(window):
            return window[from_offset - start : from_offset - start + limit]
        found_at = (from_offset, self.store.generation)
        if self._alone and self._empty.get((log, partition)) == found_at:
            return []
        window = self._decoding.all(await self._stored(log, partition, from_offset))
        if window:
            self._windows[log, partition] = (stored_of(window[0]).offset, window)
        else:
            self._empty[log, partition] = found_at
        return window[:limit]

    async def streams_begun(self, log: str, enough: int) -> int:
        """How many streams the log holds; counting ends where there are `enough`."""
        begun = 0
        for partition in range(self.store.partitions):
            offset = 0
            while begun < enough:
                stored = await self._stored(log, partition, offset)
                if not stored:
                    break
                begun += sum(event.version == 1 for event in stored)
                offset = stored[-1].offset + 1
        return begun

    async def _stored(self, log: str, partition: int, from_offset: int) -> list[StoredEvent]:
        try:
            return await self.store.read_log(log, partition, from_offset, BATCH)
        except UnreadableEvent as flaw:
            raise SubscriptionStopped(
                f"{log}/{partition} cannot be read after {from_offset}: {flaw};"
                " run `pulsetrail verify`"
            ) from flaw

    def decoding(self, reads: tuple[type[Any], ...]) -> Decoding:
        return Decoding(self._codec, reads)

    def decoded(self, stored: StoredEvent) -> RecordedEvent | Flaw:
        return self._decoding.one(stored)


def stored_of(each: RecordedEvent | Flaw) -> StoredEvent:
    return each.recorded.stored if isinstance(each, Flaw) else each.stored


def arrived_of(each: RecordedEvent | Flaw) -> ArrivedEvent:
    return each.recorded.arrived if isinstance(each, Flaw) else each.arrived
