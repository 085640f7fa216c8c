"""Health: twelve inputs, each contribution, what is absent (S2)."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain.behaviour import measured
from services.scoring.domain.health import DEFAULT_RULES, INPUTS, fit, health
from services.scoring.domain.wording import LANGUAGES, wording_for
from shared.events.scoring import InputRule
from tests.domain.scoring_examples import CALENDAR, DAY, HOUR, NOW, deed, standing

RULE = {rule.input: rule for rule in DEFAULT_RULES.inputs}


@pytest.mark.parametrize(
    ("name", "measured_as", "expected"),
    [
        ("silence", 0.0, 1.0),
        ("silence", 1.0, 0.5),
        ("silence", 2.0, 0.0),
        ("silence", 3.0, 0.0),
        ("stage_age", 1.0, 1.0),
        ("stage_age", 2.0, 0.5),
        ("stage_age", 3.0, 0.0),
        ("two_way_ratio", 0.0, 0.0),
        ("two_way_ratio", 0.2, 0.5),
        ("two_way_ratio", 0.4, 1.0),
        ("two_way_ratio", 1.0, 1.0),
        ("proposal_revisions", 0.0, 1.0),
        ("proposal_revisions", 2.0, 1.0),
        ("proposal_revisions", 3.5, 0.5),
        ("proposal_revisions", 5.0, 0.0),
    ],
)
def test_each_input_lies_on_the_line_between_its_two_points(
    name: str, measured_as: float, expected: float
) -> None:
    assert fit(RULE[name], measured_as) == pytest.approx(expected)


def test_there_are_twelve_inputs_of_equal_weight() -> None:
    assert len(INPUTS) == 12
    assert [rule.input for rule in DEFAULT_RULES.inputs] == list(INPUTS)
    assert {rule.weight for rule in DEFAULT_RULES.inputs} == {1.0}


def test_what_is_absent_is_named_and_not_counted() -> None:
    scored = health(DEFAULT_RULES, {"silence": 1.0, "next_step": 1.0, "stage_age": None})
    assert scored.score == 75.0
    assert [part.input for part in scored.parts] == ["next_step", "silence"]
    assert "stage_age" in scored.missing
    assert len(scored.missing) == 10


def test_of_nothing_measured_there_is_no_score() -> None:
    assert health(DEFAULT_RULES, {}).score is None


def test_the_weakest_inputs_are_those_that_cost_most() -> None:
    scored = health(DEFAULT_RULES, {"silence": 2.0, "two_way_ratio": 0.2, "next_step": 1.0})
    assert scored.weakest == ("silence", "two_way_ratio")


@given(
    st.dictionaries(
        st.sampled_from(INPUTS), st.one_of(st.none(), st.floats(0, 20, allow_nan=False))
    )
)
def test_the_contributions_add_up_to_the_score(values: dict[str, float | None]) -> None:
    scored = health(DEFAULT_RULES, values)
    if scored.score is None:
        assert scored.parts == ()
        return
    assert 0 <= scored.score <= 100
    assert sum(part.points for part in scored.parts) == pytest.approx(scored.score, abs=0.01)
    assert {part.input for part in scored.parts} | set(scored.missing) == set(INPUTS)


@given(st.floats(0.1, 10), st.floats(0, 10), st.floats(0, 10))
def test_more_of_what_is_good_never_lowers_the_score(
    one_at: float, less: float, more: float
) -> None:
    rule = InputRule(input="calls", zero_at=0, one_at=one_at)
    low, high = sorted((less, more))
    assert fit(rule, low) <= fit(rule, high)


def test_the_twelve_behaviours_of_the_last_fortnight_are_measured() -> None:
    deeds = [
        deed(1, 20 * DAY),
        deed(2, 10 * DAY, direction="outbound"),
        deed(3, 9 * DAY, "visit", direction="outbound", required=("photo",), evidence=("photo",)),
        deed(4, 8 * DAY, "message", direction="inbound", figures={"customer_questions": 2.0}),
        deed(5, 7 * DAY, "proposal_revised", direction="outbound", required=("document",)),
        deed(6, 6 * DAY, contact_id="P1", figures={"decision_maker": 1.0}, direction="outbound"),
        deed(7, 24 * HOUR, next_due_at=NOW + DAY, direction="outbound"),
    ]
    found = measured(DEFAULT_RULES, deeds, standing(), NOW)
    assert found == {
        "calls": 3,
        "visits": 1,
        "messages": 1,
        "two_way_ratio": pytest.approx(1 / 6),
        "documents_opened": None,
        "proposal_revisions": 1,
        "customer_questions": 2.0,
        "decision_makers": 1.0,
        "next_step": 1.0,
        "silence": 0.5,
        "stage_age": 1.0,
        "evidence_rate": 0.5,
    }


def test_an_action_that_is_not_valid_counts_in_no_input() -> None:
    found = measured(DEFAULT_RULES, [deed(1, DAY, is_valid=False)], standing(), NOW)
    assert found["calls"] == 0
    assert found["silence"] == 15.0


def test_what_comes_after_the_moment_is_not_known_yet() -> None:
    found = measured(DEFAULT_RULES, [deed(1, -DAY)], standing(), NOW)
    assert found["calls"] == 0


def test_silence_in_business_time_leaves_out_the_weekend() -> None:
    since_friday = [deed(1, 3 * DAY)]
    found = measured(DEFAULT_RULES, since_friday, standing(calendar=CALENDAR), NOW)
    assert found["silence"] == pytest.approx(0.5)
    assert measured(DEFAULT_RULES, since_friday, standing(), NOW)["silence"] == 1.5


def test_without_a_won_opportunity_in_the_stage_its_age_is_absent() -> None:
    found = measured(DEFAULT_RULES, [], standing(median_dwell_seconds=None), NOW)
    assert found["stage_age"] is None


def test_an_exact_fortnight_ago_is_in_the_window_and_its_end_is_not() -> None:
    fortnight = timedelta(days=14)
    outside = deed(1, fortnight + timedelta(milliseconds=1))
    assert measured(DEFAULT_RULES, [deed(1, fortnight)], standing(), NOW)["calls"] == 1
    assert measured(DEFAULT_RULES, [outside], standing(), NOW)["calls"] == 0
    assert measured(DEFAULT_RULES, [deed(1, timedelta())], standing(), NOW)["calls"] == 0


def test_there_are_words_for_every_input_in_both_languages() -> None:
    for name in INPUTS:
        kit = wording_for([name])
        assert set(kit) == set(LANGUAGES)
        assert all(len(words) == 1 and words[0] for words in kit.values())
