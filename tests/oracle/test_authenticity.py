"""The oracle of authenticity finds what it is there to find, and nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.oracle.authenticity import Doubted, disagreements, doubts, known
from tests.oracle.behaviour import Told

NOW = datetime(2026, 3, 30, 9, tzinfo=UTC)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
STREAM = "T1/opportunity/O1"


def action(number: int, happened_at: datetime, recorded_at: datetime, **more: Any) -> Told:
    data = {
        "action_id": f"A{number:02}",
        "actor_id": "rep-1",
        "actor_unit_path": ["company"],
        "type": "visit",
        "happened_at": happened_at.isoformat(),
        **more,
    }
    kind = "opportunities.action_logged.v1"
    return Told(STREAM, number, kind, recorded_at, happened_at, data)


def late(count: int, apart: timedelta = 2 * MINUTE) -> list[Told]:
    return [action(n, NOW - 30 * HOUR, NOW + n * apart) for n in range(count)]


def case(rule: str, *action_ids: str) -> Told:
    data = {
        "rule": rule,
        "rep_id": "rep-1",
        "doubted": list(action_ids),
        "opened_at": (NOW + HOUR).isoformat(),
    }
    stream = "T1/authenticity_cases/x"
    return Told(stream, 1, "scoring.authenticity_case_opened.v1", NOW + HOUR, NOW, data)


def found(events: list[Told], **summaries: str) -> set[Doubted]:
    said = {
        (each.stream, each.version): summaries.get(each.data["action_id"], "") for each in events
    }
    return set(doubts(known(events, said, "Asia/Shanghai", NOW + DAY), NOW + DAY))


def wrong(*events: Told) -> list[str]:
    return disagreements(events, {}, "Asia/Shanghai", NOW + DAY)


def test_five_late_records_within_ten_minutes_are_a_burst_four_are_none() -> None:
    assert {each.rule for each in found(late(5))} == {"entry_burst"}
    assert found(late(4)) == set()
    assert found(late(5, apart=2.5 * MINUTE + timedelta(milliseconds=1))) == set()


def test_five_summaries_alike_are_a_template() -> None:
    events = [action(n, NOW, NOW + n * HOUR) for n in range(5)]
    alike = {f"A{n:02}": "客户很满意，下周再约" for n in range(5)}
    assert {each.rule for each in found(events, **alike)} == {"template"}
    assert found(events, **{**alike, "A03": "价格太高，要等预算"}) == set()


def test_too_fast_from_visit_to_visit_is_doubted() -> None:
    def scan(number: int, at: datetime, north: float) -> Told:
        data = {
            "action_id": f"A{number:02}",
            "place_latitude": north,
            "place_longitude": 121.0,
            "scan_distance_metres": 0.0,
            "scanned_at": at.isoformat(),
        }
        return Told(STREAM, 10 + number, "opportunities.visit_started.v1", at, at, data)

    visits = [action(n, NOW + n * HOUR, NOW + n * HOUR) for n in range(2)]
    near = [scan(0, NOW, 31.0), scan(1, NOW + HOUR, 32.0)]  # 111 km in an hour
    far = [scan(0, NOW, 31.0), scan(1, NOW + HOUR, 33.0)]
    assert found([*visits, *near]) == set()
    assert {(each.rule, *each.actions) for each in found([*visits, *far])} == {
        ("place_and_time", "A01")
    }


def test_a_month_made_up_at_its_end_is_doubted_once_it_is_over() -> None:
    events = [action(n, datetime(2026, 2, 26, 3, tzinfo=UTC), NOW) for n in range(10)]
    assert {each.rule for each in found(events)} == {"month_end", "entry_burst"}
    march = [action(n, datetime(2026, 3, 26, 3, tzinfo=UTC), NOW) for n in range(10)]
    assert {each.rule for each in found(march)} == {"entry_burst"}


def test_a_report_followed_up_after_more_than_thirty_days_breaks_its_date() -> None:
    on_time = {"fields": {"reported_at": (NOW - 30 * DAY).isoformat()}}
    too_late = {"fields": {"reported_at": (NOW - 30 * DAY - MINUTE).isoformat()}}
    assert found([action(0, NOW, NOW, **on_time)]) == set()
    assert {each.rule for each in found([action(0, NOW, NOW, **too_late)])} == {"dates"}


@pytest.mark.parametrize("rule", ["template", "dates"])
def test_a_case_that_nothing_speaks_for_is_found(rule: str) -> None:
    assert wrong(action(0, NOW, NOW), case(rule, "A00")) != []


def test_a_doubt_without_a_case_is_found() -> None:
    assert wrong(*late(5)) != []
    assert wrong(*late(5), case("entry_burst", "A00", "A01", "A02", "A03", "A04")) == []
