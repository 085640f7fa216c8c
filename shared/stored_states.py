"""Many aggregates as they are stored by now, with one question to the store."""

from collections.abc import Collection
from typing import Any, TypeVar

from shared.decider import Decider
from shared.ports import Ports

S = TypeVar("S")


async def stored_states(
    ports: Ports, decider: Decider[Any, S, Any], streams: Collection[str]
) -> dict[str, tuple[int, S]]:
    """Version and folded state by stream; version 0 and the initial state where nothing is."""
    if not streams:
        return {}
    found = await ports.event_store.read_streams(streams)
    decode = ports.codec.decode
    return {
        stream: (len(stored), decider.fold(decode(each).event for each in stored))
        for stream, stored in found.items()
    }


async def stored_versions(ports: Ports, streams: Collection[str]) -> dict[str, int]:
    if not streams:
        return {}
    found = await ports.event_store.read_streams(streams)
    return {stream: len(stored) for stream, stored in found.items()}
