"""What every route about opportunities needs: facts of other streams, sight, times, handling."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from services.opportunities.domain.action_type import ACTION_TYPES
from services.opportunities.domain.client_time import client_time
from services.opportunities.domain.evidence_object import EVIDENCE, HoldEvidence, Referred
from services.opportunities.domain.opportunity import OPPORTUNITY
from services.opportunities.domain.opportunity_commands import OpportunityCommand
from services.opportunities.domain.opportunity_state import Opened, Opportunity, actors, opened
from services.opportunities.domain.pipeline import PIPELINE, Published
from services.opportunities.queries import CustomerFacts
from shared.access import Caller, Resource, Role, Verb, visible_rows
from shared.command_desk import CommandDesk
from shared.command_handling import CommandContext, Handled
from shared.envelope import stream_name
from shared.errors import FieldProblem, Malformed, NotFound
from shared.events.opportunities import (
    ActionTypeDefinition,
    Evidence,
    OpportunityFieldsChanged,
    PipelineDefinition,
)
from shared.organisation import Organisation
from shared.ports import Ports

LOG_NAME = "opportunities"


class Desk(CommandDesk):
    """Contexts are as if it happened now; `timed` puts that right."""

    def __init__(self, ports: Ports) -> None:
        super().__init__(ports, ports.commands(LOG_NAME))
        self.customers = CustomerFacts(ports)

    async def timed(
        self, context: CommandContext, occurred_at: datetime | None, sent_at: datetime | None
    ) -> CommandContext:
        """When it happened, corrected by the tenant's tolerances (G5). Raises Malformed."""
        if occurred_at is None and sent_at is None:
            return context
        organisation = await self.ports.organisations.of(context.tenant_id)
        now = context.occurred_at
        drift = organisation.number_setting("clock_skew_tolerance_seconds", now)
        ahead = organisation.number_setting("clock_ahead_limit_hours", now)
        time = client_time(
            occurred_at,
            sent_at,
            context.occurred_at,
            tolerated_drift=timedelta(seconds=drift),
            clamped_ahead=timedelta(hours=ahead),
        )
        return replace(
            context,
            occurred_at=time.occurred_at,
            raw_occurred_at=time.raw_occurred_at,
            sent_at=time.sent_at,
        )

    async def pipeline(self, tenant_id: str, name: str) -> PipelineDefinition:
        """The latest version. Raises Malformed where the tenant has none of this name."""
        stream = stream_name(tenant_id, PIPELINE.name, name)
        _version, pipeline = await self.commands.load(PIPELINE, stream)
        if isinstance(pipeline, Published):
            return pipeline.pipeline
        raise _unknown("pipeline", "unknown-pipeline", f"there is no pipeline {name!r}")

    async def action_types(self, tenant_id: str) -> Mapping[str, ActionTypeDefinition]:
        stream = stream_name(tenant_id, ACTION_TYPES.name, tenant_id)
        _version, types = await self.commands.load(ACTION_TYPES, stream)
        return types.definitions

    async def action_type(self, tenant_id: str, name: str) -> ActionTypeDefinition:
        """Raises Malformed where the tenant has no such type."""
        definition = (await self.action_types(tenant_id)).get(name)
        if definition is None:
            raise _unknown("type", "unknown-action-type", f"there is no action type {name!r}")
        return definition

    async def hold_evidence(self, evidence: tuple[Evidence, ...], context: CommandContext) -> None:
        """What the command refers to does not go before the command is decided (O5).

        Raises EvidenceIsNotStored for evidence never uploaded, or removed for want of a reference.
        """
        for index, piece in enumerate(evidence):
            stream = stream_name(context.tenant_id, EVIDENCE.name, piece.sha256)
            _version, known = await self.commands.load(EVIDENCE, stream)
            if not isinstance(known, Referred):
                field = f"evidence[{index}].sha256"
                held = HoldEvidence(sha256=piece.sha256, field=field, now=self.ports.clock())
                without_key = replace(context, idempotency_key=None, expected_version=None)
                await self.commands.handle(EVIDENCE, piece.sha256, held, without_key)

    async def seen(
        self, caller: Caller, opportunity_id: str, resource: Resource, verb: Verb
    ) -> tuple[int, Opened]:
        """The version and state. Raises NotFound, also for what the caller may not see (A9)."""
        stream = stream_name(caller.tenant_id, OPPORTUNITY.name, opportunity_id)
        version, state = await self.commands.load(OPPORTUNITY, stream)
        known = opened(state, opportunity_id)
        organisation = await self.organisation(caller)
        visibility = visible_rows(caller, organisation, resource, verb)
        if not visibility.includes(
            unit_id=unit_now(organisation, known),
            owner_id=known.situation.owner_id,
            actor_ids=actors(known),
            addressed_to=_addressed_to(known),
        ):
            raise NotFound(f"there is no opportunity {opportunity_id!r}")
        return version, known

    async def texts(self, tenant_id: str, opportunity: Opened) -> dict[str, Any]:
        """The fields that hold text, opened; of an erased customer they are shown as erased."""
        situation = opportunity.situation
        if not situation.filled:
            return {}
        stream = stream_name(tenant_id, OPPORTUNITY.name, situation.opportunity_id)
        codec = self.ports.codec
        decoded = [codec.decode(each) for each in await self.ports.event_store.read_stream(stream)]
        changes = [each for each in decoded if isinstance(each.event, OpportunityFieldsChanged)]
        texts: dict[str, Any] = {}
        for change in await codec.open(changes):
            opened_texts = change.event.texts
            if isinstance(opened_texts, list):
                texts |= {text.name: text.value for text in opened_texts}
            else:
                texts |= {name: {"erased": True} for name in change.event.filled}
        return {name: texts[name] for name in situation.filled}

    async def handle_opportunity(
        self,
        opportunity_id: str,
        command: OpportunityCommand,
        context: CommandContext,
        render: Callable[[Opportunity], Mapping[str, Any]],
    ) -> Handled[Opportunity]:
        return await self.handle(OPPORTUNITY, opportunity_id, command, context, render)


def unit_now(organisation: Organisation, opportunity: Opened) -> str:
    """An opportunity's unit is its owner's, as the tree stands now (A9)."""
    situation = opportunity.situation
    if situation.owner_id is None:
        return situation.unit_id
    return organisation.unit_of(situation.owner_id) or situation.unit_id


def _addressed_to(opportunity: Opened) -> frozenset[Role]:
    """Legal, finance … see the opportunities of the approvals that name them (A9)."""
    approvals = opportunity.situation.approvals
    if not approvals:
        return frozenset()
    named = {step.role for approval in approvals.values() for step in approval.steps}
    return frozenset(role for role in Role if role in named)


def _unknown(field: str, code: str, message: str) -> Malformed:
    return Malformed(message, errors=[FieldProblem(field, code, message)])
