"""Instructions in Chinese and English, and explanations in sentences (P11)."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from services.projections.domain.instructions import (
    Group,
    Reader,
    TroubledOpportunity,
    deadline_of_instruction,
    instructions,
)
from services.projections.domain.process_health import HealthSettings, WeekFigures
from services.projections.domain.signal import FactValue
from services.projections.domain.signal_list import SignalRow
from services.projections.domain.why import why_signal
from services.projections.domain.why_figures import (
    COUNTS,
    FIGURES_OF_BOARDS,
    counted_in,
    require_figure,
    why_health,
)
from services.projections.queries.boards import BOARDS
from shared.business_time import BusinessCalendar
from shared.errors import Malformed, NotFound

CALENDAR = BusinessCalendar("Asia/Shanghai")
MONDAY_11 = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
MONDAY_15 = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
FRIDAY_15 = datetime(2026, 3, 6, 7, 0, tzinfo=UTC)
SUNDAY_11 = datetime(2026, 3, 8, 3, 0, tzinfo=UTC)
ENGLISH = Reader("en", {"solution": "solution confirmation", "rep-1": "Li Lei"})
CHINESE = Reader("zh", {"solution": "方案确认", "rep-1": "李雷"})
STUCK = Group(
    "stuck",
    "solution",
    [
        TroubledOpportunity("O1", "C1", "rep-1", True, 10.0),
        TroubledOpportunity("O2", "C2", "rep-1", False, 30.0),
    ],
)


@pytest.mark.parametrize(
    ("now", "by"),
    [
        (MONDAY_11, "2026-03-02T16:00"),
        (MONDAY_15, "2026-03-03T10:00"),
        (FRIDAY_15, "2026-03-09T10:00"),
        (SUNDAY_11, "2026-03-09T10:00"),
    ],
)
def test_it_is_due_today_at_16_or_on_the_next_working_day_at_10(now: datetime, by: str) -> None:
    assert deadline_of_instruction(now, CALENDAR).isoformat()[:16] == by


def test_an_instruction_names_number_reason_deadline_and_people() -> None:
    [told] = instructions([STUCK], MONDAY_11, CALENDAR, ENGLISH)

    assert told["text"] == (
        "2 opportunities are stuck in solution confirmation for over 5 days, "
        "1 of them key industry: call Li Lei together before 16:00."
    )
    assert [each["opportunity_id"] for each in told["opportunities"]] == ["O2", "O1"]
    assert len(told["agenda"]) == 3


def test_it_is_said_in_the_readers_language() -> None:
    [told] = instructions([STUCK], MONDAY_15, CALENDAR, CHINESE)

    assert told["text"] == (
        "2 个商机卡在方案确认超过 5 天，其中 1 个重点行业："
        "下一个工作日 2026-03-03 10:00 前约李雷碰头。"
    )


def test_one_opportunity_is_spoken_of_as_one() -> None:
    [told] = instructions(
        [STUCK._replace(opportunities=STUCK.opportunities[1:])], MONDAY_11, CALENDAR, ENGLISH
    )

    assert told["text"].startswith("1 opportunity is stuck in solution confirmation for over 5")


def test_at_most_three_are_given_the_largest_first() -> None:
    groups = [STUCK._replace(stage=stage) for stage in ("a", "b", "c")]
    larger = STUCK._replace(opportunities=list(STUCK.opportunities) * 2)

    told = instructions([*groups, larger], MONDAY_11, CALENDAR, ENGLISH)

    assert [each["stage"] for each in told] == ["solution", "a", "b"]


def test_nothing_wrong_means_no_instruction() -> None:
    assert instructions([STUCK._replace(opportunities=())], MONDAY_11, CALENDAR, ENGLISH) == []


SIGNAL = SignalRow(
    signal_id="S1",
    rule="stalled",
    subject_kind="opportunity",
    subject_id="O1",
    customer_id="C1",
    stage="solution",
    unit_id="team-1",
    unit_path=["company", "team-1"],
    owner_id="rep-1",
    due_at=MONDAY_11,
    raised_at=MONDAY_11,
    anchor_event_id="E1",
    window=None,
    historical=True,
    facts={"since": "Saturday", "limit_hours": 48.0, "pipeline": "P1", "pipeline_version": 2},
    raised_event_id="E9",
)


def test_a_signal_is_explained_with_its_rule_settings_and_events() -> None:
    told = why_signal(SIGNAL, "en", {"due_at": "Monday 11:00"})

    assert told["sentences"] == [
        "Nothing that ends silence happened in solution from Saturday until the limit of "
        "48.0 h passed at Monday 11:00.",
        "The limit is that of pipeline P1, version 2.",
        "Nothing has ended it yet.",
        "It was found in history: nobody was told when it fell due.",
    ]
    assert told["events"] == ["E1", "E9"]


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize(
    ("rule", "facts"),
    [
        ("stage_overdue", {"since": "x", "limit_hours": 1}),
        ("golden_action_overdue", {"since": "x", "action": "demo"}),
        ("next_action_due", {"booked_at": "x"}),
        ("next_action_reminder", {"booked_at": "x", "next_due_at": "y"}),
        (
            "approval_overdue",
            {"approval_id": "D1", "step": 0, "role": "legal", "since": "x", "limit_hours": 48},
        ),
        ("no_response", {"contacts": 3, "since": "x"}),
        ("workshop_proposed", {"parts": ["silence_overrun"]}),
    ],
)
def test_every_rule_is_explained_in_both_languages(
    language: str, rule: str, facts: dict[str, FactValue]
) -> None:
    told = why_signal(replace(SIGNAL, rule=rule, facts=facts), language, {"due_at": "Monday"})

    assert len(told["sentences"]) == 3


def test_a_figure_is_explained_with_its_counts_and_weights() -> None:
    figures = WeekFigures(moved=10, skipped=1, open=4)

    told = why_health("index", "2026-W10", figures, HealthSettings(), "en")

    assert told["sentences"][0] == (
        "10 opportunities changed stage in 2026-W10, 1 of them with a skip: (10 − 1) ÷ 10 = 0.9."
    )
    assert told["sentences"][1] == "evidence_rate: There was nothing to count in 2026-W10."
    assert told["settings"]["weights"]["stage_compliance"] == 0.6


@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("count", COUNTS)
def test_every_count_is_explained_in_both_languages(count: str, language: str) -> None:
    figures = WeekFigures(
        moved=7, skipped=7, evidence_required=7, evidence_complete=7, open=7, overrun=7
    )
    dwelling = replace(figures, dwell_open={"first": 3, "second": 4})

    told = why_health(count, "2026-W10", dwelling, HealthSettings(), language)

    assert told["value"] == 7
    assert "7" in told["sentences"][0]


def test_dwelling_is_explained_for_all_stages_or_for_one() -> None:
    figures = WeekFigures(dwell_open={"first": 3, "second": 1}, dwell_overrun={"first": 2})

    def value(stage: str | None) -> float | None:
        told = why_health("dwell_overrun", "2026-W10", figures, HealthSettings(), "en", stage)
        found: float | None = told["value"]
        return found

    assert (value(None), value("first"), value("second")) == (0.5, 2 / 3, 0.0)
    assert value("third") is None


def test_an_index_that_uses_dwelling_is_explained_by_what_dwells() -> None:
    settings = HealthSettings(index_uses="dwell")

    assert counted_in("index", settings)[-2:] == ("dwell_open", "dwell_overrun")
    assert "overrun" not in counted_in("index", settings)


def test_an_unknown_figure_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(Malformed) as refused:
        require_figure("process-health", "mood")

    assert refused.value.errors[0].message.startswith("one of index, stage_compliance, ")
    require_figure("golden-actions", "demo", ["demo"])


def test_an_unknown_board_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(NotFound, match=r"there are action-health, .*heat-map, .*silence"):
        require_figure("moods", "index")


def test_every_board_can_be_asked_about() -> None:
    assert set(FIGURES_OF_BOARDS) == set(BOARDS)
