"""Appends on their way: whatever has queued up for different streams goes together."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shared.adapters.kurrentdb_connecting import store_away
from shared.adapters.kurrentdb_event_store_news import NumberingNews
from shared.adapters.kurrentdb_event_store_numbering import LogNumbering
from shared.adapters.kurrentdb_event_store_writer import KurrentDbEventWriter, Stamp
from shared.clock import Clock
from shared.event_store import Append, Outcome

_CALLS_AT_ONCE = 64
_APPENDS_TOGETHER = 1_000
_APPENDS_OF_A_LONG_CALL = 50
"""A call of more runs alone, so that it may take its time."""


@dataclass(eq=False)
class Call:
    appends: Sequence[Append]
    answer: "asyncio.Future[list[Outcome]]"

    @property
    def streams(self) -> set[tuple[str, str]]:
        return {(append.log, append.stream) for append in self.appends}

    @property
    def is_long(self) -> bool:
        return len(self.appends) > _APPENDS_OF_A_LONG_CALL


class AppendGroups:
    """One group after the other, each recorded at one moment. Calls that meet in a stream are
    taken in the order in which they came, in different groups."""

    def __init__(
        self,
        writer: KurrentDbEventWriter,
        clock: Clock,
        numberings: Mapping[str, LogNumbering],
        news: NumberingNews,
    ) -> None:
        self._writer = writer
        self._clock = clock
        self._numberings = numberings
        self._news = news
        self._waiting: list[Call] = []
        self._serving: asyncio.Task[None] | None = None

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        call = Call(appends, asyncio.get_running_loop().create_future())
        self._waiting.append(call)
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve())
        return await asyncio.shield(call.answer)

    async def close(self) -> None:
        """When everything that was queued has been answered."""
        if self._serving is not None:
            await self._serving

    async def _serve(self) -> None:
        while self._waiting:
            calls = self._take()
            stamp = Stamp(self._clock, self._numberings, alone=len(calls) == 1)
            limit = asyncio.Semaphore(_CALLS_AT_ONCE)
            with self._news.committing():
                outcomes = await asyncio.gather(
                    *(self._perform(call, stamp, limit) for call in calls), return_exceptions=True
                )
            # Not before the generation has grown: who is answered reads what it wrote.
            for call, outcome in zip(calls, outcomes, strict=True):
                _answer(call, outcome)

    def _take(self) -> list[Call]:
        if self._waiting[0].is_long:
            return [self._waiting.pop(0)]
        taken: list[Call] = []
        kept: list[Call] = []
        blocked: set[tuple[str, str]] = set()
        room = _APPENDS_TOGETHER
        for call in self._waiting:
            if not call.is_long and room > 0 and blocked.isdisjoint(call.streams):
                taken.append(call)
                room -= len(call.appends)
            else:
                kept.append(call)
            blocked |= call.streams
        self._waiting = kept
        return taken

    async def _perform(self, call: Call, stamp: Stamp, limit: asyncio.Semaphore) -> list[Outcome]:
        async with limit:
            return await self._writer.write(call.appends, stamp)


def _answer(call: Call, outcome: list[Outcome] | BaseException) -> None:
    if call.answer.done():
        return
    if isinstance(outcome, BaseException):
        told = store_away("the event store cannot be written", outcome)
        call.answer.set_exception(outcome if told is None else told)
    else:
        call.answer.set_result(outcome)
