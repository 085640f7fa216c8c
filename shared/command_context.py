"""Who commands, when and why; ids that are the same whenever the same thing is said again."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha1
from uuid import UUID

from shared.envelope import Envelope, Origin, RecordedEvent

OUR_IDS = UUID("6d0d6bb2-3c0e-5f0a-9d5c-0b1f6a7c2e11")
"""Namespace of every id that we derive; never changed, since repeats must meet the first."""
_OUR_IDS_AS_BYTES = OUR_IDS.bytes
_WITHOUT_VERSION = ~(0xF000 << 64 | 0xC000 << 48)
_VERSION_5 = 5 << 76 | 0x8000 << 48


def derived_id(*parts: str | int) -> UUID:
    """uuid5 of the parts: the same id whenever the same thing is said again."""
    named = _OUR_IDS_AS_BYTES + "\x1f".join(map(str, parts)).encode()
    number = int.from_bytes(sha1(named, usedforsecurity=False).digest()[:16])
    return UUID(int=number & _WITHOUT_VERSION | _VERSION_5)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandContext:
    """Who commands, when it happened and why; what idempotency and `If-Match` need.

    `is_shown_state`: is the new state part of the answer? To lines of a batch it is not.
    """

    tenant_id: str
    actor_id: str | None
    occurred_at: datetime
    correlation_id: str
    caller: str = "system"
    origin: str = Origin.LIVE
    causation_id: str | None = None
    idempotency_key: str | None = None
    digest: bytes = b""
    expected_version: int | None = None
    raw_occurred_at: datetime | None = None
    sent_at: datetime | None = None
    entered_at: datetime | None = None
    trace_context: str | None = None
    is_shown_state: bool = True

    @property
    def command_id(self) -> str | None:
        return None if self.idempotency_key is None else f"{self.caller}:{self.idempotency_key}"

    def envelope(self) -> Envelope:
        return Envelope(
            tenant_id=self.tenant_id,
            actor_id=self.actor_id,
            occurred_at=self.occurred_at,
            origin=self.origin,
            correlation_id=self.correlation_id,
            causation_id=self.causation_id,
            command_id=self.command_id,
            raw_occurred_at=self.raw_occurred_at,
            sent_at=self.sent_at,
            entered_at=self.entered_at,
            trace_context=self.trace_context,
        )

    def given_id(self, kind: str) -> str:
        """An id that we give, derived so that a repeated creation meets its own stream."""
        return str(derived_id(self.tenant_id, self.caller, self.idempotency_key or "", kind))


def caused_by(recorded: RecordedEvent, reaction: str, number: int = 0) -> CommandContext:
    """Context of a command that a reaction sends because of an event: repeated, it is recognised.

    It happens when the event was recorded; origin and correlation are the event's.
    """
    stored = recorded.stored
    return CommandContext(
        tenant_id=stored.tenant_id,
        actor_id=None,
        occurred_at=stored.recorded_at,
        correlation_id=stored.correlation_id,
        caller=reaction,
        origin=stored.origin,
        causation_id=str(stored.event_id),
        idempotency_key=f"{stored.event_id}:{number}",
        trace_context=stored.trace_context,
    )
