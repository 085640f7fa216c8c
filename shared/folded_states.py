"""States of streams, folded and kept in memory; snapshots of the long ones."""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
import structlog

from shared.codec import Codec
from shared.decider import Decider
from shared.envelope import StoredEvent
from shared.errors import StoreAway
from shared.event_store import EventStore
from shared.snapshots import frozen, snapshot_key, thawed

LOG = structlog.get_logger(__name__)

C = TypeVar("C")
S = TypeVar("S")
E = TypeVar("E")

_SNAPSHOT_EVERY = 500
_STATES_KEPT = 50_000


class FoldedStates:
    """What is kept of a stream is always a fold of its first events; it may lack the latest."""

    def __init__(self, store: EventStore, codec: Codec) -> None:
        self._store = store
        self._codec = codec
        self._known: OrderedDict[str, tuple[int, Any]] = OrderedDict()

    def __contains__(self, stream: str) -> bool:
        return stream in self._known

    async def load(
        self, decider: Decider[C, S, E], stream: str, *, fresh: bool = False
    ) -> tuple[int, S]:
        """The version and folded state of a stream, from memory, snapshot or its events.

        `fresh`: with everything that is stored by now.
        """
        start: tuple[int, S] | None = self._known.get(stream)
        if start is not None and not fresh:
            self._known.move_to_end(stream)
            return start
        version, state = await self._stored(decider, stream, start)
        self.keep(stream, version, state)
        return version, state

    async def _stored(
        self, decider: Decider[C, S, E], stream: str, start: tuple[int, S] | None
    ) -> tuple[int, S]:
        if start is None and decider.states:
            start = await self._snapshot(decider, stream)
        version, state = (0, decider.initial) if start is None else start
        stored = await self._store.read_stream(stream, version)
        return version + len(stored), decider.fold(self._decoded(stored), state)

    async def _snapshot(self, decider: Decider[C, S, E], stream: str) -> tuple[int, S] | None:
        kept = await self._store.load_snapshot(stream, snapshot_key(decider))
        if kept is None:
            return None
        try:
            return kept[0], thawed(decider, kept[1])
        except msgspec.MsgspecError as flaw:
            LOG.warning("snapshot_not_read", stream=stream, why=str(flaw))
            return None

    def _decoded(self, stored: Sequence[StoredEvent]) -> list[Any]:
        return [self._codec.decode(event).event for event in stored]

    async def load_many(
        self, decider: Decider[C, S, E], streams: Sequence[str], *, fresh: bool
    ) -> set[str]:
        """Make them known with one read; answers the streams whose state is as stored."""
        missing = {stream for stream in streams if fresh or stream not in self._known}
        for stream, events in (await self._store.read_streams(missing)).items():
            self.keep(stream, len(events), decider.fold(self._decoded(events)))
        return missing

    async def remember(
        self, decider: Decider[C, S, E], stream: str, version: int, state: S, before: int
    ) -> None:
        self.keep(stream, version, state)
        if decider.states and version // _SNAPSHOT_EVERY > before // _SNAPSHOT_EVERY:
            await self._save_snapshot(decider, stream)

    async def _save_snapshot(self, decider: Decider[C, S, E], stream: str) -> None:
        """Of the events as stored: those just decided hold their personal fields in the clear.

        The command is done; a snapshot that cannot be saved only makes the next load longer.
        """
        try:
            version, state = await self._stored(decider, stream, None)
            key = snapshot_key(decider)
            await self._store.save_snapshot(stream, key, version, frozen(state))
        except StoreAway as failure:
            LOG.warning("snapshot_not_saved", stream=stream, why=str(failure))

    def forget(self) -> None:
        self._known.clear()

    def keep(self, stream: str, version: int, state: Any) -> None:
        known = self._known.get(stream)
        if known is not None and known[0] > version:
            return
        self._known[stream] = (version, state)
        self._known.move_to_end(stream)
        if len(self._known) > _STATES_KEPT:
            self._known.popitem(last=False)
