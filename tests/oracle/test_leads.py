"""The oracle of leads finds what it is there to find."""

from dataclasses import replace
from typing import Any

from shared.events.leads import LeadAllocated, LeadFoundNobody, RepTookLead
from tests.domain.lead_examples import NOW, PATH, assigned, captured
from tests.oracle.leads import Told, flaws

ALLOCATED = LeadAllocated(
    unit_id="team-1",
    lead_id="L1",
    round=1,
    number=1,
    track="standard",
    score=60.0,
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


def test_a_rep_out_of_turn_or_not_eligible_is_found() -> None:
    assert any(
        "was rep-1's" in flaw for flaw in wrong(captured(), replace(ALLOCATED, rep_id="rep-2"))
    )
    outsider = replace(ALLOCATED, rep_id="rep-3")
    assert any("not eligible" in flaw for flaw in wrong(captured(), outsider))


def test_a_lead_captured_twice_is_found() -> None:
    assert any("captured twice" in flaw for flaw in wrong(captured(), captured(), ALLOCATED, GIVEN))
