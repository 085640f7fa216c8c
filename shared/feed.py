"""A log read and decoded once for all who walk along it in step."""

from shared.codec import Codec
from shared.envelope import RecordedEvent, StoredEvent
from shared.errors import PoisonMessage
from shared.event_store import EventStore, UnreadableEvent
from shared.read_model import Flaw

BATCH = 20_000


class SubscriptionStopped(Exception):
    """It cannot go on without an operator: too much poison, a hole, or a log that is not ours."""


class Feed:
    """Reads and decodes a log once for subscriptions that walk in step: the latest window of each
    partition is kept."""

    def __init__(self, store: EventStore, codec: Codec) -> None:
        self.store = store
        self._codec = codec
        self._windows: dict[tuple[str, int], tuple[int, list[RecordedEvent | Flaw]]] = {}

    async def read(
        self, log: str, partition: int, from_offset: int, limit: int
    ) -> list[RecordedEvent | Flaw]:
        start, window = self._windows.get((log, partition), (0, []))
        if start <= from_offset < start + len(window):
            return window[from_offset - start : from_offset - start + limit]
        try:
            stored = await self.store.read_log(log, partition, from_offset, BATCH)
        except UnreadableEvent as flaw:
            raise SubscriptionStopped(
                f"{log}/{partition} cannot be read after {from_offset}: {flaw};"
                " run `pulsetrail verify`"
            ) from flaw
        window = [self.decoded(event) for event in stored]
        if window:
            self._windows[log, partition] = (stored_of(window[0]).offset, window)
        return window[:limit]

    def decoded(self, stored: StoredEvent) -> RecordedEvent | Flaw:
        try:
            return self._codec.decode(stored)
        except PoisonMessage as flaw:
            return Flaw(RecordedEvent(None, stored), str(flaw))


def stored_of(each: RecordedEvent | Flaw) -> StoredEvent:
    return each.recorded.stored if isinstance(each, Flaw) else each.stored
