"""Approvals: ordered steps, each decided by its role (O6)."""

from dataclasses import replace

import pytest

from services.opportunities.domain.approvals import (
    ApprovalIsAlreadyRequested,
    ApprovalIsClosed,
    ApprovalIsSentBack,
    ApprovalStepHasPassed,
    StepBelongsToAnotherRole,
)
from services.opportunities.domain.opportunity import OpportunityEvent
from services.opportunities.domain.opportunity_commands import (
    DecideApproval,
    RequestApproval,
    ResubmitApproval,
)
from services.opportunities.domain.opportunity_state import OpportunityIsClosed
from shared.errors import Malformed, NotFound
from shared.events.opportunities import (
    ApprovalDecided,
    ApprovalRequested,
    ApprovalResubmitted,
    ApprovalStep,
)
from tests.domain.opportunity_examples import (
    CUSTOMER_OF_O1,
    at,
    lost,
    opened,
    opportunity,
    reopened,
    won,
)

STEPS = (ApprovalStep(role="manager"), ApprovalStep(role="legal", limit_seconds=86_400))
REQUEST = RequestApproval(
    opportunity_id="O1",
    approval_id="V1",
    kind="discount",
    steps=STEPS,
    requested_by="rep-1",
    note="15 % off",
    now=at(1),
)
REQUESTED = ApprovalRequested(
    opportunity_id="O1",
    approval_id="V1",
    kind="discount",
    steps=STEPS,
    requested_by="rep-1",
    note="15 % off",
    subject=CUSTOMER_OF_O1,
    requested_at=at(1),
)
RESUBMIT = ResubmitApproval(opportunity_id="O1", approval_id="V1", now=at(3))
RESUBMITTED = ApprovalResubmitted(opportunity_id="O1", approval_id="V1", resubmitted_at=at(3))


def decide(decision: str, *roles: str, step: int | None = None) -> DecideApproval:
    return DecideApproval(
        opportunity_id="O1",
        approval_id="V1",
        decision=decision,
        roles=frozenset(roles),
        decided_by="boss-1",
        step=step,
        now=at(2),
    )


def decided(step: int, role: str, decision: str, outcome: str) -> ApprovalDecided:
    return ApprovalDecided(
        opportunity_id="O1",
        approval_id="V1",
        step=step,
        role=role,
        decision=decision,
        outcome=outcome,
        decided_by="boss-1",
        note=None,
        subject=CUSTOMER_OF_O1,
        decided_at=at(2),
    )


FIRST_APPROVED = decided(0, "manager", "approved", "pending")
GRANTED = decided(1, "legal", "approved", "granted")
REJECTED = decided(0, "manager", "rejected", "rejected")
SENT_BACK = decided(0, "manager", "sent_back", "sent_back")
pending = opportunity.given(opened(), REQUESTED)


class TestRequesting:
    def test_pins_only_the_limits_that_it_names(self) -> None:
        """The others have what the tenant has set at the moment judged."""
        opportunity.given(opened()).when(REQUEST).then(REQUESTED)
        assert [step.limit_seconds for step in STEPS] == [None, 86_400]

    def test_under_an_id_that_is_taken_is_refused(self) -> None:
        pending.when(REQUEST).then_refused(ApprovalIsAlreadyRequested)

    @pytest.mark.parametrize("closed", [won(), lost()], ids=["won", "lost"])
    def test_for_a_closed_opportunity_is_refused(self, closed: OpportunityEvent) -> None:
        opportunity.given(opened(), closed).when(REQUEST).then_refused(OpportunityIsClosed)

    @pytest.mark.parametrize(
        "request_",
        [
            replace(REQUEST, steps=()),
            replace(REQUEST, steps=(ApprovalStep(role=""),)),
            replace(REQUEST, steps=(ApprovalStep(role="legal", limit_seconds=0),)),
            replace(REQUEST, kind=" "),
        ],
        ids=["no steps", "no role", "no limit", "no kind"],
    )
    def test_what_cannot_be_decided_is_malformed(self, request_: RequestApproval) -> None:
        opportunity.given(opened()).when(request_).then_refused(Malformed)


class TestDeciding:
    def test_approving_goes_on_to_the_next_step(self) -> None:
        pending.when(decide("approved", "manager")).then(FIRST_APPROVED)

    def test_approving_the_last_step_grants(self) -> None:
        pending.given(FIRST_APPROVED).when(decide("approved", "legal")).then(GRANTED)

    def test_rejecting_ends_it(self) -> None:
        pending.when(decide("rejected", "manager")).then(REJECTED)

    def test_sending_back_waits_for_the_requester(self) -> None:
        pending.when(decide("sent_back", "manager")).then(SENT_BACK)

    def test_by_another_role_is_refused(self) -> None:
        pending.when(decide("approved", "legal", "finance")).then_refused(StepBelongsToAnotherRole)
        pending.given(FIRST_APPROVED).when(decide("approved", "manager")).then_refused(
            StepBelongsToAnotherRole
        )

    def test_a_step_that_has_passed_is_refused(self) -> None:
        both = decide("approved", "manager", "legal", step=0)
        pending.when(both).then(FIRST_APPROVED)
        pending.given(FIRST_APPROVED).when(both).then_refused(ApprovalStepHasPassed)

    @pytest.mark.parametrize("ended", [(FIRST_APPROVED, GRANTED), (REJECTED,)])
    def test_one_that_has_ended_is_refused(self, ended: tuple[OpportunityEvent, ...]) -> None:
        pending.given(*ended).when(decide("approved", "legal")).then_refused(ApprovalIsClosed)

    def test_one_that_was_sent_back_is_refused(self) -> None:
        pending.given(SENT_BACK).when(decide("approved", "manager")).then_refused(
            ApprovalIsSentBack
        )

    def test_one_never_requested_is_refused(self) -> None:
        opportunity.given(opened()).when(decide("approved", "manager")).then_refused(NotFound)

    def test_another_word_is_malformed(self) -> None:
        pending.when(decide("perhaps", "manager")).then_refused(Malformed)

    def test_goes_on_after_the_opportunity_was_closed(self) -> None:
        pending.given(won()).when(decide("approved", "manager")).then(FIRST_APPROVED)

    @pytest.mark.parametrize("decision", ["approved", "rejected", "sent_back"])
    def test_of_a_lost_opportunity_is_refused(self, decision: str) -> None:
        pending.given(lost()).when(decide(decision, "manager")).then_refused(OpportunityIsClosed)

    def test_goes_on_in_its_step_when_the_lost_opportunity_is_reopened(self) -> None:
        again = pending.given(FIRST_APPROVED, lost(), reopened())
        again.when(decide("approved", "manager")).then_refused(StepBelongsToAnotherRole)
        again.when(decide("approved", "legal")).then(GRANTED)


class TestResubmitting:
    def test_begins_again_from_the_first_step(self) -> None:
        back = pending.given(FIRST_APPROVED, decided(1, "legal", "sent_back", "sent_back"))
        back.when(RESUBMIT).then(RESUBMITTED)
        back.given(RESUBMITTED).when(decide("approved", "manager")).then(FIRST_APPROVED)

    def test_while_it_is_pending_does_nothing(self) -> None:
        pending.when(RESUBMIT).then_nothing()

    def test_one_that_has_ended_is_refused(self) -> None:
        pending.given(REJECTED).when(RESUBMIT).then_refused(ApprovalIsClosed)

    def test_for_a_lost_opportunity_is_refused(self) -> None:
        back = pending.given(SENT_BACK, lost())
        back.when(RESUBMIT).then_refused(OpportunityIsClosed)
        back.given(reopened()).when(RESUBMIT).then(RESUBMITTED)

    def test_one_never_requested_is_refused(self) -> None:
        opportunity.given(opened()).when(RESUBMIT).then_refused(NotFound)
