"""Every log read from its beginning and held against its hashes: `pulsetrail verify`."""

from collections.abc import Callable, Sequence

from shared.event_store import EventStore, UnreadableEvent
from shared.integrity import Chain, Tampering

Progress = Callable[[int], None]
"""Told how many events were looked at so far, over all logs."""

_BATCH = 2_000


def _nobody_asks(_events: int) -> None:
    return


async def verify(
    store: EventStore, logs: Sequence[str], progress: Progress = _nobody_asks
) -> list[Tampering]:
    """The first flaw of each log partition that has one; empty where all is as it was stored.

    Events appended meanwhile are looked at too. A row removed from the very end together with its
    count shows only against a checkpoint kept elsewhere.
    """
    found: list[Tampering] = []
    looked_at = 0
    for log in logs:
        for partition in range(store.partitions):
            chain = Chain(log, partition, store.clocks_apart)
            before = looked_at
            flaw = await _first_flaw(store, log, partition, chain, lambda n: progress(before + n))  # noqa: B023  # called at once
            looked_at += chain.next_offset
            if flaw is not None:
                found.append(flaw)
    return found


async def _first_flaw(
    store: EventStore, log: str, partition: int, chain: Chain, progress: Progress
) -> Tampering | None:
    limit = _BATCH
    while True:
        head = await store.head(log, partition, as_stored=True)
        try:
            events = await store.read_log(log, partition, chain.next_offset, limit, as_stored=True)
        except UnreadableEvent as flaw:
            if limit == 1:
                return chain.flaw_here(f"what is stored here cannot be read: {flaw}")
            limit = 1
            continue
        if not events:
            return chain.flaw_of_end(head)
        for event in events:
            flaw_found = chain.flaw_of(event)
            if flaw_found is not None:
                return flaw_found
        progress(chain.next_offset)
