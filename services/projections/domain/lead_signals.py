"""LEAD_SIGNALS: which signals a lead's event raises, resolves or disproves (L4, L5, L6, L11)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.projections.domain.signal import (
    FactValue,
    RaiseSignal,
    ResolveSignal,
    RetractSignal,
    SignalCommand,
    signal_id,
)
from shared.clock import iso
from shared.envelope import RecordedEvent
from shared.events.leads import (
    LeadAppealDecided,
    LeadAppealed,
    LeadAssigned,
    LeadContacted,
    LeadConverted,
    LeadDisqualified,
    LeadFellAsleep,
    LeadFoundNobody,
    LeadQualified,
    LeadReturned,
    LeadWithdrawn,
)

WAITS = "lead_waits"
SALES_LATE = "lead_sales_late"
SLEEPS = "lead_sleeps"
APPEALED = "lead_appealed"


def lead_signals(recorded: RecordedEvent, *, historical: bool) -> Sequence[SignalCommand]:
    """A signal's anchor is the moment it runs from, so that what ends it finds it again."""
    event = recorded.event
    match event:
        case LeadFoundNobody():
            facts: dict[str, FactValue] = dict(event.passed_over)
            return [_raised(recorded, WAITS, event.found_nobody_at, facts, historical)]
        case LeadReturned(reason="sales_late"):
            late = _raised(recorded, SALES_LATE, event.returned_at, _points(event), historical)
            return [*_over(event, recorded), late]
        case LeadAssigned() | LeadReturned():
            return _over(event, recorded)
        case LeadDisqualified() | LeadWithdrawn() | LeadConverted():
            return _over(event, recorded)
        case LeadFellAsleep():
            return [_raised(recorded, SLEEPS, event.fell_asleep_at, {}, historical)]
        case LeadContacted():
            return _woken(recorded)
        case LeadQualified():
            return _ended_if(recorded, SLEEPS, event.fell_asleep_at)
        case LeadAppealed():
            return [_raised(recorded, APPEALED, event.appealed_at, {}, historical)]
        case LeadAppealDecided():
            return [_ended(recorded, APPEALED, event.appealed_at)]
        case _:
            return []


def _points(event: LeadReturned) -> dict[str, FactValue]:
    missing: dict[str, FactValue] = {
        f"missing_{part}": points for part, points in event.missing.items()
    }
    return {"score": event.score, **missing}


def _over(
    event: LeadAssigned | LeadReturned | LeadDisqualified | LeadWithdrawn | LeadConverted,
    recorded: RecordedEvent,
) -> list[SignalCommand]:
    """Who waits, sleeps or appeals does so no longer when the lead changes hands or is closed."""
    return [
        *_ended_if(recorded, WAITS, event.found_nobody_at),
        *_ended_if(recorded, SLEEPS, event.fell_asleep_at),
        *_ended_if(recorded, APPEALED, event.appealed_at),
    ]


def _ended_if(recorded: RecordedEvent, rule: str, since: datetime | None) -> list[SignalCommand]:
    return [] if since is None else [_ended(recorded, rule, since)]


def _woken(recorded: RecordedEvent) -> list[SignalCommand]:
    """A contact that came to be known late disproves that the lead slept (G5)."""
    event: LeadContacted = recorded.event
    since = event.fell_asleep_at
    if since is None:
        return []
    if event.contacted_at > since:
        return [_ended(recorded, SLEEPS, since)]
    return [
        RetractSignal(
            signal_id=_signal_id(recorded, SLEEPS, since),
            due_at=since,
            reason="late-action",
            retracted_at=recorded.stored.recorded_at,
            now=recorded.stored.recorded_at,
        )
    ]


def _raised(
    recorded: RecordedEvent,
    rule: str,
    since: datetime,
    facts: dict[str, FactValue],
    historical: bool,
) -> RaiseSignal:
    event: Any = recorded.event
    recorded_at = recorded.stored.recorded_at
    return RaiseSignal(
        signal_id=_signal_id(recorded, rule, since),
        rule=rule,
        subject_kind="lead",
        subject_id=event.lead_id,
        customer_id=event.customer_id,
        stage=None,
        unit_path=tuple(event.unit_path),
        owner_id=getattr(event, "owner_id", getattr(event, "rep_id", None)),
        due_at=since,
        raised_at=since if historical else max(since, recorded.occurred_at),
        anchor_event_id=str(recorded.event_id),
        window=None,
        historical=historical,
        facts=facts,
        told=(),
        now=recorded_at,
    )


def _ended(recorded: RecordedEvent, rule: str, since: datetime) -> ResolveSignal:
    return ResolveSignal(
        signal_id=_signal_id(recorded, rule, since),
        ended_at=recorded.occurred_at,
        cause_event_id=str(recorded.event_id),
        now=recorded.stored.recorded_at,
    )


def _signal_id(recorded: RecordedEvent, rule: str, since: datetime) -> str:
    return signal_id(recorded.tenant_id, ("lead", recorded.event.lead_id), rule, iso(since))
