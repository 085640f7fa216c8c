"""What scoring concluded is told as signals: health that stays low, records in doubt (S2, S4)."""

from collections.abc import Sequence

from services.projections.domain.signal import (
    FactValue,
    RaiseSignal,
    ResolveSignal,
    SignalCommand,
    signal_id,
)
from shared.clock import iso
from shared.envelope import RecordedEvent
from shared.events.scoring import (
    AuthenticityCaseDecided,
    AuthenticityCaseOpened,
    HealthRecovered,
    HealthStayedLow,
)

HEALTH_LOW = "health_low"
IN_DOUBT = "records_in_doubt"
CASE = "case"


def scoring_signals(recorded: RecordedEvent) -> Sequence[SignalCommand]:
    """A case that only marks is told to nobody."""
    event = recorded.event
    match event:
        case HealthStayedLow():
            return [_low(recorded, event)]
        case HealthRecovered():
            subject = (event.subject_kind, event.subject_id)
            named = signal_id(recorded.tenant_id, subject, HEALTH_LOW, iso(event.stayed_low_at))
            return [_ended(recorded, named)]
        case AuthenticityCaseOpened(only_marks=False):
            return [_doubted(recorded, event)]
        case AuthenticityCaseDecided(only_marks=False):
            return [_ended(recorded, _case_signal(recorded.tenant_id, event.case_id))]
        case _:
            return []


def _low(recorded: RecordedEvent, event: HealthStayedLow) -> RaiseSignal:
    facts: dict[str, FactValue] = {
        "score": round(event.score, 4),
        "low_below": event.low_below,
        "low_since": event.low_since.isoformat(),
        "weakest": list(event.weakest),
    }
    for language, words in event.wording.items():
        facts[f"wording_{language}"] = list(words)
    subject = (event.subject_kind, event.subject_id)
    return RaiseSignal(
        signal_id=signal_id(recorded.tenant_id, subject, HEALTH_LOW, iso(event.stayed_low_at)),
        rule=HEALTH_LOW,
        subject_kind=event.subject_kind,
        subject_id=event.subject_id,
        customer_id=event.customer_id,
        stage=event.stage,
        unit_path=tuple(event.unit_path),
        owner_id=event.owner_id,
        due_at=event.stayed_low_at,
        raised_at=max(event.stayed_low_at, recorded.occurred_at),
        anchor_event_id=str(recorded.event_id),
        window=None,
        historical=False,
        facts=facts,
        told=(),
        now=recorded.stored.recorded_at,
    )


def _doubted(recorded: RecordedEvent, event: AuthenticityCaseOpened) -> RaiseSignal:
    """No owner: it is not the rep who is asked."""
    facts: dict[str, FactValue] = {
        "doubt": event.rule,
        "rep_id": event.rep_id,
        "records": len(event.doubted),
        **event.facts,
    }
    return RaiseSignal(
        signal_id=_case_signal(recorded.tenant_id, event.case_id),
        rule=IN_DOUBT,
        subject_kind=CASE,
        subject_id=event.case_id,
        customer_id=None,
        stage=None,
        unit_path=tuple(event.unit_path),
        owner_id=None,
        due_at=event.opened_at,
        raised_at=max(event.opened_at, recorded.occurred_at),
        anchor_event_id=str(recorded.event_id),
        window=None,
        historical=False,
        facts=facts,
        told=(),
        now=recorded.stored.recorded_at,
    )


def _case_signal(tenant_id: str, case_id: str) -> str:
    return signal_id(tenant_id, (CASE, case_id), IN_DOUBT, case_id)


def _ended(recorded: RecordedEvent, named: str) -> ResolveSignal:
    return ResolveSignal(
        signal_id=named,
        ended_at=recorded.occurred_at,
        cause_event_id=str(recorded.event_id),
        now=recorded.stored.recorded_at,
    )
