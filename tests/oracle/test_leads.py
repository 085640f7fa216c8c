"""The oracle of leads finds what it is there to find."""

from dataclasses import replace
from typing import Any

from shared.events.leads import (
    LeadAllocated,
    LeadAppealed,
    LeadFoundNobody,
    RepLetGoOfLead,
    RepTookLead,
)
from tests.domain.lead_examples import NOW, PATH, assigned, captured, unit_changed
from tests.oracle.lead_signals import to_be_told
from tests.oracle.leads import Told, flaws

ALLOCATED = LeadAllocated(
    unit_id="team-1",
    lead_id="L1",
    round=1,
    number=1,
    track="standard",
    score=60.0,
    is_high_value=False,
    rep_id="rep-1",
    why="least_recently_served",
    weights={"rep-1": 1000, "rep-2": 1000},
    win_rates={},
    attainments={},
    passed_over={},
    day=NOW.date(),
    allocated_at=NOW,
)
GIVEN = assigned(track="standard", allocation=1)


def wrong(*events: Any) -> list[str]:
    return flaws(Told("stream", event) for event in events)


def test_a_lead_that_its_book_and_itself_give_to_one_rep_is_well() -> None:
    assert wrong(captured(), ALLOCATED, GIVEN) == []


def test_a_lead_that_waits_is_well_once_somebody_is_told() -> None:
    nobody = LeadFoundNobody(
        lead_id="L1",
        customer_id="C1",
        unit_id="team-1",
        unit_path=list(PATH),
        passed_over={},
        found_nobody_at=NOW,
    )
    assert wrong(captured(), nobody) == []
    assert wrong(captured()) == ["L1: waits, and nobody is told"]


def test_a_lead_given_twice_is_found() -> None:
    again = replace(ALLOCATED, number=2, rep_id="rep-2")
    assert any(
        "is given while rep-1 has it" in flaw for flaw in wrong(captured(), ALLOCATED, again)
    )


def test_a_lead_that_its_book_gave_and_that_never_heard_of_it_is_found() -> None:
    assert any("its book says" in flaw for flaw in wrong(captured(), ALLOCATED))
    other = RepTookLead(unit_id="team-1", rep_id="rep-9", lead_id="L1")
    assert any("its book says" in flaw for flaw in wrong(captured(), ALLOCATED, GIVEN, other))


def test_a_lead_that_moved_while_its_books_stayed_is_found() -> None:
    let_go = RepLetGoOfLead(unit_id="team-1", rep_id="rep-1", lead_id="L1")
    took = RepTookLead(unit_id="team-2", rep_id="rep-1", lead_id="L1")
    moved = (captured(), ALLOCATED, GIVEN, unit_changed())
    assert wrong(*moved, let_go, took) == []
    assert any("its book says" in flaw for flaw in wrong(*moved))
    gone = unit_changed(previous_unit_id="team-3")
    assert any("where it was not" in flaw for flaw in wrong(captured(), ALLOCATED, GIVEN, gone))


def test_a_rep_out_of_turn_or_not_eligible_is_found() -> None:
    assert any(
        "was rep-1's" in flaw for flaw in wrong(captured(), replace(ALLOCATED, rep_id="rep-2"))
    )
    outsider = replace(ALLOCATED, rep_id="rep-3")
    assert any("not eligible" in flaw for flaw in wrong(captured(), outsider))


def test_a_lead_captured_twice_is_found() -> None:
    assert any("captured twice" in flaw for flaw in wrong(captured(), captured(), ALLOCATED, GIVEN))


def test_an_appeal_is_to_be_told_until_somebody_else_has_the_lead() -> None:
    appealed = LeadAppealed(
        lead_id="L1",
        customer_id="C1",
        rep_id="rep-1",
        reason=None,
        unit_id="team-1",
        unit_path=list(PATH),
        appealed_at=NOW,
    )
    events = [Told("stream", each) for each in (captured(), GIVEN, appealed, assigned("rep-2"))]
    assert to_be_told(events[:3]) == {("lead_appealed", "L1")}
    assert to_be_told(events) == set()
