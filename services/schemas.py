"""Host: the schemas of all services on PostgreSQL, and who may do what in them."""

from collections.abc import Mapping
from typing import NamedTuple

from shared.adapters.migrations import (
    grant_roles,
    migrate_event_stores,
    migrate_key_store,
    migrate_read_store,
)
from shared.adapters.postgres_schemas import KEYS_SCHEMA, READ_MODELS_SCHEMA, PartitionsAreFixed
from shared.settings import DatabasePasswords, ScaledSettings

__all__ = ["READERS", "Migrated", "PartitionsAreFixed", "migrate"]

READERS: Mapping[str, frozenset[str]] = {
    "directory": frozenset({"leads", "opportunities", "scoring", "projections", "notifications"}),
    "leads": frozenset({"directory", "notifications", "opportunities", "projections", "scoring"}),
    "opportunities": frozenset({"directory", "leads", "notifications", "projections", "scoring"}),
    "scoring": frozenset({"notifications", "projections"}),
    "projections": frozenset({"leads", "notifications"}),
    "notifications": frozenset({"projections"}),
}
"""Every log, with the services that read it beside its own: to follow it, to rebuild from it, or
to show it."""


class Migrated(NamedTuple):
    """`changed`: the schemas that were made or brought forward."""

    schemas: tuple[str, ...]
    changed: tuple[str, ...]


async def migrate(settings: ScaledSettings, passwords: DatabasePasswords) -> Migrated:
    """Made, brought forward, granted; again changes nothing.

    Raises StoreAway, and PartitionsAreFixed before anything was changed.
    """
    events, address = settings.events_url, settings.database_url.get_secret_value()
    changed: list[str] = []
    schemas: list[str] = []
    if events.startswith("postgres"):
        schemas += READERS
        changed += await migrate_event_stores(events, list(READERS), settings.log_partitions)
    schemas += [READ_MODELS_SCHEMA, KEYS_SCHEMA]
    if await migrate_read_store(address):
        changed.append(READ_MODELS_SCHEMA)
    if await migrate_key_store(address):
        changed.append(KEYS_SCHEMA)
    given = passwords.given()
    for url in dict.fromkeys((events, address)):
        if url.startswith("postgres"):
            await grant_roles(url, READERS, given)
    return Migrated(tuple(schemas), tuple(changed))
