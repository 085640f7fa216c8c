"""Steps and the messages that tell them lie in partitions of their own: their order decides
nothing of who is yet to be told."""

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from services.notifications.queries.pending_notices import OUT, PENDING_NOTICES
from services.notifications.queries.ready_notices import (
    Recipient,
    Settled,
    last_letters,
    notices_for,
    ready_recipients,
    settle,
)
from shared.adapters.migrations import migrate_read_store
from shared.adapters.postgres_read_store import open_postgres_read_store
from shared.adapters.sqlite_read_store import open_sqlite_read_store
from shared.envelope import RecordedEvent, StoredEvent
from shared.events.notifications import EscalationStepReached, MessageQueued
from shared.read_store import ReadStore

AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MANAGER = Recipient("acme", "boss", OUT)

FIRST, SECOND = 1, 4
"""Versions of the escalation's stream."""


def recorded(event: Any, version: int) -> RecordedEvent:
    stored = StoredEvent(
        log="notifications",
        partition=0,
        offset=0,
        stream="acme/escalation/E1",
        version=version,
        event_id=UUID(int=version),
        type="",
        schema_version=1,
        tenant_id="acme",
        actor_id=None,
        occurred_at=AT,
        raw_occurred_at=None,
        sent_at=None,
        entered_at=None,
        origin="live",
        recorded_at=AT,
        correlation_id="",
        causation_id=None,
        command_id=None,
        trace_context=None,
        payload=b"",
        hash=b"",
    )
    return RecordedEvent(event, stored)


def reached(version: int) -> RecordedEvent:
    step = EscalationStepReached(
        escalation_id="E1",
        level=version,
        person_ids=("boss",),
        channels=("email",),
        reached_at=AT,
    )
    return recorded(step, version)


def told(version: int) -> RecordedEvent:
    message = MessageQueued(
        message_id=f"M{version}",
        person_id="boss",
        subject="person/boss",
        channels=("the-mail",),
        escalation_ids=("E1",),
        step_versions=(version,),
        letter=version,
        language="en",
        title="",
        body="",
        urgency=version,
        not_before=AT,
        expires_at=AT + timedelta(days=1),
        queued_at=AT,
    )
    return recorded(message, 0)


def orders(*happened: RecordedEvent) -> Iterator[Sequence[RecordedEvent]]:
    """All in which the steps come as they were reached."""
    for order in permutations(happened):
        versions = [e.stored.version for e in order if e.stored.version]
        if versions == sorted(versions):
            yield order


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def store(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[ReadStore]:
    if request.param == "sqlite":
        opened = open_sqlite_read_store(tmp_path / "read_models.db")
    else:
        database = request.getfixturevalue("database")
        await migrate_read_store(database)
        opened = open_postgres_read_store(database)
    await opened.create_tables(PENDING_NOTICES.tables)
    yield opened
    await opened.close()


async def pending_after(store: ReadStore, *batches: Sequence[RecordedEvent]) -> list[int]:
    """By which step the manager is yet to be told; the table is new."""
    async with store.transaction() as connection:
        await connection.execute(PENDING_NOTICES.table.delete())
        await connection.execute(PENDING_NOTICES.letters.delete())
        for batch in batches:
            await PENDING_NOTICES.apply(connection, batch)
    ready = await ready_recipients(store, AT, 10)
    found = (await notices_for(store, [MANAGER]))[MANAGER]
    assert ready == ([MANAGER] if found else [])
    letters = [
        each.event.letter or 0 for batch in batches for each in batch if not each.stored.version
    ]
    assert (await last_letters(store, [MANAGER]))[MANAGER] == max(letters, default=0)
    return [notice.version for notice in found]


@pytest.mark.parametrize(
    ("happened", "pending"),
    [
        ((reached(FIRST), told(FIRST)), []),
        ((reached(FIRST), reached(SECOND), told(FIRST)), [SECOND]),
        ((reached(FIRST), reached(SECOND), told(FIRST), told(SECOND)), []),
        ((reached(FIRST), reached(SECOND), told(SECOND)), []),
        ((reached(FIRST), reached(SECOND)), [SECOND]),
    ],
)
async def test_who_is_yet_to_be_told_does_not_depend_on_which_partition_comes_first(
    store: ReadStore, happened: Sequence[RecordedEvent], pending: list[int]
) -> None:
    for order in orders(*happened):
        assert await pending_after(store, order) == pending
        assert await pending_after(store, *([each] for each in order)) == pending
        assert await pending_after(store, order, order) == pending


async def test_a_notice_that_was_settled_comes_again_with_the_next_step_only(
    store: ReadStore,
) -> None:
    await pending_after(store, [reached(FIRST)])
    [notice] = (await notices_for(store, [MANAGER]))[MANAGER]
    await settle(store, [Settled(MANAGER, [], [(notice, AT + timedelta(hours=1))])])
    assert await ready_recipients(store, AT, 10) == []
    async with store.transaction() as connection:
        await PENDING_NOTICES.apply(connection, [reached(SECOND)])
    await settle(store, [Settled(MANAGER, [notice], [])])
    [later] = (await notices_for(store, [MANAGER]))[MANAGER]
    assert later.version == SECOND
