"""SIGNAL: a fact that the system itself concluded; raised, resolved, retracted, raised again."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from shared.decider import Decider
from shared.errors import NotFound
from shared.events.signals import SignalRaised, SignalResolved, SignalRetracted

FactValue = str | int | float | bool | None | list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseSignal:
    """`facts` explain it; `told` are roles or person ids named beside the policy."""

    signal_id: str
    rule: str
    subject_kind: str
    subject_id: str
    customer_id: str | None
    stage: str | None
    unit_path: tuple[str, ...]
    owner_id: str | None
    due_at: datetime
    raised_at: datetime
    anchor_event_id: str | None
    window: str | None
    historical: bool
    facts: dict[str, FactValue]
    told: tuple[str, ...]
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolveSignal:
    signal_id: str
    ended_at: datetime
    cause_event_id: str | None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RetractSignal:
    """`due_at` is that of the raising to be taken back: a later one is left alone."""

    signal_id: str
    due_at: datetime
    reason: str
    retracted_at: datetime
    now: datetime


SignalCommand = RaiseSignal | ResolveSignal | RetractSignal
SignalEvent = SignalRaised | SignalResolved | SignalRetracted


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """Nothing was concluded yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Raised:
    due_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    due_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Retracted:
    """Disproved; the same stream may be raised again."""


Signal = Unknown | Raised | Resolved | Retracted


def signal_id(tenant_id: str, subject: tuple[str, str], rule: str, anchor: str) -> str:
    """Named by (tenant, subject kind and id, rule, anchor), so that firing twice is harmless."""
    parts = (tenant_id, *subject, rule, anchor)
    named = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(named.encode()).hexdigest()[:32]


def raise_signal(command: RaiseSignal, signal: Signal) -> Sequence[SignalEvent]:
    """A resolved one stays so: an end that was disproved is retracted first."""
    match signal:
        case Unknown() | Retracted():
            return [
                SignalRaised(
                    signal_id=command.signal_id,
                    rule=command.rule,
                    subject_kind=command.subject_kind,
                    subject_id=command.subject_id,
                    customer_id=command.customer_id,
                    stage=command.stage,
                    unit_id=command.unit_path[-1] if command.unit_path else "",
                    unit_path=list(command.unit_path),
                    owner_id=command.owner_id,
                    due_at=command.due_at,
                    raised_at=command.raised_at,
                    anchor_event_id=command.anchor_event_id,
                    window=command.window,
                    historical=command.historical,
                    facts=dict(command.facts),
                    told=list(command.told),
                )
            ]
        case Raised() | Resolved():
            return []
        case _:
            assert_never(signal)


def resolve(command: ResolveSignal, signal: Signal) -> Sequence[SignalEvent]:
    resolved = SignalResolved(
        signal_id=command.signal_id,
        ended_at=command.ended_at,
        cause_event_id=command.cause_event_id,
    )
    match signal:
        case Unknown():
            raise NotFound(f"signal {command.signal_id}")
        case Raised():
            return [resolved]
        case Resolved():
            return [] if signal.ended_at == command.ended_at else [resolved]
        case Retracted():
            return []
        case _:
            assert_never(signal)


def retract(command: RetractSignal, signal: Signal) -> Sequence[SignalEvent]:
    match signal:
        case Unknown():
            raise NotFound(f"signal {command.signal_id}")
        case Raised() | Resolved():
            if signal.due_at != command.due_at:
                return []
            return [
                SignalRetracted(
                    signal_id=command.signal_id,
                    retracted_at=command.retracted_at,
                    reason=command.reason,
                )
            ]
        case Retracted():
            return []
        case _:
            assert_never(signal)


def decide(command: SignalCommand, signal: Signal) -> Sequence[SignalEvent]:
    match command:
        case RaiseSignal():
            return raise_signal(command, signal)
        case ResolveSignal():
            return resolve(command, signal)
        case RetractSignal():
            return retract(command, signal)
        case _:
            assert_never(command)


def evolve(signal: Signal, event: SignalEvent) -> Signal:
    match event:
        case SignalRaised():
            return Raised(due_at=event.due_at)
        case SignalResolved():
            due_at = signal.due_at if isinstance(signal, Raised | Resolved) else event.ended_at
            return Resolved(due_at=due_at, ended_at=event.ended_at)
        case SignalRetracted():
            return Retracted()
        case _:
            assert_never(event)


SIGNAL: Decider[SignalCommand, Signal, SignalEvent] = Decider(
    name="signal", decide=decide, evolve=evolve, initial=Unknown()
)
