"""What people and units own follows them when they move: which of it, where to, and why (A9)."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, select

from shared.envelope import RecordedEvent
from shared.event_type import event_type_of
from shared.events.directory import PersonMoved
from shared.organisation import Organisation
from shared.ports import Ports
from shared.projecting import RowReadModel

_BATCH = 2_000
_IDS_A_QUERY = 500

Causes = Mapping[str, Mapping[str, RecordedEvent]]
"""By what is looked for (owner_id, unit_id …), who or what changed and by which event."""


def by_tenant(events: Iterable[RecordedEvent]) -> list[tuple[str, list[RecordedEvent]]]:
    tenants: dict[str, list[RecordedEvent]] = {}
    for recorded in events:
        tenants.setdefault(recorded.tenant_id, []).append(recorded)
    return list(tenants.items())


def causes_of(organisation: Organisation, moves: Sequence[RecordedEvent]) -> Causes:
    """`moves`: PersonMoved and UnitMoved, in their order. With a unit all below it moved."""
    causes: dict[str, dict[str, RecordedEvent]] = {"owner_id": {}, "unit_id": {}}
    for recorded in moves:
        if isinstance(recorded.event, PersonMoved):
            causes["owner_id"][recorded.event.person_id] = recorded
        else:
            moved = organisation.subtree(recorded.event.unit_id)
            causes["unit_id"].update(dict.fromkeys(moved, recorded))
    return causes


def latest_cause(causes: Causes, thing: Any) -> RecordedEvent | None:
    """The latest change of what this names: its owner, its unit …; None: another's."""
    found = [
        changed[value]
        for name, changed in causes.items()
        if (value := getattr(thing, name)) in changed
    ]
    return max(found, key=lambda each: each.stored.offset, default=None)


def place_now(
    organisation: Organisation, owner_id: str | None, unit_id: str
) -> tuple[str, tuple[str, ...]]:
    """The owner's unit and its path as the tree stands; without an owner the unit's own."""
    owners = organisation.unit_of(owner_id) if owner_id else None
    placed = owners or unit_id
    return placed, organisation.unit_path(placed)


async def listed(
    ports: Ports,
    model: RowReadModel[Any],
    tenant_id: str,
    causes: Causes,
    *conditions: ColumnElement[bool],
) -> set[str]:
    """Keys of the rows that name what changed, as far as the read model is."""
    found: set[str] = set()
    table = model.rows
    async with ports.read_store.reading() as connection:
        for column, changed in causes.items():
            wanted = sorted(changed)
            for start in range(0, len(wanted), _IDS_A_QUERY):
                query = select(table.c.key).where(
                    table.c.tenant_id == tenant_id,
                    table.c[column].in_(wanted[start : start + _IDS_A_QUERY]),
                    *conditions,
                )
                found.update((await connection.execute(query)).scalars())
    return found


async def unlisted(
    ports: Ports, model: RowReadModel[Any], tenant_id: str, placing: Collection[type[Any]]
) -> set[str]:
    """Ids of all that were placed after the read model was last brought up to date."""
    store = ports.event_store
    follower = ports.progress.subscriptions.get(model.name)
    types = {event_type_of(each).name for each in placing}
    found: set[str] = set()
    for partition in range(store.partitions):
        offset = 0 if follower is None else await follower.position(partition)
        while stored := await store.read_log(model.log, partition, offset, _BATCH):
            found.update(
                each.stream.rsplit("/", 1)[1]
                for each in stored
                if each.tenant_id == tenant_id and each.type in types
            )
            offset = stored[-1].offset + 1
    return found
