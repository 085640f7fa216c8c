"""Which settings say how good a lead is, and what tells one change of them from another (S1)."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any, NamedTuple

from shared.events.directory import SettingValue
from shared.tenant_settings import LEAD_BEHAVIOUR_POINTS, LEAD_SOURCE_POINTS

LEAD_RULE_SETTINGS = (
    *(f"lead_points_{each}" for each in (*LEAD_SOURCE_POINTS, *LEAD_BEHAVIOUR_POINTS)),
    "lead_score_threshold",
    "lead_timely_hours",
    "lead_late_hours",
    "lead_score_in_business_time",
    "high_value_lead_score",
)
"""They, and what follows from them."""
_CHARACTERS = 16


class LeadRuleChange(NamedTuple):
    """Of one setting: the value in force, and the one wanted."""

    name: str
    before: SettingValue
    after: SettingValue


def comparison_of(changes: Iterable[LeadRuleChange]) -> str:
    """What a comparison is named by: the same for the same rules, and for the same ones in force
    when it was made."""
    lines = sorted(
        f"{change.name} {_number(change.before)} {_number(change.after)}" for change in changes
    )
    return sha256("\n".join(lines).encode()).hexdigest()[:_CHARACTERS]


def _number(value: Any) -> float:
    """All of them are numbers, or yes and no."""
    return float(value)
