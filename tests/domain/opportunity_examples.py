"""One opportunity O1 of customer C1 in pipeline P1, for the specs of its decider."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from services.opportunities.domain.opportunity import OPPORTUNITY
from services.opportunities.domain.opportunity_commands import (
    ChangeStage,
    LogAction,
    LoseOpportunity,
    OpenOpportunity,
    ReopenOpportunity,
    WinOpportunity,
)
from services.opportunities.domain.valid_action import ActionDraft
from shared.events.opportunities import (
    ActionLogged,
    ActionTypeDefinition,
    Evidence,
    GoldenAction,
    OpportunityLost,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityWon,
    PipelineDefinition,
    StageChanged,
    StageDefinition,
    Violation,
)
from tests.specs import Spec

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CUSTOMER_OF_O1 = "customer/C1"
STAGES = tuple(StageDefinition(name=name) for name in ("first", "second", "third"))
ENFORCING = PipelineDefinition(name="P1", version=1, stages=STAGES)
RECORDING = replace(ENFORCING, unmet="record")
ACCEPTING = replace(ENFORCING, late_changes="accept")
DEMO_WITH_MINUTES = GoldenAction(action="demo", evidence=("minutes",))
DEMANDING = replace(
    ENFORCING,
    stages=(
        replace(STAGES[0], golden_actions=(DEMO_WITH_MINUTES,), required_fields=("budget",)),
        *STAGES[1:],
    ),
)
DEMO = ActionTypeDefinition(type="demo")
NOTE = ActionTypeDefinition(type="note", ends_silence=False, is_contact=False, direction=None)
MINUTES = Evidence(sha256="a" * 64, kind="minutes")
PHOTO = Evidence(sha256="b" * 64, kind="photo")
NO_DEMO = Violation(code="golden-action", name="demo")
NO_BUDGET = Violation(code="required-field", name="budget")
SECOND_SKIPPED = Violation(code="skip", name="second")

opportunity = Spec(OPPORTUNITY)


def at(hours: float) -> datetime:
    """So many hours after the opening."""
    return NOW + timedelta(hours=hours)


def open_o1(pipeline: PipelineDefinition = ENFORCING) -> OpenOpportunity:
    return OpenOpportunity(
        opportunity_id="O1",
        customer_id="C1",
        customer_type="pharmacy",
        customer_industry="health",
        customer_is_key=True,
        pipeline=pipeline,
        unit_id="team-1",
        unit_path=("company", "team-1"),
        owner_id="rep-1",
        amount=Decimal("1000.00"),
        currency="CNY",
        zone="Asia/Shanghai",
        occurred_at=NOW,
        now=NOW,
    )


def opened(pipeline: PipelineDefinition = ENFORCING) -> OpportunityOpened:
    return OpportunityOpened(
        opportunity_id="O1",
        customer_id="C1",
        customer_type="pharmacy",
        customer_industry="health",
        customer_is_key=True,
        pipeline=pipeline,
        stage="first",
        unit_id="team-1",
        unit_path=("company", "team-1"),
        owner_id="rep-1",
        amount=Decimal("1000.00"),
        currency="CNY",
        zone="Asia/Shanghai",
        opened_at=NOW,
    )


def change_stage(
    stage: str, hours: float = 1, reason: str | None = None, *, recorded_history: bool = False
) -> ChangeStage:
    return ChangeStage(
        opportunity_id="O1",
        stage=stage,
        reason=reason,
        recorded_history=recorded_history,
        occurred_at=at(hours),
        now=at(hours),
    )


def changed(
    before: str,
    after: str,
    hours: float = 1,
    *,
    direction: str = "forward",
    reason: str | None = None,
    violations: tuple[Violation, ...] = (),
) -> StageChanged:
    return StageChanged(
        opportunity_id="O1",
        from_stage=before,
        to_stage=after,
        direction=direction,
        reason=reason,
        subject=CUSTOMER_OF_O1,
        violations=violations,
        changed_at=at(hours),
    )


def win(hours: float = 2, *, recorded_history: bool = False) -> WinOpportunity:
    return WinOpportunity(
        opportunity_id="O1",
        recorded_history=recorded_history,
        occurred_at=at(hours),
        now=at(hours),
    )


def won(
    hours: float = 2, stage: str = "first", violations: tuple[Violation, ...] = ()
) -> OpportunityWon:
    return OpportunityWon(opportunity_id="O1", stage=stage, violations=violations, won_at=at(hours))


def lose(hours: float = 2, reason: str = "price") -> LoseOpportunity:
    return LoseOpportunity(opportunity_id="O1", reason=reason, occurred_at=at(hours), now=at(hours))


def lost(hours: float = 2) -> OpportunityLost:
    return OpportunityLost(
        opportunity_id="O1",
        stage="first",
        reason="price",
        note=None,
        subject=CUSTOMER_OF_O1,
        lost_at=at(hours),
    )


def reopen(hours: float = 3) -> ReopenOpportunity:
    return ReopenOpportunity(
        opportunity_id="O1", reason="they called", occurred_at=at(hours), now=at(hours)
    )


def reopened(hours: float = 3) -> OpportunityReopened:
    return OpportunityReopened(
        opportunity_id="O1",
        stage="first",
        reason="they called",
        subject=CUSTOMER_OF_O1,
        reopened_at=at(hours),
    )


def log(
    action_id: str = "A1",
    hours: float = 1,
    definition: ActionTypeDefinition = DEMO,
    *evidence: Evidence,
) -> LogAction:
    return LogAction(
        opportunity_id="O1",
        action_id=action_id,
        definition=definition,
        draft=ActionDraft(summary="Showed it", evidence=evidence),
        actor_id="rep-1",
        actor_unit_id="team-1",
        actor_unit_path=("company", "team-1"),
        occurred_at=at(hours),
        now=at(hours),
    )


def logged(action_id: str = "A1", hours: float = 1, *evidence: Evidence) -> ActionLogged:
    return ActionLogged(
        opportunity_id="O1",
        action_id=action_id,
        type="demo",
        customer_id="C1",
        subject=CUSTOMER_OF_O1,
        actor_id="rep-1",
        actor_unit_id="team-1",
        actor_unit_path=("company", "team-1"),
        happened_at=at(hours),
        summary="Showed it",
        summary_characters=9,
        direction="outbound",
        evidence=evidence,
    )
