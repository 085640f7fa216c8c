"""Each robot's own limits, as sliding windows: nothing is dropped, it waits (N4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

MARGIN = timedelta(seconds=1)
"""What leaves here a minute apart can arrive closer: windows are kept this much longer."""


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` sendings in any `seconds`."""

    count: int
    seconds: int


class Hold(StrEnum):
    WINDOW_IS_FULL = "window-is-full"
    ROBOT_ASKED_TO_WAIT = "robot-asked-to-wait"


@dataclass(frozen=True, slots=True)
class MayLeave:
    """No limit stands in the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MustWait:
    until: datetime
    why: Hold


def admission(
    limits: Sequence[Limit],
    sent_at: Sequence[datetime],
    held_until: datetime | None,
    now: datetime,
) -> MayLeave | MustWait:
    """May one more message leave at `now`? If not, why, and when to ask again.

    `sent_at`: when earlier ones left, oldest first. `held_until`: what the robot itself asked for.
    A window is half-open: what left exactly its length ago no longer counts.
    """
    if held_until is not None and now < held_until:
        return MustWait(until=held_until, why=Hold.ROBOT_ASKED_TO_WAIT)
    free_at = max((_free_at(limit, sent_at, now) for limit in limits), default=now)
    if free_at <= now:
        return MayLeave()
    return MustWait(until=free_at, why=Hold.WINDOW_IS_FULL)


def _free_at(limit: Limit, sent_at: Sequence[datetime], now: datetime) -> datetime:
    """When the oldest of the sendings that fill the window leaves it."""
    if len(sent_at) < limit.count:
        return now
    return sent_at[-limit.count] + timedelta(seconds=limit.seconds) + MARGIN


def longest_window(limits: Sequence[Limit]) -> timedelta:
    """How far back sendings have to be remembered."""
    seconds = max((limit.seconds for limit in limits), default=0)
    return timedelta(seconds=seconds) + MARGIN
