"""Authenticity: places, times, reused evidence and dates, each with its proof (S4)."""

from datetime import timedelta
from typing import Any

import pytest

from services.scoring.domain.action_record import ActionRecord, Photo, ScannedPlace
from services.scoring.domain.doubt import Doubt, DoubtLimits
from services.scoring.domain.doubted_facts import broken_dates, metres_between, places_and_times
from shared.events.opportunities import DateRule
from tests.domain.scoring_examples import DAY, HOUR, NOW, record

LIMITS = DoubtLimits()
SHANGHAI, SUZHOU = (31.230, 121.474), (31.299, 120.585)
MINUTE = timedelta(minutes=1)


def scanned(
    number: int, after: timedelta, where: tuple[float, float], off: float = 0.0
) -> ActionRecord:
    place = ScannedPlace(
        latitude=where[0], longitude=where[1], scan_distance_metres=off, scanned_at=NOW + after
    )
    return record(number, NOW + after, place=place)


def with_photo(taken: timedelta | None, metres: float | None, **more: Any) -> ActionRecord:
    taken_at = None if taken is None else NOW + taken
    photo = Photo(sha256="a" * 64, taken_at=taken_at, distance_metres=metres)
    return record(1, NOW, photos=[photo], **more)


def doubts(*records: ActionRecord) -> list[Doubt]:
    return places_and_times(records, {}, LIMITS)


def test_the_way_from_shanghai_to_suzhou_is_85_kilometres() -> None:
    assert metres_between(SHANGHAI, SUZHOU) == pytest.approx(84_800, abs=300)
    assert metres_between(SHANGHAI, SHANGHAI) == 0


def test_faster_than_150_kilometres_an_hour_between_visits_is_doubted() -> None:
    [doubt] = doubts(scanned(1, timedelta(), SHANGHAI), scanned(2, 30 * MINUTE, SUZHOU))
    assert doubt.rule == "place_and_time"
    assert doubt.doubted == ("A002",)
    assert doubt.facts["speed_kmh"] == pytest.approx(170, abs=1)
    assert [line.action_id for line in doubt.proof] == ["A001", "A002"]


def test_an_hour_is_enough_for_the_way() -> None:
    assert doubts(scanned(1, timedelta(), SHANGHAI), scanned(2, HOUR, SUZHOU)) == []


def test_at_the_same_moment_in_two_towns_is_doubted() -> None:
    [doubt] = doubts(scanned(1, timedelta(), SHANGHAI), scanned(2, timedelta(), SUZHOU))
    assert doubt.facts["speed_kmh"] is None


def test_neighbours_are_reached_at_once() -> None:
    near = (SHANGHAI[0] + 0.002, SHANGHAI[1])
    assert doubts(scanned(1, timedelta(), SHANGHAI), scanned(2, timedelta(), near)) == []


@pytest.mark.parametrize(("metres", "count"), [(300.0, 0), (301.0, 1)])
def test_scanned_more_than_300_metres_from_the_customer_is_doubted(
    metres: float, count: int
) -> None:
    found = doubts(scanned(1, timedelta(), SHANGHAI, metres))
    assert len(found) == count


@pytest.mark.parametrize(("metres", "count"), [(500.0, 0), (501.0, 1)])
def test_a_photo_taken_more_than_500_metres_off_is_doubted(metres: float, count: int) -> None:
    assert len(doubts(with_photo(None, metres))) == count


@pytest.mark.parametrize(("minutes", "count"), [(-31, 1), (-30, 0), (30, 0), (31, 1)])
def test_a_photo_taken_more_than_30_minutes_off_is_doubted(minutes: int, count: int) -> None:
    assert len(doubts(with_photo(minutes * MINUTE, None))) == count


def test_a_photo_taken_while_the_action_lasted_is_on_time() -> None:
    assert doubts(with_photo(80 * MINUTE, None, fields={"duration_seconds": 3600})) == []


def test_a_photo_without_exif_says_nothing() -> None:
    assert doubts(with_photo(None, None), record(2, NOW)) == []


def test_evidence_that_had_proved_another_action_is_doubted() -> None:
    first, second = record(1, NOW), record(2, NOW + DAY)
    [doubt] = places_and_times([second], {"A002": first}, LIMITS)
    assert doubt.doubted == ("A002",)
    assert doubt.facts == {"reused_from": "A001"}
    assert [line.action_id for line in doubt.proof] == ["A001", "A002"]


A_WEEK = {
    "slow_follow_up": [
        DateRule(earlier="reported_at", later="occurred_at", limit_seconds=7 * 86_400)
    ]
}


def dated(kind: str, **fields: str) -> list[Doubt]:
    return broken_dates([record(1, NOW, type=kind, fields=fields)], A_WEEK, "Asia/Shanghai")


def test_a_type_with_a_rule_of_its_own_keeps_that() -> None:
    assert len(dated("slow_follow_up", reported_at="2026-02-22T09:00:00Z")) == 1
    assert dated("slow_follow_up", reported_at="2026-02-23T09:00:00Z") == []


def test_following_up_a_report_after_more_than_30_days_is_doubted() -> None:
    [doubt] = dated("report_follow_up", reported_at="2026-01-31T08:59:59Z")
    assert doubt.rule == "dates"
    assert doubt.facts["limit_hours"] == 720.0
    assert dated("report_follow_up", reported_at="2026-01-31T09:00:00Z") == []


def test_following_up_a_member_after_more_than_15_minutes_is_doubted() -> None:
    assert len(dated("member_follow_up", member_created_at="2026-03-02T08:44:59Z")) == 1
    assert dated("member_follow_up", member_created_at="2026-03-02T08:45:00Z") == []


def test_a_day_begins_in_the_zone_of_the_tenant() -> None:
    """31 January in Shanghai begins at 16:00 UTC on the 30th: 30 days and 17 hours before."""
    assert len(dated("report_follow_up", reported_at="2026-01-31")) == 1
    assert dated("report_follow_up", reported_at="2026-02-01") == []


def test_a_date_that_is_missing_or_no_date_says_nothing() -> None:
    assert dated("report_follow_up") == []
    assert dated("report_follow_up", reported_at="soon") == []
    assert dated("visit", agreed_at="2020-01-01") == []
