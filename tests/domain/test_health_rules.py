"""New rules of health score beside the old and show the difference before they go live (S2)."""

from dataclasses import replace

import pytest

from services.scoring.domain.health import DEFAULT_RULES
from services.scoring.domain.health_rules import (
    HEALTH_RULES,
    Compared,
    CompareHealthRules,
    HealthRulesCannotBeUsed,
    NoRulesAreProposed,
    ProposeHealthRules,
    PutHealthRulesIntoEffect,
    RuleBook,
    RulesAreNotCompared,
    WithdrawHealthRules,
)
from shared.events.scoring import HealthRules, HealthRulesCompared, InputRule
from tests.domain.scoring_examples import NOW

SILENCE_ONLY = HealthRules(
    version=0, inputs=(InputRule(input="silence", zero_at=2, one_at=0),), low_below=50
)
PROPOSE = ProposeHealthRules(rules=SILENCE_ONLY, now=NOW)
TAKE_EFFECT = PutHealthRulesIntoEffect(now=NOW)
SUBJECTS = (
    Compared(kind="opportunity", subject_id="O1", before=70.0, after=30.0),
    Compared(kind="opportunity", subject_id="O2", before=50.0, after=55.0),
    Compared(kind="lead", subject_id="L1", before=80.0, after=80.0),
)
COMPARE = CompareHealthRules(subjects=SUBJECTS, version=2, now=NOW)


def after(*commands: object) -> RuleBook:
    book = HEALTH_RULES.initial
    for command in commands:
        book = HEALTH_RULES.fold(HEALTH_RULES.decide(command, book), book)  # type: ignore[arg-type]
    return book


def test_what_is_proposed_is_not_in_force() -> None:
    book = after(PROPOSE)
    assert book.in_force == DEFAULT_RULES
    assert book.proposed == replace(SILENCE_ONLY, version=2)


def test_rules_that_were_not_compared_do_not_go_live() -> None:
    with pytest.raises(RulesAreNotCompared):
        HEALTH_RULES.decide(TAKE_EFFECT, after(PROPOSE))


def test_the_comparison_shows_what_would_change() -> None:
    [event] = HEALTH_RULES.decide(COMPARE, after(PROPOSE))
    assert isinstance(event, HealthRulesCompared)
    assert (event.version, event.against_version, event.subjects) == (2, 1, 3)
    assert (event.low_before, event.low_after) == (1, 1)
    assert (event.mean_before, event.mean_after) == (66.6667, 55.0)
    assert [move.subject_id for move in event.moves] == ["O1", "O2"]


def test_after_the_comparison_they_go_live() -> None:
    book = after(PROPOSE, COMPARE, TAKE_EFFECT)
    assert book.in_force == replace(SILENCE_ONLY, version=2)
    assert book.proposed is None


def test_a_comparison_of_what_is_proposed_no_longer_is_refused() -> None:
    other = replace(PROPOSE, rules=replace(SILENCE_ONLY, low_below=40))
    with pytest.raises(NoRulesAreProposed):
        HEALTH_RULES.decide(COMPARE, after(PROPOSE, other))
    with pytest.raises(RulesAreNotCompared):
        HEALTH_RULES.decide(TAKE_EFFECT, after(PROPOSE, COMPARE, other))


def test_proposing_the_same_again_changes_nothing() -> None:
    assert HEALTH_RULES.decide(PROPOSE, after(PROPOSE)) == []


def test_what_is_withdrawn_cannot_go_live() -> None:
    withdraw = WithdrawHealthRules(now=NOW)
    book = after(PROPOSE, COMPARE, withdraw)
    assert book.proposed is None
    assert HEALTH_RULES.decide(withdraw, book) == []
    with pytest.raises(NoRulesAreProposed):
        HEALTH_RULES.decide(TAKE_EFFECT, book)


@pytest.mark.parametrize(
    ("inputs", "code"),
    [
        ((InputRule(input="luck", zero_at=0, one_at=1),), "unknown"),
        ((InputRule(input="calls", zero_at=1, one_at=1),), "no-line"),
        ((InputRule(input="calls", zero_at=0, one_at=1, weight=0),), "no-weight"),
        ((InputRule(input="calls", zero_at=0, one_at=1),) * 2, "twice"),
    ],
)
def test_rules_that_cannot_score_are_refused(inputs: tuple[InputRule, ...], code: str) -> None:
    proposal = replace(PROPOSE, rules=replace(SILENCE_ONLY, inputs=inputs))
    with pytest.raises(HealthRulesCannotBeUsed) as refused:
        HEALTH_RULES.decide(proposal, HEALTH_RULES.initial)
    assert code in {problem.code for problem in refused.value.errors}
