"""The writing half of the event store on PostgreSQL: one connection, one commit at a time."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import asyncpg

from shared.adapters.event_appending import (
    Appending,
    CommandKey,
    Head,
    Place,
    Standing,
)
from shared.adapters.postgres_connecting import connect, is_away
from shared.adapters.postgres_event_store_rows import (
    COMMAND_COLUMNS,
    COMMAND_WIDTH,
    COUNTER_WIDTH,
    EVENT_COLUMNS,
    EVENT_WIDTH,
    LogStatements,
    columns_of,
    command_row,
    event_row,
    remembered,
)
from shared.clock import Clock, milliseconds
from shared.event_store import Append, Outcome

_HEADS_KEPT = 4_000
_ROWS_TO_COPY = 32
"""From here on COPY is cheaper than arrays, although it asks the server more often."""


@dataclass(eq=False)
class Call:
    """One call of append: all or nothing of it is in a commit. `place_of`: of each append."""

    appends: Sequence[Append]
    place_of: Sequence[Place]
    answer: "asyncio.Future[list[Outcome]]"

    @cached_property
    def places(self) -> frozenset[Place]:
        return frozenset(self.place_of)


Answers = list[tuple[Call, list[Outcome]]]


@dataclass
class Commit:
    """A commit on its way: which calls it answers, which it leaves to the next one."""

    answers: Answers
    left: list[Call]
    appending: Appending


class CommitUnknown(Exception):
    """COMMIT was sent and its reply lost: it is done or it is not."""

    def __init__(self, commit: Commit, cause: Exception) -> None:
        super().__init__(str(cause))
        self.commit = commit
        self.cause = cause


@dataclass
class KnownHeads:
    """Heads of streams as this process left them; true while nobody else moved the partition."""

    by_place: dict[Place, tuple[int, dict[str, Head]]] = field(default_factory=dict)

    def of(self, place: Place, standing: Standing) -> dict[str, Head]:
        next_offset, heads = self.by_place.get(place, (-1, {}))
        return heads if next_offset == standing.next_offset else {}

    def keep(self, before: Mapping[Place, dict[str, Head]], appending: Appending) -> None:
        for place, heads in before.items():
            if len(heads) > _HEADS_KEPT:
                heads.clear()
            heads.update(appending.changed[place])
            self.by_place[place] = (appending.standing(place).next_offset, heads)


class PostgresEventWriter:
    """Used by one task at a time. `statements` by log, for the logs that may be written."""

    def __init__(
        self,
        url: str,
        statements: Mapping[str, LogStatements],
        clock: Clock,
        heads: KnownHeads,
    ) -> None:
        self._url = url
        self._statements = statements
        self._clock = clock
        self._heads = heads
        self._connection: asyncpg.Connection[Any] | None = None

    async def write(self, calls: Sequence[Call]) -> Commit:
        """One commit: the first call surely, the others unless somebody else holds a partition.

        Raises CommitUnknown, else nothing of it is stored.
        """
        connection = await self._connected()
        try:
            await connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
            commit, heads = await self._decide(connection, calls)
            if commit.appending.events or commit.appending.remembered:
                await self._store(connection, commit.appending)
        except BaseException:
            await self._drop_or_roll_back(connection)
            raise
        await self._commit(connection, commit)
        self._heads.keep(heads, commit.appending)
        return commit

    async def is_committed(self, commit: Commit) -> bool:
        """Of a commit whose reply was lost, once the server can say so for good."""
        connection = await self._connected()
        places = sorted({place for call, _outcomes in commit.answers for place in call.places})
        try:
            await connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
            # Whatever became of it, it holds these locks until it is over.
            await self._lock(connection, places, waiting=True)
            found = await self._find(connection, commit.appending)
            await connection.execute("ROLLBACK")
        except BaseException:
            await self._drop_or_roll_back(connection)
            raise
        return found

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await _close(connection)

    async def _connected(self) -> "asyncpg.Connection[Any]":
        if self._connection is None or self._connection.is_closed():
            self._connection = await connect(self._url)
        return self._connection

    async def _drop_or_roll_back(self, connection: "asyncpg.Connection[Any]") -> None:
        try:
            await connection.execute("ROLLBACK")
        except Exception:  # it is gone, and its transaction with it
            self._connection = None
            connection.terminate()

    async def _commit(self, connection: "asyncpg.Connection[Any]", commit: Commit) -> None:
        try:
            await connection.execute("COMMIT")
        except BaseException as failure:
            self._connection = None
            connection.terminate()
            if not isinstance(failure, Exception):
                raise  # this process is being ended
            raise CommitUnknown(commit, failure) from failure

    async def _decide(
        self, connection: "asyncpg.Connection[Any]", calls: Sequence[Call]
    ) -> tuple[Commit, dict[Place, dict[str, Head]]]:
        first, *others = calls
        standings = await self._lock(connection, sorted(first.places), waiting=True)
        wanted = {place for call in others for place in call.places} - set(standings)
        standings |= await self._lock(connection, sorted(wanted), waiting=False)
        held = [call for call in calls if standings.keys() >= call.places]
        heads = {place: self._heads.of(place, at) for place, at in standings.items()}
        await self._load_heads(connection, held, heads)
        # Only now, under the locks: what is recorded later must not be recorded earlier.
        now = milliseconds(self._clock())
        appending = Appending(
            standings,
            heads,
            await self._first_outcomes(connection, held),
            now,
        )
        answers = [(call, list(map(appending.take, call.appends, call.place_of))) for call in held]
        left = [call for call in others if not standings.keys() >= call.places]
        return Commit(answers, left, appending), heads

    async def _lock(
        self, connection: "asyncpg.Connection[Any]", places: Sequence[Place], *, waiting: bool
    ) -> dict[Place, Standing]:
        """In one order everywhere, and nobody waits who did not begin so: no deadlock."""
        standings: dict[Place, Standing] = {}
        for log, numbers in _by_log(places).items():
            statements = self._of(log)
            query = statements.lock if waiting else statements.lock_free
            for partition, next_offset, recorded_at in await connection.fetch(query, numbers):
                standings[Place(log, partition)] = Standing(next_offset, recorded_at)
        return standings

    async def _load_heads(
        self,
        connection: "asyncpg.Connection[Any]",
        calls: Sequence[Call],
        heads: dict[Place, dict[str, Head]],
    ) -> None:
        unknown: dict[str, dict[str, Place]] = defaultdict(dict)
        for call in calls:
            for append, place in zip(call.appends, call.place_of, strict=True):
                if append.stream not in heads[place]:
                    unknown[append.log][append.stream] = place
        for log, streams in unknown.items():
            found = await connection.fetch(self._of(log).heads, list(streams))
            for stream, version, digest in found:
                heads[streams[stream]][stream] = Head(version, digest)

    async def _first_outcomes(
        self, connection: "asyncpg.Connection[Any]", calls: Sequence[Call]
    ) -> dict[CommandKey, tuple[bytes, Outcome]]:
        asked: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for log, command in ((each.log, each.command) for call in calls for each in call.appends):
            if command is not None:
                asked[log].append((command.tenant_id, command.command_id))
        known: dict[CommandKey, tuple[bytes, Outcome]] = {}
        for log, keys in asked.items():
            tenants, ids = columns_of(keys, 2)
            for row in await connection.fetch(self._of(log).commands, tenants, ids):
                known[log, row[0], row[1]] = remembered(log, row)
        return known

    async def _store(self, connection: "asyncpg.Connection[Any]", appending: Appending) -> None:
        counters: dict[str, list[tuple[int, int, int]]] = defaultdict(list)
        touched = {Place(event.log, event.partition) for event in appending.events}
        for place in sorted(touched):
            counters[place.log].append((place.partition, *appending.standing(place)))
        events: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for event in appending.events:
            events[event.log].append(event_row(event))
        commands: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for log, command, outcome in appending.remembered:
            commands[log].append(command_row(command, outcome))
        for log in sorted(events.keys() | commands.keys()):
            # Sorted: of two commits that remember the same commands one waits, none forever.
            remembering = sorted(commands[log], key=_key_of_row)
            await self._insert(connection, log, events[log], remembering, counters[log])

    async def _insert(
        self,
        connection: "asyncpg.Connection[Any]",
        log: str,
        events: list[tuple[Any, ...]],
        commands: list[tuple[Any, ...]],
        counters: list[tuple[int, int, int]],
    ) -> None:
        statements = self._of(log)
        if len(events) < _ROWS_TO_COPY:
            await connection.execute(
                statements.store,
                *columns_of(events, EVENT_WIDTH),
                *columns_of(commands, COMMAND_WIDTH),
                *columns_of(counters, COUNTER_WIDTH),
            )
            return
        copy = connection.copy_records_to_table
        await copy("events", schema_name=log, columns=EVENT_COLUMNS, records=events)
        if commands:
            await copy("commands", schema_name=log, columns=COMMAND_COLUMNS, records=commands)
        await connection.execute(statements.count, *columns_of(counters, COUNTER_WIDTH))

    async def _find(self, connection: "asyncpg.Connection[Any]", appending: Appending) -> bool:
        """One of its rows tells for all of them."""
        if appending.events:
            event = appending.events[0]
            query = self._of(event.log).is_stored
            return await connection.fetchval(query, event.event_id, event.hash) is not None
        for log, command, outcome in appending.remembered:
            tenant_id, command_id, digest, *_rest, ids, _answer = command_row(command, outcome)
            query = self._of(log).is_remembered
            return await connection.fetchval(query, tenant_id, command_id, ids, digest) is not None
        return True

    def _of(self, log: str) -> LogStatements:
        statements = self._statements.get(log)
        if statements is None:
            raise ValueError(f"no log is named {log}")
        return statements


def _by_log(places: Sequence[Place]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for place in places:
        found.setdefault(place.log, []).append(place.partition)
    return found


def _key_of_row(row: tuple[Any, ...]) -> tuple[str, str]:
    return row[0], row[1]


async def _close(connection: "asyncpg.Connection[Any]") -> None:
    try:
        await connection.close(timeout=2)
    except Exception as failure:
        connection.terminate()
        if not is_away(failure):
            raise
