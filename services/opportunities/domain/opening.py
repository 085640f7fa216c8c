"""How an opportunity begins, and how what an import opened never was (O1, G2)."""

from collections.abc import Sequence
from typing import assert_never

from services.opportunities.domain.opportunity_commands import OpenOpportunity, WithdrawOpportunity
from services.opportunities.domain.opportunity_state import (
    Lost,
    Open,
    Opportunity,
    OpportunityIsWorkedOn,
    Situation,
    StageEntry,
    Unknown,
    Won,
)
from shared.errors import DomainError
from shared.events.opportunities import OpportunityOpened, OpportunityWithdrawn


class OpportunityIsAlreadyOpened(DomainError):
    code = "opportunity-is-already-opened"


def open_(command: OpenOpportunity, opportunity: Opportunity) -> Sequence[OpportunityOpened]:
    """In the first stage of the pipeline version that it keeps until migrated (O1). What asks for
    it since before it was withdrawn comes again and is done with."""
    match opportunity:
        case Open() | Won() | Lost():
            raise OpportunityIsAlreadyOpened(f"{command.opportunity_id!r} is opened already")
        case Unknown(withdrawn_at=at) if at is not None and command.now < at:
            return []
        case Unknown():
            return [
                OpportunityOpened(
                    opportunity_id=command.opportunity_id,
                    customer_id=command.customer_id,
                    customer_type=command.customer_type,
                    customer_industry=command.customer_industry,
                    customer_is_key=command.customer_is_key,
                    pipeline=command.pipeline,
                    stage=command.pipeline.stages[0].name,
                    unit_id=command.unit_id,
                    unit_path=command.unit_path,
                    owner_id=command.owner_id,
                    amount=command.amount,
                    currency=command.currency,
                    zone=command.zone,
                    opened_at=command.occurred_at,
                )
            ]
        case _:
            assert_never(opportunity)


def withdraw(
    command: WithdrawOpportunity, opportunity: Opportunity
) -> Sequence[OpportunityWithdrawn]:
    """Raises OpportunityIsWorkedOn."""
    if isinstance(opportunity, Unknown):
        return []
    was = opportunity.situation
    if opportunity.actions or was.approvals or len(was.entries) > 1 or was.fields or was.filled:
        raise OpportunityIsWorkedOn(f"somebody has worked on {command.opportunity_id!r}")
    return [
        OpportunityWithdrawn(
            opportunity_id=command.opportunity_id,
            customer_id=was.customer_id,
            withdrawn_at=command.now,
        )
    ]


def opened_first(opportunity: Opportunity, event: OpportunityOpened) -> Open:
    entry = StageEntry(stage=event.stage, entered_at=event.opened_at, actions_before=0)
    situation = Situation(
        opportunity_id=event.opportunity_id,
        customer_id=event.customer_id,
        customer_type=event.customer_type,
        customer_industry=event.customer_industry,
        customer_is_key=event.customer_is_key,
        pipeline=event.pipeline,
        entries=(entry,),
        unit_id=event.unit_id,
        unit_path=event.unit_path,
        owner_id=event.owner_id,
        owned_since=event.opened_at,
        amount=event.amount,
        currency=event.currency,
        fields={},
        approvals={},
        changed_at=event.opened_at,
    )
    return Open(situation=situation, actions={})
