"""Whose and what an opportunity is: owner, unit, customer, fields, pipeline."""

from collections.abc import Sequence
from dataclasses import replace
from typing import assert_never

from services.opportunities.domain.names import name_problem
from services.opportunities.domain.opportunity_commands import (
    AssignOpportunity,
    ChangeOpportunityCustomer,
    ChangeOpportunityFields,
    ChangeOpportunityUnit,
    MigrateOpportunity,
)
from services.opportunities.domain.opportunity_state import (
    Lost,
    Open,
    Opened,
    Opportunity,
    OpportunityIsClosed,
    Situation,
    StageEntry,
    Won,
    changed,
    known,
    opened,
    stage_number,
)
from shared.errors import FieldProblem, Malformed
from shared.events.opportunities import (
    FieldValue,
    OpportunityAssigned,
    OpportunityCustomerChanged,
    OpportunityFieldsChanged,
    OpportunityMigrated,
    OpportunityUnitChanged,
    TextField,
)


def assign(command: AssignOpportunity, opportunity: Opportunity) -> Sequence[OpportunityAssigned]:
    """Takes effect when received, on closed opportunities too."""
    situation = opened(opportunity, command.opportunity_id).situation
    there = (situation.owner_id, situation.unit_id, situation.unit_path)
    if there == (command.owner_id, command.unit_id, command.unit_path):
        return []
    return [
        OpportunityAssigned(
            opportunity_id=command.opportunity_id,
            owner_id=command.owner_id,
            unit_id=command.unit_id,
            unit_path=command.unit_path,
            assigned_at=command.now,
        )
    ]


def change_unit(
    command: ChangeOpportunityUnit, opportunity: Opportunity
) -> Sequence[OpportunityUnitChanged]:
    """Never out of date, and never before its owner had it; what is so already changes nothing."""
    situation = opened(opportunity, command.opportunity_id).situation
    if situation.owner_id != command.owner_id:
        return []
    if (situation.unit_id, situation.unit_path) == (command.unit_id, command.unit_path):
        return []
    return [
        OpportunityUnitChanged(
            opportunity_id=command.opportunity_id,
            unit_id=command.unit_id,
            unit_path=command.unit_path,
            changed_at=max(command.changed_at, situation.owned_since),
        )
    ]


def change_customer(
    command: ChangeOpportunityCustomer, opportunity: Opportunity
) -> Sequence[OpportunityCustomerChanged]:
    """Never out of date; what is so already changes nothing."""
    was = opened(opportunity, command.opportunity_id).situation
    there = (was.customer_type, was.customer_industry, was.customer_is_key)
    if there == (command.customer_type, command.customer_industry, command.customer_is_key):
        return []
    return [
        OpportunityCustomerChanged(
            opportunity_id=command.opportunity_id,
            customer_type=command.customer_type,
            customer_industry=command.customer_industry,
            customer_is_key=command.customer_is_key,
            changed_at=command.changed_at,
        )
    ]


def change_fields(
    command: ChangeOpportunityFields, opportunity: Opportunity
) -> Sequence[OpportunityFieldsChanged]:
    """The event holds the fields that differ, and amount and currency as they stand after it.

    A text is always news: what was there is sealed. A blank one empties its field.
    """
    was = opened(opportunity, command.opportunity_id).situation
    problems = [
        problem for name in command.fields for problem in name_problem(f"fields.{name}", name)
    ]
    if problems:
        raise Malformed("a field has no such name", errors=problems)
    texts = [
        TextField(name=name, value=value)
        for name, value in command.fields.items()
        if isinstance(value, str) and value.strip()
    ]
    filled = tuple(text.name for text in texts)
    differing: dict[str, FieldValue] = {
        name: None if isinstance(value, str) else value
        for name, value in command.fields.items()
        if name not in filled and not _is_so(was, name, value)
    }
    amount = was.amount if command.amount is None else command.amount
    currency = command.currency or was.currency
    if not (differing or texts) and (amount, currency) == (was.amount, was.currency):
        return []
    return [
        OpportunityFieldsChanged(
            opportunity_id=command.opportunity_id,
            fields=differing,
            texts=texts or None,
            filled=filled,
            subject=was.subject,
            amount=amount,
            currency=currency,
            changed_at=command.occurred_at,
        )
    ]


def migrate(command: MigrateOpportunity, opportunity: Opportunity) -> Sequence[OpportunityMigrated]:
    """To another pipeline version, staying in the stage of the same name unless one is named."""
    was = opened(opportunity, command.opportunity_id)
    match was:
        case Won() | Lost():
            raise OpportunityIsClosed("a closed opportunity keeps its pipeline")
        case Open(situation=situation):
            stage = command.stage or situation.stage
            if stage_number(command.pipeline, stage) is None:
                message = f"{stage!r} is no stage of pipeline {command.pipeline.name!r}"
                problem = FieldProblem("stage", "unknown-stage", message)
                raise Malformed(message, errors=[problem])
            if (situation.pipeline, situation.stage) == (command.pipeline, stage):
                return []
            return [
                OpportunityMigrated(
                    opportunity_id=command.opportunity_id,
                    pipeline=command.pipeline,
                    stage=stage,
                    migrated_at=command.now,
                )
            ]
        case _:
            assert_never(was)


def assigned(opportunity: Opportunity, event: OpportunityAssigned) -> Opened:
    owned = replace(
        known(opportunity).situation,
        owner_id=event.owner_id,
        owned_since=event.assigned_at,
        unit_id=event.unit_id,
        unit_path=event.unit_path,
    )
    return changed(opportunity, owned)


def unit_changed(opportunity: Opportunity, event: OpportunityUnitChanged) -> Opened:
    situation = known(opportunity).situation
    placed = replace(situation, unit_id=event.unit_id, unit_path=event.unit_path)
    return changed(opportunity, placed)


def customer_changed(opportunity: Opportunity, event: OpportunityCustomerChanged) -> Opened:
    described = replace(
        known(opportunity).situation,
        customer_type=event.customer_type,
        customer_industry=event.customer_industry,
        customer_is_key=event.customer_is_key,
    )
    return changed(opportunity, described)


def fields_changed(opportunity: Opportunity, event: OpportunityFieldsChanged) -> Opened:
    situation = known(opportunity).situation
    plain = {**situation.fields, **event.fields}
    texts = (*(name for name in situation.filled if name not in event.fields), *event.filled)
    filled = replace(
        situation,
        fields={name: value for name, value in plain.items() if name not in event.filled},
        filled=tuple(dict.fromkeys(texts)),
        amount=event.amount,
        currency=event.currency,
    )
    return changed(opportunity, filled)


def migrated(opportunity: Opportunity, event: OpportunityMigrated) -> Opened:
    """A stage of the same name is not entered anew."""
    was = known(opportunity)
    situation = was.situation
    entries = situation.entries
    if event.stage != situation.stage:
        entry = StageEntry(
            stage=event.stage, entered_at=event.migrated_at, actions_before=len(was.actions)
        )
        entries = (*entries, entry)
    return changed(was, replace(situation, pipeline=event.pipeline, entries=entries))


def _is_so(was: Situation, name: str, wanted: FieldValue) -> bool:
    """1, 1.0 and true are equal to Python, not to a reader of the field."""
    there = was.fields.get(name)
    if wanted is None or isinstance(wanted, str):
        return there is None and name not in was.filled
    return name not in was.filled and type(there) is type(wanted) and there == wanted
