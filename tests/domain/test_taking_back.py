"""What an import said became of leads, and what it opened, taken back (G2)."""

from dataclasses import replace
from typing import Any

import pytest

from services.leads.domain.customer_holding import CUSTOMER_HOLDING
from services.leads.domain.deal_outcomes import DEAL_OUTCOMES
from services.leads.domain.lead import LEAD
from services.leads.domain.lead_commands import TakeBackLeadEnding
from services.leads.domain.lead_list import LEAD_LIST
from services.leads.domain.lead_state import Assigned, Captured, KnownLead, Returned, known
from services.opportunities.domain.opportunity import OPPORTUNITY
from services.opportunities.domain.opportunity_commands import WithdrawOpportunity
from services.opportunities.domain.opportunity_index import OPPORTUNITY_INDEX
from services.opportunities.domain.opportunity_state import OpportunityIsWorkedOn, Unknown
from services.projections.domain.lead_course import LEAD_COURSES, is_valid
from services.projections.domain.process_projection import OPPORTUNITY_PROCESS
from services.scoring.domain.lead_behaviour import LEAD_BEHAVIOUR
from services.scoring.domain.opportunity_behaviour import OPPORTUNITY_BEHAVIOUR
from services.scoring.queries.health_scores import goes_on, is_scored_at
from shared.events.leads import (
    LeadConverted,
    LeadDisqualified,
    LeadEndingTakenBack,
    LeadFoundNobody,
    LeadReturned,
)
from shared.events.opportunities import OpportunityWithdrawn
from shared.projection import Projection
from tests.domain import opportunity_examples as deals
from tests.domain.lead_examples import HOUR, NOW, PATH, assigned, captured
from tests.domain.process_examples import recorded_event
from tests.specs import Spec

lead = Spec(LEAD)
opportunity = Spec(OPPORTUNITY)
CONVERTED = LeadConverted(
    lead_id="L1",
    customer_id="C1",
    opportunity_id="O1",
    pipeline="standard",
    owner_id="rep-1",
    unit_id="team-1",
    converted_at=NOW,
)
DISQUALIFIED = LeadDisqualified(
    lead_id="L1",
    reason="no-need",
    owner_id=None,
    unit_id="team-1",
    found_nobody_at=None,
    disqualified_at=NOW,
)
RETURNED = LeadReturned(
    lead_id="L1",
    customer_id="C1",
    reason="by_hand",
    score=None,
    missing={},
    owner_id="rep-1",
    unit_id="team-1",
    unit_path=list(PATH),
    found_nobody_at=None,
    unanswered_seconds=None,
    returned_at=NOW,
)
FOUND_NOBODY = LeadFoundNobody(
    lead_id="L1",
    customer_id="C1",
    unit_id="team-1",
    unit_path=list(PATH),
    passed_over={"offline": ["rep-1"]},
    found_nobody_at=NOW,
)
WITHDRAW = WithdrawOpportunity(opportunity_id="O1", now=deals.at(4))
WITHDRAWN = OpportunityWithdrawn(opportunity_id="O1", customer_id="C1", withdrawn_at=deals.at(4))


def take_back(before: KnownLead) -> TakeBackLeadEnding:
    assert not hasattr(before, "opportunity_id")
    return TakeBackLeadEnding(lead_id="L1", before=before, now=NOW + HOUR)  # type: ignore[arg-type]


def taken_back(status: str, owner_id: str | None, reason: str | None = None) -> LeadEndingTakenBack:
    return LeadEndingTakenBack(
        lead_id="L1",
        status=status,
        reason=reason,
        owner_id=owner_id,
        unit_id="team-1",
        taken_back_at=NOW + HOUR,
    )


@pytest.mark.parametrize("ending", [CONVERTED, DISQUALIFIED])
def test_a_lead_whose_ending_is_taken_back_stands_as_before(
    ending: LeadConverted | LeadDisqualified,
) -> None:
    had = lead.given(captured(), assigned())
    before = known(had.state(), "L1")
    after = had.given(ending).when(take_back(before)).then(taken_back("assigned", "rep-1"))
    assert isinstance(after, Assigned)
    assert after == before


def test_a_returned_lead_is_returned_for_its_reason_again() -> None:
    had = lead.given(captured(), assigned(), RETURNED)
    before = known(had.state(), "L1")
    ended = had.given(DISQUALIFIED).when(take_back(before))
    after = ended.then(taken_back("returned", None, "by_hand"))
    assert after == before
    assert isinstance(after, Returned)


def test_who_waits_again_is_told_of_again() -> None:
    had = lead.given(captured(), FOUND_NOBODY)
    before = known(had.state(), "L1")
    after = had.given(CONVERTED).when(take_back(before)).then(taken_back("captured", None))
    assert isinstance(after, Captured)
    assert (after.facts.found_nobody_at, after.facts.passed_over) == (None, ())


def test_of_a_lead_that_has_not_ended_nothing_is_taken_back() -> None:
    had = lead.given(captured())
    had.when(take_back(known(had.state(), "L1"))).then_nothing()


def test_an_opportunity_withdrawn_never_was_whether_or_not_it_was_won() -> None:
    for history in ((deals.opened(),), (deals.opened(), deals.won())):
        after = opportunity.given(*history).when(WITHDRAW).then(WITHDRAWN)
        assert isinstance(after, Unknown)
    opportunity.given().when(WITHDRAW).then_nothing()


def test_an_opportunity_that_somebody_has_worked_on_is_not_withdrawn() -> None:
    for happened in (deals.logged(), deals.changed("first", "second")):
        worked_on = opportunity.given(deals.opened(), happened)
        worked_on.when(WITHDRAW).then_refused(OpportunityIsWorkedOn)


def test_it_may_be_opened_again_but_not_by_what_came_before_it_was_withdrawn() -> None:
    gone = opportunity.given(deals.opened(), WITHDRAWN)
    gone.when(deals.open_o1()).then_nothing()
    assert deals.open_o1().now < WITHDRAWN.withdrawn_at
    again = replace(deals.open_o1(), now=deals.at(5))
    gone.when(again).then(deals.opened())


def row_of(projection: Projection[Any], *events: Any) -> Any:
    row = None
    for version, event in enumerate(events, start=1):
        if isinstance(event, projection.reads):
            row = projection.evolve(row, recorded_event(event, version, deals.at(version)))
    return row


def test_a_lead_of_sales_whose_ending_is_taken_back_counts_and_is_scored_as_if_it_never_ended() -> (
    None
):
    known_budget = captured(budget_status="oral")
    alive = (known_budget, assigned())
    for ending in (CONVERTED, DISQUALIFIED):
        told = (*alive, ending, taken_back("assigned", "rep-1"))
        assert row_of(LEAD_COURSES, *told) == row_of(LEAD_COURSES, *alive)
        row, never = row_of(LEAD_BEHAVIOUR, *told), row_of(LEAD_BEHAVIOUR, *alive)
        assert (row.status, row.holdings) == (never.status, never.holdings)
        assert row_of(LEAD_LIST, *told) == row_of(LEAD_LIST, *alive)
    gone = row_of(LEAD_COURSES, *alive, DISQUALIFIED)
    assert not is_valid(gone, lambda _at: True)


def test_boards_and_scores_know_nothing_of_an_opportunity_that_was_withdrawn() -> None:
    told = (deals.opened(), deals.won(), WITHDRAWN)
    for projection in (OPPORTUNITY_PROCESS, DEAL_OUTCOMES, CUSTOMER_HOLDING, OPPORTUNITY_INDEX):
        assert row_of(projection, *told) is None
        assert row_of(projection, *told, deals.opened()) is not None
    gone = row_of(OPPORTUNITY_BEHAVIOUR, *told)
    assert (gone.status, goes_on(gone)) == ("withdrawn", False)
    assert not any(is_scored_at(gone, deals.at(each)) for each in (2, 5))
    assert row_of(OPPORTUNITY_BEHAVIOUR, *told, deals.opened()).status == "open"
