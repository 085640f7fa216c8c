"""The writing half of the event store on KurrentDB: each stream by itself, on what it ends with."""

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID

from kurrentdbclient import AsyncKurrentDBClient, StreamState
from kurrentdbclient.exceptions import NotFoundError, WrongCurrentVersionError

from shared.adapters.kurrentdb_connecting import READ_SECONDS, StreamNames
from shared.adapters.kurrentdb_event_store_deciding import (
    NO_STREAM,
    StreamDecision,
    StreamKey,
    StreamRun,
    decide,
    runs_of,
)
from shared.adapters.kurrentdb_event_store_events import StreamEnd, extended
from shared.adapters.kurrentdb_event_store_numbering import LogNumbering
from shared.clock import Clock, milliseconds
from shared.envelope import Position
from shared.errors import StoreAway
from shared.event_store import Append, Outcome, Verdict

SETTLED_SECONDS = 10.0
"""An event is in the log this long after its `recorded_at`, or never will be."""

_WRITE_SECONDS = 4.0
_ATTEMPTS = 5
_ENDS_KEPT = 4_000
_READS_AT_ONCE = 32


class EventIdIsStored(Exception):
    """Somebody appends an event id that another event has already: a bug."""


class Stamp:
    """What appends that run at the same time are recorded at: in whatever order they arrive, the
    log's times do not decrease. Who is alone may take the time anew."""

    def __init__(
        self, clock: Clock, numberings: Mapping[str, LogNumbering], *, alone: bool
    ) -> None:
        self._clock = clock
        self._numberings = numberings
        self._alone = alone
        self._take()

    def now(self, log: str) -> int:
        """In milliseconds."""
        if self._alone:
            self._take()
        return max(self._now, self._numberings[log].recorded_at)

    def seconds_left(self) -> float:
        """How long a write may take. Raises StoreAway when it would come too late."""
        left = self._until - asyncio.get_running_loop().time()
        if left <= 0:
            raise StoreAway("the event store cannot be written: it takes too long")
        return min(_WRITE_SECONDS, left)

    def _take(self) -> None:
        self._now = milliseconds(self._clock())
        self._until = asyncio.get_running_loop().time() + SETTLED_SECONDS - _WRITE_SECONDS


class KurrentDbEventWriter:
    """Serves calls of different streams at the same time, never two of one stream."""

    def __init__(
        self,
        client: AsyncKurrentDBClient,
        names: Mapping[str, StreamNames],
        numberings: Mapping[str, LogNumbering],
    ) -> None:
        self._client = client
        self._names = names
        self._numberings = numberings
        self._ends: dict[StreamKey, StreamEnd] = {}
        self._writing: set[UUID] = set()

    async def write(self, appends: Sequence[Append], stamp: Stamp) -> list[Outcome]:
        """The streams one after the other. Raises EventIdIsStored before anything is written,
        StoreAway also after some of it was."""
        runs = runs_of(appends)
        ends = await self._load(runs)
        ids = self._new_ids(runs, ends, stamp)
        if self._taken(ids):
            # It may be a repetition, on a stream whose end was taken for granted.
            ends |= await self._read(list(ends), {})
            ids = self._new_ids(runs, ends, stamp)
            if taken := self._taken(ids):
                raise EventIdIsStored(f"events are stored already: {sorted(map(str, taken))[:3]}")
        self._writing |= set(ids)
        try:
            decisions = [await self._store(run, ends, stamp) for run in runs]
        finally:
            self._writing -= set(ids)
        outcomes = [outcome for decision in decisions for outcome in decision.outcomes]
        return [
            await self._placed(append.log, outcome)
            for append, outcome in zip(appends, outcomes, strict=True)
        ]

    async def command(
        self, key: StreamKey, tenant_id: str, command_id: str
    ) -> tuple[bytes, Outcome] | None:
        """Digest and first outcome of a command that appended to this stream."""
        known = self._ends.get(key)
        ends = await self._read([key], {} if known is None else {key: known})
        found = ends[key].commands.get((key.log, tenant_id, command_id))
        if found is None:
            return None
        digest, outcome = found
        return digest, await self._placed(key.log, outcome._replace(verdict=Verdict.DUPLICATE))

    def _new_ids(
        self, runs: Sequence[StreamRun], ends: Mapping[StreamKey, StreamEnd], stamp: Stamp
    ) -> list[UUID]:
        """Of the events that would be stored if nobody else writes."""
        local = dict(ends)
        ids: list[UUID] = []
        for run in runs:
            decision = decide(run, local[run.key], stamp.now(run.key.log))
            local[run.key] = decision.end
            ids += [event.id for event in decision.events]
        return ids

    def _taken(self, ids: Sequence[UUID]) -> set[UUID]:
        seen: set[UUID] = set()
        taken = {each for each in ids if each in seen or seen.add(each)}  # type: ignore[func-returns-value]
        taken |= self._writing.intersection(ids)
        for numbering in self._numberings.values():
            taken |= numbering.numbers.known(ids)
        return taken

    async def _store(
        self, run: StreamRun, ends: dict[StreamKey, StreamEnd], stamp: Stamp
    ) -> StreamDecision:
        certain = False
        for _attempt in range(_ATTEMPTS):
            decision = decide(run, ends[run.key], stamp.now(run.key.log))
            if decision.conflicts and not certain:
                ends |= await self._read([run.key], {})
                certain = True
            elif not decision.events or await self._append(run.key, ends[run.key], decision, stamp):
                ends[run.key] = decision.end
                self._keep(run.key, decision.end)
                return decision
            else:
                ends |= await self._read([run.key], {})
                certain = True
        raise StoreAway(f"{run.key.stream} was changed by others {_ATTEMPTS} times")

    async def _append(
        self, key: StreamKey, end: StreamEnd, decision: StreamDecision, stamp: Stamp
    ) -> bool:
        """False when the stream ends elsewhere; else its events are stored and numbered."""
        self._ends.pop(key, None)  # whatever becomes of it, it will not end here
        version = end.head.version
        seconds = stamp.seconds_left()
        try:
            async with asyncio.timeout(seconds):
                position = await self._client.append_to_stream(
                    self._names[key.log].of(key.stream),
                    current_version=version - 1 if version else StreamState.NO_STREAM,
                    events=decision.events,
                    timeout=seconds,
                )
        except WrongCurrentVersionError:
            return False
        await self._numberings[key.log].reached(position)
        return True

    async def _load(self, runs: Sequence[StreamRun]) -> dict[StreamKey, StreamEnd]:
        """Ends as known, read on where that is not what an append was decided on; a stream that
        shall begin is taken for new, the server will tell."""
        ends: dict[StreamKey, StreamEnd] = {}
        behind: dict[StreamKey, StreamEnd] = {}
        for run in runs:
            known, first = self._ends.get(run.key), run.appends[0]
            if run.key in ends or run.key in behind:
                continue
            if known is not None and known.head.version == first.expected_version:
                ends[run.key] = known
            elif known is None and first.expected_version == 0 and first.events:
                ends[run.key] = NO_STREAM
            else:
                behind[run.key] = known or NO_STREAM
        return ends | await self._read(list(behind), behind)

    async def _read(
        self, keys: Sequence[StreamKey], known: Mapping[StreamKey, StreamEnd]
    ) -> dict[StreamKey, StreamEnd]:
        """Where the streams end, read on from what is known of them."""
        limit = asyncio.Semaphore(_READS_AT_ONCE)

        async def end_of(key: StreamKey) -> StreamEnd:
            end = known.get(key, NO_STREAM)
            async with limit:
                try:
                    further = await self._client.get_stream(
                        self._names[key.log].of(key.stream),
                        stream_position=end.head.version,
                        timeout=READ_SECONDS,
                    )
                except NotFoundError:
                    return NO_STREAM
            return extended(end, further, key.log)

        return dict(zip(keys, await asyncio.gather(*map(end_of, keys)), strict=True))

    def _keep(self, key: StreamKey, end: StreamEnd) -> None:
        if len(self._ends) > _ENDS_KEPT:
            self._ends.clear()
        self._ends[key] = end

    async def _placed(self, log: str, outcome: Outcome) -> Outcome:
        """With the position of its last event, which another process may just have stored."""
        if not outcome.event_ids:
            return outcome
        numbering = self._numberings[log]
        number = numbering.numbers.number_of(outcome.event_ids[-1])
        if number is None:
            await numbering.everything()
            number = numbering.numbers.number_of(outcome.event_ids[-1])
        return outcome._replace(position=None if number is None else Position(log, 0, number))
