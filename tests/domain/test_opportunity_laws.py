"""Laws of the opportunity, whatever is asked of it and in whatever order."""

from dataclasses import replace
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from services.opportunities.domain.exit_criteria import unmet_exit_criteria
from services.opportunities.domain.opportunity import OPPORTUNITY
from services.opportunities.domain.opportunity_commands import (
    AssignOpportunity,
    AttachEvidence,
    ChangeOpportunityFields,
    ChangeOpportunityUnit,
    CorrectAction,
    DecideApproval,
    MigrateOpportunity,
    OpportunityCommand,
    RequestApproval,
    ResubmitApproval,
    VoidAction,
)
from services.opportunities.domain.opportunity_state import Open, Opportunity, Unknown
from services.opportunities.domain.valid_action import ActionDraft
from shared.errors import DomainError
from shared.events.opportunities import ApprovalStep, Evidence
from tests.domain.opportunity_examples import (
    ACCEPTING,
    DEMANDING,
    DEMO,
    ENFORCING,
    MINUTES,
    NOTE,
    PHOTO,
    RECORDING,
    at,
    change_stage,
    log,
    lose,
    open_o1,
    opened,
    reopen,
    win,
)

HOURS = st.integers(-3, 12)
ACTION_IDS = st.sampled_from(["A1", "A2", "A3"])
STAGES = st.sampled_from(["first", "second", "third", "fourth"])
PIPELINES = st.sampled_from(
    [ENFORCING, RECORDING, ACCEPTING, DEMANDING, replace(DEMANDING, unmet="record")]
)
TYPES = st.sampled_from([DEMO, NOTE, replace(DEMO, evidence=("minutes",))])
EVIDENCE = st.lists(st.sampled_from([MINUTES, PHOTO, Evidence(sha256="d" * 64, kind="recording")]))
REASONS = st.sampled_from([None, "", "new offer"])
FIELDS = st.dictionaries(st.sampled_from(["budget", "size"]), st.sampled_from([None, 1, True, "x"]))
ROLES = st.sets(st.sampled_from(["manager", "legal"]))
DECISIONS = st.sampled_from(["approved", "rejected", "sent_back", "perhaps"])


class WhateverIsAsked(RuleBasedStateMachine):
    """Deciding is repeatable, what is decided folds, and what is folded survives a snapshot."""

    def __init__(self) -> None:
        super().__init__()
        self.state: Opportunity = OPPORTUNITY.initial
        self.events: list[Any] = []

    def ask(self, command: OpportunityCommand) -> None:
        first = self.decided(command)
        assert first == self.decided(command)
        if isinstance(first, str):
            return
        self.events.extend(first)
        self.state = OPPORTUNITY.fold(first, self.state)
        assert self.state == OPPORTUNITY.fold(self.events)
        frozen = msgspec.json.encode(self.state)
        assert msgspec.json.decode(frozen, type=type(self.state)) == self.state
        assert b"Showed it" not in frozen

    def decided(self, command: OpportunityCommand) -> list[Any] | str:
        try:
            return list(OPPORTUNITY.decide(command, self.state))
        except DomainError as refusal:
            return refusal.code

    @rule(pipeline=PIPELINES)
    def open(self, pipeline: Any) -> None:
        self.ask(open_o1(pipeline))

    @rule(owner=st.sampled_from([None, "rep-1", "rep-2"]))
    def assign(self, owner: str | None) -> None:
        self.ask(
            AssignOpportunity(
                opportunity_id="O1", owner_id=owner, unit_id="U", unit_path=("U",), now=at(1)
            )
        )

    @rule(unit=st.sampled_from(["team-1", "team-2"]))
    def move_unit(self, unit: str) -> None:
        self.ask(
            ChangeOpportunityUnit(
                opportunity_id="O1",
                owner_id="rep-1",
                unit_id=unit,
                unit_path=(unit,),
                changed_at=at(1),
                now=at(1),
            )
        )

    @rule(fields=FIELDS)
    def fill(self, fields: Any) -> None:
        self.ask(
            ChangeOpportunityFields(
                opportunity_id="O1", fields=fields, occurred_at=at(1), now=at(1)
            )
        )

    @rule(pipeline=PIPELINES, stage=st.none() | STAGES)
    def migrate(self, pipeline: Any, stage: str | None) -> None:
        self.ask(MigrateOpportunity(opportunity_id="O1", pipeline=pipeline, stage=stage, now=at(1)))

    @rule(stage=STAGES, hours=HOURS, reason=REASONS, history=st.booleans())
    def move(self, stage: str, hours: int, reason: str | None, history: bool) -> None:
        self.ask(change_stage(stage, hours, reason, recorded_history=history))

    @rule(hours=HOURS, history=st.booleans())
    def win(self, hours: int, history: bool) -> None:
        self.ask(win(hours, recorded_history=history))

    @rule(hours=HOURS)
    def lose(self, hours: int) -> None:
        self.ask(lose(hours))

    @rule(hours=HOURS)
    def reopen(self, hours: int) -> None:
        self.ask(reopen(hours))

    @rule(action_id=ACTION_IDS, hours=HOURS, type_=TYPES, evidence=EVIDENCE)
    def log(self, action_id: str, hours: int, type_: Any, evidence: Any) -> None:
        self.ask(log(action_id, hours, type_, *evidence))

    @rule(action_id=ACTION_IDS, type_=TYPES, hours=st.none() | HOURS, keep=st.booleans())
    def correct(self, action_id: str, type_: Any, hours: int | None, keep: bool) -> None:
        self.ask(
            CorrectAction(
                opportunity_id="O1",
                action_id=action_id,
                definition=type_,
                draft=ActionDraft(summary="Called"),
                keep_evidence=keep,
                occurred_at=None if hours is None else at(hours),
                now=at(2),
            )
        )

    @rule(action_id=ACTION_IDS)
    def void(self, action_id: str) -> None:
        self.ask(VoidAction(opportunity_id="O1", action_id=action_id, now=at(2)))

    @rule(action_id=ACTION_IDS, evidence=EVIDENCE)
    def attach(self, action_id: str, evidence: Any) -> None:
        self.ask(
            AttachEvidence(
                opportunity_id="O1",
                action_id=action_id,
                evidence=tuple(evidence),
                occurred_at=at(2),
                now=at(2),
            )
        )

    @rule(roles=st.lists(st.sampled_from(["manager", "legal"]), max_size=3))
    def request(self, roles: list[str]) -> None:
        steps = tuple(ApprovalStep(role=role) for role in roles)
        self.ask(
            RequestApproval(
                opportunity_id="O1", approval_id="V1", kind="discount", steps=steps, now=at(1)
            )
        )

    @rule(decision=DECISIONS, roles=ROLES)
    def decide_approval(self, decision: str, roles: set[str]) -> None:
        self.ask(
            DecideApproval(
                opportunity_id="O1",
                approval_id="V1",
                decision=decision,
                roles=frozenset(roles),
                now=at(2),
            )
        )

    @rule()
    def resubmit(self) -> None:
        self.ask(ResubmitApproval(opportunity_id="O1", approval_id="V1", now=at(3)))

    def teardown(self) -> None:
        assert isinstance(self.state, Unknown) is (not self.events)


TestWhateverIsAsked = WhateverIsAsked.TestCase
TestWhateverIsAsked.settings = settings(max_examples=60, stateful_step_count=40)


@given(
    st.lists(st.tuples(st.integers(-2, 6), TYPES, EVIDENCE), max_size=5).flatmap(
        lambda actions: st.permutations(list(enumerate(actions)))
    )
)
@settings(max_examples=60)
def test_the_order_in_which_actions_come_changes_no_exit_criterion(actions: Any) -> None:
    """Late or early, among themselves they all come to the same (G5)."""

    def unmet(in_order: Any) -> Any:
        state = OPPORTUNITY.fold([opened(DEMANDING)])
        for number, (hours, type_, evidence) in in_order:
            proofs = [piece for piece in evidence if piece.kind != "recording"]
            command = log(f"A{number}", hours, type_, *proofs)
            state = OPPORTUNITY.fold(OPPORTUNITY.decide(command, state), state)
        assert isinstance(state, Open)
        return unmet_exit_criteria(state)

    assert unmet(actions) == unmet(sorted(actions))
