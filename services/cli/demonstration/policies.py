"""Whom the demonstration tells of what: the default policies, by the inbox alone and patiently."""

from dataclasses import replace

from services.notifications.domain.default_policies import DEFAULT_POLICIES
from services.notifications.domain.message_list import INBOX
from shared.events.notifications import PolicyDefinition, PolicyStep

_HOUR = 3600
_WORKING_DAY = 9 * _HOUR
_PATIENT = {"owner": 0, "manager": 2 * _WORKING_DAY, "director": 6 * _WORKING_DAY}
"""Seconds of business hours after which each is told."""


def _step(step: PolicyStep) -> PolicyStep:
    return replace(
        step,
        channels=(INBOX,),
        after_seconds=max(step.after_seconds, _PATIENT.get(step.to, 0)),
        in_business_hours=step.to != "owner",
    )


def _policy(policy: PolicyDefinition) -> PolicyDefinition:
    return replace(
        policy,
        steps=tuple(map(_step, policy.steps)),
        repeat_seconds=None,
        group_seconds=24 * _HOUR,
    )


POLICIES = tuple(map(_policy, DEFAULT_POLICIES))
