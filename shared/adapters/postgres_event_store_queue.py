"""Appends on their way: whatever has queued up for free partitions goes in one commit."""

import asyncio
from collections import Counter
from collections.abc import Sequence

import structlog

from shared.adapters.event_appending import Place
from shared.adapters.postgres_connecting import is_away, store_away
from shared.adapters.postgres_event_store_news import CommitNews
from shared.adapters.postgres_event_store_writer import (
    Answers,
    Call,
    Commit,
    CommitUnknown,
    PostgresEventWriter,
)
from shared.errors import StoreAway
from shared.event_store import Append, Outcome, partition_of

LOG = structlog.get_logger(__name__)

_EVENTS_A_COMMIT = 10_000
_ASK_AFTER_SECONDS = (0.0, 0.3, 1.0, 2.0)


class StillUnknown(StoreAway):
    """It cannot be found out whether a commit is done: repeating it could store it twice."""


class AppendQueue:
    """Each of the writers commits for partitions that no other of this process is writing to.

    Calls that meet in a partition are taken in the order in which they came.
    """

    def __init__(
        self, writers: Sequence[PostgresEventWriter], partitions: int, news: CommitNews
    ) -> None:
        self._writers = writers
        self._idle = list(writers)
        self._partitions = partitions
        self._news = news
        self._waiting: list[Call] = []
        self._busy: set[Place] = set()
        self._commits: set[asyncio.Task[None]] = set()
        self._woken = False

    async def append(self, appends: Sequence[Append]) -> list[Outcome]:
        loop = asyncio.get_running_loop()
        places = [
            Place(append.log, partition_of(append.stream, self._partitions)) for append in appends
        ]
        call = Call(appends, places, loop.create_future())
        self._waiting.append(call)
        self._wake()
        return await call.answer  # who gives up waiting is passed over, the commit goes on

    async def close(self) -> None:
        """When everything that was queued has been answered."""
        while self._waiting or self._commits:
            self._start_commits()
            await asyncio.wait(self._commits)
        for writer in self._writers:
            await writer.close()

    def _wake(self) -> None:
        """At the end of this round of the loop: who else appends in it comes along."""
        if self._idle and not self._woken:
            self._woken = True
            asyncio.get_running_loop().call_soon(self._start_commits)

    def _start_commits(self) -> None:
        self._woken = False
        while self._idle and (calls := self._take()):
            places = {place for call in calls for place in call.places}
            self._busy |= places
            task = asyncio.create_task(self._serve(self._idle.pop(), calls, places))
            self._commits.add(task)
            task.add_done_callback(self._commits.discard)

    def _take(self) -> list[Call]:
        taken: list[Call] = []
        kept: list[Call] = []
        blocked = set(self._busy)
        events = 0
        for call in self._waiting:
            if blocked.isdisjoint(call.places) and events < _EVENTS_A_COMMIT:
                taken.append(call)
                events += sum(len(append.events) for append in call.appends)
            else:
                kept.append(call)
                blocked |= call.places
        self._waiting = kept
        return taken

    async def _serve(
        self, writer: PostgresEventWriter, calls: list[Call], places: set[Place]
    ) -> None:
        self._news.committing += 1
        left: list[Call] = []
        try:
            left = await self._commit(writer, calls)
        except Exception as failure:
            for call in calls:
                _refuse(call, failure)
        finally:
            self._news.committing -= 1
            self._waiting = [*left, *self._waiting]
            self._busy -= places
            self._idle.append(writer)
            if self._waiting:
                self._wake()

    async def _commit(self, writer: PostgresEventWriter, calls: list[Call]) -> list[Call]:
        """The calls that must wait for the next commit."""
        try:
            commit = await self._certainly(writer, calls)
        except StillUnknown:
            raise
        except Exception as failure:
            LOG.info("commit_failed", kind=type(failure).__name__, calls=len(calls))
            return await self._commit_again(writer, calls)
        self._answer(commit)
        return commit.left

    async def _commit_again(self, writer: PostgresEventWriter, calls: list[Call]) -> list[Call]:
        try:
            commit = await self._certainly(writer, calls)
        except Exception as failure:
            if isinstance(failure, StillUnknown) or is_away(failure) or len(calls) == 1:
                raise
        else:
            self._answer(commit)
            return commit.left
        for call in calls:
            try:
                self._answer(await self._certainly(writer, [call]))
            except Exception as failure:
                _refuse(call, failure)
        return []

    async def _certainly(self, writer: PostgresEventWriter, calls: Sequence[Call]) -> Commit:
        """A lost reply to COMMIT is asked for again: it must be neither repeated nor denied."""
        try:
            return await writer.write(calls)
        except CommitUnknown as unknown:
            if await self._is_committed(writer, unknown.commit):
                return unknown.commit
            raise unknown.cause from unknown

    async def _is_committed(self, writer: PostgresEventWriter, commit: Commit) -> bool:
        """Raises StillUnknown: whoever asks again by command id is told later."""
        for pause in _ASK_AFTER_SECONDS:
            await asyncio.sleep(pause)
            try:
                return await writer.is_committed(commit)
            except Exception as failure:
                LOG.info("commit_unknown", kind=type(failure).__name__)
        raise StillUnknown("the event store went away while it was written to")

    def _answer(self, commit: Commit) -> None:
        answers: Answers = commit.answers
        for call, outcomes in answers:
            if not call.answer.done():
                call.answer.set_result(outcomes)
        self._news.committed(Counter(event.log for event in commit.appending.events))


def _refuse(call: Call, failure: Exception) -> None:
    """A store that is away passes; a row that must not be is somebody's bug."""
    if not call.answer.done():
        told = store_away("the event store cannot be written", failure)
        call.answer.set_exception(failure if told is None else told)
