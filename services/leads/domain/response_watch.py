"""RESPONSE_WATCH: a unit whose first responses have become slow, until they no longer are (L10)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from shared.decider import Decider
from shared.events.leads import FirstResponseRecovered, FirstResponseSlowed


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeResponses:
    """Medians in seconds of the days that end at `judged_at` and of those before them; `least`
    responses in each, `ratio` of the alert."""

    unit_id: str
    unit_path: tuple[str, ...]
    recent_median: float
    recent_responses: int
    before_median: float
    before_responses: int
    least: int
    ratio: float
    judged_at: datetime


ResponseEvent = FirstResponseSlowed | FirstResponseRecovered


@dataclass(frozen=True, slots=True, kw_only=True)
class InTime:
    """Nothing is wrong, or nothing was said yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slow:
    slowed_at: datetime


Responses = InTime | Slow


def judge(command: JudgeResponses, responses: Responses) -> Sequence[ResponseEvent]:
    """Slow is more than `ratio` times the median before; of too few nothing is said, and what was
    said stays."""
    if min(command.recent_responses, command.before_responses) < command.least:
        return []
    is_slow = command.recent_median > command.ratio * command.before_median
    match responses:
        case InTime():
            return [_slowed(command)] if is_slow else []
        case Slow():
            return [] if is_slow else [_recovered(command, responses.slowed_at)]
        case _:
            assert_never(responses)


def evolve(_responses: Responses, event: ResponseEvent) -> Responses:
    match event:
        case FirstResponseSlowed():
            return Slow(slowed_at=event.slowed_at)
        case FirstResponseRecovered():
            return InTime()
        case _:
            assert_never(event)


RESPONSE_WATCH: Decider[JudgeResponses, Responses, ResponseEvent] = Decider(
    "response_watch", judge, evolve, InTime()
)


def _slowed(command: JudgeResponses) -> FirstResponseSlowed:
    return FirstResponseSlowed(
        unit_id=command.unit_id,
        unit_path=list(command.unit_path),
        recent_median_seconds=command.recent_median,
        recent_responses=command.recent_responses,
        before_median_seconds=command.before_median,
        before_responses=command.before_responses,
        slowed_at=command.judged_at,
    )


def _recovered(command: JudgeResponses, slowed_at: datetime) -> FirstResponseRecovered:
    return FirstResponseRecovered(
        unit_id=command.unit_id,
        unit_path=list(command.unit_path),
        recent_median_seconds=command.recent_median,
        before_median_seconds=command.before_median,
        slowed_at=slowed_at,
        recovered_at=command.judged_at,
    )
