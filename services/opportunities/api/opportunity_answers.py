"""How an opportunity, an action and an approval are shown; nothing personal in it, since answers
are stored with their commands. Of fields with text the names are `filled`."""

from collections.abc import Callable, Mapping
from typing import Any

from services.opportunities.domain.opportunity_state import Opportunity, known


def shown_opportunity(opportunity: Opportunity) -> dict[str, Any]:
    was = known(opportunity)
    situation = was.situation
    return {
        "opportunity_id": situation.opportunity_id,
        "status": type(was).__name__.lower(),
        "stage": situation.stage,
        "entered_stage_at": situation.entries[-1].entered_at,
        "changed_at": situation.changed_at,
        "customer_id": situation.customer_id,
        "owner_id": situation.owner_id,
        "unit_id": situation.unit_id,
        "amount": situation.amount,
        "currency": situation.currency,
        "pipeline": situation.pipeline.name,
        "pipeline_version": situation.pipeline.version,
        "fields": situation.fields,
        "filled": situation.filled,
    }


def shown_approvals(opportunity: Opportunity) -> list[dict[str, Any]]:
    approvals = known(opportunity).situation.approvals
    return [shown_approval(opportunity, approval_id) for approval_id in approvals]


def shown_approval(opportunity: Opportunity, approval_id: str) -> dict[str, Any]:
    approval = known(opportunity).situation.approvals[approval_id]
    return {
        "approval_id": approval_id,
        "kind": approval.kind,
        "outcome": approval.outcome,
        "step": approval.step,
        "steps": [
            {"role": step.role, "limit_hours": _hours(step.limit_seconds)}
            for step in approval.steps
        ],
    }


def _hours(seconds: int | None) -> float | None:
    """None: what the tenant has set."""
    return None if seconds is None else seconds / 3600


def shown_action(opportunity: Opportunity, action_id: str) -> dict[str, Any]:
    action = known(opportunity).actions[action_id]
    return {
        "action_id": action_id,
        "type": action.type,
        "happened_at": action.happened_at,
        "voided": action.voided,
        "valid": not action.invalid_reasons,
        "invalid_reasons": action.invalid_reasons,
        "evidence": [{"sha256": each.sha256, "kind": each.kind} for each in action.evidence],
    }


def with_action(action_id: str) -> Callable[[Opportunity], Mapping[str, Any]]:
    def render(opportunity: Opportunity) -> Mapping[str, Any]:
        return {
            **shown_opportunity(opportunity),
            "action_id": action_id,
            "action": shown_action(opportunity, action_id),
        }

    return render


def with_approval(approval_id: str) -> Callable[[Opportunity], Mapping[str, Any]]:
    def render(opportunity: Opportunity) -> Mapping[str, Any]:
        return {
            **shown_opportunity(opportunity),
            "approval_id": approval_id,
            "approval": shown_approval(opportunity, approval_id),
        }

    return render
