"""Host: all services in one process on SQLite."""

import os
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from services.directory import app as directory
from services.identity import identity_provider
from services.leads import app as leads
from services.notifications import app as notifications
from services.opportunities import app as opportunities
from services.projections import app as projections
from services.scoring import app as scoring
from shared.adapters.file_key_store import FileKeyStore
from shared.adapters.local_object_store import LocalObjectStore
from shared.adapters.sqlite_event_store import SqliteEventStore
from shared.adapters.sqlite_read_store import open_sqlite_read_store
from shared.clock import Clock, wall_clock  # noqa: TID251  # the host has the clock
from shared.codec import Codec
from shared.data_folder import DataFolder
from shared.hosting import Hosting
from shared.organisations import Organisations
from shared.outbound import Outbound
from shared.ports import Ports
from shared.progress import Progress
from shared.service import Service
from shared.settings import InstallationSettings

LOGS = ("directory", "leads", "opportunities", "scoring", "projections", "notifications")


def build(ports: Ports) -> Sequence[Service]:
    return (
        directory.build(ports),
        leads.build(ports),
        opportunities.build(ports),
        scoring.build(ports),
        projections.build(ports),
        notifications.build(ports),
    )


@asynccontextmanager
async def open_embedded(
    path: Path, *, clock: Clock = wall_clock, settings: InstallationSettings | None = None
) -> AsyncIterator[Hosting]:
    """The system on a data folder, held for as long as this lasts; nothing runs by itself yet.

    Raises FolderInUse, DataIsNewer, OSError.
    """
    folder = DataFolder(path)
    folder.acquire()
    try:
        keys = FileKeyStore(folder.keys)
        reads = open_sqlite_read_store(folder.read_models)
        store = SqliteEventStore(folder.events, LOGS, clock, lambda: uuid.uuid4().hex)  # noqa: TID251
        chosen = settings or InstallationSettings()
        codec = Codec(keys)
        ports = Ports(
            event_store=store,
            read_store=reads,
            key_store=keys,
            object_store=LocalObjectStore(folder.objects),
            codec=codec,
            clock=clock,
            new_id=uuid.uuid4,  # noqa: TID251  # the host is where chance comes from
            random_bytes=os.urandom,
            settings=chosen,
            organisations=Organisations(store, codec),
            progress=Progress(store),
            outbound=Outbound(allowed_hosts=frozenset(chosen.allowed_outbound_hosts)),
            identity_provider=identity_provider(clock),
        )
        hosting = Hosting(ports, build(ports), folder)
        try:
            await hosting.create_tables()
            yield hosting
        finally:
            await hosting.stop()
            await reads.close()
            await store.close()
            keys.close()
    finally:
        folder.release()
