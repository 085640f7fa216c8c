"""Escalation policies as data: who is told of which signals, when and how (N2)."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time
from typing import assert_never

from services.notifications.domain.default_policies import DEFAULT_POLICIES, EVERY_RULE
from shared.access import Role
from shared.decider import Decider
from shared.errors import FieldProblem, Malformed, NotFound
from shared.events.notifications import (
    PolicyDefinition,
    PolicyRemoved,
    PolicySet,
    PolicyStep,
)

PolicyEvent = PolicySet | PolicyRemoved

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SHORTEST_REPEAT_SECONDS = 300
_LONGEST_SECONDS = 366 * 24 * 3600
_MOST_REPEATS = 100
_PLAIN_RECIPIENTS = ("owner", "manager", "director")


@dataclass(frozen=True, slots=True, kw_only=True)
class SetPolicy:
    """`channels`: the names that a step may use here."""

    policy: PolicyDefinition
    channels: frozenset[str]
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RemovePolicy:
    name: str
    now: datetime


PolicyCommand = SetPolicy | RemovePolicy


@dataclass(frozen=True, slots=True)
class Policies:
    """A tenant's policies by name, the one set last standing last."""

    by_name: Mapping[str, PolicyDefinition] = field(default_factory=dict)

    def in_force_for(self, rule: str) -> PolicyDefinition | None:
        """The policy set last that names the rule, else the one set last for every rule (`*`)."""
        latest_first = list(self.by_name.values())[::-1]
        naming = [policy for policy in latest_first if rule in policy.rules]
        general = [policy for policy in latest_first if EVERY_RULE in policy.rules]
        return next(iter(naming + general), None)


def set_policy(command: SetPolicy, policies: Policies) -> Sequence[PolicyEvent]:
    """Raises Malformed with every field at fault."""
    problems = tuple(policy_problems(command.policy, command.channels))
    if problems:
        raise Malformed("the policy cannot be followed", errors=problems)
    if policies.by_name.get(command.policy.name) == command.policy:
        return []
    return [PolicySet(policy=command.policy)]


def remove(command: RemovePolicy, policies: Policies) -> Sequence[PolicyEvent]:
    if command.name not in policies.by_name:
        raise NotFound(command.name)
    return [PolicyRemoved(name=command.name)]


def decide(command: PolicyCommand, policies: Policies) -> Sequence[PolicyEvent]:
    match command:
        case SetPolicy():
            return set_policy(command, policies)
        case RemovePolicy():
            return remove(command, policies)
        case _:
            assert_never(command)


def evolve(policies: Policies, event: PolicyEvent) -> Policies:
    match event:
        case PolicySet(policy=policy):
            others = {key: value for key, value in policies.by_name.items() if key != policy.name}
            return Policies({**others, policy.name: policy})
        case PolicyRemoved(name=name):
            return Policies({key: value for key, value in policies.by_name.items() if key != name})
        case _:
            assert_never(event)


POLICIES: Decider[PolicyCommand, Policies, PolicyEvent] = Decider(
    "policies", decide, evolve, Policies({policy.name: policy for policy in DEFAULT_POLICIES})
)
"""One stream per tenant; the default policies stand at its beginning and can be removed."""


def with_told(policy: PolicyDefinition, told: Sequence[str]) -> PolicyDefinition:
    """The policy for one signal: whom its pipeline names is told together with the first step."""
    first = policy.steps[0]
    named = tuple(replace(first, to=_recipient(name)) for name in told)
    extra = tuple(step for step in named if step not in policy.steps)
    return replace(policy, steps=(first, *extra, *policy.steps[1:]))


def _recipient(name: str) -> str:
    if name in _PLAIN_RECIPIENTS:
        return name
    return f"role:{name}" if name in set(Role) else f"person:{name}"


def policy_problems(policy: PolicyDefinition, channels: frozenset[str]) -> Iterator[FieldProblem]:
    """Everything that keeps the policy from being followed, field by field."""
    if not _NAME.fullmatch(policy.name):
        yield FieldProblem("name", "malformed-id", "1-64 of letters, digits, dot, dash, underscore")
    if not policy.rules:
        yield FieldProblem("rules", "required", "name at least one rule, or * for every other")
    if len(set(policy.rules)) < len(policy.rules):
        yield FieldProblem("rules", "repeated", "name each rule once")
    if not policy.steps:
        yield FieldProblem("steps", "required", "at least one step")
    for number, step in enumerate(policy.steps):
        yield from _step_problems(f"steps.{number}", step, channels)
    for number, (step, following) in enumerate(
        zip(policy.steps, policy.steps[1:], strict=False), start=1
    ):
        if following.after_seconds < step.after_seconds:
            yield FieldProblem(
                f"steps.{number}.after_seconds", "out-of-order", "not before the step above"
            )
    yield from _repetition_problems(policy)
    yield from _time_problems(policy)


def _step_problems(
    place: str, step: PolicyStep, channels: frozenset[str]
) -> Iterator[FieldProblem]:
    if not 0 <= step.after_seconds <= _LONGEST_SECONDS:
        yield FieldProblem(f"{place}.after_seconds", "out-of-range", "0 to 366 days")
    kind, _, name = step.to.partition(":")
    is_role = kind == "role" and name in set(Role)
    is_person = kind == "person" and bool(_NAME.fullmatch(name))
    if not (step.to in _PLAIN_RECIPIENTS or is_role or is_person):
        expected = "owner, manager, director, role:<role> or person:<id>"
        yield FieldProblem(f"{place}.to", "unknown", expected)
    if not step.channels:
        yield FieldProblem(f"{place}.channels", "required", "at least one channel")
    for channel in step.channels:
        if channel not in channels:
            known = ", ".join(sorted(channels))
            yield FieldProblem(f"{place}.channels", "unknown", f"{channel} is none of {known}")


def _repetition_problems(policy: PolicyDefinition) -> Iterator[FieldProblem]:
    repeat = policy.repeat_seconds
    if repeat is not None and not _SHORTEST_REPEAT_SECONDS <= repeat <= _LONGEST_SECONDS:
        yield FieldProblem("repeat_seconds", "out-of-range", "5 minutes to 366 days, or nothing")
    if policy.repeat_limit is not None and not 0 <= policy.repeat_limit <= _MOST_REPEATS:
        yield FieldProblem("repeat_limit", "out-of-range", "0 to 100, or nothing: without end")


def _time_problems(policy: PolicyDefinition) -> Iterator[FieldProblem]:
    if not 0 <= policy.group_seconds <= 24 * 3600:
        yield FieldProblem("group_seconds", "out-of-range", "0 to a day")
    if not 60 <= policy.expires_seconds <= _LONGEST_SECONDS:
        yield FieldProblem("expires_seconds", "out-of-range", "a minute to 366 days")
    if policy.quiet_hours is not None and not _are_hours(policy.quiet_hours):
        yield FieldProblem("quiet_hours", "not-hours", "two different times such as 21:00, 08:00")


def _are_hours(hours: tuple[str, str]) -> bool:
    try:
        begins, ends = (time.fromisoformat(text) for text in hours)
    except ValueError:
        return False
    return begins.tzinfo is None and ends.tzinfo is None and begins != ends
