"""Poison parks its stream: that event and all later ones of the stream become dead letters."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.bulk_writing import insert_missing
from shared.envelope import RecordedEvent, StoredEvent
from shared.feed import Feed, SubscriptionStopped, stored_of
from shared.read_model import Flaw
from shared.read_store import DEAD_LETTERS, PARKED_STREAMS

LOG = structlog.get_logger(__name__)

_PARKED_AT_MOST = 100
_ALWAYS_BORNE = 10
_STREAMS_FOR_EACH_PARKED = 100


def is_too_much_poison(parked: int, streams: int) -> bool:
    """More than 100 parked streams, or more than 1 % of the log's `streams`; ten are borne always:
    of a small log one bad stream is soon a hundredth, and no reason to stop all the others."""
    if parked <= _ALWAYS_BORNE:
        return False
    return parked > _PARKED_AT_MOST or parked * _STREAMS_FOR_EACH_PARKED > streams


class PoisonLimit:
    """How much poison a subscription bears before it stops.

    The log is counted only where more than ten streams are parked, and only as far as it matters:
    of 10,000 streams and more the limit is 100 parked ones anyway.
    """

    def __init__(self, subscription: str, log: str, feed: Feed) -> None:
        self._subscription = subscription
        self._log = log
        self._feed = feed
        self._borne = _ALWAYS_BORNE

    async def refuse_too_much(self, parked: Collection[str]) -> None:
        """Raises SubscriptionStopped."""
        count = len(parked)
        if count <= self._borne:
            return
        streams = await self._feed.streams_begun(self._log, count * _STREAMS_FOR_EACH_PARKED)
        if is_too_much_poison(count, streams):
            raise SubscriptionStopped(
                f"{self._subscription}: {count} streams are parked; see its dead letters for the"
                " reasons, mend them and `pulsetrail rebuild`"
            )
        self._borne = count


async def parked_streams(connection: AsyncConnection, subscription: str) -> set[str]:
    query = select(PARKED_STREAMS.c.stream).where(PARKED_STREAMS.c.subscription == subscription)
    return set((await connection.execute(query)).scalars())


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
        "discarded_by": None,
    }


def tell_what_is_parked(subscription: str, flaws: Mapping[str, Flaw]) -> None:
    """In the log, without the reasons: they may quote what the event holds."""
    for stream, flaw in flaws.items():
        stored = flaw.recorded.stored
        place = f"{stored.log}:{stored.partition}:{stored.offset}"
        LOG.warning("stream_parked", subscription=subscription, stream=stream, place=place)


def unreadable(
    batch: Sequence[RecordedEvent | Flaw], parked: Collection[str], passed_over: Collection[str]
) -> list[Flaw]:
    """What is wrong with an event of a type that is passed over concerns others."""
    return [
        each
        for each in batch
        if isinstance(each, Flaw)
        and each.recorded.arrived.type not in passed_over
        and each.recorded.stored.stream not in parked
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
