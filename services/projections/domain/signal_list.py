"""SIGNAL_LIST: every signal as the board `signals` shows it, folded from its own stream."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from services.projections.domain.signal import FactValue
from shared.clock import milliseconds
from shared.envelope import RecordedEvent
from shared.errors import PoisonMessage
from shared.events.signals import SignalRaised, SignalResolved, SignalRetracted
from shared.projection import Projection


@dataclass(slots=True, kw_only=True)
class SignalRow:
    """`state`: open, resolved or retracted; acknowledging is its escalation's."""

    signal_id: str
    rule: str
    subject_kind: str
    subject_id: str
    customer_id: str | None
    stage: str | None
    unit_id: str
    unit_path: list[str]
    owner_id: str | None
    due_at: datetime
    raised_at: datetime
    anchor_event_id: str | None
    window: str | None
    historical: bool
    facts: dict[str, FactValue]
    raised_event_id: str
    state: str = "open"
    ended_at: datetime | None = None
    cause_event_id: str | None = None
    retracted_because: str | None = None


def evolve(row: SignalRow | None, recorded: RecordedEvent) -> SignalRow:
    """Raises PoisonMessage for a stream that does not begin with its raising."""
    event: SignalRaised | SignalResolved | SignalRetracted = recorded.event
    match event:
        case SignalRaised():
            return _raised(event, str(recorded.event_id))
        case SignalResolved():
            row = _existing(row, event)
            row.state, row.ended_at = "resolved", event.ended_at
            row.cause_event_id = event.cause_event_id
        case SignalRetracted():
            row = _existing(row, event)
            row.state, row.retracted_because = "retracted", event.reason
        case _:
            assert_never(event)
    return row


def _existing(row: SignalRow | None, event: SignalResolved | SignalRetracted) -> SignalRow:
    if row is None:
        raise PoisonMessage(f"signal {event.signal_id} was never raised")
    return row


def _raised(event: SignalRaised, event_id: str) -> SignalRow:
    return SignalRow(
        signal_id=event.signal_id,
        rule=event.rule,
        subject_kind=event.subject_kind,
        subject_id=event.subject_id,
        customer_id=event.customer_id,
        stage=event.stage,
        unit_id=event.unit_id,
        unit_path=list(event.unit_path),
        owner_id=event.owner_id,
        due_at=event.due_at,
        raised_at=event.raised_at,
        anchor_event_id=event.anchor_event_id,
        window=event.window,
        historical=event.historical,
        facts=dict(event.facts),
        raised_event_id=event_id,
    )


def columns(row: SignalRow) -> dict[str, Any]:
    return {
        "rule": row.rule,
        "state": row.state,
        "subject_kind": row.subject_kind,
        "subject_id": row.subject_id,
        "unit_id": row.unit_id,
        "owner_id": row.owner_id,
        "customer_id": row.customer_id,
        "due_at": milliseconds(row.due_at),
        "ended_at": None if row.ended_at is None else milliseconds(row.ended_at),
        "stage": row.stage,
        "anchor_event_id": row.anchor_event_id,
        "cause_event_id": row.cause_event_id,
    }


def _key(event: SignalRaised | SignalResolved | SignalRetracted) -> str:
    return event.signal_id


SIGNAL_LIST: Projection[SignalRow] = Projection(
    name="signal_list",
    version=1,
    reads=(SignalRaised, SignalResolved, SignalRetracted),
    row_type=SignalRow,
    key=_key,
    evolve=evolve,
    columns=columns,
)
