"""The opportunity: opened, owned, moved, worked on, approved, closed (O1, O2-O6, O15)."""

from collections.abc import Sequence
from typing import assert_never

from services.opportunities.domain.actions import (
    attach,
    attached,
    correct,
    corrected,
    log,
    logged,
    void,
    voided,
)
from services.opportunities.domain.approvals import (
    decide_step,
    decided,
    request,
    requested,
    resubmit,
    resubmitted,
)
from services.opportunities.domain.opening import open_, opened_first, withdraw
from services.opportunities.domain.opportunity_commands import (
    AssignOpportunity,
    AttachEvidence,
    ChangeOpportunityCustomer,
    ChangeOpportunityFields,
    ChangeOpportunityUnit,
    ChangeStage,
    CorrectAction,
    DecideApproval,
    LogAction,
    LoseOpportunity,
    MigrateOpportunity,
    OpenOpportunity,
    OpportunityCommand,
    ReopenOpportunity,
    RequestApproval,
    ResubmitApproval,
    VoidAction,
    WinOpportunity,
    WithdrawOpportunity,
)
from services.opportunities.domain.opportunity_state import Lost, Open, Opportunity, Unknown, Won
from services.opportunities.domain.ownership import (
    assign,
    assigned,
    change_customer,
    change_fields,
    change_unit,
    customer_changed,
    fields_changed,
    migrate,
    migrated,
    unit_changed,
)
from services.opportunities.domain.stage_moves import (
    change_stage,
    lose,
    lost,
    moved,
    reopen,
    reopened,
    win,
    won,
)
from services.opportunities.domain.visit_commands import (
    BookVisitNextAction,
    FillVisit,
    PassOnVisit,
    StartVisit,
    SummariseVisit,
)
from services.opportunities.domain.visits import (
    book,
    fill,
    pass_on,
    passed_on,
    progressed,
    start,
    started,
    summarise,
)
from shared.decider import Decider
from shared.events.opportunities import (
    ActionCorrected,
    ActionLogged,
    ActionVoided,
    ApprovalDecided,
    ApprovalRequested,
    ApprovalResubmitted,
    EvidenceAttached,
    LateChangeRecorded,
    OpportunityAssigned,
    OpportunityCustomerChanged,
    OpportunityFieldsChanged,
    OpportunityLost,
    OpportunityMigrated,
    OpportunityOpened,
    OpportunityReopened,
    OpportunityUnitChanged,
    OpportunityWithdrawn,
    OpportunityWon,
    StageChanged,
)
from shared.events.visits import (
    VisitFieldsFilled,
    VisitNextActionBooked,
    VisitPassedOn,
    VisitStarted,
    VisitSummarised,
)

OpportunityEvent = (
    ActionLogged
    | StageChanged
    | OpportunityOpened
    | OpportunityWithdrawn
    | OpportunityAssigned
    | OpportunityWon
    | OpportunityLost
    | OpportunityReopened
    | LateChangeRecorded
    | OpportunityUnitChanged
    | OpportunityCustomerChanged
    | OpportunityFieldsChanged
    | OpportunityMigrated
    | ActionCorrected
    | ActionVoided
    | EvidenceAttached
    | ApprovalRequested
    | ApprovalDecided
    | ApprovalResubmitted
    | VisitStarted
    | VisitFieldsFilled
    | VisitNextActionBooked
    | VisitSummarised
    | VisitPassedOn
)


def decide(  # a table of contents: one line per command
    command: OpportunityCommand, opportunity: Opportunity
) -> Sequence[OpportunityEvent]:
    match command:
        case LogAction():
            return log(command, opportunity)
        case ChangeStage():
            return change_stage(command, opportunity)
        case OpenOpportunity():
            return open_(command, opportunity)
        case WithdrawOpportunity():
            return withdraw(command, opportunity)
        case AssignOpportunity():
            return assign(command, opportunity)
        case WinOpportunity():
            return win(command, opportunity)
        case LoseOpportunity():
            return lose(command, opportunity)
        case ReopenOpportunity():
            return reopen(command, opportunity)
        case ChangeOpportunityUnit():
            return change_unit(command, opportunity)
        case ChangeOpportunityCustomer():
            return change_customer(command, opportunity)
        case ChangeOpportunityFields():
            return change_fields(command, opportunity)
        case MigrateOpportunity():
            return migrate(command, opportunity)
        case CorrectAction():
            return correct(command, opportunity)
        case VoidAction():
            return void(command, opportunity)
        case AttachEvidence():
            return attach(command, opportunity)
        case RequestApproval():
            return request(command, opportunity)
        case DecideApproval():
            return decide_step(command, opportunity)
        case ResubmitApproval():
            return resubmit(command, opportunity)
        case StartVisit():
            return start(command, opportunity)
        case FillVisit():
            return fill(command, opportunity)
        case BookVisitNextAction():
            return book(command, opportunity)
        case SummariseVisit():
            return summarise(command, opportunity)
        case PassOnVisit():
            return pass_on(command, opportunity)
        case _:
            assert_never(command)


def evolve(  # a table of contents: one line per event
    opportunity: Opportunity, event: OpportunityEvent
) -> Opportunity:
    match event:
        case ActionLogged():
            return logged(opportunity, event)
        case StageChanged():
            return moved(opportunity, event)
        case OpportunityOpened():
            return opened_first(opportunity, event)
        case OpportunityWithdrawn():
            return Unknown(withdrawn_at=event.withdrawn_at)
        case OpportunityAssigned():
            return assigned(opportunity, event)
        case OpportunityWon():
            return won(opportunity, event)
        case OpportunityLost():
            return lost(opportunity, event)
        case OpportunityReopened():
            return reopened(opportunity, event)
        case LateChangeRecorded():
            return opportunity
        case OpportunityUnitChanged():
            return unit_changed(opportunity, event)
        case OpportunityCustomerChanged():
            return customer_changed(opportunity, event)
        case OpportunityFieldsChanged():
            return fields_changed(opportunity, event)
        case OpportunityMigrated():
            return migrated(opportunity, event)
        case ActionCorrected():
            return corrected(opportunity, event)
        case ActionVoided():
            return voided(opportunity, event)
        case EvidenceAttached():
            return attached(opportunity, event)
        case ApprovalRequested():
            return requested(opportunity, event)
        case ApprovalDecided():
            return decided(opportunity, event)
        case ApprovalResubmitted():
            return resubmitted(opportunity, event)
        case VisitStarted():
            return started(opportunity, event)
        case VisitFieldsFilled() | VisitNextActionBooked() | VisitSummarised():
            return progressed(opportunity, event)
        case VisitPassedOn():
            return passed_on(opportunity, event)
        case _:
            assert_never(event)


OPPORTUNITY: Decider[OpportunityCommand, Opportunity, OpportunityEvent] = Decider(
    "opportunity", decide, evolve, Unknown(), version=4, states=(Unknown, Open, Won, Lost)
)
