"""What the store's log brings back: read models folded again beside the kept ones and compared or
put in their place, and reactions that fell behind."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import structlog
from sqlalchemy import Select, Table, and_, delete, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.checkpoints import Fenced
from shared.gathering import CannotBeGathered, Gathering
from shared.ports import Ports
from shared.projecting import AT_ONCE, Content, ReadModel, RowReadModel
from shared.reaction import Reaction
from shared.read_store import CHECKPOINTS, DEAD_LETTERS, METADATA, PARKED_STREAMS
from shared.subscription import Feed, Kept, Subscription

LOG = structlog.get_logger(__name__)

_BESIDE = "_beside"
_DIFFERENCES_TOLD = 100

Progress = Callable[[int, int], None]
"""Told how many events were folded, of how many."""


class Difference(NamedTuple):
    """A row that a rebuild does not reproduce; None on the side where it is missing."""

    table: str
    key: Mapping[str, Any]
    kept: Mapping[str, Any] | None
    rebuilt: Mapping[str, Any] | None

    def __str__(self) -> str:
        where = f"{self.table} {' '.join(str(part) for part in self.key.values() if part != '')}"
        if self.kept is None:
            return f"{where}: missing from the kept one"
        if self.rebuilt is None:
            return f"{where}: only in the kept one"
        differing = [name for name in self.kept if self.kept[name] != self.rebuilt[name]]
        return f"{where}: differs in {', '.join(differing)}"


def _nobody_asks(_folded: int, _total: int) -> None:
    return


async def rebuild(
    ports: Ports, read_model: ReadModel, *, compare: bool, progress: Progress = _nobody_asks
) -> list[Difference]:
    """Fold the whole log into tables of its own.

    With `compare` the kept read model stays and the first differences from it are answered. Without
    it the new contents, checkpoint and parked streams take the place of the kept ones in one
    transaction; what the watch knows stays, and it looks at every subject again. Killed anywhere
    and repeated it begins anew; until the end nobody sees anything of it.
    """
    kept = ports.progress.subscriptions[read_model.name]
    beside = read_model.beside()
    feed = Feed(ports.event_store, ports.codec, reads=read_model.reads)
    building = Subscription(beside, feed, ports.read_store, suffix=_BESIDE)
    await _begin_anew(ports, building.name, beside.tables)
    try:
        end = await _end(ports, kept, compare=compare)
        if isinstance(beside, RowReadModel):
            try:
                await Gathering(beside, feed, ports.read_store, building.name).gather(end, progress)
            except CannotBeGathered as flaw:
                LOG.info("rebuilt_batch_by_batch", read_model=read_model.name, why=str(flaw))
                await _begin_anew(ports, building.name, beside.tables)
        while await building.step(end):
            folded = [await building.position(partition) for partition in range(len(end))]
            progress(sum(folded), sum(end))
        async with kept.standing_still() as transaction:
            end = await _end(ports, kept, compare=compare)
            while await building.step(end):
                continue
            if compare:
                return await _differences(ports, read_model.contents, beside.contents)
            async with transaction() as connection:
                await _take_the_place(connection, read_model, beside, (kept.name, building.name))
            return []
    finally:
        await _clear(ports, building.name, beside.tables)


async def take_from_the_log(
    ports: Ports, reaction: Reaction, *, progress: Progress = _nobody_asks
) -> int:
    """What has not been taken yet, up to the head, as far as the store knows it and not Kafka: how
    many events that were. Nothing is left out; with a worker beside it some may be taken twice,
    which reactions recognise. Killed anywhere it goes on when it is repeated."""
    kept = ports.progress.subscriptions[reaction.name]
    if isinstance(kept, Subscription):
        behind = kept
    else:
        feed = Feed(ports.event_store, ports.codec, reads=reaction.reads)
        behind = Subscription(reaction, feed, ports.read_store)
    partitions = range(ports.event_store.partitions)
    end = [await ports.event_store.head(reaction.log, partition) for partition in partitions]

    async def position() -> int:
        return sum([await behind.position(partition) for partition in partitions])

    begun, is_at_the_end = await position(), False
    while not is_at_the_end:
        try:
            is_at_the_end = not await behind.step(end)
            if is_at_the_end:
                await behind.store_place()
        except Fenced as moved:
            LOG.info("taken_by_a_worker", reaction=reaction.name, why=str(moved))
            behind.forget()
        progress(await position() - begun, sum(end) - begun)
    return await position() - begun


async def _end(ports: Ports, kept: Kept, *, compare: bool) -> list[int]:
    """Per partition where to stop: at the head, or where the one compared with stands."""
    store = ports.event_store
    partitions = range(store.partitions)
    if compare:
        return [await kept.position(partition) for partition in partitions]
    return [await store.head(kept.log, partition) for partition in partitions]


async def _begin_anew(ports: Ports, name: str, tables: Sequence[Table]) -> None:
    """What an earlier one left when it was killed may come of other code."""
    async with ports.read_store.transaction() as connection:
        await connection.run_sync(lambda sync: METADATA.drop_all(sync, tables=list(tables)))
        await _forget(connection, name)
    await ports.read_store.create_tables(tables)


async def _clear(ports: Ports, name: str, tables: Sequence[Table]) -> None:
    async with ports.read_store.transaction() as connection:
        await _forget(connection, name)
    await ports.read_store.drop_tables(tables)


async def _forget(connection: AsyncConnection, name: str) -> None:
    for table in (CHECKPOINTS, PARKED_STREAMS, DEAD_LETTERS):
        await connection.execute(delete(table).where(table.c.subscription == name))


async def _take_the_place(
    connection: AsyncConnection, read_model: ReadModel, beside: ReadModel, names: tuple[str, str]
) -> None:
    kept_name, built_name = names
    for kept, built in zip(read_model.tables, beside.tables, strict=True):
        if "due_at" in kept.columns:
            await _have_looked_at_again(connection, kept, built)
        else:
            await connection.execute(delete(kept))
            await _copy(connection, kept, select(built))
    for table in (PARKED_STREAMS, DEAD_LETTERS):
        await connection.execute(delete(table).where(table.c.subscription == kept_name))
    await _move_on(connection, kept_name, built_name)
    for table in (CHECKPOINTS, PARKED_STREAMS, DEAD_LETTERS):
        await connection.execute(
            update(table).where(table.c.subscription == built_name).values(subscription=kept_name)
        )


async def _move_on(connection: AsyncConnection, kept_name: str, built_name: str) -> None:
    """To where the built one stands. Where a source goes on, and its clock, stay: what it brings
    again is skipped. Whoever follows finds the epoch changed."""
    kept, built = CHECKPOINTS.alias("kept"), CHECKPOINTS.alias("built")
    pairs = (
        select(kept.c.partition, kept.c.log_id, built.c.log_id, built.c.next_offset)
        .join_from(kept, built, kept.c.partition == built.c.partition)
        .where(kept.c.subscription == kept_name, built.c.subscription == built_name)
    )
    for partition, former, log_id, next_offset in (await connection.execute(pairs)).all():
        moved: dict[str, Any] = {"log_id": log_id, "next_offset": next_offset}
        if former != log_id:
            moved |= {"source_offset": None, "recorded_until": None}
        row = and_(CHECKPOINTS.c.partition == partition, CHECKPOINTS.c.subscription == kept_name)
        epoch = CHECKPOINTS.c.epoch + 1
        await connection.execute(update(CHECKPOINTS).where(row).values(epoch=epoch, **moved))
        row = and_(CHECKPOINTS.c.partition == partition, CHECKPOINTS.c.subscription == built_name)
        await connection.execute(delete(CHECKPOINTS).where(row))


async def _have_looked_at_again(connection: AsyncConnection, kept: Table, built: Table) -> None:
    """The signals that the watch knows of stay: they cannot be folded from this log."""
    same = and_(*(kept.c[key.name] == built.c[key.name] for key in kept.primary_key))
    await _copy(connection, kept, select(built).where(~exists().where(same)))
    await connection.execute(update(kept).values(due_at=AT_ONCE))


async def _copy(connection: AsyncConnection, table: Table, rows: Select[Any]) -> None:
    names = [column.name for column in table.columns]
    await connection.execute(insert(table).from_select(names, rows))


async def _differences(
    ports: Ports, kept: Sequence[Content], built: Sequence[Content]
) -> list[Difference]:
    found: list[Difference] = []
    async with ports.read_store.reading() as connection:
        for here, there in zip(kept, built, strict=True):
            keys: set[tuple[Any, ...]] = set()
            for one, other in ((here, there), (there, here)):
                differing = one.rows.except_(other.rows)
                for row in (await connection.execute(differing)).mappings():
                    keys.add(tuple(row[name] for name in one.key))
            for key in sorted(keys):
                difference = await _difference(connection, here, there, key)
                if difference is not None:
                    found.append(difference)
                if len(found) == _DIFFERENCES_TOLD:
                    return found
    return found


async def _difference(
    connection: AsyncConnection, here: Content, there: Content, key: tuple[Any, ...]
) -> Difference | None:
    kept, built = [await _row(connection, content, key) for content in (here, there)]
    if kept is not None and kept == built:
        return None
    return Difference(here.name, dict(zip(here.key, key, strict=True)), kept, built)


async def _row(
    connection: AsyncConnection, content: Content, key: Iterable[Any]
) -> dict[str, Any] | None:
    rows = content.rows.subquery()
    same = and_(*(rows.c[name] == value for name, value in zip(content.key, key, strict=True)))
    found = (await connection.execute(select(rows).where(same))).mappings().one_or_none()
    if found is None:
        return None
    row = dict(found)
    if content.decode is not None:
        row["body"] = content.decode(row["body"])
    return row
