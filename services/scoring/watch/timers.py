"""What is due of a read model's rows, and when to look at each of them again."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, select

from shared.arming import AT_ONCE, hold
from shared.clock import milliseconds
from shared.ports import Ports
from shared.projecting import RowReadModel


class Due(NamedTuple):
    """`watched_until`: in milliseconds, 0 where never looked at. `is_new`: new or changed since,
    not only due by its time. `body` and `row` None: gone."""

    key: str
    watched_until: int
    is_new: bool
    body: bytes | None
    row: Any


async def due_rows(
    ports: Ports, model: RowReadModel[Any], tenant_id: str, clock: datetime, at_once: int
) -> Sequence[Due]:
    """The earliest first."""
    timers, rows = model.deadlines, model.rows
    same = (timers.c.tenant_id == rows.c.tenant_id) & (timers.c.key == rows.c.key)
    query = (
        select(timers.c.key, timers.c.watched_until, timers.c.due_at, rows.c.body)
        .join_from(timers, rows, same, isouter=True)
        .where(timers.c.tenant_id == tenant_id, timers.c.due_at < milliseconds(clock))
        .order_by(timers.c.due_at, timers.c.key)
        .limit(at_once)
    )
    async with ports.read_store.reading() as connection:
        found = (await connection.execute(query)).all()
    return [
        Due(
            key,
            until,
            not until or due_at < until,
            body,
            None if body is None else model.decode(body),
        )
        for key, until, due_at, body in found
    ]


async def look_again(
    ports: Ports,
    model: RowReadModel[Any],
    tenant_id: str,
    due: Sequence[Due],
    next_at: Mapping[str, int],
    clock: datetime,
) -> None:
    """After what was found is said: killed in between, it is found again to no effect. What has
    changed meanwhile is looked at at once. `next_at` in milliseconds by key."""
    timers, rows = model.deadlines, model.rows
    statement = (
        timers.update()
        .where(timers.c.tenant_id == tenant_id, timers.c.key == bindparam("of_key"))
        .values(due_at=bindparam("next_due_at"), watched_until=milliseconds(clock))
    )
    keys = [each.key for each in due]
    bodies = select(rows.c.key, rows.c.body).where(
        rows.c.tenant_id == tenant_id, rows.c.key.in_(keys)
    )
    async with ports.read_store.transaction() as connection:
        await hold(connection, timers, tenant_id, keys)
        found = await connection.execute(bodies)
        now_stored: dict[str, bytes] = {key: body for key, body in found}  # noqa: C416  # typed
        again = [
            {
                "of_key": each.key,
                "next_due_at": (
                    next_at[each.key] if now_stored.get(each.key) == each.body else AT_ONCE
                ),
            }
            for each in due
        ]
        await connection.execute(statement, again)
