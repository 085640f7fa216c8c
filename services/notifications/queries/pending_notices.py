"""Who is yet to be told of which escalation: from the step reached until its message is queued."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    String,
    Table,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from services.notifications.domain.message_list import INBOX
from services.notifications.queries.read_models import LOG_NAME
from shared.bulk_writing import merge
from shared.clock import milliseconds
from shared.envelope import RecordedEvent
from shared.events.notifications import EscalationStepReached, MessageQueued
from shared.projecting import Content, Flaw
from shared.read_store import METADATA

OUT = "out"
"""The way of everything but the inbox: one message over the first channel that takes it."""


def _table(name: str) -> Table:
    if name in METADATA.tables:
        return METADATA.tables[name]
    return Table(
        name,
        METADATA,
        Column("tenant_id", String(64), primary_key=True),
        Column("person_id", String(64), primary_key=True),
        Column("way", String(8), primary_key=True),
        Column("escalation_id", String(64), primary_key=True),
        Column("level", Integer, nullable=False),
        Column("version", BigInteger, nullable=False),
        Column("told_version", BigInteger, nullable=False),
        Column("channels", String, nullable=False),
        Column("beside_inbox", Integer, nullable=False),
        Column("reached_at", BigInteger, nullable=False),
        # None where the step has been told.
        Column("ready_at", BigInteger, nullable=True),
        Index(f"{name}_ready", "ready_at"),
    )


def _letters_table(name: str) -> Table:
    if name in METADATA.tables:
        return METADATA.tables[name]
    return Table(
        name,
        METADATA,
        Column("tenant_id", String(64), primary_key=True),
        Column("person_id", String(64), primary_key=True),
        Column("way", String(8), primary_key=True),
        Column("last_letter", BigInteger, nullable=False),
    )


@dataclass(frozen=True)
class PendingNotices:
    """A step reached adds its people, a message queued tells what it holds. Steps and messages
    stand in partitions of their own, so a message may come before the step that it tells: what
    was told is kept too."""

    suffix: str = ""

    log = LOG_NAME
    version = 1

    @property
    def name(self) -> str:
        return f"{LOG_NAME}.pending_notices{self.suffix}"

    @property
    def reads(self) -> tuple[type[Any], ...]:
        return (object,)

    @property
    def table(self) -> Table:
        return _table(f"{LOG_NAME}_pending_notices_v{self.version}{self.suffix}")

    @property
    def letters(self) -> Table:
        """The number of the last letter to each recipient."""
        return _letters_table(f"{LOG_NAME}_letters_v{self.version}{self.suffix}")

    @property
    def tables(self) -> Sequence[Table]:
        return (self.table, self.letters)

    @property
    def contents(self) -> Sequence[Content]:
        """None: what nobody has to be told of any more is taken away without an event."""
        return ()

    def beside(self) -> "PendingNotices":
        return PendingNotices("_beside")

    async def apply(
        self, connection: AsyncConnection, events: Sequence[RecordedEvent]
    ) -> list[Flaw]:
        """In one order everywhere, so that workers do not wait for each other."""
        notices: dict[_Key, dict[str, Any]] = {}
        last_letters: dict[_Key, int] = {}
        for recorded in events:
            tenant_id = recorded.tenant_id
            match recorded.event:
                case EscalationStepReached() as reached:
                    rows = _reached_rows(tenant_id, reached, recorded.stored.version)
                case MessageQueued() as queued if queued.person_id and queued.letter:
                    rows = _told_rows(tenant_id, queued.person_id, queued)
                    recipient = (tenant_id, queued.person_id, _way(queued))
                    last_letters[recipient] = max(last_letters.get(recipient, 0), queued.letter)
                case _:
                    continue
            for row in rows:
                key = tuple(row[name] for name in _KEYS)
                notices[key] = _together(notices[key], row) if key in notices else row
        merged = [notices[key] for key in sorted(notices)]
        changes = {name: sql.format(kept=self.table.name) for name, sql in _TOGETHER.items()}
        await merge(connection, self.table, merged, changes)
        numbered = [
            {"tenant_id": tenant_id, "person_id": person_id, "way": way, "last_letter": letter}
            for (tenant_id, person_id, way), letter in sorted(last_letters.items())
        ]
        changes = {"last_letter": _LATER_LETTER.format(kept=self.letters.name)}
        await merge(connection, self.letters, numbered, changes)
        return []

    async def refold(
        self, connection: AsyncConnection, events: Sequence[RecordedEvent]
    ) -> list[Flaw]:
        """What was told is known beside it."""
        return await self.apply(connection, events)

    async def mark_incomplete(
        self, connection: AsyncConnection, events: Sequence[RecordedEvent]
    ) -> None:
        """A notice lacks nothing: it is there or it is not."""


_Key = tuple[Any, ...]
_KEYS = ("tenant_id", "person_id", "way", "escalation_id")
_NEVER = -1
_OF_THE_STEP = ("level", "version", "channels", "beside_inbox", "reached_at")


def _together(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The later step, untold unless it or a later one was told."""
    later = max(one, other, key=lambda row: int(row["version"]))
    told_version = max(one["told_version"], other["told_version"])
    is_told = told_version >= later["version"]
    return later | {
        "told_version": told_version,
        "ready_at": None if is_told else later["ready_at"],
    }


_IS_LATER = 'excluded."version" > "{kept}"."version"'
_TOGETHER = {
    **{
        name: f'CASE WHEN {_IS_LATER} THEN excluded."{name}" ELSE "{{kept}}"."{name}" END'
        for name in _OF_THE_STEP
    },
    "told_version": (
        'CASE WHEN excluded."told_version" > "{kept}"."told_version"'
        ' THEN excluded."told_version" ELSE "{kept}"."told_version" END'
    ),
    "ready_at": (
        f'CASE WHEN {_IS_LATER} AND excluded."version" > "{{kept}}"."told_version"'
        ' THEN excluded."ready_at"'
        f' WHEN NOT {_IS_LATER} AND "{{kept}}"."version" > excluded."told_version"'
        ' THEN "{kept}"."ready_at" END'
    ),
}
"""The same in the database: partitions of two workers may change a row at the same time."""
_LATER_LETTER = (
    'CASE WHEN excluded."last_letter" > "{kept}"."last_letter"'
    ' THEN excluded."last_letter" ELSE "{kept}"."last_letter" END'
)


def _way(queued: MessageQueued) -> str:
    return INBOX if queued.channels == (INBOX,) else OUT


def _told_rows(tenant_id: str, person_id: str, queued: MessageQueued) -> list[dict[str, Any]]:
    """As they are where no step has come yet."""
    return [
        {
            "tenant_id": tenant_id,
            "person_id": person_id,
            "way": _way(queued),
            "escalation_id": escalation_id,
            "level": 0,
            "version": _NEVER,
            "told_version": version,
            "channels": "",
            "beside_inbox": 0,
            "reached_at": 0,
            "ready_at": None,
        }
        for escalation_id, version in zip(queued.escalation_ids, queued.step_versions, strict=True)
    ]


def _reached_rows(
    tenant_id: str, reached: EscalationStepReached, version: int
) -> list[dict[str, Any]]:
    others = tuple(channel for channel in reached.channels if channel != INBOX)
    ways = {INBOX: (INBOX,), OUT: others}
    in_inbox = INBOX in reached.channels
    return [
        {
            "tenant_id": tenant_id,
            "person_id": person_id,
            "way": way,
            "escalation_id": reached.escalation_id,
            "level": reached.level,
            "version": version,
            "told_version": _NEVER,
            "channels": "|".join(channels),
            "beside_inbox": int(in_inbox),
            "reached_at": milliseconds(reached.reached_at),
            "ready_at": milliseconds(reached.reached_at),
        }
        for person_id in reached.person_ids
        for way, channels in ways.items()
        if (way == OUT and others) or (way == INBOX and in_inbox)
    ]


PENDING_NOTICES = PendingNotices()
