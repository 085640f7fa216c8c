"""Streams that poison has parked: shown, tried again when the reason is mended, or given up."""

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Table, and_, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.envelope import RecordedEvent
from shared.errors import DomainError, NotFound
from shared.feed import Feed
from shared.ports import Ports
from shared.reaction import Reaction
from shared.read_model import Flaw
from shared.read_store import CHECKPOINTS, DEAD_LETTERS, PARKED_STREAMS
from shared.subscription import Kept


class DeadLetter(NamedTuple):
    subscription: str
    stream: str
    partition: int
    log_offset: int
    event_id: str
    reason: str
    discarded_by: str | None


class StillPoison(DomainError):
    """The stream cannot be applied yet: nothing was changed."""

    code = "still-poison"


async def dead_letters(ports: Ports) -> list[DeadLetter]:
    """By subscription and place in the log; those that were given up too."""
    table = DEAD_LETTERS
    query = select(table).order_by(table.c.subscription, table.c.partition, table.c.log_offset)
    async with ports.read_store.reading() as connection:
        return [
            DeadLetter(
                row.subscription,
                row.stream,
                row.partition,
                row.log_offset,
                str(UUID(bytes=row.event_id)),
                row.reason,
                row.discarded_by,
            )
            for row in await connection.execute(query)
        ]


async def retry(ports: Ports, subscription: str, stream: str) -> int:
    """Fold the stream again from its first event and replace its rows; a reaction gets the events
    that became dead letters. Answers how many letters are gone.

    Raises NotFound for a stream that is not parked, StillPoison.
    """
    kept = _followed(ports, subscription)
    async with kept.standing_still() as transaction:
        async with ports.read_store.reading() as connection:
            letters = await _letters(connection, kept.name, stream)
            events = await _events(ports, connection, kept, stream)
        if isinstance(kept.target, Reaction):
            _refuse(stream, await kept.target.take([e for e in events if _is_in(e, letters)]))
        async with transaction() as connection:
            if not isinstance(kept.target, Reaction):
                _refuse(stream, await kept.target.refold(connection, events))
            gone = delete(DEAD_LETTERS).where(_of(DEAD_LETTERS, kept.name, stream))
            await connection.execute(gone)
            await _unpark(connection, kept.name, stream)
    return len(letters)


def _refuse(stream: str, flaws: Sequence[Flaw]) -> None:
    if flaws:
        raise StillPoison(f"{stream}: {flaws[0].reason}")


async def discard(ports: Ports, subscription: str, stream: str, by: str) -> int:
    """Accept that these events will never be applied: the letters stay and say who did, the rows
    stay incomplete, and what comes later is applied again. Answers how many letters there are.

    Raises NotFound for a stream that is not parked.
    """
    kept = _followed(ports, subscription)
    async with kept.standing_still() as transaction, transaction() as connection:
        letters = await _letters(connection, kept.name, stream)
        given_up = update(DEAD_LETTERS).where(_of(DEAD_LETTERS, kept.name, stream))
        await connection.execute(given_up.values(discarded_by=by))
        await _unpark(connection, kept.name, stream)
    return len(letters)


def _followed(ports: Ports, subscription: str) -> Kept:
    for kept in ports.progress.subscriptions.values():
        if subscription in (kept.name, kept.target.name):
            return kept
    raise NotFound(f"subscription {subscription}")


def _of(table: Table, subscription: str, stream: str) -> ColumnElement[bool]:
    return and_(table.c.subscription == subscription, table.c.stream == stream)


async def _letters(
    connection: AsyncConnection, subscription: str, stream: str
) -> set[tuple[int, int]]:
    """Places in the log. Raises NotFound."""
    parked = select(PARKED_STREAMS).where(_of(PARKED_STREAMS, subscription, stream))
    if (await connection.execute(parked)).first() is None:
        raise NotFound(f"parked stream {stream} of {subscription}")
    table = DEAD_LETTERS
    query = select(table.c.partition, table.c.log_offset).where(
        _of(table, subscription, stream), table.c.discarded_by.is_(None)
    )
    return {(partition, offset) for partition, offset in await connection.execute(query)}


async def _events(
    ports: Ports, connection: AsyncConnection, kept: Kept, stream: str
) -> list[RecordedEvent]:
    """What the subscription has had of the stream. Raises StillPoison for what nobody can read."""
    feed = Feed(ports.event_store, ports.codec)
    table = CHECKPOINTS
    query = select(table.c.partition, table.c.next_offset).where(table.c.subscription == kept.name)
    places = {row.partition: row.next_offset for row in await connection.execute(query)}
    found: list[RecordedEvent] = []
    for stored in await ports.event_store.read_stream(stream):
        if stored.log != kept.log or stored.offset >= places.get(stored.partition, 0):
            continue
        read = feed.decoded(stored)
        if isinstance(read, Flaw):
            raise StillPoison(f"{stream}: {read.reason}")
        found.append(read)
    return found


def _is_in(recorded: RecordedEvent, letters: Collection[tuple[int, int]]) -> bool:
    return (recorded.stored.partition, recorded.stored.offset) in letters


async def _unpark(connection: AsyncConnection, subscription: str, stream: str) -> None:
    """Whoever follows finds the epoch changed and reads anew what is parked."""
    gone = delete(PARKED_STREAMS).where(_of(PARKED_STREAMS, subscription, stream))
    await connection.execute(gone)
    changed = update(CHECKPOINTS).where(CHECKPOINTS.c.subscription == subscription)
    await connection.execute(changed.values(epoch=CHECKPOINTS.c.epoch + 1))
