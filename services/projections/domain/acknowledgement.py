"""ACKNOWLEDGEMENTS: which signals somebody has taken note of, by their escalations."""

from dataclasses import dataclass
from typing import Any

from shared.envelope import RecordedEvent
from shared.events.notifications import EscalationAcknowledged, EscalationOpened
from shared.projection import Projection


@dataclass(slots=True, kw_only=True)
class Acknowledgement:
    escalation_id: str
    signal_id: str | None = None
    is_acknowledged: bool = False


def evolve(row: Acknowledgement | None, recorded: RecordedEvent) -> Acknowledgement:
    event: EscalationOpened | EscalationAcknowledged = recorded.event
    row = row or Acknowledgement(escalation_id=event.escalation_id)
    if isinstance(event, EscalationOpened):
        row.signal_id = event.signal_id
    else:
        row.is_acknowledged = True
    return row


def columns(row: Acknowledgement) -> dict[str, Any]:
    return {"signal_id": row.signal_id, "is_acknowledged": row.is_acknowledged}


def _key(event: EscalationOpened | EscalationAcknowledged) -> str:
    return event.escalation_id


ACKNOWLEDGEMENTS: Projection[Acknowledgement] = Projection(
    name="acknowledgements",
    version=1,
    reads=(EscalationOpened, EscalationAcknowledged),
    row_type=Acknowledgement,
    key=_key,
    evolve=evolve,
    columns=columns,
)
