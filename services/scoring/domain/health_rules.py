"""HEALTH_RULES: how a tenant scores health; new rules score beside the old before they go live."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import assert_never

from services.scoring.domain.health import DEFAULT_RULES, INPUTS
from shared.decider import Decider
from shared.errors import DomainError, FieldProblem, Malformed
from shared.events.scoring import (
    HealthMove,
    HealthRules,
    HealthRulesCompared,
    HealthRulesProposed,
    HealthRulesTookEffect,
    HealthRulesWithdrawn,
)

ONE_PER_TENANT = "health"
MOVES_SHOWN = 10


class HealthRulesCannotBeUsed(Malformed):
    """What is wrong with them is named in `errors`."""

    code = "health-rules-cannot-be-used"


class NoRulesAreProposed(DomainError):
    code = "no-rules-are-proposed"


class RulesAreNotCompared(DomainError):
    """They go live only after what they change has been shown."""

    code = "rules-are-not-compared"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposeHealthRules:
    """In place of what was proposed before; the version is given here."""

    rules: HealthRules
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One subject by both."""

    kind: str
    subject_id: str
    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareHealthRules:
    subjects: tuple[Compared, ...]
    version: int
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class PutHealthRulesIntoEffect:
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class WithdrawHealthRules:
    now: datetime


HealthRulesCommand = (
    ProposeHealthRules | CompareHealthRules | PutHealthRulesIntoEffect | WithdrawHealthRules
)
HealthRulesEvent = (
    HealthRulesProposed | HealthRulesCompared | HealthRulesTookEffect | HealthRulesWithdrawn
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleBook:
    """`comparison`: of what is proposed with what is in force. `versions`: so many were given."""

    in_force: HealthRules = DEFAULT_RULES
    proposed: HealthRules | None = None
    comparison: HealthRulesCompared | None = None
    versions: int = DEFAULT_RULES.version


def propose(command: ProposeHealthRules, book: RuleBook) -> Sequence[HealthRulesEvent]:
    problems = tuple(_problems(command.rules))
    if problems:
        raise HealthRulesCannotBeUsed("the rules cannot be used", errors=problems)
    if book.proposed is not None and _same(command.rules, book.proposed):
        return []
    rules = replace(command.rules, version=book.versions + 1)
    return [HealthRulesProposed(rules=rules, proposed_at=command.now)]


def compare(command: CompareHealthRules, book: RuleBook) -> Sequence[HealthRulesEvent]:
    """Raises NoRulesAreProposed where these are not (any more)."""
    proposed = book.proposed
    if proposed is None or proposed.version != command.version:
        raise NoRulesAreProposed("there is nothing to compare with the rules in force")
    before = [each.before for each in command.subjects if each.before is not None]
    after = [each.after for each in command.subjects if each.after is not None]
    moved = [each for each in command.subjects if each.before != each.after]
    moved.sort(key=lambda each: (-_moved_by(each), each.kind, each.subject_id))
    return [
        HealthRulesCompared(
            version=proposed.version,
            against_version=book.in_force.version,
            subjects=len(command.subjects),
            mean_before=_mean(before),
            mean_after=_mean(after),
            low_before=sum(score < book.in_force.low_below for score in before),
            low_after=sum(score < proposed.low_below for score in after),
            moves=[
                HealthMove(
                    subject_kind=each.kind,
                    subject_id=each.subject_id,
                    before=each.before,
                    after=each.after,
                )
                for each in moved[:MOVES_SHOWN]
            ],
            compared_at=command.now,
        )
    ]


def put_into_effect(
    command: PutHealthRulesIntoEffect, book: RuleBook
) -> Sequence[HealthRulesEvent]:
    if book.proposed is None:
        raise NoRulesAreProposed("nothing waits to go live")
    if book.comparison is None:
        raise RulesAreNotCompared("compare them with the rules in force first")
    return [HealthRulesTookEffect(version=book.proposed.version, took_effect_at=command.now)]


def withdraw(command: WithdrawHealthRules, book: RuleBook) -> Sequence[HealthRulesEvent]:
    if book.proposed is None:
        return []
    return [HealthRulesWithdrawn(version=book.proposed.version, withdrawn_at=command.now)]


def decide(command: HealthRulesCommand, book: RuleBook) -> Sequence[HealthRulesEvent]:
    match command:
        case ProposeHealthRules():
            return propose(command, book)
        case CompareHealthRules():
            return compare(command, book)
        case PutHealthRulesIntoEffect():
            return put_into_effect(command, book)
        case WithdrawHealthRules():
            return withdraw(command, book)
        case _:
            assert_never(command)


def evolve(book: RuleBook, event: HealthRulesEvent) -> RuleBook:
    match event:
        case HealthRulesProposed():
            rules = event.rules
            return replace(book, proposed=rules, comparison=None, versions=rules.version)
        case HealthRulesCompared():
            return replace(book, comparison=event)
        case HealthRulesTookEffect():
            assert book.proposed is not None
            return replace(book, in_force=book.proposed, proposed=None, comparison=None)
        case HealthRulesWithdrawn():
            return replace(book, proposed=None, comparison=None)
        case _:
            assert_never(event)


def _problems(rules: HealthRules) -> list[FieldProblem]:
    found = []
    named = [each.input for each in rules.inputs]
    for index, each in enumerate(rules.inputs):
        path = f"inputs.{index}"
        if each.input not in INPUTS:
            found.append(FieldProblem(f"{path}.input", "unknown", f"one of {', '.join(INPUTS)}"))
        elif named.index(each.input) != index:
            found.append(FieldProblem(f"{path}.input", "twice", "is there already"))
        if each.zero_at == each.one_at:
            found.append(FieldProblem(f"{path}.one_at", "no-line", "must differ from zero_at"))
    if not any(each.weight > 0 for each in rules.inputs):
        found.append(FieldProblem("inputs", "no-weight", "at least one input must count"))
    return found


def _same(rules: HealthRules, others: HealthRules) -> bool:
    return replace(rules, version=others.version) == others


def _moved_by(each: Compared) -> float:
    """What had no score, or has none now, moves most."""
    if each.before is None or each.after is None:
        return 100.0
    return abs(each.after - each.before)


def _mean(scores: Sequence[float]) -> float | None:
    return round(sum(scores) / len(scores), 4) if scores else None


HEALTH_RULES: Decider[HealthRulesCommand, RuleBook, HealthRulesEvent] = Decider(
    name="health_rules", decide=decide, evolve=evolve, initial=RuleBook()
)
