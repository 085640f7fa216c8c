"""Who is away from when to when, and who is told instead (N2)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import assert_never

from shared.decider import Decider
from shared.errors import DomainError, FieldProblem, Malformed, NotFound
from shared.events.notifications import AbsenceAnnounced, AbsenceWithdrawn
from shared.organisation import Organisation

AbsenceEvent = AbsenceAnnounced | AbsenceWithdrawn


class AbsenceIsAnnounced(DomainError):
    code = "absence-is-announced"


@dataclass(frozen=True, slots=True, kw_only=True)
class AnnounceAbsence:
    absence_id: str
    person_id: str
    stand_in_id: str | None
    begins_at: datetime
    ends_at: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawAbsence:
    absence_id: str
    now: datetime


AbsenceCommand = AnnounceAbsence | WithdrawAbsence


@dataclass(frozen=True, slots=True)
class Absences:
    by_id: Mapping[str, AbsenceAnnounced] = field(default_factory=dict)

    def of(self, person_id: str, at: datetime) -> AbsenceAnnounced | None:
        """The one announced last of those that hold at the moment."""
        holding = [
            each
            for each in self.by_id.values()
            if each.person_id == person_id and each.begins_at <= at < each.ends_at
        ]
        return holding[-1] if holding else None


def announce(command: AnnounceAbsence, absences: Absences) -> Sequence[AbsenceEvent]:
    problems = []
    if command.ends_at <= command.begins_at:
        problems.append(FieldProblem("ends_at", "before-begin", "ends after it begins"))
    if command.ends_at <= command.now:
        problems.append(FieldProblem("ends_at", "in-the-past", "is over already"))
    if command.stand_in_id == command.person_id:
        problems.append(FieldProblem("stand_in_id", "same", "somebody else stands in"))
    if problems:
        raise Malformed("such an absence cannot be", errors=problems)
    announced = AbsenceAnnounced(
        absence_id=command.absence_id,
        person_id=command.person_id,
        stand_in_id=command.stand_in_id,
        begins_at=command.begins_at,
        ends_at=command.ends_at,
    )
    known = absences.by_id.get(command.absence_id)
    if known is not None and known != announced:
        raise AbsenceIsAnnounced(command.absence_id)
    return [] if known == announced else [announced]


def withdraw(command: WithdrawAbsence, absences: Absences) -> Sequence[AbsenceEvent]:
    if command.absence_id not in absences.by_id:
        raise NotFound(f"absence {command.absence_id}")
    return [AbsenceWithdrawn(absence_id=command.absence_id, withdrawn_at=command.now)]


def decide(command: AbsenceCommand, absences: Absences) -> Sequence[AbsenceEvent]:
    match command:
        case AnnounceAbsence():
            return announce(command, absences)
        case WithdrawAbsence():
            return withdraw(command, absences)
        case _:
            assert_never(command)


def evolve(absences: Absences, event: AbsenceEvent) -> Absences:
    others = {name: each for name, each in absences.by_id.items() if name != event.absence_id}
    match event:
        case AbsenceAnnounced():
            return Absences({**others, event.absence_id: event})
        case AbsenceWithdrawn():
            return Absences(others)
        case _:
            assert_never(event)


ABSENCES: Decider[AbsenceCommand, Absences, AbsenceEvent] = Decider(
    "absences", decide, evolve, Absences()
)
"""One stream per tenant."""


def present_instead(
    person_ids: Sequence[str], absences: Absences, organisation: Organisation, at: datetime
) -> tuple[str, ...]:
    """Each who is there, else whoever stands in, else the nearest manager who is there.

    Where nobody is, the person: nothing is told to nobody.
    """
    found = [_instead(each, absences, organisation, at) for each in person_ids]
    return tuple(dict.fromkeys(found))


def _instead(person_id: str, absences: Absences, organisation: Organisation, at: datetime) -> str:
    for candidate in _candidates(person_id, absences, organisation, at):
        is_there = organisation.knows_person(candidate) and not organisation.has_left(candidate)
        if is_there and absences.of(candidate, at) is None:
            return candidate
    return person_id


def _candidates(
    person_id: str, absences: Absences, organisation: Organisation, at: datetime
) -> Iterator[str]:
    """The person, the one who stands in, who stands in for that one, and so on; then managers."""
    passed: list[str] = []
    current: str | None = person_id
    while current is not None and current not in passed:
        passed.append(current)
        yield current
        absence = absences.of(current, at)
        current = absence.stand_in_id if absence else None
    if organisation.knows_person(person_id):
        for level in organisation.managers_upward(person_id):
            yield from level
