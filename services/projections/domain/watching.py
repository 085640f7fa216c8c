"""What the watch concludes: from deadlines and the signals already known to the commands due."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from services.projections.domain.deadlines import anchor_key, is_missed
from services.projections.domain.signal import (
    RaiseSignal,
    ResolveSignal,
    RetractSignal,
    SignalCommand,
    signal_id,
)
from shared.projection import Deadline

MET_IN_TIME = "met-in-time"
"""What ends the cause happened in time after all, or the anchor no longer counts."""
DUE_MOVED = "due-moved"
"""Days published since, or a limit lengthened in time, let it be due at another moment."""
END_DISPROVED = "end-disproved"
SUBJECT_WITHDRAWN = "subject-withdrawn"
"""The import that made it was taken back: it never was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchClock:
    """`now` is the tenant's clock; `live_at` None: it is on the history clock.

    `imported_until`: when the subject's latest imported event was recorded.
    """

    now: datetime
    live_at: datetime | None = None
    imported_until: datetime | None = None

    def is_historical(self, due_at: datetime) -> bool:
        """On the history clock, due before going live, or made due in the past by an import."""
        if self.live_at is None or due_at < self.live_at:
            return True
        return self.imported_until is not None and due_at < self.imported_until


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownSignal:
    """A signal of the subject as its stream stands; `state`: raised, resolved or retracted."""

    signal_id: str
    due_at: datetime
    state: str
    ended_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    tenant_id: str
    kind: str
    subject_id: str
    customer_id: str | None = None


def verdicts(
    subject: Subject,
    every: Iterable[Deadline],
    known: Mapping[str, KnownSignal],
    clock: WatchClock,
) -> list[SignalCommand]:
    """Commands that bring the subject's signals to what its deadlines say at the clock.

    `known` by signal id, those of other rules than deadlines left out. In order of due times.
    """
    named = {deadline_signal_id(subject, deadline): deadline for deadline in every}
    missed = {
        found: deadline for found, deadline in named.items() if is_missed(deadline, clock.now)
    }
    commands: list[SignalCommand] = [
        _retraction(signal, DUE_MOVED if signal.signal_id in named else MET_IN_TIME, clock)
        for signal in known.values()
        if signal.state != "retracted" and signal.signal_id not in missed
    ]
    for found, deadline in sorted(missed.items(), key=lambda item: (item[1].due_at, item[0])):
        commands += _judged(subject, found, deadline, known.get(found), clock)
    return commands


def withdrawn(known: Mapping[str, KnownSignal], clock: datetime) -> list[SignalCommand]:
    """Of a subject that never was, all that was said of it is taken back."""
    return [
        RetractSignal(
            signal_id=signal.signal_id,
            due_at=signal.due_at,
            reason=SUBJECT_WITHDRAWN,
            retracted_at=clock,
            now=clock,
        )
        for signal in known.values()
    ]


def deadline_signal_id(subject: Subject, deadline: Deadline) -> str:
    return signal_id(
        subject.tenant_id,
        (subject.kind, subject.subject_id),
        deadline.rule,
        anchor_key(deadline),
    )


def _judged(
    subject: Subject,
    found: str,
    deadline: Deadline,
    known: KnownSignal | None,
    clock: WatchClock,
) -> Sequence[SignalCommand]:
    ended_at = deadline.ended_at
    has_ended = ended_at is not None and ended_at <= clock.now
    commands: list[SignalCommand] = []
    state = known.state if known else "unknown"
    if known is not None and state != "retracted":
        if known.due_at != deadline.due_at:
            commands.append(_retraction(known, DUE_MOVED, clock))
            state = "retracted"
        elif state == "resolved" and not has_ended:
            commands.append(_retraction(known, END_DISPROVED, clock))
            state = "retracted"
    if state in ("unknown", "retracted"):
        commands.append(_raising(subject, found, deadline, clock))
    is_news = known is None or state != "resolved" or known.ended_at != ended_at
    if ended_at is not None and has_ended and is_news:
        commands.append(
            ResolveSignal(
                signal_id=found,
                ended_at=ended_at,
                cause_event_id=deadline.ended_by_event_id,
                now=clock.now,
            )
        )
    return commands


def _retraction(signal: KnownSignal, reason: str, clock: WatchClock) -> RetractSignal:
    return RetractSignal(
        signal_id=signal.signal_id,
        due_at=signal.due_at,
        reason=reason,
        retracted_at=clock.now,
        now=clock.now,
    )


def _raising(subject: Subject, found: str, deadline: Deadline, clock: WatchClock) -> RaiseSignal:
    historical = clock.is_historical(deadline.due_at)
    return RaiseSignal(
        signal_id=found,
        rule=deadline.rule,
        subject_kind=subject.kind,
        subject_id=subject.subject_id,
        customer_id=subject.customer_id,
        stage=deadline.stage,
        unit_path=deadline.unit_path,
        owner_id=deadline.owner_id,
        due_at=deadline.due_at,
        raised_at=deadline.due_at if historical else clock.now,
        anchor_event_id=deadline.anchor_event_id,
        window=None,
        historical=historical,
        facts=dict(deadline.facts),
        told=deadline.told,
        now=clock.now,
    )
