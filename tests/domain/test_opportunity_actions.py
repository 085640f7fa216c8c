"""Actions: logged, corrected, voided, proved, wherever the opportunity stands (O3, O5, O15)."""

from dataclasses import replace

import pytest

from services.opportunities.domain.actions import ActionIsAlreadyLogged, ActionIsVoided
from services.opportunities.domain.evidence import ConsentIsMissing
from services.opportunities.domain.opportunity import OpportunityEvent
from services.opportunities.domain.opportunity_commands import (
    AttachEvidence,
    CorrectAction,
    VoidAction,
)
from services.opportunities.domain.opportunity_state import Open
from services.opportunities.domain.valid_action import ActionDraft
from shared.errors import Malformed, NotFound
from shared.events.opportunities import (
    ActionCorrected,
    ActionField,
    ActionVoided,
    Evidence,
    EvidenceAttached,
    NextAction,
    TextField,
)
from tests.domain.opportunity_examples import (
    CUSTOMER_OF_O1,
    DEMANDING,
    DEMO,
    MINUTES,
    NOTE,
    PHOTO,
    at,
    changed,
    log,
    logged,
    lost,
    opened,
    opportunity,
    won,
)

VOID = VoidAction(opportunity_id="O1", action_id="A1", reason="entered twice", now=at(2))
VOIDED = ActionVoided(
    opportunity_id="O1",
    action_id="A1",
    reason="entered twice",
    subject=CUSTOMER_OF_O1,
    voided_at=at(2),
)
CORRECT = CorrectAction(
    opportunity_id="O1",
    action_id="A1",
    definition=DEMO,
    draft=ActionDraft(summary="Called"),
    now=at(2),
)
CORRECTED = ActionCorrected(
    opportunity_id="O1",
    action_id="A1",
    type="demo",
    subject=CUSTOMER_OF_O1,
    happened_at=at(1),
    summary="Called",
    summary_characters=6,
    direction="outbound",
    corrected_at=at(2),
)
ATTACH = AttachEvidence(
    opportunity_id="O1", action_id="A1", evidence=(MINUTES,), occurred_at=at(2), now=at(2)
)
ATTACHED = EvidenceAttached(
    opportunity_id="O1",
    action_id="A1",
    subject=CUSTOMER_OF_O1,
    evidence=(MINUTES,),
    invalid_reasons=(),
    attached_at=at(2),
)
RECORDING_WITHOUT_CONSENT = Evidence(sha256="c" * 64, kind="recording")
PROVED_DEMO = replace(DEMO, evidence=("minutes", "photo"), minimum_summary_characters=20)
STATUSES = pytest.mark.parametrize("then", [(), (won(),), (lost(),)], ids=["open", "won", "lost"])


class TestLogging:
    @STATUSES
    def test_is_accepted_wherever_the_opportunity_stands(
        self, then: tuple[OpportunityEvent, ...]
    ) -> None:
        opportunity.given(opened(), *then).when(log()).then(logged())

    def test_may_come_late(self) -> None:
        opportunity.given(opened(), changed("first", "second", 5)).when(log("A1", 2)).then(
            logged("A1", 2)
        )

    def test_under_an_id_that_is_taken_is_refused(self) -> None:
        opportunity.given(opened(), logged()).when(log()).then_refused(ActionIsAlreadyLogged)

    def test_resolves_what_its_type_says(self) -> None:
        note = replace(logged(), type="note", direction=None, is_contact=False, ends_silence=False)
        opportunity.given(opened()).when(log("A1", 1, NOTE)).then(note)

    def test_keeps_free_text_apart_and_names_whose_it_is(self) -> None:
        typed = replace(
            DEMO,
            fields=(
                ActionField(name="objection", kind="text"),
                ActionField(name="minutes", kind="number"),
            ),
        )
        draft = ActionDraft(
            summary="Showed it",
            fields={"objection": "too dear", "minutes": 30},
            direction="inbound",
            pain_point=True,
            next_action=NextAction(due_at=at(24), type="call"),
        )
        command = replace(log("A1", 1, typed), draft=draft, contact_id="K1")
        opportunity.given(opened()).when(command).then(
            replace(
                logged(),
                contact_id="K1",
                subject="contact/C1/K1",
                fields={"minutes": 30},
                texts=[TextField(name="objection", value="too dear")],
                direction="inbound",
                pain_point=True,
                next_action=NextAction(due_at=at(24), type="call"),
            )
        )

    def test_an_invalid_one_is_kept_with_the_reasons(self) -> None:
        opportunity.given(opened()).when(log("A1", 1, PROVED_DEMO, PHOTO)).then(
            replace(
                logged("A1", 1, PHOTO),
                evidence_required=("minutes", "photo"),
                invalid_reasons=("summary-too-short", "evidence-missing:minutes"),
            )
        )

    def test_names_the_evidence_that_the_golden_rule_of_its_stage_requires(self) -> None:
        opportunity.given(opened(DEMANDING)).when(log()).then(
            replace(logged(), evidence_required=("minutes",))
        )

    def test_a_late_one_falls_under_the_rules_of_the_stage_it_belongs_to(self) -> None:
        moved = opportunity.given(opened(DEMANDING), changed("first", "second", 5))
        moved.when(log("A1", 6)).then(logged("A1", 6))
        moved.when(log("A1", 2)).then(replace(logged("A1", 2), evidence_required=("minutes",)))
        moved.when(log("A1", -2)).then(logged("A1", -2))

    def test_a_recording_without_consent_is_refused(self) -> None:
        opportunity.given(opened()).when(
            log("A1", 1, DEMO, RECORDING_WITHOUT_CONSENT)
        ).then_refused(ConsentIsMissing)

    def test_a_field_that_the_type_lacks_is_malformed(self) -> None:
        command = replace(log(), draft=ActionDraft(fields={"weather": "fine"}))
        opportunity.given(opened()).when(command).then_refused(Malformed)


class TestCorrecting:
    @STATUSES
    def test_says_the_whole_action_anew(self, then: tuple[OpportunityEvent, ...]) -> None:
        opportunity.given(opened(), logged(), *then).when(CORRECT).then(CORRECTED)

    def test_keeps_the_evidence_unless_told_otherwise(self) -> None:
        proved = opportunity.given(opened(), logged("A1", 1, MINUTES))
        proved.when(CORRECT).then(replace(CORRECTED, evidence=(MINUTES,)))
        with_photo = replace(CORRECT, draft=ActionDraft(summary="Called", evidence=(PHOTO,)))
        proved.when(with_photo).then(replace(CORRECTED, evidence=(MINUTES, PHOTO)))
        proved.when(replace(with_photo, keep_evidence=False)).then(
            replace(CORRECTED, evidence=(PHOTO,))
        )

    def test_may_change_time_and_type(self) -> None:
        command = replace(CORRECT, definition=NOTE, occurred_at=at(0.5))
        opportunity.given(opened(), logged()).when(command).then(
            replace(
                CORRECTED,
                type="note",
                happened_at=at(0.5),
                direction=None,
                is_contact=False,
                ends_silence=False,
            )
        )

    def test_completes_an_invalid_action(self) -> None:
        invalid = replace(logged(), invalid_reasons=("summary-too-short",))
        after = opportunity.given(opened(), invalid).when(CORRECT).then(CORRECTED)
        assert isinstance(after, Open)
        assert after.actions["A1"].counts

    def test_an_unknown_action_is_refused(self) -> None:
        opportunity.given(opened()).when(CORRECT).then_refused(NotFound)

    def test_a_voided_action_is_refused(self) -> None:
        opportunity.given(opened(), logged(), VOIDED).when(CORRECT).then_refused(ActionIsVoided)


class TestVoiding:
    @STATUSES
    def test_is_a_further_event(self, then: tuple[OpportunityEvent, ...]) -> None:
        opportunity.given(opened(), logged(), *then).when(VOID).then(VOIDED)

    def test_twice_does_nothing(self) -> None:
        opportunity.given(opened(), logged(), VOIDED).when(VOID).then_nothing()

    def test_an_unknown_action_is_refused(self) -> None:
        opportunity.given(opened()).when(VOID).then_refused(NotFound)


class TestAttachingEvidence:
    @STATUSES
    def test_adds_to_the_action(self, then: tuple[OpportunityEvent, ...]) -> None:
        opportunity.given(opened(), logged(), *then).when(ATTACH).then(ATTACHED)

    def test_that_is_there_already_does_nothing(self) -> None:
        opportunity.given(opened(), logged("A1", 1, MINUTES)).when(ATTACH).then_nothing()

    def test_makes_an_action_valid_that_lacked_it(self) -> None:
        lacking = replace(
            logged(),
            evidence_required=("minutes", "photo"),
            invalid_reasons=(
                "summary-too-short",
                "evidence-missing:minutes",
                "evidence-missing:photo",
            ),
        )
        before = opportunity.given(opened(), lacking)
        before.when(ATTACH).then(
            replace(ATTACHED, invalid_reasons=("summary-too-short", "evidence-missing:photo"))
        )

    def test_completes_a_golden_action(self) -> None:
        after = opportunity.given(opened(), logged()).when(ATTACH).then(ATTACHED)
        assert isinstance(after, Open)
        assert after.actions["A1"].has_evidence(("minutes",))

    def test_to_an_unknown_action_is_refused(self) -> None:
        opportunity.given(opened()).when(ATTACH).then_refused(NotFound)

    def test_to_a_voided_action_is_refused(self) -> None:
        opportunity.given(opened(), logged(), VOIDED).when(ATTACH).then_refused(ActionIsVoided)

    def test_a_recording_without_consent_is_refused(self) -> None:
        recording = replace(ATTACH, evidence=(RECORDING_WITHOUT_CONSENT,))
        opportunity.given(opened(), logged()).when(recording).then_refused(ConsentIsMissing)
