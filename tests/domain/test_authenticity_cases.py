"""Cases: a record stands in one, a manager decides it, the rule learns from it (S4)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scoring.domain.authenticity_cases import (
    AUTHENTICITY_CASES,
    CaseIsAboutOneself,
    CaseIsDecided,
    Cases,
    DecideCase,
    OpenCase,
)
from services.scoring.domain.doubt import doubt_of
from services.scoring.domain.rule_precision import Precision
from shared.errors import NotFound
from shared.events.scoring import (
    AuthenticityCaseDecided,
    AuthenticityCaseOpened,
    AuthenticityProofAdded,
)
from tests.domain.scoring_examples import HOUR, NOW, record

DOUBT = doubt_of("entry_burst", [record(1, NOW), record(2, NOW)], {"actions": 2})
OPEN = OpenCase(case_id="K1", doubt=DOUBT, only_marks=False, now=NOW + HOUR)
DECIDE = DecideCase(
    case_id="K1", verdict="genuine", reason="made up", decided_by="boss-1", now=NOW + HOUR
)


def after(*commands: OpenCase | DecideCase) -> Cases:
    known = AUTHENTICITY_CASES.initial
    for command in commands:
        known = AUTHENTICITY_CASES.fold(AUTHENTICITY_CASES.decide(command, known), known)
    return known


def test_a_doubt_becomes_a_case_with_its_proof() -> None:
    [event] = AUTHENTICITY_CASES.decide(OPEN, AUTHENTICITY_CASES.initial)
    assert isinstance(event, AuthenticityCaseOpened)
    assert (event.rule, event.rep_id, event.unit_path) == (
        "entry_burst",
        "rep-1",
        ["company", "team-1"],
    )
    assert [line.action_id for line in event.proof] == ["A001", "A002"]


def test_a_record_stands_in_one_case_only() -> None:
    grown = doubt_of("entry_burst", [record(2, NOW), record(3, NOW)], {"actions": 2})
    again = replace(OPEN, case_id="K2", doubt=grown)
    assert AUTHENTICITY_CASES.decide(again, after(OPEN)) == []
    assert AUTHENTICITY_CASES.decide(again, after(OPEN, DECIDE)) == []


def test_what_else_speaks_against_a_record_is_added_to_its_case_until_that_is_decided() -> None:
    def elsewhere(**facts: int) -> OpenCase:
        said = doubt_of("place_and_time", [record(1, NOW)], facts)
        return replace(OPEN, case_id=f"K{len(facts)}", doubt=said)

    scan, photo = elsewhere(metres_from_customer=400), elsewhere(photo_metres_off=900, minutes=4)
    [added] = AUTHENTICITY_CASES.decide(photo, after(scan))
    assert isinstance(added, AuthenticityProofAdded)
    assert (added.case_id, len(added.facts)) == ("K1", 3)
    assert AUTHENTICITY_CASES.decide(photo, after(scan, photo)) == []
    assert AUTHENTICITY_CASES.decide(scan, after(scan, photo)) == []
    [another] = AUTHENTICITY_CASES.decide(photo, after(scan, DECIDE))
    assert isinstance(another, AuthenticityCaseOpened)
    assert (another.case_id, another.doubted) == ("K2", ["A001"])


def test_a_manager_finds_it_genuine_or_false() -> None:
    [event] = AUTHENTICITY_CASES.decide(DECIDE, after(OPEN))
    assert isinstance(event, AuthenticityCaseDecided)
    assert (event.verdict, event.reason, event.decided_by) == ("genuine", "made up", "boss-1")


def test_the_same_verdict_again_changes_nothing_and_another_is_refused() -> None:
    decided = after(OPEN, DECIDE)
    assert AUTHENTICITY_CASES.decide(DECIDE, decided) == []
    with pytest.raises(CaseIsDecided):
        AUTHENTICITY_CASES.decide(replace(DECIDE, verdict="false"), decided)


def test_nobody_judges_their_own_records() -> None:
    with pytest.raises(CaseIsAboutOneself):
        AUTHENTICITY_CASES.decide(replace(DECIDE, decided_by="rep-1"), after(OPEN))


def test_a_case_that_was_never_opened_is_not_found() -> None:
    with pytest.raises(NotFound):
        AUTHENTICITY_CASES.decide(DECIDE, AUTHENTICITY_CASES.initial)


def test_precision_is_shown_from_ten_cases_on() -> None:
    assert Precision(genuine=6, false=3).shown is None
    assert Precision(genuine=7, false=3).shown == 8 / 12


def test_under_a_fifth_at_twenty_a_rule_only_marks() -> None:
    assert not Precision(genuine=0, false=19).only_marks
    assert Precision(genuine=3, false=17).mean == 4 / 22
    assert Precision(genuine=3, false=17).only_marks
    assert not Precision(genuine=4, false=17).only_marks


@given(st.integers(0, 200), st.integers(0, 200))
def test_precision_lies_between_nothing_and_one_and_rises_with_what_was_genuine(
    genuine: int, false: int
) -> None:
    precision = Precision(genuine=genuine, false=false)
    assert 0 < precision.mean < 1
    assert Precision(genuine=genuine + 1, false=false).mean > precision.mean
