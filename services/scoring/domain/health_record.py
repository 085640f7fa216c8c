"""HEALTH: the score of an opportunity or lead at the end of each day; that it stays low (S2)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import assert_never

from services.scoring.domain.health import Health
from services.scoring.domain.wording import wording_for
from shared.decider import Decider
from shared.events.scoring import (
    HealthPart,
    HealthRecovered,
    HealthScored,
    HealthStayedLow,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Whose health it is, and who is told of it."""

    kind: str
    subject_id: str
    customer_id: str
    stage: str | None
    owner_id: str | None
    unit_path: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordHealth:
    """`beside`: by rules that are proposed, with their version. `open_since`: the day on which it
    was opened, or reopened: no day before it stands in a row with this one."""

    subject: Subject
    health: Health
    rules_version: int
    low_below: float
    beside: tuple[int, float | None] | None
    open_since: date
    day: date
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EndHealth:
    """It was closed: nothing is scored any more."""

    kind: str
    subject_id: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Unscored:
    """Never scored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """`low_since`: the first of the days in a row that ended low; `stayed_low_at`: the manager was
    brought in."""

    score: float | None
    parts: tuple[HealthPart, ...]
    missing: tuple[str, ...]
    rules_version: int
    beside_version: int | None
    beside_score: float | None
    day: date
    scored_at: datetime
    low_since: date | None = None
    stayed_low_at: datetime | None = None


HealthOf = Unscored | Scored
HealthCommand = RecordHealth | EndHealth
HealthEvent = HealthScored | HealthStayedLow | HealthRecovered


def record(command: RecordHealth, known: HealthOf) -> Sequence[HealthEvent]:
    """Nothing for a day that is recorded already. Low on two days in a row is said once."""
    if isinstance(known, Scored) and command.day <= known.day:
        return []
    score = command.health.score
    low_since = _low_since(command, known)
    stayed_low_at = known.stayed_low_at if isinstance(known, Scored) else None
    events: list[HealthEvent] = []
    if not isinstance(known, Scored) or _differs(command, low_since, known):
        events.append(_scored(command, low_since))
    if score is None or low_since is None:
        if stayed_low_at is not None:
            events.append(_recovered(command.subject, score, stayed_low_at, command.now))
    elif low_since < command.day and stayed_low_at is None:
        events.append(_stayed_low(command, score, low_since))
    return events


def _low_since(command: RecordHealth, known: HealthOf) -> date | None:
    score = command.health.score
    if score is None or score >= command.low_below:
        return None
    was_low_since = known.low_since if isinstance(known, Scored) else None
    if was_low_since is None or was_low_since < command.open_since:
        return command.day
    return was_low_since


def end(command: EndHealth, known: HealthOf) -> Sequence[HealthEvent]:
    match known:
        case Unscored():
            return []
        case Scored(stayed_low_at=None):
            return []
        case Scored(stayed_low_at=since):
            assert since is not None
            return [
                HealthRecovered(
                    subject_kind=command.kind,
                    subject_id=command.subject_id,
                    score=None,
                    stayed_low_at=since,
                    recovered_at=command.now,
                )
            ]
        case _:
            assert_never(known)


def decide(command: HealthCommand, known: HealthOf) -> Sequence[HealthEvent]:
    match command:
        case RecordHealth():
            return record(command, known)
        case EndHealth():
            return end(command, known)
        case _:
            assert_never(command)


def evolve(known: HealthOf, event: HealthEvent) -> HealthOf:
    match event:
        case HealthScored():
            return _after_scoring(known, event)
        case HealthStayedLow():
            assert isinstance(known, Scored)
            return replace(known, stayed_low_at=event.stayed_low_at)
        case HealthRecovered():
            assert isinstance(known, Scored)
            return replace(known, stayed_low_at=None)
        case _:
            assert_never(event)


def _after_scoring(known: HealthOf, event: HealthScored) -> Scored:
    before = known if isinstance(known, Scored) else None
    return Scored(
        score=event.score,
        parts=tuple(event.parts),
        missing=tuple(event.missing),
        rules_version=event.rules_version,
        beside_version=event.beside_version,
        beside_score=event.beside_score,
        day=event.day,
        scored_at=event.scored_at,
        low_since=event.low_since,
        stayed_low_at=before.stayed_low_at if before is not None else None,
    )


def _differs(command: RecordHealth, low_since: date | None, known: Scored) -> bool:
    beside = command.beside or (None, None)
    return (
        command.health.score,
        command.health.parts,
        command.health.missing,
        low_since,
        command.rules_version,
        *beside,
    ) != (
        known.score,
        known.parts,
        known.missing,
        known.low_since,
        known.rules_version,
        known.beside_version,
        known.beside_score,
    )


def _scored(command: RecordHealth, low_since: date | None) -> HealthScored:
    version, score = command.beside or (None, None)
    return HealthScored(
        subject_kind=command.subject.kind,
        subject_id=command.subject.subject_id,
        score=command.health.score,
        parts=list(command.health.parts),
        missing=list(command.health.missing),
        low_since=low_since,
        rules_version=command.rules_version,
        beside_version=version,
        beside_score=score,
        day=command.day,
        scored_at=command.now,
    )


def _recovered(
    subject: Subject, score: float | None, since: datetime, now: datetime
) -> HealthRecovered:
    return HealthRecovered(
        subject_kind=subject.kind,
        subject_id=subject.subject_id,
        score=score,
        stayed_low_at=since,
        recovered_at=now,
    )


def _stayed_low(command: RecordHealth, score: float, low_since: date) -> HealthStayedLow:
    subject, weakest = command.subject, command.health.weakest
    return HealthStayedLow(
        subject_kind=subject.kind,
        subject_id=subject.subject_id,
        customer_id=subject.customer_id,
        stage=subject.stage,
        owner_id=subject.owner_id,
        unit_path=list(subject.unit_path),
        score=score,
        low_below=command.low_below,
        low_since=low_since,
        weakest=list(weakest),
        wording=wording_for(weakest),
        stayed_low_at=command.now,
    )


HEALTH: Decider[HealthCommand, HealthOf, HealthEvent] = Decider(
    name="health", decide=decide, evolve=evolve, initial=Unscored()
)
