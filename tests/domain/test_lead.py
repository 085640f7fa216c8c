"""A lead's life: captured, assigned, contacted, qualified; returned, disqualified, converted."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.leads.domain.lead import LEAD
from services.leads.domain.lead_commands import (
    AppealLead,
    ChangeLeadFields,
    ChangeLeadUnit,
    ConvertLead,
    DecideLeadAppeal,
    DisqualifyLead,
    JudgeLead,
    LeadCommand,
    LetLeadWait,
    NoteBehaviour,
    QualifyLead,
    ReleaseLead,
    ReturnLead,
)
from services.leads.domain.lead_folding import LeadEvent
from services.leads.domain.lead_list import lead_of, row_of
from services.leads.domain.lead_state import (
    AppealIsPending,
    AppealIsTooLate,
    Assigned,
    BudgetStatusIsMissing,
    Captured,
    Contacted,
    Lead,
    LeadAlreadyCaptured,
    LeadFields,
    LeadHasNoOwner,
    LeadIsAnothers,
    LeadIsClosed,
    LeadIsNotContacted,
    LeadIsNotReturned,
    LeadIsReturned,
    NothingIsAppealed,
    Unknown,
)
from services.leads.domain.lead_tags import lead_tags
from shared.errors import DomainError, NotFound
from shared.events.leads import (
    LeadAppealDecided,
    LeadAppealed,
    LeadAssigned,
    LeadBehaviourNoted,
    LeadConverted,
    LeadDisqualified,
    LeadFellAsleep,
    LeadFieldsChanged,
    LeadFoundNobody,
    LeadQualified,
    LeadReleased,
    LeadReturned,
)
from tests.domain.lead_examples import (
    HOUR,
    NOW,
    PATH,
    RULES,
    assign,
    assigned,
    capture,
    captured,
    contact,
    contacted,
    scored,
    unit_changed,
)
from tests.specs import Spec

lead = Spec(LEAD)
QUALIFY = QualifyLead(lead_id="L1", now=NOW)
QUALIFIED = LeadQualified(lead_id="L1", qualified_at=NOW)
RETURN = ReturnLead(lead_id="L1", now=NOW)
RELEASE = ReleaseLead(lead_id="L1", now=NOW + 30 * HOUR)
RELEASED = LeadReleased(lead_id="L1", released_at=NOW + 30 * HOUR)
CONVERT = ConvertLead(lead_id="L1", opportunity_id="O1", pipeline="standard", now=NOW)
CONVERTED = LeadConverted(
    lead_id="L1",
    customer_id="C1",
    opportunity_id="O1",
    pipeline="standard",
    owner_id="rep-1",
    unit_id="team-1",
    converted_at=NOW,
)
DISQUALIFY = DisqualifyLead(lead_id="L1", reason="no-need", now=NOW)
DISQUALIFIED = LeadDisqualified(
    lead_id="L1",
    reason="no-need",
    owner_id=None,
    unit_id="team-1",
    found_nobody_at=None,
    disqualified_at=NOW,
)
BUDGET = LeadFields(budget_status="oral", core_needs=("cost",))
BUDGET_SAID = LeadFieldsChanged(
    lead_id="L1",
    industry=None,
    size=None,
    region=None,
    budget_status="oral",
    core_needs=["cost"],
    changed_at=NOW,
)


def returned(
    reason: str, score: float | None, missing: dict[str, float], hours: int, owner: str | None
) -> LeadReturned:
    return LeadReturned(
        lead_id="L1",
        customer_id="C1",
        reason=reason,
        score=score,
        missing=missing,
        owner_id=owner,
        unit_id="team-1",
        unit_path=list(PATH),
        found_nobody_at=None,
        unanswered_seconds=None if owner is None else hours * 3600.0,
        returned_at=NOW + hours * HOUR,
    )


BY_HAND = returned("by_hand", None, {}, 0, None)


def judge(hours: float) -> JudgeLead:
    return JudgeLead(lead_id="L1", rules=RULES, now=NOW + hours * HOUR)


def note(behaviour: str, hours: float = 0) -> NoteBehaviour:
    at = NOW + hours * HOUR
    return NoteBehaviour(lead_id="L1", behaviour=behaviour, rules=RULES, occurred_at=at, now=at)


def noted(behaviour: str, hours: float = 0) -> LeadBehaviourNoted:
    return LeadBehaviourNoted(lead_id="L1", behaviour=behaviour, noted_at=NOW + hours * HOUR)


class TestCapturing:
    def test_a_lead_is_captured_with_what_it_did_each_kind_once(self) -> None:
        lead.when(capture(behaviours=("hot_word", "hot_word"))).then(captured(), noted("hot_word"))

    def test_who_captures_a_lead_may_say_whose_it_is(self) -> None:
        lead.when(capture(owner_id="rep-1")).then(captured(), assigned())

    def test_capturing_it_twice_is_refused(self) -> None:
        lead.given(captured()).when(capture()).then_refused(LeadAlreadyCaptured)

    @pytest.mark.parametrize(
        "command", [assign(), contact(), QUALIFY, RETURN, RELEASE, CONVERT, DISQUALIFY]
    )
    def test_nothing_is_done_with_a_lead_that_never_was(self, command: LeadCommand) -> None:
        lead.when(command).then_refused(NotFound)


class TestMoves:
    moved = unit_changed()
    mine = lead.given(captured(), assigned())

    @staticmethod
    def move(owner_id: str | None = "rep-1", **more: Any) -> ChangeLeadUnit:
        there: dict[str, Any] = {
            "lead_id": "L1",
            "unit_id": "team-2",
            "unit_path": ("company", "south", "team-2"),
            "changed_at": NOW + HOUR,
            "now": NOW + HOUR,
        }
        return ChangeLeadUnit(owner_id=owner_id, **{**there, **more})

    def test_an_open_lead_goes_where_its_owner_goes_and_stays_what_it_is(self) -> None:
        self.mine.when(self.move()).then(self.moved)
        after = self.mine.given(contacted(), self.moved)
        after.when(self.move()).then_nothing()
        state = after.state()
        assert isinstance(state, Contacted)
        assert (state.facts.unit_id, state.facts.owner_id) == ("team-2", "rep-1")
        assert state.facts.unit_path == ("company", "south", "team-2")

    def test_it_never_moves_before_its_owner_had_it(self) -> None:
        self.mine.when(self.move(changed_at=NOW - HOUR)).then(unit_changed(changed_at=NOW))

    def test_a_lead_that_waits_or_went_back_goes_with_its_unit(self) -> None:
        lifted = self.move(None, unit_id="team-1", unit_path=("company", "team-1"))
        went = unit_changed(owner_id=None, unit_id="team-1", unit_path=["company", "team-1"])
        lead.given(captured()).when(lifted).then(went)
        back = returned("by_hand", None, {}, 0, None)
        lead.given(captured(), back).when(lifted).then(went)

    def test_anothers_by_now_or_closed_or_withdrawn_it_stays(self) -> None:
        self.mine.when(self.move("rep-2")).then_nothing()
        self.mine.when(self.move(None)).then_nothing()
        lead.when(self.move()).then_nothing()
        closed = self.mine.given(*self.mine.when(DISQUALIFY).events())
        closed.when(self.move()).then_nothing()
        converted = self.mine.given(*self.mine.when(CONVERT).events())
        converted.when(self.move()).then_nothing()


class TestSharedFields:
    def test_fields_change_as_a_whole_and_only_when_they_differ(self) -> None:
        change = ChangeLeadFields(lead_id="L1", fields=BUDGET, now=NOW)
        lead.given(captured()).when(change).then(BUDGET_SAID)
        lead.given(captured(), BUDGET_SAID).when(change).then_nothing()

    def test_no_lead_is_assigned_without_budget_status_where_the_tenant_says_so(self) -> None:
        strict = assign(budget_status_required=True)
        lead.given(captured()).when(strict).then_refused(BudgetStatusIsMissing)
        lead.given(captured(budget_status="untouched")).when(strict).then(assigned())

    def test_no_lead_is_captured_for_somebody_without_budget_status_either(self) -> None:
        strict = capture(owner_id="rep-1", budget_status_required=True)
        lead.when(strict).then_refused(BudgetStatusIsMissing)
        lead.when(capture(budget_status_required=True)).then(captured())
        said = replace(strict, fields=LeadFields(budget_status="untouched"))
        lead.when(said).then(captured(budget_status="untouched"), assigned())

    def test_no_follow_up_is_accepted_without_budget_status_where_the_tenant_says_so(self) -> None:
        mine = lead.given(captured(), assigned())
        mine.when(contact(budget_status_required=True)).then_refused(BudgetStatusIsMissing)
        mine.when(contact(budget_status_required=True, fields=BUDGET)).then(
            BUDGET_SAID, contacted()
        )

    def test_tags_come_from_what_is_known(self) -> None:
        fields = LeadFields(industry="health", size="50-200", region="east")
        state = lead.given(captured(), noted("white_paper")).state()
        assert isinstance(state, Captured)
        assert lead_tags(state.facts) == ("source:referral", "behaviour:white_paper")
        more = LEAD.fold(lead.when(capture(fields=fields)).events())
        assert isinstance(more, Captured)
        assert lead_tags(more.facts) == (
            "source:referral",
            "industry:health",
            "size:50-200",
            "region:east",
        )


class TestAssigning:
    def test_a_captured_lead_is_assigned(self) -> None:
        lead.given(captured()).when(assign()).then(assigned())

    def test_assigning_it_to_whom_it_belongs_does_nothing(self) -> None:
        lead.given(captured(), assigned()).when(assign()).then_nothing()

    def test_another_rep_begins_anew(self) -> None:
        state = (
            lead.given(captured(), assigned(), contacted())
            .when(assign("rep-2"))
            .then(assigned("rep-2", previous_owner_id="rep-1"))
        )
        assert isinstance(state, Assigned)
        assert state.facts.first_contact_at is None

    def test_what_was_allocated_to_a_lead_that_somebody_has_comes_to_nothing(self) -> None:
        late = assign("rep-2", track="standard", allocation=7, round=1)
        lead.given(captured(), assigned()).when(late).then_nothing()
        lead.given(captured(), BY_HAND).when(late).then_nothing()
        lead.given(captured(), BY_HAND, RELEASED).when(late).then_nothing()
        lead.given(captured()).when(late).then(assigned("rep-2", track="standard", allocation=7))

    def test_a_lead_for_whom_nobody_is_eligible_waits_once_and_says_why(self) -> None:
        wait = LetLeadWait(lead_id="L1", passed_over=(("offline", ("rep-1",)),), now=NOW)
        nobody = LeadFoundNobody(
            lead_id="L1",
            customer_id="C1",
            unit_id="team-1",
            unit_path=list(PATH),
            passed_over={"offline": ["rep-1"]},
            found_nobody_at=NOW,
        )
        lead.given(captured()).when(wait).then(nobody)
        lead.given(captured(), nobody).when(wait).then_nothing()
        lead.given(captured(), assigned()).when(wait).then_nothing()
        waited = assigned(found_nobody_at=NOW)
        found = lead.given(captured(), nobody).when(assign()).then(waited)
        assert isinstance(found, Assigned)
        assert found.facts.found_nobody_at is None


class TestContacting:
    def test_the_owners_first_contact_is_the_first_response(self) -> None:
        lead.given(captured(), assigned()).when(contact(NOW + HOUR)).then(
            contacted(NOW + HOUR, response_seconds=3600.0)
        )

    def test_a_colleagues_contact_is_no_first_response(self) -> None:
        mine = lead.given(captured(), assigned())
        other = contacted(actor_id="rep-2", response_seconds=None)
        state = mine.when(contact(actor_id="rep-2")).then(other)
        assert isinstance(state, Contacted)
        mine.given(other).when(contact(NOW + HOUR)).then(
            contacted(NOW + HOUR, response_seconds=3600.0)
        )

    def test_a_second_contact_is_no_first_response(self) -> None:
        lead.given(captured(), assigned(), contacted()).when(contact(NOW + HOUR)).then(
            contacted(NOW + HOUR, response_seconds=None)
        )

    def test_what_happened_before_it_was_assigned_is_no_response(self) -> None:
        lead.given(captured(), assigned(at=NOW + HOUR)).when(contact(NOW)).then(
            contacted(NOW, response_seconds=None)
        )

    def test_a_captured_lead_stays_to_be_allocated(self) -> None:
        state = lead.given(captured()).when(contact()).then(contacted(response_seconds=None))
        assert isinstance(state, Captured)


class TestJudging:
    def test_nothing_is_judged_up_to_24_hours_after_capture(self) -> None:
        lead.given(captured()).when(judge(24)).then_nothing()

    def test_a_good_lead_is_scored(self) -> None:
        lead.given(captured()).when(judge(25)).then(scored(30, 0, 30))

    def test_judging_again_without_a_change_adds_nothing(self) -> None:
        lead.given(captured(), scored(30, 0, 30)).when(judge(49)).then_nothing()

    def test_below_the_threshold_it_goes_back_to_marketing_with_what_it_lacks(self) -> None:
        missing = {"source": 15.0, "behaviour": 40.0, "timeliness": 0.0}
        lead.given(captured("event")).when(judge(25)).then(
            scored(15, 0, 30), returned("score", 45, missing, 25, None)
        )

    def test_a_lead_that_would_have_been_good_in_time_was_late_by_sales(self) -> None:
        missing = {"source": 0.0, "behaviour": 40.0, "timeliness": 0.625}
        late = lead.given(captured(), assigned(), scored(30, 0, 30))
        late.when(judge(25)).then(
            scored(30, 0, 29.375),
            returned("sales_late", 59.375, missing, 25, "rep-1"),
        )

    def test_contact_in_time_stops_the_clock(self) -> None:
        lead.given(captured(), assigned(), contacted(NOW + HOUR)).when(judge(70)).then(
            scored(30, 0, 30, NOW + 70 * HOUR)
        )

    def test_after_the_first_time_every_change_is_judged_at_once(self) -> None:
        lead.given(captured()).when(note("hot_word", 1)).then(noted("hot_word", 1))
        lead.given(captured(), scored(30, 0, 30)).when(note("hot_word", 26)).then(
            noted("hot_word", 26), scored(30, 10, 30, NOW + 26 * HOUR)
        )
        lead.given(captured(), noted("hot_word")).when(note("hot_word")).then_nothing()

    @pytest.mark.parametrize("ended", [BY_HAND, CONVERTED, DISQUALIFIED])
    def test_what_sales_no_longer_has_is_not_judged(self, ended: LeadEvent) -> None:
        lead.given(captured(), assigned(), ended).when(judge(100)).then_nothing()


class TestSleeping:
    once = lead.given(captured(), assigned(), scored(30, 0, 30), contacted(NOW + HOUR))
    asleep = LeadFellAsleep(
        lead_id="L1",
        customer_id="C1",
        owner_id="rep-1",
        unit_id="team-1",
        unit_path=list(PATH),
        fell_asleep_at=NOW + 73 * HOUR,
    )

    def test_a_lead_contacted_once_and_forgotten_falls_asleep_once(self) -> None:
        self.once.when(judge(73)).then_nothing()
        self.once.when(judge(73.001)).then(self.asleep)
        self.once.given(self.asleep).when(judge(100)).then_nothing()

    def test_a_second_contact_in_time_keeps_it_awake(self) -> None:
        second = contacted(NOW + 70 * HOUR, response_seconds=None)
        self.once.given(second).when(judge(200)).then_nothing()

    def test_a_contact_wakes_it_and_says_since_when_it_slept(self) -> None:
        woken = contacted(
            NOW + 80 * HOUR, response_seconds=None, fell_asleep_at=self.asleep.fell_asleep_at
        )
        self.once.given(self.asleep).when(contact(NOW + 80 * HOUR)).then(woken)


class TestAppealing:
    mine = lead.given(captured("event"), assigned())
    appealed = LeadAppealed(
        lead_id="L1",
        customer_id="C1",
        rep_id="rep-1",
        reason="no budget",
        unit_id="team-1",
        unit_path=list(PATH),
        appealed_at=NOW,
    )

    @staticmethod
    def appeal(minutes: float = 0, rep_id: str = "rep-1") -> AppealLead:
        return AppealLead(
            lead_id="L1",
            rep_id=rep_id,
            reason="no budget",
            within=2 * HOUR,
            now=NOW + timedelta(minutes=minutes),
        )

    @staticmethod
    def decided(decision: str) -> LeadAppealDecided:
        return LeadAppealDecided(
            lead_id="L1",
            rep_id="rep-1",
            decision=decision,
            decided_by="boss-1",
            appealed_at=NOW,
            decided_at=NOW,
        )

    @staticmethod
    def decide(
        decision: Literal["keep", "rescore", "reassign"], to: str | None = None
    ) -> DecideLeadAppeal:
        return DecideLeadAppeal(
            lead_id="L1",
            decision=decision,
            decided_by="boss-1",
            reassign=None if to is None else assign(to),
            rules=RULES,
            now=NOW,
        )

    def test_an_appeal_after_two_hours_is_accepted_and_one_second_later_refused(self) -> None:
        assert len(self.mine.when(self.appeal(120)).events()) == 1
        self.mine.when(self.appeal(120 + 1 / 60)).then_refused(AppealIsTooLate)

    def test_only_who_received_it_appeals_and_once_at_a_time(self) -> None:
        self.mine.when(self.appeal()).then(self.appealed)
        self.mine.when(self.appeal(rep_id="rep-2")).then_refused(LeadIsAnothers)
        lead.given(captured()).when(self.appeal()).then_refused(LeadIsAnothers)
        self.mine.given(self.appealed).when(self.appeal()).then_refused(AppealIsPending)

    def test_the_manager_keeps_it(self) -> None:
        pending = self.mine.given(self.appealed)
        pending.when(self.decide("keep")).then(self.decided("keep"))
        self.mine.when(self.decide("keep")).then_refused(NothingIsAppealed)
        pending.given(self.decided("keep")).when(self.decide("keep")).then_refused(
            NothingIsAppealed
        )

    def test_it_is_given_to_nobody_else_without_budget_status_where_the_tenant_says_so(
        self,
    ) -> None:
        strict = replace(
            self.decide("reassign"), reassign=assign("rep-2", budget_status_required=True)
        )
        self.mine.given(self.appealed).when(strict).then_refused(BudgetStatusIsMissing)

    def test_the_manager_has_it_scored_again(self) -> None:
        missing = {"source": 15.0, "behaviour": 40.0, "timeliness": 0.0}
        self.mine.given(self.appealed).when(self.decide("rescore")).then(
            self.decided("rescore"),
            scored(15, 0, 30, NOW),
            returned("score", 45, missing, 0, "rep-1"),
        )

    def test_the_manager_gives_it_to_another(self) -> None:
        self.mine.given(self.appealed).when(self.decide("reassign", "rep-2")).then(
            self.decided("reassign"), assigned("rep-2", previous_owner_id="rep-1")
        )

    @pytest.mark.parametrize("after", [assign("rep-2"), RETURN, DISQUALIFY, CONVERT])
    def test_what_takes_it_from_who_appealed_names_the_appeal_that_it_ends(
        self, after: LeadCommand
    ) -> None:
        [event] = self.mine.given(self.appealed).when(after).events()
        assert isinstance(event, LeadAssigned | LeadReturned | LeadDisqualified | LeadConverted)
        assert event.appealed_at == NOW


class TestOutcomes:
    def test_only_a_lead_somebody_has_spoken_with_is_qualified(self) -> None:
        mine = lead.given(captured(), assigned())
        mine.when(QUALIFY).then_refused(LeadIsNotContacted)
        mine.given(contacted()).when(QUALIFY).then(QUALIFIED)
        mine.given(contacted(), QUALIFIED).when(QUALIFY).then_nothing()

    def test_a_lead_is_given_back_by_hand_and_released_again(self) -> None:
        lead.given(captured()).when(RETURN).then(BY_HAND)
        lead.given(captured(), BY_HAND).when(RETURN).then_nothing()
        lead.given(captured(), BY_HAND).when(assign()).then_refused(LeadIsReturned)
        state = lead.given(captured(), scored(30, 0, 30), BY_HAND).when(RELEASE).then(RELEASED)
        assert isinstance(state, Captured)
        assert (state.facts.rounds, state.facts.judged) == (2, None)
        assert state.facts.captured_at == RELEASE.now

    def test_only_what_was_returned_is_released(self) -> None:
        lead.given(captured()).when(RELEASE).then_refused(LeadIsNotReturned)
        lead.given(captured(), DISQUALIFIED).when(RELEASE).then_refused(LeadIsClosed)

    def test_marketing_still_describes_what_was_returned(self) -> None:
        change = ChangeLeadFields(lead_id="L1", fields=BUDGET, now=NOW)
        lead.given(captured(), BY_HAND).when(change).then(BUDGET_SAID)
        lead.given(captured(), BY_HAND).when(note("hot_word")).then(noted("hot_word"))

    def test_a_lead_is_disqualified_once(self) -> None:
        lead.given(captured()).when(DISQUALIFY).then(DISQUALIFIED)
        lead.given(captured(), DISQUALIFIED).when(DISQUALIFY).then_nothing()
        lead.given(captured(), DISQUALIFIED).when(assign()).then_refused(LeadIsClosed)

    def test_a_lead_becomes_one_opportunity(self) -> None:
        mine = lead.given(captured(), assigned())
        mine.when(CONVERT).then(CONVERTED)
        mine.given(CONVERTED).when(CONVERT).then_nothing()
        other = ConvertLead(lead_id="L1", opportunity_id="O2", pipeline="standard", now=NOW)
        mine.given(CONVERTED).when(other).then_refused(LeadIsClosed)
        lead.given(captured()).when(CONVERT).then_refused(LeadHasNoOwner)


COMMANDS: st.SearchStrategy[LeadCommand] = st.one_of(
    st.sampled_from(
        [
            capture(),
            capture(source="event"),
            QUALIFY,
            RETURN,
            RELEASE,
            CONVERT,
            DISQUALIFY,
            TestMoves.move(),
        ]
    ),
    st.builds(assign, st.sampled_from(["rep-1", "rep-2"])),
    st.builds(judge, st.sampled_from([1, 25, 49, 73, 200])),
    st.builds(note, st.sampled_from(["hot_word", "demo_booked"]), st.sampled_from([1, 30])),
    st.builds(contact, st.sampled_from([NOW, NOW + 50 * HOUR])),
)


@given(st.lists(COMMANDS, max_size=25))
def test_the_list_shows_every_lead_as_it_is_decided_on(commands: list[LeadCommand]) -> None:
    state: Lead = Unknown()
    for command in commands:
        try:
            events = LEAD.decide(command, state)
        except DomainError:
            continue
        state = LEAD.fold(events, state)
        row = row_of(state)
        assert (row and lead_of(row)) == (None if isinstance(state, Unknown) else state)
