"""When a message is tried next, on which channel, and when trying ends (N5)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import assert_never

from services.notifications.domain.message import (
    Attempt,
    Closed,
    Message,
    UnderWay,
    Unknown,
    Waiting,
    may_be_repeat,
)
from services.notifications.domain.message_commands import (
    Ending,
    Outcome,
)
from shared.business_time import DailyHours, quiet_until

TRIES_PER_CHANNEL = 4
BACK_OFF = (timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=10))
"""Between the first and second, second and third, third and fourth try on one channel."""

SHORTEST_REST = timedelta(seconds=1)
"""After a limit, however early the channel invites us again."""


class Send(StrEnum):
    FIRST_TIME = "first-time"
    AFTER_REFUSAL = "after-refusal"
    MAY_BE_A_REPEAT = "may-be-a-repeat"
    NEXT_CHANNEL = "next-channel"


class Hold(StrEnum):
    NOT_BEFORE = "not-before"
    QUIET_HOURS = "quiet-hours"
    BACKING_OFF = "backing-off"
    CHANNEL_LIMIT = "channel-limit"
    UNDER_WAY = "under-way"


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    channel: str
    attempt: int
    may_be_repeat: bool
    why: Send


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """`until` None: for the end of the attempt that is under way."""

    until: datetime | None
    why: Hold


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveUp:
    ending: Ending
    reason: str


@dataclass(frozen=True, slots=True)
class AllDone:
    """The message has ended; there is nothing left to plan."""


Next = Try | Wait | GiveUp | AllDone


def next_attempt(message: Message, now: datetime, zone: str) -> Next:
    """What to do with the message at `now`; equal inputs give equal plans.

    Channels are tried in their order, each up to `TRIES_PER_CHANNEL` times with back-off; an
    attempt that the channel only limited is repeated after its `retry_at` and counts as no try.
    No attempt begins in the message's quiet hours (N2), which are reckoned in `zone`.
    """
    match message:
        case Unknown() | Closed():
            return AllDone()
        case UnderWay():
            return Wait(until=None, why=Hold.UNDER_WAY)
        case Waiting():
            return _next_of_waiting(message, now, zone)
        case _:
            assert_never(message)


def next_look(message: Message, now: datetime, zone: str) -> datetime | None:
    """When something is to be done about the message again: `now`, later, or never (None)."""
    plan = next_attempt(message, now, zone)
    match plan:
        case Try() | GiveUp():
            return now
        case Wait(until=until):
            return until
        case AllDone():
            return None
        case _:
            assert_never(plan)


def _next_of_waiting(message: Waiting, now: datetime, zone: str) -> Next:
    queued = message.queued
    if not queued.channels:
        return GiveUp(ending=Ending.OPERATOR, reason="no-channel-reaches-the-person")
    channel = next((name for name in queued.channels if not _is_used_up(message, name)), None)
    if channel is None:
        return GiveUp(ending=Ending.OPERATOR, reason="every-channel-failed")
    if now >= queued.expires_at:
        return GiveUp(ending=Ending.EXPIRED, reason="not-delivered-in-time")
    if now < queued.not_before:
        return Wait(until=queued.not_before, why=Hold.NOT_BEFORE)
    hold = _hold(message, channel)
    if hold is not None and hold.until is not None and now < hold.until:
        return Wait(until=min(hold.until, queued.expires_at), why=hold.why)
    disturbs_from = _disturbs_from(queued.quiet_hours, now, zone)
    if now < disturbs_from:
        return Wait(until=min(disturbs_from, queued.expires_at), why=Hold.QUIET_HOURS)
    return Try(
        channel=channel,
        attempt=len(message.attempts) + 1,
        may_be_repeat=may_be_repeat(message.attempts),
        why=_why(message, channel),
    )


def _disturbs_from(quiet_hours: Sequence[str], now: datetime, zone: str) -> datetime:
    ends = (quiet_until(now, zone, DailyHours.parse(hours)) for hours in quiet_hours)
    return min(ends, default=now)


def _tries(message: Waiting, channel: str) -> list[Attempt]:
    return [
        attempt
        for attempt in message.attempts
        if attempt.channel == channel and attempt.outcome is not Outcome.LIMITED
    ]


def _is_used_up(message: Waiting, channel: str) -> bool:
    return len(_tries(message, channel)) >= TRIES_PER_CHANNEL


def _hold(message: Waiting, channel: str) -> Wait | None:
    """How long the channel rests after its last attempt."""
    on_channel = [attempt for attempt in message.attempts if attempt.channel == channel]
    if not on_channel:
        return None
    last = on_channel[-1]
    ended_at = last.ended_at or last.started_at
    if last.outcome is Outcome.LIMITED:
        retry_at = last.retry_at or ended_at + BACK_OFF[0]
        return Wait(until=max(retry_at, ended_at + SHORTEST_REST), why=Hold.CHANNEL_LIMIT)
    pause = BACK_OFF[len(_tries(message, channel)) - 1]
    return Wait(until=ended_at + pause, why=Hold.BACKING_OFF)


def _why(message: Waiting, channel: str) -> Send:
    if not message.attempts:
        return Send.FIRST_TIME
    if may_be_repeat(message.attempts):
        return Send.MAY_BE_A_REPEAT
    if all(attempt.channel != channel for attempt in message.attempts):
        return Send.NEXT_CHANNEL
    return Send.AFTER_REFUSAL
