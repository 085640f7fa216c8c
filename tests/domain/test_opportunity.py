"""Opening an opportunity, and whose and what it is (O1, G5)."""

from dataclasses import replace
from decimal import Decimal

import pytest

from services.opportunities.domain.opening import OpportunityIsAlreadyOpened
from services.opportunities.domain.opportunity import OpportunityEvent
from services.opportunities.domain.opportunity_commands import (
    AssignOpportunity,
    AttachEvidence,
    ChangeOpportunityCustomer,
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
from services.opportunities.domain.opportunity_state import OpportunityIsClosed
from services.opportunities.domain.valid_action import ActionDraft
from shared.errors import Malformed, NotFound
from shared.event_type import ERASED
from shared.events.opportunities import (
    OpportunityAssigned,
    OpportunityCustomerChanged,
    OpportunityFieldsChanged,
    OpportunityMigrated,
    OpportunityUnitChanged,
    TextField,
)
from tests.domain.opportunity_examples import (
    CUSTOMER_OF_O1,
    DEMO,
    ENFORCING,
    NOW,
    RECORDING,
    STAGES,
    at,
    change_stage,
    changed,
    log,
    lose,
    lost,
    open_o1,
    opened,
    opportunity,
    reopen,
    win,
    won,
)

ASSIGN = AssignOpportunity(
    opportunity_id="O1",
    owner_id="rep-2",
    unit_id="team-2",
    unit_path=("company", "team-2"),
    now=at(1),
)
ASSIGNED = OpportunityAssigned(
    opportunity_id="O1",
    owner_id="rep-2",
    unit_id="team-2",
    unit_path=("company", "team-2"),
    assigned_at=at(1),
)
CHANGE_UNIT = ChangeOpportunityUnit(
    opportunity_id="O1",
    owner_id="rep-1",
    unit_id="team-1",
    unit_path=("company", "south", "team-1"),
    changed_at=at(1),
    now=at(2),
)
UNIT_CHANGED = OpportunityUnitChanged(
    opportunity_id="O1",
    unit_id="team-1",
    unit_path=("company", "south", "team-1"),
    changed_at=at(1),
)
CHANGE_CUSTOMER = ChangeOpportunityCustomer(
    opportunity_id="O1",
    customer_type="clinic",
    customer_industry="health",
    customer_is_key=False,
    changed_at=at(1),
    now=at(2),
)
CUSTOMER_CHANGED = OpportunityCustomerChanged(
    opportunity_id="O1",
    customer_type="clinic",
    customer_industry="health",
    customer_is_key=False,
    changed_at=at(1),
)
CHANGE_FIELDS = ChangeOpportunityFields(
    opportunity_id="O1", fields={"seats": 20}, occurred_at=at(1), now=at(1)
)
FIELDS_CHANGED = OpportunityFieldsChanged(
    opportunity_id="O1",
    fields={"seats": 20},
    texts=None,
    filled=(),
    subject=CUSTOMER_OF_O1,
    amount=Decimal("1000.00"),
    currency="CNY",
    changed_at=at(1),
)
NEXT_VERSION = replace(ENFORCING, version=2, unmet="record")
MIGRATE = MigrateOpportunity(opportunity_id="O1", pipeline=NEXT_VERSION, now=at(1))
MIGRATED = OpportunityMigrated(
    opportunity_id="O1", pipeline=NEXT_VERSION, stage="first", migrated_at=at(1)
)
CLOSED = pytest.mark.parametrize("closed", [won(), lost()], ids=["won", "lost"])


@pytest.mark.parametrize(
    "command",
    [
        ASSIGN,
        CHANGE_UNIT,
        CHANGE_CUSTOMER,
        CHANGE_FIELDS,
        MIGRATE,
        change_stage("second"),
        win(),
        lose(),
        reopen(),
        log(),
        CorrectAction(
            opportunity_id="O1", action_id="A1", definition=DEMO, draft=ActionDraft(), now=NOW
        ),
        VoidAction(opportunity_id="O1", action_id="A1", now=NOW),
        AttachEvidence(opportunity_id="O1", action_id="A1", evidence=(), occurred_at=NOW, now=NOW),
        RequestApproval(opportunity_id="O1", approval_id="V1", kind="discount", steps=(), now=NOW),
        DecideApproval(
            opportunity_id="O1", approval_id="V1", decision="approved", roles=frozenset(), now=NOW
        ),
        ResubmitApproval(opportunity_id="O1", approval_id="V1", now=NOW),
    ],
    ids=lambda command: type(command).__name__,
)
def test_nothing_can_be_asked_of_an_opportunity_never_opened(command: OpportunityCommand) -> None:
    opportunity.when(command).then_refused(NotFound)


class TestOpening:
    def test_begins_in_the_first_stage_and_pins_its_pipeline(self) -> None:
        opportunity.when(open_o1()).then(opened())

    @pytest.mark.parametrize("then", [(), (won(),), (lost(),)], ids=["open", "won", "lost"])
    def test_again_is_refused(self, then: tuple[OpportunityEvent, ...]) -> None:
        opportunity.given(opened(), *then).when(open_o1()).then_refused(OpportunityIsAlreadyOpened)


class TestAssigning:
    def test_takes_effect_when_received(self) -> None:
        opportunity.given(opened()).when(ASSIGN).then(ASSIGNED)

    def test_to_whom_it_belongs_already_does_nothing(self) -> None:
        opportunity.given(opened(), ASSIGNED).when(ASSIGN).then_nothing()

    @CLOSED
    def test_a_closed_one_is_accepted(self, closed: OpportunityEvent) -> None:
        opportunity.given(opened(), closed).when(ASSIGN).then(ASSIGNED)

    def test_is_no_state_change_that_others_could_be_late_for(self) -> None:
        opportunity.given(opened(), ASSIGNED).when(change_stage("second", 0.5)).then(
            changed("first", "second", 0.5)
        )


class TestChangingTheUnit:
    def test_follows_the_tree(self) -> None:
        opportunity.given(opened()).when(CHANGE_UNIT).then(UNIT_CHANGED)

    def test_to_what_it_is_does_nothing(self) -> None:
        opportunity.given(opened(), UNIT_CHANGED).when(CHANGE_UNIT).then_nothing()

    @CLOSED
    def test_of_a_closed_one_is_accepted(self, closed: OpportunityEvent) -> None:
        opportunity.given(opened(), closed).when(CHANGE_UNIT).then(UNIT_CHANGED)

    def test_that_somebody_else_had_does_nothing(self) -> None:
        opportunity.given(opened(), ASSIGNED).when(CHANGE_UNIT).then_nothing()

    def test_counts_from_when_the_owner_had_it(self) -> None:
        early = replace(CHANGE_UNIT, changed_at=at(-5))
        opportunity.given(opened()).when(early).then(replace(UNIT_CHANGED, changed_at=NOW))

    def test_is_never_out_of_date(self) -> None:
        moved = changed("first", "second", 5)
        opportunity.given(opened(), moved).when(CHANGE_UNIT).then(UNIT_CHANGED)


class TestChangingTheCustomersFacts:
    def test_follows_the_customer(self) -> None:
        opportunity.given(opened()).when(CHANGE_CUSTOMER).then(CUSTOMER_CHANGED)

    def test_to_what_they_are_does_nothing(self) -> None:
        opportunity.given(opened(), CUSTOMER_CHANGED).when(CHANGE_CUSTOMER).then_nothing()

    @CLOSED
    def test_of_a_closed_one_is_accepted(self, closed: OpportunityEvent) -> None:
        opportunity.given(opened(), closed).when(CHANGE_CUSTOMER).then(CUSTOMER_CHANGED)


class TestChangingFields:
    def test_says_what_differs_and_the_amount_as_it_stands(self) -> None:
        opportunity.given(opened()).when(CHANGE_FIELDS).then(FIELDS_CHANGED)

    def test_to_what_they_are_does_nothing(self) -> None:
        opportunity.given(opened(), FIELDS_CHANGED).when(CHANGE_FIELDS).then_nothing()

    def test_one_is_not_true(self) -> None:
        one = replace(FIELDS_CHANGED, fields={"seats": 1})
        opportunity.given(opened(), one).when(replace(CHANGE_FIELDS, fields={"seats": True})).then(
            replace(FIELDS_CHANGED, fields={"seats": True})
        )

    def test_text_goes_where_it_is_sealed_and_is_always_news(self) -> None:
        say = replace(CHANGE_FIELDS, fields={"decision maker": "Ms Wang"})
        said = replace(
            FIELDS_CHANGED,
            fields={},
            texts=[TextField(name="decision maker", value="Ms Wang")],
            filled=("decision maker",),
        )
        opportunity.given(opened()).when(say).then(said)
        opportunity.given(opened(), said).when(say).then(said)

    def test_blank_text_empties_a_field_once(self) -> None:
        said = replace(FIELDS_CHANGED, fields={}, texts=ERASED, filled=("seats",))
        blank = replace(CHANGE_FIELDS, fields={"seats": " "})
        emptied = replace(FIELDS_CHANGED, fields={"seats": None})
        opportunity.given(opened(), said).when(blank).then(emptied)
        opportunity.given(opened(), said, emptied).when(blank).then_nothing()

    def test_text_takes_the_place_of_a_number_and_the_other_way_round(self) -> None:
        said = replace(FIELDS_CHANGED, fields={}, texts=ERASED, filled=("seats",))
        opportunity.given(opened(), FIELDS_CHANGED, said).when(CHANGE_FIELDS).then(FIELDS_CHANGED)

    def test_the_amount_can_change_alone(self) -> None:
        opportunity.given(opened()).when(
            replace(CHANGE_FIELDS, fields={}, amount=Decimal("2000.00"))
        ).then(replace(FIELDS_CHANGED, fields={}, amount=Decimal("2000.00")))

    @CLOSED
    def test_of_a_closed_one_is_accepted(self, closed: OpportunityEvent) -> None:
        opportunity.given(opened(), closed).when(CHANGE_FIELDS).then(FIELDS_CHANGED)

    def test_a_field_without_a_name_is_malformed(self) -> None:
        nameless = replace(CHANGE_FIELDS, fields={"": "x"})
        opportunity.given(opened()).when(nameless).then_refused(Malformed)


class TestMigrating:
    def test_stays_in_the_stage_of_the_same_name(self) -> None:
        opportunity.given(opened()).when(MIGRATE).then(MIGRATED)

    def test_to_the_version_it_has_does_nothing(self) -> None:
        opportunity.given(opened(), MIGRATED).when(MIGRATE).then_nothing()

    def test_to_a_pipeline_without_its_stage_must_name_one(self) -> None:
        other = replace(RECORDING, stages=STAGES[1:])
        opportunity.given(opened()).when(replace(MIGRATE, pipeline=other)).then_refused(Malformed)
        named = replace(MIGRATE, pipeline=other, stage="third")
        opportunity.given(opened()).when(named).then(
            OpportunityMigrated(
                opportunity_id="O1", pipeline=other, stage="third", migrated_at=at(1)
            )
        )

    @CLOSED
    def test_a_closed_one_is_refused(self, closed: OpportunityEvent) -> None:
        opportunity.given(opened(), closed).when(MIGRATE).then_refused(OpportunityIsClosed)

    def test_brings_the_rules_of_the_new_version(self) -> None:
        migrated = opportunity.given(opened(), MIGRATED)
        assert migrated.when(change_stage("third", 2, "in a hurry")).events()
