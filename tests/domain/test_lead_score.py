"""Lead health score = source + behaviour + timeliness (L4)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.leads.domain.lead_score import lead_score
from shared.business_time import BusinessCalendar
from tests.domain.lead_examples import HOUR, NOW, RULES


@pytest.mark.parametrize(
    ("source", "points"),
    [
        ("referral", 30),
        ("demo_request", 25),
        ("web_form", 20),
        ("event", 15),
        ("advertisement", 10),
        ("bought_list", 5),
        ("other", 10),
        ("never heard of", 10),
    ],
)
def test_points_of_the_source(source: str, points: int) -> None:
    assert lead_score(RULES, source, (), None).source == points


def test_each_behaviour_counts_once_and_their_sum_is_capped() -> None:
    assert lead_score(RULES, "other", ("hot_word", "hot_word"), None).behaviour == 10
    assert lead_score(RULES, "other", ("white_paper", "page_dwell"), None).behaviour == 13
    everything = ("demo_booked", "hot_word", "live_stream", "white_paper", "page_dwell")
    assert lead_score(RULES, "other", everything, None).behaviour == 40


@pytest.mark.parametrize(
    ("waited_hours", "points"),
    [(None, 30), (0, 30), (24, 30), (36, 22.5), (48, 15), (71, 0.625), (72, 0), (100, 0)],
)
def test_points_of_timeliness_fall_from_24_to_72_hours(
    waited_hours: float | None, points: float
) -> None:
    assert lead_score(RULES, "other", (), waited_hours).timeliness == points


def test_what_each_part_lacks_is_shown() -> None:
    score = lead_score(RULES, "event", ("hot_word",), 48)
    assert score.total == 40
    assert score.missing == {"source": 15, "behaviour": 30, "timeliness": 15}


def test_hours_leave_out_the_weekend_unless_the_tenant_says_otherwise() -> None:
    friday = datetime(2026, 3, 6, 7, 0, tzinfo=UTC)
    business = replace(RULES, calendar=BusinessCalendar("Asia/Shanghai"))
    assert business.hours_between(friday, friday + timedelta(days=4)) == 48
    assert RULES.hours_between(friday, friday + timedelta(days=4)) == 96
    assert business.first_judged_at(friday) == friday + timedelta(days=3)
    assert RULES.first_judged_at(NOW) == NOW + 24 * HOUR
