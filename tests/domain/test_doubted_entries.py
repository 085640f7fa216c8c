"""Authenticity: bursts, templates, month ends and gaps, each with its proof (S4)."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain.action_record import ActionRecord
from services.scoring.domain.doubt import Doubt, DoubtLimits
from services.scoring.domain.doubted_entries import entry_bursts, gaps, month_ends, templates
from tests.domain.scoring_examples import CALENDAR, DAY, HOUR, NOW, record

LIMITS = DoubtLimits()
ZONE = "Asia/Shanghai"
MARCH = date(2026, 3, 1)
MINUTE = timedelta(minutes=1)


def entered(count: int, apart: timedelta, late: timedelta = DAY) -> list[ActionRecord]:
    return [
        record(number, NOW + number * apart - late, late=late) for number in range(1, count + 1)
    ]


def on(day: int, number: int, hour: int = 3, **more: Any) -> ActionRecord:
    """At 11:00 in Shanghai."""
    return record(number, datetime(2026, 3, day, hour, tzinfo=UTC), **more)


def test_five_entered_within_ten_minutes_a_day_late_are_a_burst() -> None:
    [doubt] = entry_bursts(entered(5, 2 * MINUTE), LIMITS)
    assert doubt.rule == "entry_burst"
    assert doubt.doubted == ("A001", "A002", "A003", "A004", "A005")
    assert doubt.facts == {"actions": 5, "minutes": 8.0}
    assert [line.figures["late_hours"] for line in doubt.proof] == [24.0] * 5


def test_four_or_more_slowly_or_less_late_are_none() -> None:
    assert entry_bursts(entered(4, 2 * MINUTE), LIMITS) == []
    assert entry_bursts(entered(5, timedelta(seconds=151)), LIMITS) == []
    assert entry_bursts(entered(5, MINUTE, late=DAY - timedelta(seconds=1)), LIMITS) == []


def test_exactly_ten_minutes_are_within_ten_minutes() -> None:
    assert len(entry_bursts(entered(5, timedelta(seconds=150)), LIMITS)) == 1


def test_two_bursts_are_two_doubts() -> None:
    morning = entered(5, MINUTE)
    evening = [record(each + 10, NOW - DAY, late=DAY + 9 * HOUR) for each in range(5)]
    assert [len(each.doubted) for each in entry_bursts([*morning, *evening], LIMITS)] == [5, 5]


def alike(texts: list[str]) -> list[Doubt]:
    records = [record(number, NOW + number * HOUR) for number in range(len(texts))]
    said = {each.action_id: text for each, text in zip(records, texts, strict=True)}
    return templates(records, said, LIMITS)


DIFFERENT = [
    "参观产线，与设备主管确认三处瓶颈",
    "Sent the comparison of technical data",
    "客户询问交货周期，希望四月底前",
    "Needs workshop, minutes confirmed by both sides",
    "现场看了仓库，客户关心交期和备件",
    "Customer asks for a reference case in the food industry",
]
SAME = "客户态度良好，继续跟进。"


def test_five_summaries_alike_among_twenty_are_a_template() -> None:
    [doubt] = alike([*DIFFERENT, *[SAME] * 5])
    assert doubt.rule == "template"
    assert doubt.doubted == ("A006", "A007", "A008", "A009", "A010")
    assert doubt.facts == {"actions": 5, "of_last": 11}
    assert [line.figures["similarity"] for line in doubt.proof] == [1.0] * 5


def test_another_name_or_punctuation_is_still_the_template() -> None:
    texts = [f"今天拜访{name}总，客户态度良好，产品介绍完毕，继续跟进" for name in "张王李赵陈"]
    assert len(alike(texts)) == 1
    assert len(alike(["Good talk, will follow up", "good talk will follow up!"] * 3)) == 2


def test_four_alike_or_twenty_apart_are_none() -> None:
    assert alike([*DIFFERENT, *[SAME] * 4]) == []
    others = [f"{number} {chr(0x4E00 + 7 * number) * 5}" for number in range(17)]
    assert alike([*[SAME] * 3, *others, *[SAME] * 2]) == []


def test_different_words_are_no_template() -> None:
    assert alike(DIFFERENT) == []


def test_more_than_half_within_four_days_after_the_twentieth_are_month_end() -> None:
    records = [on(day, day) for day in (3, 9, 12, 17)]
    records += [on(27 + number % 4, 40 + number) for number in range(6)]
    [doubt] = month_ends(records, ZONE, MARCH, LIMITS)
    assert doubt.rule == "month_end"
    assert len(doubt.doubted) == 6
    assert doubt.facts["share"] == 0.6
    assert doubt.facts["kind"] == "visit"


def test_exactly_half_fewer_than_ten_or_before_the_twenty_first_are_none() -> None:
    early = [on(day, day) for day in (3, 5, 9, 12, 17)]
    late = [on(27, 40 + number) for number in range(5)]
    assert month_ends([*early, *late], ZONE, MARCH, LIMITS) == []
    assert month_ends([on(27, number) for number in range(9)], ZONE, MARCH, LIMITS) == []
    assert month_ends([on(18 + n % 3, n) for n in range(12)], ZONE, MARCH, LIMITS) == []


def test_other_kinds_other_months_and_invalid_records_do_not_add_up() -> None:
    kinds = [on(27, n, type="call" if n % 2 else "visit") for n in range(12)]
    assert month_ends(kinds, ZONE, MARCH, LIMITS) == []
    assert month_ends([on(27, n) for n in range(12)], ZONE, date(2026, 4, 1), LIMITS) == []
    assert month_ends([on(27, n, is_valid=False) for n in range(12)], ZONE, MARCH, LIMITS) == []


def test_days_are_those_of_the_tenant() -> None:
    """18:00 UTC on the 20th is the 21st in Shanghai."""
    assert len(month_ends([on(20, n, hour=18) for n in range(10)], ZONE, MARCH, LIMITS)) == 1


def weekly(per_week: int, weeks: int = 8) -> list[ActionRecord]:
    """On Mondays, the last of them 23 February."""
    monday = datetime(2026, 2, 23, 3, tzinfo=UTC)
    return [
        record(100 + 10 * week + number, monday - week * 7 * DAY + number * HOUR)
        for week in range(weeks)
        for number in range(per_week)
    ]


def made_up(day: int, count: int) -> list[ActionRecord]:
    return [on(day, 500 + number) for number in range(count)]


def gaps_on(records: list[ActionRecord], day: int) -> list[Doubt]:
    return gaps(records, ("visit",), [date(2026, 3, day)], CALENDAR, LIMITS)


def test_a_week_made_up_on_one_day_after_seven_empty_working_days_is_a_gap() -> None:
    """24 February to 4 March are seven working days; seven Mondays lie in the eight weeks."""
    [doubt] = gaps_on([*weekly(3), *made_up(5, 3)], 5)
    assert doubt.rule == "gap"
    assert doubt.doubted == ("A500", "A501", "A502")
    assert doubt.facts["rested_working_days"] == 7
    assert doubt.facts["weekly_mean"] == 2.62


def test_six_empty_working_days_or_fewer_made_up_are_none() -> None:
    assert gaps_on([*weekly(3), *made_up(4, 3)], 4) == []
    assert gaps_on([*weekly(3), *made_up(5, 2)], 5) == []


def test_who_never_did_it_before_makes_nothing_up() -> None:
    assert gaps_on(made_up(5, 5), 5) == []


def test_one_action_after_a_rest_is_no_catching_up() -> None:
    assert gaps_on([*weekly(1), *made_up(5, 1)], 5) == []


def test_a_tenant_may_have_the_weekly_mean_alone_decide() -> None:
    by_the_letter = replace(LIMITS, gap_least_actions=1)
    rare = [*weekly(1), *made_up(5, 1)]
    [doubt] = gaps(rare, ("visit",), [date(2026, 3, 5)], CALENDAR, by_the_letter)
    assert (doubt.facts["actions"], doubt.facts["weekly_mean"]) == (1, 0.88)


def test_other_actions_than_golden_ones_may_rest() -> None:
    records = [*weekly(3), *made_up(5, 3)]
    assert gaps(records, ("demo",), [date(2026, 3, 5)], CALENDAR, LIMITS) == []


@given(st.permutations(entered(7, MINUTE)))
def test_the_order_in_which_records_come_changes_no_doubt(records: list[ActionRecord]) -> None:
    assert entry_bursts(records, LIMITS) == entry_bursts(entered(7, MINUTE), LIMITS)
