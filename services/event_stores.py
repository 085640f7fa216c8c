"""Host: the event store that the settings name."""

from collections.abc import Sequence
from uuid import uuid4  # noqa: TID251  # the host is where chance comes from

from shared.adapters.kurrentdb_event_store import (
    KurrentDbEventStore,
    open_kurrentdb_event_store,
)
from shared.adapters.postgres_event_store import PostgresEventStore, open_postgres_event_store
from shared.clock import Clock
from shared.settings import ScaledSettings


async def open_event_store(
    scaled: ScaledSettings, logs: Sequence[str], clock: Clock
) -> PostgresEventStore | KurrentDbEventStore:
    """Opened also while its server is away. Raises PartitionsAreFixed, ValueError."""
    if scaled.is_on_kurrentdb:
        return await open_kurrentdb_event_store(scaled.events_url, logs, clock, lambda: uuid4().hex)
    return await open_postgres_event_store(scaled.events_url, logs, clock, scaled.partitions)
