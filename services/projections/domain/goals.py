"""Goals of units and reps by month: set one by one, or cascaded from headquarters to rep (P9)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, assert_never

from shared.decider import Decider
from shared.errors import DomainError, FieldProblem, Malformed
from shared.events.goals import GoalRemoved, GoalSet

UNIT, PERSON = "unit", "person"
VALID_LEADS, FIRST_VISIT_RATE = "valid_leads", "first_visit_rate"
REPEAT_PURCHASES, BASKET_GROWTH = "repeat_purchases", "basket_growth"
METRICS = (VALID_LEADS, FIRST_VISIT_RATE, REPEAT_PURCHASES, BASKET_GROWTH)
COUNTED = frozenset({VALID_LEADS, REPEAT_PURCHASES})
"""Whose goal is divided among those below; of the others every part has the same."""


class ThereIsNoGoalToCascade(DomainError):
    code = "there-is-no-goal-to-cascade"


class GoalKey(NamedTuple):
    scope_kind: str
    scope_id: str
    metric: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetGoal:
    month: str
    key: GoalKey
    target: float
    set_by: str | None
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveGoal:
    month: str
    key: GoalKey
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CascadeGoal:
    """Down the tree as it stands: `parts` names for each unit the units and people directly in it,
    as (kind, id); `weights` by id, 1 unless named."""

    month: str
    unit_id: str
    metric: str
    parts: Mapping[str, Sequence[tuple[str, str]]]
    weights: Mapping[str, float]
    set_by: str | None
    now: datetime


GoalCommand = SetGoal | RemoveGoal | CascadeGoal
GoalEvent = GoalSet | GoalRemoved


@dataclass(frozen=True, slots=True, kw_only=True)
class Goals:
    """The targets of one month."""

    targets: dict[GoalKey, float] = field(default_factory=dict)


def set_goal(command: SetGoal, goals: Goals) -> Sequence[GoalSet]:
    """Raises Malformed for a metric that is none, or a target that cannot be reached."""
    _check(command.key.metric, command.target)
    return _set(command, goals, command.key, command.target, None)


def remove(command: RemoveGoal, goals: Goals) -> Sequence[GoalRemoved]:
    if command.key not in goals.targets:
        return []
    kind, scope_id, metric = command.key
    return [
        GoalRemoved(
            month=command.month,
            scope_kind=kind,
            scope_id=scope_id,
            metric=metric,
            removed_at=command.now,
        )
    ]


def cascade(command: CascadeGoal, goals: Goals) -> Sequence[GoalSet]:
    """Counts are divided in whole numbers that add up to the goal of the unit, by weight; of equal
    remainders the first by id gets more. Raises ThereIsNoGoalToCascade."""
    target = goals.targets.get(GoalKey(UNIT, command.unit_id, command.metric))
    if target is None:
        raise ThereIsNoGoalToCascade(f"unit {command.unit_id!r} has no {command.metric}")
    problems = [
        FieldProblem(f"weights.{name}", "negative", "a weight is not negative")
        for name, weight in command.weights.items()
        if weight < 0
    ]
    if problems:
        raise Malformed("a weight cannot be used", errors=problems)
    return [
        event
        for above, key, part in _cascaded(command, command.unit_id, target)
        for event in _set(command, goals, key, part, above)
    ]


def divided(whole: float, weights: Sequence[tuple[str, float]]) -> dict[str, float]:
    """Largest remainders: the parts are whole where the whole is, and add up to it."""
    total = sum(weight for _, weight in weights)
    if not total:
        return {name: 0.0 for name, _ in weights}
    exact = {name: whole * weight / total for name, weight in weights}
    parts = {name: float(int(share)) for name, share in exact.items()}
    left = round(whole - sum(parts.values()))
    by_remainder = sorted(exact, key=lambda name: (parts[name] - exact[name], name))
    for name in by_remainder[:left]:
        parts[name] += 1
    return parts


def _cascaded(
    command: CascadeGoal, unit_id: str, target: float
) -> Iterator[tuple[str, GoalKey, float]]:
    below = sorted(command.parts.get(unit_id, ()), key=lambda part: part[1])
    weights = [(scope_id, command.weights.get(scope_id, 1.0)) for _, scope_id in below]
    divides = command.metric in COUNTED
    shares = divided(target, weights) if divides else dict.fromkeys(dict(weights), target)
    for kind, scope_id in below:
        yield unit_id, GoalKey(kind, scope_id, command.metric), shares[scope_id]
        if kind == UNIT:
            yield from _cascaded(command, scope_id, shares[scope_id])


def _set(
    command: SetGoal | CascadeGoal, goals: Goals, key: GoalKey, target: float, above: str | None
) -> Sequence[GoalSet]:
    if goals.targets.get(key) == target:
        return []
    return [
        GoalSet(
            month=command.month,
            scope_kind=key.scope_kind,
            scope_id=key.scope_id,
            metric=key.metric,
            target=target,
            cascaded_from=above,
            set_by=command.set_by,
            set_at=command.now,
        )
    ]


def _check(metric: str, target: float) -> None:
    problems = []
    if metric not in METRICS:
        problems.append(FieldProblem("metric", "not-among", f"one of {', '.join(METRICS)}"))
    if target < 0 or (metric == FIRST_VISIT_RATE and target > 1):
        problems.append(FieldProblem("target", "out-of-range", "cannot be reached"))
    if metric in COUNTED and target != int(target):
        problems.append(FieldProblem("target", "not-whole", "counts are whole numbers"))
    if problems:
        raise Malformed("the goal cannot be set", errors=problems)


def decide(command: GoalCommand, goals: Goals) -> Sequence[GoalEvent]:
    match command:
        case SetGoal():
            return set_goal(command, goals)
        case RemoveGoal():
            return remove(command, goals)
        case CascadeGoal():
            return cascade(command, goals)
        case _:
            assert_never(command)


def evolve(goals: Goals, event: GoalEvent) -> Goals:
    key = GoalKey(event.scope_kind, event.scope_id, event.metric)
    match event:
        case GoalSet():
            return Goals(targets={**goals.targets, key: event.target})
        case GoalRemoved():
            return Goals(
                targets={name: each for name, each in goals.targets.items() if name != key}
            )
        case _:
            assert_never(event)


GOALS: Decider[GoalCommand, Goals, GoalEvent] = Decider("goals", decide, evolve, Goals())
"""One stream per tenant and month."""
