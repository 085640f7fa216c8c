"""Poison parks its stream: that event and all later ones of the stream become dead letters."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from shared.envelope import RecordedEvent, StoredEvent
from shared.feed import stored_of
from shared.read_model import Flaw
from shared.read_store import DEAD_LETTERS, PARKED_STREAMS, insert_missing


class Taken(NamedTuple):
    """A batch that a subscription took from a partition while these streams were parked."""

    subscription: str
    partition: int
    parked: Collection[str]
    events: Sequence[RecordedEvent | Flaw]


async def park(connection: AsyncConnection, taken: Taken, flaws: Mapping[str, Flaw]) -> int:
    """Write parked streams and dead letters; answers how many letters there are."""
    if not flaws and not taken.parked:
        return 0
    await insert_missing(
        connection,
        PARKED_STREAMS,
        [
            {"subscription": taken.subscription, "stream": stream, "reason": flaw.reason}
            for stream, flaw in flaws.items()
        ],
    )
    letters = []
    for stored in map(stored_of, taken.events):
        flaw = flaws.get(stored.stream)
        if stored.stream in taken.parked or (
            flaw is not None and stored.version >= flaw.recorded.stored.version
        ):
            reason = "its stream is parked" if flaw is None else flaw.reason
            letters.append(_letter(taken, stored, reason))
    await insert_missing(connection, DEAD_LETTERS, letters)
    return len(letters)


def _letter(taken: Taken, stored: StoredEvent, reason: str) -> dict[str, object]:
    return {
        "subscription": taken.subscription,
        "partition": taken.partition,
        "log_offset": stored.offset,
        "stream": stored.stream,
        "event_id": stored.event_id.bytes,
        "reason": reason,
    }


def unreadable(batch: Sequence[RecordedEvent | Flaw], parked: Collection[str]) -> list[Flaw]:
    return [
        each
        for each in batch
        if isinstance(each, Flaw) and each.recorded.stored.stream not in parked
    ]


def unspoiled(
    batch: Sequence[RecordedEvent | Flaw], parked: Collection[str], flaws: Mapping[str, Flaw]
) -> list[RecordedEvent]:
    """Nothing of parked streams, and of a stream with a flaw only what comes before it."""
    if not parked and not flaws:
        return [each for each in batch if isinstance(each, RecordedEvent)]
    first_bad = {stream: flaw.recorded.stored.version for stream, flaw in flaws.items()}
    return [
        each
        for each in batch
        if isinstance(each, RecordedEvent)
        and each.stored.stream not in parked
        and not each.stored.version > first_bad.get(each.stored.stream, each.stored.version)
    ]
