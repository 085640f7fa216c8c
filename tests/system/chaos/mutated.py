"""Starts a process of ours with a mutant in it: a fault of ours that the suite must catch."""

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import update

from services.cli.__main__ import main
from shared.adapters.kafka_relay import LogRelay
from shared.checkpoints import Checkpoints, Place
from shared.intake import Intake
from shared.read_store import CHECKPOINTS
from shared.scaled_hosting import ScaledHosting

VARIABLE = "CHAOS_MUTANT"

Moves = Mapping[int, tuple[Place, Place]]


def upsert_offsets() -> None:
    """Written over, whatever stands there: nobody notices that somebody else was faster."""

    async def advance(self: Checkpoints, connection: Any, moves: Moves) -> None:
        for partition, (_expected, place) in moves.items():
            await connection.execute(
                update(CHECKPOINTS)
                .where(
                    CHECKPOINTS.c.subscription == self._subscription,
                    CHECKPOINTS.c.partition == partition,
                )
                .values(place._asdict())
            )

    Checkpoints.advance = advance  # type: ignore[method-assign]


def do_not_fence() -> None:
    """Compared and set, but whether it was set is not looked at."""

    async def advance(self: Checkpoints, connection: Any, moves: Moves) -> None:
        await self._move_together(connection, moves)

    Checkpoints.advance = advance  # type: ignore[method-assign]


def commit_offsets_first() -> None:
    """In a transaction of their own, before that of the rows."""
    write = Intake._write
    advance = Checkpoints.advance

    async def nothing_more(_self: Checkpoints, _connection: Any, _moves: Moves) -> None:
        return

    async def offsets_then_rows(self: Intake, steps: Any, flaws: Any) -> int:
        moves = {each.batch.partition: (each.standing.stored, each.after) for each in steps}
        async with self._reads.transaction() as connection:
            await advance(self._checkpoints, connection, moves)
        return await write(self, steps, flaws)

    store_places = Intake.store_places

    async def store(self: Intake) -> None:
        moved = {
            partition: (standing.stored, standing.place)
            for partition, standing in self._standings.items()
            if standing.place != standing.stored
        }
        async with self._reads.transaction() as connection:
            await advance(self._checkpoints, connection, moved)
        await store_places(self)

    Checkpoints.advance = nothing_more  # type: ignore[method-assign, assignment]
    Intake._write = offsets_then_rows  # type: ignore[method-assign]
    Intake.store_places = store  # type: ignore[method-assign]


def watch_by_the_wall_clock() -> None:
    """As if everything that was recorded had been applied."""

    async def now(_self: ScaledHosting, _runner: Any) -> datetime:
        moment = datetime.now(UTC)
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    ScaledHosting._known_until = now  # type: ignore[method-assign, assignment]


def advance_before_the_acknowledgement() -> None:
    """The relay's checkpoint moves when a batch is on its way."""

    async def step(self: LogRelay) -> int:
        await self._check_topic()
        await self.partitions.keep()
        heads = await self._heads_and_ticks()
        batches = await self._batches(heads)
        sending = await self._messages(batches)
        messages = [(lease.partition, list(sent)) for lease, sent in sending]
        await self.partitions.advance({each: len(events) for each, events in batches.items()})
        for partition, sent in messages:
            await self._outlet.send(self.topic, partition, sent)
        return sum(map(len, batches.values()))

    LogRelay.step = step  # type: ignore[method-assign]


MUTANTS: dict[str, Callable[[], None]] = {
    "plain-upsert-of-offsets": upsert_offsets,
    "no-fencing": do_not_fence,
    "offsets-before-rows": commit_offsets_first,
    "watch-on-the-wall-clock": watch_by_the_wall_clock,
    "relay-advances-first": advance_before_the_acknowledgement,
}


if __name__ == "__main__":
    MUTANTS[os.environ[VARIABLE]]()
    main()
