"""RESPONSE_SIGNALS: a unit answers its leads slowly, a channel loses messages (L10)."""

from collections.abc import Sequence
from datetime import datetime

from services.projections.domain.signal import (
    FactValue,
    RaiseSignal,
    ResolveSignal,
    SignalCommand,
    signal_id,
)
from shared.clock import iso
from shared.envelope import RecordedEvent
from shared.events.leads import FirstResponseRecovered, FirstResponseSlowed
from shared.events.notifications import EscalationOpened, EscalationResolved

SLOW = "first_response_slow"
CHANNEL_FAILING = "channel_failing"
_SECONDS_AN_HOUR = 3600


def unit_signals(recorded: RecordedEvent) -> Sequence[SignalCommand]:
    """Of one unit at a time there is one: it ends before it is raised again."""
    match recorded.event:
        case FirstResponseSlowed() as slowed:
            found = _of_unit(recorded, slowed.unit_id, slowed.slowed_at)
            return [_slow(found, slowed, recorded)]
        case FirstResponseRecovered() as recovered:
            found = _of_unit(recorded, recovered.unit_id, recovered.slowed_at)
            return [_ended(found, recovered.recovered_at, recorded)]
        case _:
            return []


def channel_signals(recorded: RecordedEvent, opened: EscalationOpened) -> Sequence[SignalCommand]:
    """Who delivers escalates a failing channel at once; the signal bears the escalation's name."""
    if opened.rule != CHANNEL_FAILING:
        return []
    match recorded.event:
        case EscalationOpened():
            return [
                _raised(
                    opened.signal_id,
                    CHANNEL_FAILING,
                    (opened.subject_kind, opened.subject_id),
                    tuple(opened.unit_path),
                    opened.due_at,
                    {},
                    recorded,
                )
            ]
        case EscalationResolved() as resolved:
            return [_ended(opened.signal_id, resolved.resolved_at, recorded)]
        case _:
            return []


def _of_unit(recorded: RecordedEvent, unit_id: str, since: datetime) -> str:
    return signal_id(recorded.tenant_id, ("unit", unit_id), SLOW, iso(since))


def _slow(found: str, slowed: FirstResponseSlowed, recorded: RecordedEvent) -> RaiseSignal:
    facts: dict[str, FactValue] = {
        "recent_hours": round(slowed.recent_median_seconds / _SECONDS_AN_HOUR, 1),
        "recent_responses": slowed.recent_responses,
        "before_hours": round(slowed.before_median_seconds / _SECONDS_AN_HOUR, 1),
        "before_responses": slowed.before_responses,
    }
    subject = ("unit", slowed.unit_id)
    unit_path = tuple(slowed.unit_path)
    return _raised(found, SLOW, subject, unit_path, slowed.slowed_at, facts, recorded)


def _raised(  # noqa: PLR0913  # what a signal is made of
    found: str,
    rule: str,
    subject: tuple[str, str],
    unit_path: tuple[str, ...],
    due_at: datetime,
    facts: dict[str, FactValue],
    recorded: RecordedEvent,
) -> RaiseSignal:
    return RaiseSignal(
        signal_id=found,
        rule=rule,
        subject_kind=subject[0],
        subject_id=subject[1],
        customer_id=None,
        stage=None,
        unit_path=unit_path,
        owner_id=None,
        due_at=due_at,
        raised_at=max(due_at, recorded.stored.recorded_at),
        anchor_event_id=str(recorded.event_id),
        window=None,
        historical=False,
        facts=facts,
        told=(),
        now=recorded.stored.recorded_at,
    )


def _ended(found: str, ended_at: datetime, recorded: RecordedEvent) -> ResolveSignal:
    return ResolveSignal(
        signal_id=found,
        ended_at=ended_at,
        cause_event_id=str(recorded.event_id),
        now=recorded.stored.recorded_at,
    )
