"""Slow is more than twice the median before, over enough responses in both (L10)."""

from datetime import timedelta

from services.leads.domain.response_watch import RESPONSE_WATCH, JudgeResponses
from shared.events.leads import FirstResponseRecovered, FirstResponseSlowed
from tests.domain.lead_examples import NOW, PATH
from tests.specs import Spec

watch = Spec(RESPONSE_WATCH)
HOUR = 3600.0
DAY = timedelta(days=1)


def judge(
    recent: float = 6.8 * HOUR, before: float = 2.1 * HOUR, *counts: int, days: int = 0
) -> JudgeResponses:
    recent_responses, before_responses = counts or (20, 20)
    return JudgeResponses(
        unit_id="team-1",
        unit_path=PATH,
        recent_median=recent,
        recent_responses=recent_responses,
        before_median=before,
        before_responses=before_responses,
        least=20,
        ratio=2.0,
        judged_at=NOW + days * DAY,
    )


SLOWED = FirstResponseSlowed(
    unit_id="team-1",
    unit_path=list(PATH),
    recent_median_seconds=6.8 * HOUR,
    recent_responses=20,
    before_median_seconds=2.1 * HOUR,
    before_responses=20,
    slowed_at=NOW,
)


def test_more_than_twice_as_long_as_before_is_told_once() -> None:
    watch.when(judge()).then(SLOWED)
    watch.given(SLOWED).when(judge(days=1)).then_nothing()


def test_exactly_twice_is_not_slow() -> None:
    watch.when(judge(2 * HOUR, HOUR)).then_nothing()


def test_of_fewer_than_twenty_responses_nothing_is_said() -> None:
    watch.when(judge(6 * HOUR, HOUR, 19, 20)).then_nothing()
    watch.when(judge(6 * HOUR, HOUR, 20, 19)).then_nothing()
    watch.given(SLOWED).when(judge(HOUR, HOUR, 19, 100)).then_nothing()


def test_in_time_again_is_told_once() -> None:
    recovered = FirstResponseRecovered(
        unit_id="team-1",
        unit_path=list(PATH),
        recent_median_seconds=HOUR,
        before_median_seconds=HOUR,
        slowed_at=NOW,
        recovered_at=NOW + DAY,
    )
    watch.given(SLOWED).when(judge(HOUR, HOUR, days=1)).then(recovered)
    watch.given(SLOWED, recovered).when(judge(HOUR, HOUR, days=2)).then_nothing()
