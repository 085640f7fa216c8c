"""Following the made-up staff: subscriptions on it, and what its tables hold."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, select

from shared.command_handling import Run, Step, derived_id
from shared.envelope import EncodedEvent
from shared.event_store import Append
from shared.ports import Ports
from shared.projecting import ReadModel, RowReadModel
from shared.read_store import CHECKPOINTS, DEAD_LETTERS, PARKED_STREAMS
from shared.subscription import Feed, Reaction, Subscription
from tests.shared.installation import TENANT, context
from tests.shared.staff import NOW, STAFF, Command, StaffRow, headcount_model


async def following(ports: Ports, target: ReadModel | Reaction | None = None) -> Subscription:
    """A subscription as a process makes it when it starts; by default of the headcount."""
    target = target or headcount_model()
    own = () if isinstance(target, Reaction) else target.tables
    await ports.read_store.create_tables([CHECKPOINTS, PARKED_STREAMS, DEAD_LETTERS, *own])
    subscription = Subscription(target, Feed(ports.event_store, ports.codec), ports.read_store)
    ports.progress.follow([subscription])
    return subscription


async def catch_up(subscription: Subscription) -> None:
    while await subscription.step():
        continue


async def happen(ports: Ports, *commands: Command) -> None:
    """Commands one after the other, an event id each, all in one log order."""
    handling = ports.commands("directory")
    head = await ports.event_store.head("directory", 0)
    for number, command in enumerate(commands):
        step = Step(command, context(), derived_id("happened", head, number))
        [[refused]] = await handling.handle_runs(STAFF, [Run(command.person_id, [step])])
        assert refused is None, refused


async def append_unreadable(
    ports: Ports, person_id: str, version: int, type_name: str = "directory.unheard_of.v1"
) -> None:
    """An event that says nothing of what it should, at the end of the person's stream; by default
    of a type that nobody declared."""
    event_id = derived_id("unreadable", person_id, version)
    event = EncodedEvent(event_id, type_name, 1, b"{}", context().envelope())
    stream = f"{TENANT}/person/{person_id}"
    await ports.event_store.append([Append("directory", stream, version, [event])])


async def rows_of(ports: Ports, table: Table) -> list[dict[str, Any]]:
    async with ports.read_store.reading() as connection:
        found = (await connection.execute(select(table).order_by(*table.primary_key))).mappings()
        return [dict(row) for row in found]


async def contents_of(ports: Ports, model: ReadModel) -> list[list[tuple[Any, ...]]]:
    """Everything that a rebuild must reproduce."""
    found = []
    async with ports.read_store.reading() as connection:
        for content in model.contents:
            rows = await connection.execute(content.rows)
            found.append(sorted(tuple(row) for row in rows))
    return found


async def staff_rows(ports: Ports, model: RowReadModel[StaffRow]) -> dict[str, StaffRow]:
    return {row["key"]: model.decode(row["body"]) for row in await rows_of(ports, model.rows)}


async def headcounts(ports: Ports, model: RowReadModel[StaffRow]) -> Sequence[tuple[str, int, int]]:
    """(unit, milliseconds since the first day, amount), ordered."""
    async with ports.read_store.reading() as connection:
        rows = await connection.execute(model.contents[1].rows)
        start = int(NOW.timestamp() * 1000)
        return sorted((row.unit_id, row.at - start, row.amount) for row in rows)


async def letters_of(ports: Ports, subscription: Subscription) -> list[tuple[str, int, str]]:
    """(stream, offset, reason) of what the subscription could not fold."""
    return [
        (row["stream"], row["log_offset"], row["reason"])
        for row in await rows_of(ports, DEAD_LETTERS)
        if row["subscription"] == subscription.name
    ]
