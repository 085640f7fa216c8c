"""The twelve inputs of health, measured from what was recorded of one opportunity or lead (S2)."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.scoring.domain.health import (
    DECISION_MAKERS,
    EVIDENCE,
    NEXT_STEP,
    SILENCE,
    STAGE_AGE,
    TWO_WAY,
)
from shared.business_time import BusinessCalendar
from shared.events.scoring import HealthRules, InputRule


@dataclass(slots=True, kw_only=True)
class Deed:
    """An action as far as health reads it. `version`: of its event in the stream. `figures`: its
    numbers, yes (1) and no (0)."""

    action_id: str
    type: str
    happened_at: datetime
    version: int = 0
    direction: str | None = None
    is_contact: bool = True
    ends_silence: bool = True
    contact_id: str | None = None
    figures: dict[str, float] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    next_due_at: datetime | None = None
    is_valid: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where an opportunity or lead stands at a moment. `silence_limit_seconds` None: none runs;
    `calendar`: silence counts working days only; `median_dwell_seconds`: of the won in its stage.
    `known_types`: action types that the tenant has."""

    active_at: datetime
    silence_limit_seconds: float | None
    calendar: BusinessCalendar | None
    entered_stage_at: datetime | None
    median_dwell_seconds: float | None
    known_types: Collection[str]


def measured(
    rules: HealthRules, deeds: Sequence[Deed], standing: Standing, at: datetime
) -> Mapping[str, float | None]:
    """By input; None where nothing is known of it. The window is half-open: `deeds` from `at` on
    are left out, and so is what is not valid (O15)."""
    so_far = [deed for deed in deeds if deed.happened_at < at and deed.is_valid]
    begins = at - timedelta(days=rules.window_days)
    recent = [deed for deed in so_far if deed.happened_at >= begins]
    found: dict[str, float | None] = {}
    for rule in rules.inputs:
        match rule.input:
            case "two_way_ratio":
                found[TWO_WAY] = _two_way_ratio(recent)
            case "decision_makers":
                found[DECISION_MAKERS] = _decision_makers(rule, recent)
            case "next_step":
                booked = (deed.next_due_at for deed in so_far if deed.next_due_at is not None)
                found[NEXT_STEP] = 1.0 if any(due_at > at for due_at in booked) else 0.0
            case "silence":
                found[SILENCE] = _silence(so_far, standing, at)
            case "stage_age":
                found[STAGE_AGE] = _stage_age(standing, at)
            case "evidence_rate":
                found[EVIDENCE] = _evidence_rate(recent)
            case _:
                found[rule.input] = _counted(rule, recent, standing.known_types)
    return found


def _counted(rule: InputRule, recent: Sequence[Deed], known_types: Collection[str]) -> float | None:
    """Actions of its types, and what its field adds up to. None where the tenant has no such type
    and no action says anything of the field."""
    said = [deed.figures[rule.field] for deed in recent if rule.field in deed.figures]
    if not said and not any(each in known_types for each in rule.types):
        return None
    return sum(said) + sum(deed.type in rule.types for deed in recent)


def _two_way_ratio(recent: Sequence[Deed]) -> float | None:
    """Inbound ÷ all contacts that went one way or the other."""
    directions = [deed.direction for deed in recent if deed.is_contact and deed.direction]
    if not directions:
        return None
    return directions.count("inbound") / len(directions)


def _decision_makers(rule: InputRule, recent: Sequence[Deed]) -> float | None:
    said = [deed for deed in recent if rule.field in deed.figures]
    if not said:
        return None
    return float(len({deed.contact_id for deed in said if deed.figures[rule.field or ""]}))


def _silence(so_far: Sequence[Deed], standing: Standing, at: datetime) -> float | None:
    """Time without a sign of life ÷ its limit."""
    limit = standing.silence_limit_seconds
    if limit is None:
        return None
    signs = [deed.happened_at for deed in so_far if deed.ends_silence]
    since = max([standing.active_at, *signs])
    if standing.calendar is not None:
        return standing.calendar.elapsed(since, at) / limit
    return max(0.0, (at - since).total_seconds()) / limit


def _stage_age(standing: Standing, at: datetime) -> float | None:
    """Time in the stage ÷ the median dwell of the won in it."""
    if standing.entered_stage_at is None or not standing.median_dwell_seconds:
        return None
    return (at - standing.entered_stage_at).total_seconds() / standing.median_dwell_seconds


def _evidence_rate(recent: Sequence[Deed]) -> float | None:
    requiring = [deed for deed in recent if deed.required]
    if not requiring:
        return None
    proven = sum(set(deed.required) <= set(deed.evidence) for deed in requiring)
    return proven / len(requiring)
