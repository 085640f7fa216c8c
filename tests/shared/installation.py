"""The ports of an embedded system in a folder, without any of the services on them."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

from shared.adapters.file_key_store import FileKeyStore
from shared.adapters.local_object_store import LocalObjectStore
from shared.adapters.postgres_read_store import open_postgres_read_store
from shared.adapters.sqlite_event_store import SqliteEventStore
from shared.adapters.sqlite_read_store import open_sqlite_read_store
from shared.clock import Clock
from shared.codec import Codec
from shared.command_handling import CommandContext
from shared.organisations import Organisations
from shared.outbound import Outbound
from shared.ports import Ports
from shared.progress import Progress
from shared.settings import InstallationSettings
from tests.shared.staff import NOW

LOGS = ("directory", "leads", "opportunities", "scoring", "projections", "notifications")
TENANT = "acme"


@asynccontextmanager
async def opened(
    folder: Path,
    *,
    clock: Clock = lambda: NOW,
    settings: InstallationSettings | None = None,
    read_models: str | None = None,
) -> AsyncIterator[Ports]:
    """`read_models`: the address of a database; unset: a file."""
    store = SqliteEventStore(folder / "events.db", LOGS, clock, lambda: uuid.uuid4().hex)
    keys = FileKeyStore(folder / "keys.db")
    if read_models is None:
        reads = open_sqlite_read_store(folder / "read_models.db")
    else:
        reads = open_postgres_read_store(read_models)
    codec = Codec(keys)
    try:
        yield Ports(
            event_store=store,
            read_store=reads,
            key_store=keys,
            object_store=LocalObjectStore(folder / "objects"),
            codec=codec,
            clock=clock,
            new_id=uuid.uuid4,
            random_bytes=lambda size: b"r" * size,
            settings=settings or InstallationSettings(),
            organisations=Organisations(store, codec),
            progress=Progress(store),
            outbound=Outbound(allowed_hosts=frozenset()),
        )
    finally:
        await reads.close()
        await store.close()
        keys.close()


def context(
    key: str | None = None,
    *,
    digest: bytes = b"d1",
    expected_version: int | None = None,
    occurred_at: datetime = NOW,
    tenant_id: str = TENANT,
) -> CommandContext:
    return CommandContext(
        tenant_id=tenant_id,
        actor_id="p1",
        caller="p1",
        occurred_at=occurred_at,
        correlation_id="c1",
        idempotency_key=key,
        digest=digest,
        expected_version=expected_version,
    )
