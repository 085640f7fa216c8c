"""Stage changes, winning, losing, reopening, in time and too late (O2, G5)."""

from dataclasses import replace

import pytest

from services.opportunities.domain.exit_criteria import StageCannotBeLeft
from services.opportunities.domain.opportunity import OpportunityEvent
from services.opportunities.domain.opportunity_commands import OpportunityCommand
from services.opportunities.domain.opportunity_state import Lost, Open, OpportunityIsClosed, Won
from services.opportunities.domain.stage_moves import (
    AlreadyInStage,
    OutOfDate,
    ReasonIsRequired,
    WinningIsNotAllowedHere,
)
from shared.errors import Malformed
from shared.event_type import ERASED
from shared.events.opportunities import (
    ActionVoided,
    LateChangeRecorded,
    OpportunityFieldsChanged,
    PipelineDefinition,
    Violation,
)
from tests.domain.opportunity_examples import (
    ACCEPTING,
    CUSTOMER_OF_O1,
    DEMANDING,
    DEMO_WITH_MINUTES,
    ENFORCING,
    MINUTES,
    NO_BUDGET,
    NO_DEMO,
    RECORDING,
    SECOND_SKIPPED,
    STAGES,
    at,
    change_stage,
    changed,
    logged,
    lose,
    lost,
    opened,
    opportunity,
    reopen,
    reopened,
    win,
    won,
)

REOPENED = reopened()
BUDGET = OpportunityFieldsChanged(
    opportunity_id="O1",
    fields={},
    texts=ERASED,
    filled=("budget",),
    subject=CUSTOMER_OF_O1,
    amount=None,
    currency=None,
    changed_at=at(1),
)
BLOCKING = replace(
    DEMANDING,
    unmet="record",
    stages=(
        replace(DEMANDING.stages[0], golden_actions=(replace(DEMO_WITH_MINUTES, block=True),)),
        *STAGES[1:],
    ),
)
CLOSED = pytest.mark.parametrize("closed", [won(), lost()], ids=["won", "lost"])
IN_SECOND = (opened(), changed("first", "second"))


class TestMovingForward:
    def test_to_the_next_stage(self) -> None:
        opportunity.given(opened()).when(change_stage("second")).then(changed("first", "second"))

    def test_to_the_stage_it_is_in_is_refused(self) -> None:
        opportunity.given(opened()).when(change_stage("first")).then_refused(AlreadyInStage)

    def test_to_a_stage_that_the_pipeline_lacks_is_malformed(self) -> None:
        refusal = opportunity.given(opened()).when(change_stage("tenth")).then_refused(Malformed)
        assert refusal.errors[0].field == "stage"

    @CLOSED
    def test_a_closed_opportunity_is_refused(self, closed: OpportunityEvent) -> None:
        opportunity.given(opened(), closed).when(change_stage("second", 3)).then_refused(
            OpportunityIsClosed
        )

    def test_without_exit_criteria_is_refused_naming_each(self) -> None:
        refusal = (
            opportunity.given(opened(DEMANDING))
            .when(change_stage("second"))
            .then_refused(StageCannotBeLeft)
        )
        assert [(each.field, each.code) for each in refusal.errors] == [
            ("golden_actions.demo", "golden-action"),
            ("fields.budget", "required-field"),
        ]

    def test_with_its_exit_criteria_is_accepted(self) -> None:
        ready = opportunity.given(opened(DEMANDING), logged("A1", 0.5, MINUTES), BUDGET)
        ready.when(change_stage("second", 2)).then(changed("first", "second", 2))

    @pytest.mark.parametrize(
        "not_done",
        [
            (logged("A1", 0.5),),
            (logged("A1", -0.5, MINUTES),),
            (replace(logged("A1", 0.5, MINUTES), type="call"),),
            (replace(logged("A1", 0.5, MINUTES), invalid_reasons=("summary-too-short",)),),
            (
                logged("A1", 0.5, MINUTES),
                ActionVoided(
                    opportunity_id="O1",
                    action_id="A1",
                    reason=None,
                    subject=CUSTOMER_OF_O1,
                    voided_at=at(1),
                ),
            ),
        ],
        ids=["without evidence", "before entering", "other type", "invalid", "voided"],
    )
    def test_a_golden_action_that_does_not_count_is_not_done(
        self, not_done: tuple[OpportunityEvent, ...]
    ) -> None:
        before = opportunity.given(opened(DEMANDING), *not_done, BUDGET)
        refusal = before.when(change_stage("second", 2)).then_refused(StageCannotBeLeft)
        assert [each.field for each in refusal.errors] == ["golden_actions.demo"]

    def test_at_the_very_time_of_entering_only_later_actions_count(self) -> None:
        asks_again = replace(
            RECORDING,
            stages=(STAGES[0], replace(STAGES[1], golden_actions=(DEMO_WITH_MINUTES,)), STAGES[2]),
        )
        before = opportunity.given(
            opened(asks_again), logged("A1", 1, MINUTES), changed("first", "second", 1)
        )
        by_history = change_stage("third", 2, recorded_history=True)
        before.when(by_history).then(changed("second", "third", 2, violations=(NO_DEMO,)))
        before.given(logged("A2", 1, MINUTES)).when(by_history).then(changed("second", "third", 2))

    def test_entering_a_stage_anew_asks_for_its_golden_action_again(self) -> None:
        again = opportunity.given(
            opened(DEMANDING),
            logged("A1", 0.5, MINUTES),
            BUDGET,
            changed("first", "second", 2),
            changed("second", "first", 3, direction="backward", reason="new offer"),
        )
        again.when(change_stage("second", 4)).then_refused(StageCannotBeLeft)
        again.given(logged("A2", 3.5, MINUTES)).when(change_stage("second", 4)).then(
            changed("first", "second", 4)
        )

    def test_a_golden_action_while_it_was_closed_is_not_done(self) -> None:
        again = opportunity.given(
            opened(DEMANDING), BUDGET, lost(2), logged("A1", 2.5, MINUTES), reopened(3)
        )
        again.when(change_stage("second", 4)).then_refused(StageCannotBeLeft)
        for in_time in (logged("A2", 1.5, MINUTES), logged("A2", 3, MINUTES)):
            again.given(in_time).when(change_stage("second", 4)).then(changed("first", "second", 4))

    def test_an_amount_can_be_a_required_field(self) -> None:
        priced = replace(
            ENFORCING, stages=(replace(STAGES[0], required_fields=("amount",)), *STAGES[1:])
        )
        opportunity.given(opened(priced)).when(change_stage("second")).then(
            changed("first", "second")
        )
        opportunity.given(replace(opened(priced), amount=None)).when(
            change_stage("second")
        ).then_refused(StageCannotBeLeft)


class TestSkippingAndLacking:
    def test_a_skip_is_refused_where_the_pipeline_enforces(self) -> None:
        refusal = (
            opportunity.given(opened())
            .when(change_stage("third", 1, "in a hurry"))
            .then_refused(StageCannotBeLeft)
        )
        assert [(each.field, each.code) for each in refusal.errors] == [("stage", "skip")]

    def test_a_skip_is_recorded_with_its_reason_where_the_pipeline_records(self) -> None:
        opportunity.given(opened(RECORDING)).when(change_stage("third", 1, "in a hurry")).then(
            changed(
                "first",
                "third",
                direction="skip",
                reason="in a hurry",
                violations=(SECOND_SKIPPED,),
            )
        )

    def test_a_violation_without_a_reason_is_refused(self) -> None:
        opportunity.given(opened(RECORDING)).when(change_stage("third")).then_refused(
            ReasonIsRequired
        )

    def test_what_is_missing_is_recorded_where_the_pipeline_records(self) -> None:
        lenient = replace(DEMANDING, unmet="record")
        opportunity.given(opened(lenient)).when(change_stage("second", 1, "they signed")).then(
            changed("first", "second", reason="they signed", violations=(NO_DEMO, NO_BUDGET))
        )

    def test_a_blocking_golden_action_refuses_any_forward_move_even_so(self) -> None:
        for stage in ("second", "third"):
            refusal = (
                opportunity.given(opened(BLOCKING))
                .when(change_stage(stage, 1, "in a hurry"))
                .then_refused(StageCannotBeLeft)
            )
            assert [each.field for each in refusal.errors] == ["golden_actions.demo"]
        opportunity.given(opened(BLOCKING)).when(win()).then_refused(StageCannotBeLeft)

    @pytest.mark.parametrize("pipeline", [DEMANDING, BLOCKING], ids=["enforcing", "blocking"])
    def test_history_is_fact_and_recorded_without_a_reason(
        self, pipeline: PipelineDefinition
    ) -> None:
        opportunity.given(opened(pipeline)).when(change_stage("third", recorded_history=True)).then(
            changed(
                "first",
                "third",
                direction="skip",
                violations=(SECOND_SKIPPED, NO_DEMO, NO_BUDGET),
            )
        )


class TestMovingBackward:
    def test_needs_a_reason(self) -> None:
        opportunity.given(*IN_SECOND).when(change_stage("first", 2)).then_refused(ReasonIsRequired)
        opportunity.given(*IN_SECOND).when(change_stage("first", 2, " ")).then_refused(
            ReasonIsRequired
        )

    def test_with_a_reason_is_accepted(self) -> None:
        opportunity.given(*IN_SECOND).when(change_stage("first", 2, "new offer")).then(
            changed("second", "first", 2, direction="backward", reason="new offer")
        )

    def test_asks_for_no_exit_criteria(self) -> None:
        history = changed("first", "second", violations=(NO_DEMO, NO_BUDGET))
        asking = replace(
            DEMANDING, stages=(STAGES[0], replace(STAGES[1], required_fields=("x",)), STAGES[2])
        )
        opportunity.given(opened(asking), history).when(change_stage("first", 2, "new offer")).then(
            changed("second", "first", 2, direction="backward", reason="new offer")
        )


class TestWinning:
    def test_from_any_stage_is_no_skip(self) -> None:
        after = opportunity.given(opened()).when(win()).then(won())
        assert isinstance(after, Won)

    def test_again_does_nothing(self) -> None:
        opportunity.given(opened(), won()).when(win(3)).then_nothing()

    def test_a_lost_opportunity_is_refused(self) -> None:
        opportunity.given(opened(), lost()).when(win(3)).then_refused(OpportunityIsClosed)

    def test_asks_for_the_exit_criteria_of_the_stage(self) -> None:
        opportunity.given(opened(DEMANDING)).when(win()).then_refused(StageCannotBeLeft)
        opportunity.given(opened(DEMANDING)).when(win(recorded_history=True)).then(
            won(violations=(NO_DEMO, NO_BUDGET))
        )

    def test_from_a_stage_that_the_pipeline_does_not_name_is_refused_or_recorded(self) -> None:
        not_here = Violation(code="win-from", name="first")
        narrow = replace(ENFORCING, win_from=("third",))
        opportunity.given(opened(narrow)).when(win()).then_refused(WinningIsNotAllowedHere)
        opportunity.given(opened(narrow)).when(win(recorded_history=True)).then(
            won(violations=(not_here,))
        )
        lenient = replace(narrow, unmet="record")
        opportunity.given(opened(lenient)).when(win()).then(won(violations=(not_here,)))


class TestLosing:
    def test_needs_a_reason(self) -> None:
        opportunity.given(opened()).when(lose(reason="")).then_refused(ReasonIsRequired)

    def test_with_a_reason_closes(self) -> None:
        after = opportunity.given(opened(DEMANDING)).when(lose()).then(lost())
        assert isinstance(after, Lost)

    def test_again_does_nothing(self) -> None:
        opportunity.given(opened(), lost()).when(lose(3)).then_nothing()

    def test_a_won_opportunity_is_refused(self) -> None:
        opportunity.given(opened(), won()).when(lose(3)).then_refused(OpportunityIsClosed)


class TestReopening:
    @CLOSED
    def test_goes_on_in_the_stage_it_was_closed_in(self, closed: OpportunityEvent) -> None:
        after = opportunity.given(opened(), closed).when(reopen()).then(REOPENED)
        assert isinstance(after, Open)
        assert after.situation.stage == "first"

    def test_an_open_one_does_nothing(self) -> None:
        opportunity.given(opened()).when(reopen()).then_nothing()

    def test_lets_it_be_moved_and_closed_again(self) -> None:
        again = opportunity.given(opened(), won(), REOPENED)
        again.when(change_stage("second", 4)).then(changed("first", "second", 4))
        again.when(win(4)).then(won(4))


class TestTooLate:
    @pytest.mark.parametrize(
        ("history", "command"),
        [
            ((opened(),), change_stage("second", -1)),
            ((opened(), changed("first", "second", 5)), change_stage("third", 4)),
            ((opened(), changed("first", "second", 5)), change_stage("first", 4, "back")),
            ((opened(), changed("first", "second", 5)), win(4)),
            ((opened(), changed("first", "second", 5)), lose(4)),
            ((opened(), won(5)), reopen(4)),
            ((opened(), lost(5)), change_stage("second", 4)),
            ((opened(), won(2), replace(REOPENED, reopened_at=at(5))), win(4)),
        ],
    )
    def test_a_change_before_the_last_one_is_refused_with_the_present_state(
        self, history: tuple[OpportunityEvent, ...], command: OpportunityCommand
    ) -> None:
        refusal = opportunity.given(*history).when(command).then_refused(OutOfDate)
        assert "in stage" in refusal.detail

    def test_the_present_state_is_named(self) -> None:
        refusal = opportunity.given(opened(), won(5)).when(win(4)).then_refused(OutOfDate)
        assert refusal.detail == (
            "the opportunity is won in stage 'first' since 2026-03-02T14:00:00.000Z"
        )

    def test_at_the_very_time_of_the_last_change_is_in_time(self) -> None:
        opportunity.given(opened(), changed("first", "second", 5)).when(
            change_stage("third", 5)
        ).then(changed("second", "third", 5))

    def test_history_is_not_exempt(self) -> None:
        opportunity.given(opened(), changed("first", "second", 5)).when(
            change_stage("third", 4, recorded_history=True)
        ).then_refused(OutOfDate)

    @pytest.mark.parametrize(
        ("command", "change", "said"),
        [
            (
                change_stage("third", 4, "in a hurry"),
                "change-stage",
                {"stage": "third", "reason": "in a hurry"},
            ),
            (win(4), "win", {}),
            (replace(lose(4), note="too dear"), "lose", {"reason": "price", "note": "too dear"}),
            (reopen(4), "reopen", {"reason": "they called"}),
        ],
    )
    def test_is_kept_without_effect_where_the_pipeline_accepts_late_changes(
        self, command: OpportunityCommand, change: str, said: dict[str, str]
    ) -> None:
        before = opportunity.given(opened(ACCEPTING), changed("first", "second", 5))
        after = before.when(command).then(
            LateChangeRecorded(
                opportunity_id="O1",
                change=change,
                stage=said.get("stage"),
                reason=said.get("reason"),
                note=said.get("note"),
                subject=CUSTOMER_OF_O1,
                happened_at=at(4),
            )
        )
        assert after == before.state()
