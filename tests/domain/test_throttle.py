"""A robot's own limits: what is too much waits, nothing is dropped (N4)."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from services.notifications.domain.throttle import (
    MARGIN,
    Hold,
    Limit,
    MayLeave,
    MustWait,
    admission,
    longest_window,
)

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DINGTALK = (Limit(20, 60),)
FEISHU = (Limit(100, 60), Limit(5, 1))


def test_the_twentieth_in_a_minute_may_leave() -> None:
    sent = [NOW + n * SECOND for n in range(19)]
    assert admission(DINGTALK, sent, None, NOW + 19 * SECOND) == MayLeave()


def test_the_twenty_first_waits_until_the_first_is_a_minute_ago() -> None:
    sent = [NOW + n * SECOND for n in range(20)]
    free_at = NOW + timedelta(minutes=1) + MARGIN
    held = MustWait(until=free_at, why=Hold.WINDOW_IS_FULL)
    assert admission(DINGTALK, sent, None, NOW + 30 * SECOND) == held
    assert admission(DINGTALK, sent, None, free_at) == MayLeave()


def test_of_two_limits_the_stricter_one_holds() -> None:
    sent = [NOW] * 5
    decision = admission(FEISHU, sent, None, NOW)
    assert decision == MustWait(until=NOW + SECOND + MARGIN, why=Hold.WINDOW_IS_FULL)


def test_a_robot_that_asked_to_wait_is_left_alone() -> None:
    held_until = NOW + timedelta(minutes=10)
    decision = admission(DINGTALK, [], held_until, NOW)
    assert decision == MustWait(until=held_until, why=Hold.ROBOT_ASKED_TO_WAIT)
    assert admission(DINGTALK, [], held_until, held_until) == MayLeave()


def test_without_limits_everything_may_leave() -> None:
    assert admission((), [NOW] * 1_000, None, NOW) == MayLeave()
    assert longest_window(()) == MARGIN
    assert longest_window(FEISHU) == timedelta(seconds=60) + MARGIN


@given(
    st.lists(st.integers(0, 5_000), min_size=1, max_size=150),
    st.sampled_from((DINGTALK, FEISHU, (Limit(1, 3),))),
)
def test_whoever_waits_as_told_gets_through_and_no_window_is_ever_overfull(
    pauses: list[int], limits: tuple[Limit, ...]
) -> None:
    sent: list[datetime] = []
    now = NOW
    for pause in pauses:
        now += timedelta(milliseconds=pause)
        while isinstance(decision := admission(limits, sent, None, now), MustWait):
            assert decision.until > now
            now = decision.until
        sent.append(now)
    assert len(sent) == len(pauses)
    for limit in limits:
        for earlier, later in zip(sent, sent[limit.count :], strict=False):
            assert later - earlier >= timedelta(seconds=limit.seconds)
