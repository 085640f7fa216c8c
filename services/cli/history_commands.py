"""From what a row of a history says to the commands of its opportunity."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, assert_never
from uuid import UUID

from services.cli.history_staff import HistoryStaff
from services.opportunities.domain.history_cells import HistoryRow
from services.opportunities.domain.history_statement import (
    ActionOfCase,
    AssignCase,
    LoseCase,
    MoveStage,
    OpenCase,
    Statement,
    WinCase,
)
from services.opportunities.domain.opportunity_commands import (
    AssignOpportunity,
    ChangeStage,
    LogAction,
    LoseOpportunity,
    OpenOpportunity,
    OpportunityCommand,
    WinOpportunity,
)
from services.opportunities.domain.valid_action import ActionDraft
from shared.command_handling import CommandContext, Step, derived_id
from shared.envelope import Origin
from shared.events.opportunities import (
    ActionField,
    ActionTypeDefinition,
    PipelineDefinition,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """What every command of an import shares. `types`: the tenant's own definitions."""

    tenant_id: str
    correlation_id: str
    pipeline: PipelineDefinition
    zone: str
    types: Mapping[str, ActionTypeDefinition]
    now: datetime


class HistoryCommands:
    def __init__(self, writing: Writing, staff: HistoryStaff) -> None:
        self._writing = writing
        self._staff = staff
        self._definitions: dict[tuple[Any, ...], ActionTypeDefinition] = {}

    def steps(
        self,
        row: HistoryRow,
        opportunity_id: str,
        statements: tuple[Statement, ...],
        event_id: UUID,
    ) -> list[Step]:
        """The row's last statement bears the row's own event id: by it a repeat is recognised."""
        context = self._context(row)
        last = len(statements) - 1
        return [
            Step(
                self._command(opportunity_id, statement, event_id),
                context,
                event_id if index == last else derived_id(str(event_id), "before", index),
            )
            for index, statement in enumerate(statements)
        ]

    def _context(self, row: HistoryRow) -> CommandContext:
        writing = self._writing
        return CommandContext(
            tenant_id=writing.tenant_id,
            actor_id=None,
            occurred_at=row.time,
            correlation_id=writing.correlation_id,
            caller="import",
            origin=Origin.IMPORT,
            entered_at=row.entered_at,
        )

    def _command(
        self, opportunity_id: str, statement: Statement, event_id: UUID
    ) -> OpportunityCommand:
        match statement:
            case ActionOfCase():
                return self._log(opportunity_id, statement, event_id)
            case MoveStage():
                return ChangeStage(
                    opportunity_id=opportunity_id,
                    stage=statement.stage,
                    reason=statement.reason,
                    recorded_history=True,
                    occurred_at=statement.at,
                    now=self._writing.now,
                )
            case OpenCase():
                return self._open(opportunity_id, statement)
            case AssignCase():
                place = self._staff.place_of(statement.owner.rep_id, statement.at)
                return AssignOpportunity(
                    opportunity_id=opportunity_id,
                    owner_id=statement.owner.rep_id,
                    unit_id=place.unit_id,
                    unit_path=place.unit_path,
                    now=statement.at,
                )
            case WinCase():
                return WinOpportunity(
                    opportunity_id=opportunity_id,
                    recorded_history=True,
                    occurred_at=statement.at,
                    now=self._writing.now,
                )
            case LoseCase():
                return LoseOpportunity(
                    opportunity_id=opportunity_id,
                    reason=statement.reason,
                    occurred_at=statement.at,
                    now=self._writing.now,
                )
            case _:
                assert_never(statement)

    def _open(self, opportunity_id: str, opening: OpenCase) -> OpenOpportunity:
        unit_id, owner = opening.unit_id, opening.owner
        if owner is not None:
            unit_id, unit_path = self._staff.place_of(owner.rep_id, opening.at)
        else:
            unit_path = self._staff.path_of(unit_id)
        return OpenOpportunity(
            opportunity_id=opportunity_id,
            customer_id=opening.customer.customer_id,
            customer_type=opening.customer.customer_type,
            customer_industry=opening.customer.industry,
            pipeline=self._writing.pipeline,
            unit_id=unit_id,
            unit_path=unit_path,
            owner_id=None if owner is None else owner.rep_id,
            amount=opening.amount,
            currency=opening.currency,
            zone=self._writing.zone,
            occurred_at=opening.at,
            now=self._writing.now,
        )

    def _log(self, opportunity_id: str, action: ActionOfCase, event_id: UUID) -> LogAction:
        actor_id: str | None = None
        unit_id: str | None = None
        unit_path: tuple[str, ...] = ()
        if action.actor is not None:
            actor_id = action.actor.rep_id
            unit_id, unit_path = self._staff.place_of(actor_id, action.at)
        draft = _NO_DRAFT
        if action.summary or action.fields or action.direction:
            draft = ActionDraft(
                summary=action.summary, fields=action.fields, direction=action.direction
            )
        return LogAction(
            opportunity_id=opportunity_id,
            action_id=str(event_id),
            definition=self._definition(action),
            draft=draft,
            actor_id=actor_id,
            actor_unit_id=unit_id,
            actor_unit_path=unit_path,
            occurred_at=action.at,
            now=self._writing.now,
        )

    def _definition(self, action: ActionOfCase) -> ActionTypeDefinition:
        """The tenant's own definition, else one for what the history says; fields are free text."""
        key = (action.type, action.is_contact, action.ends_silence, tuple(action.fields))
        known = self._definitions.get(key)
        if known is None:
            known = self._definitions[key] = self._defined(action)
        return known

    def _defined(self, action: ActionOfCase) -> ActionTypeDefinition:
        own = self._writing.types.get(action.type)
        own = own or ActionTypeDefinition(type=action.type, direction=None)
        named = {field.name for field in own.fields}
        further = tuple(
            ActionField(name=name, kind="text") for name in action.fields if name not in named
        )
        return replace(
            own,
            is_contact=own.is_contact and action.is_contact,
            ends_silence=own.ends_silence and action.ends_silence,
            fields=(*own.fields, *further),
        )


_NO_DRAFT = ActionDraft()
