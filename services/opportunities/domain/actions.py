"""Actions of an opportunity: logged, corrected, voided, proved (O3, O5, O15)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from services.opportunities.domain.evidence import check_evidence
from services.opportunities.domain.opportunity_commands import (
    AttachEvidence,
    CorrectAction,
    LogAction,
    VoidAction,
)
from services.opportunities.domain.opportunity_state import (
    LoggedAction,
    Opened,
    Opportunity,
    Situation,
    action_of,
    golden_rules,
    known,
    opened,
)
from services.opportunities.domain.valid_action import (
    checked_action,
    missing_evidence,
)
from shared.errors import DomainError
from shared.events.opportunities import (
    EVIDENCE_MISSING,
    ActionCorrected,
    ActionLogged,
    ActionTypeDefinition,
    ActionVoided,
    Evidence,
    EvidenceAttached,
)


class ActionIsAlreadyLogged(DomainError):
    """Another action of the opportunity has this id."""

    code = "action-is-already-logged"


class ActionIsVoided(DomainError):
    code = "action-is-voided"


class VisitIsRecordedInNodes(DomainError):
    """A visit that began at a door is completed node by node, not corrected as a whole (O4)."""

    code = "visit-is-recorded-in-nodes"


def log(command: LogAction, opportunity: Opportunity) -> Sequence[ActionLogged]:
    """Accepted on closed opportunities too: kept there, counted nowhere."""
    was = opened(opportunity, command.opportunity_id)
    if command.action_id in was.actions:
        raise ActionIsAlreadyLogged(f"action {command.action_id!r} is logged already")
    definition, draft = command.definition, command.draft
    if draft.evidence:
        check_evidence(draft.evidence)
    checked = checked_action(definition, draft)
    situation = was.situation
    return [
        ActionLogged(
            opportunity_id=command.opportunity_id,
            action_id=command.action_id,
            type=definition.type,
            customer_id=situation.customer_id,
            contact_id=command.contact_id,
            subject=subject_of_action(situation.customer_id, command.contact_id),
            actor_id=command.actor_id,
            actor_unit_id=command.actor_unit_id,
            actor_unit_path=command.actor_unit_path,
            happened_at=command.occurred_at,
            summary=draft.summary,
            summary_characters=len((draft.summary or "").strip()),
            fields=checked.fields,
            texts=checked.texts,
            direction=checked.direction,
            is_contact=definition.is_contact,
            ends_silence=definition.ends_silence,
            evidence_required=evidence_required(definition, situation, command.occurred_at),
            evidence=draft.evidence,
            pain_point=draft.pain_point,
            next_action=draft.next_action,
            invalid_reasons=checked.invalid_reasons,
        )
    ]


def correct(command: CorrectAction, opportunity: Opportunity) -> Sequence[ActionCorrected]:
    """A further event with the whole action as it should have been."""
    was = opened(opportunity, command.opportunity_id)
    action = living_action(was, command.action_id)
    if action.visit is not None:
        raise VisitIsRecordedInNodes("send the node that has to be put right, or void the visit")
    definition, draft = command.definition, command.draft
    check_evidence(draft.evidence)
    if command.keep_evidence:
        draft = replace(draft, evidence=_joined(action.evidence, draft.evidence))
    checked = checked_action(definition, draft)
    happened_at = command.occurred_at or action.happened_at
    return [
        ActionCorrected(
            opportunity_id=command.opportunity_id,
            action_id=command.action_id,
            type=definition.type,
            subject=action.subject,
            happened_at=happened_at,
            summary=draft.summary,
            summary_characters=len((draft.summary or "").strip()),
            fields=checked.fields,
            texts=checked.texts,
            direction=checked.direction,
            is_contact=definition.is_contact,
            ends_silence=definition.ends_silence,
            evidence_required=evidence_required(definition, was.situation, happened_at),
            evidence=draft.evidence,
            pain_point=draft.pain_point,
            next_action=draft.next_action,
            invalid_reasons=checked.invalid_reasons,
            corrected_at=command.now,
        )
    ]


def void(command: VoidAction, opportunity: Opportunity) -> Sequence[ActionVoided]:
    was = opened(opportunity, command.opportunity_id)
    action = action_of(was, command.action_id)
    if action.voided:
        return []
    return [
        ActionVoided(
            opportunity_id=command.opportunity_id,
            action_id=command.action_id,
            reason=command.reason,
            subject=action.subject,
            voided_at=command.now,
        )
    ]


def attach(command: AttachEvidence, opportunity: Opportunity) -> Sequence[EvidenceAttached]:
    """Evidence that is there already changes nothing; what was missing may make it valid (O15)."""
    was = opened(opportunity, command.opportunity_id)
    action = living_action(was, command.action_id)
    check_evidence(command.evidence)
    joined = _joined(action.evidence, command.evidence)
    added = joined[len(action.evidence) :]
    if not added:
        return []
    return [
        EvidenceAttached(
            opportunity_id=command.opportunity_id,
            action_id=command.action_id,
            subject=action.subject,
            evidence=added,
            invalid_reasons=_reasons_left(action, joined),
            attached_at=command.occurred_at,
        )
    ]


def subject_of_action(customer_id: str, contact_id: str | None) -> str:
    """Whose free text and evidence of an action are: the contact's, else the customer's (U5)."""
    if contact_id is None:
        return f"customer/{customer_id}"
    return f"contact/{customer_id}/{contact_id}"


def logged(opportunity: Opportunity, event: ActionLogged) -> Opened:
    was = known(opportunity)
    action = LoggedAction(
        type=event.type,
        subject=event.subject,
        actor_id=event.actor_id,
        happened_at=event.happened_at,
        order=len(was.actions),
        evidence=event.evidence,
        invalid_reasons=event.invalid_reasons,
    )
    return type(was)(situation=was.situation, actions={**was.actions, event.action_id: action})


def corrected(opportunity: Opportunity, event: ActionCorrected) -> Opened:
    was = known(opportunity)
    return with_action(
        was,
        event.action_id,
        replace(
            was.actions[event.action_id],
            type=event.type,
            happened_at=event.happened_at,
            evidence=event.evidence,
            invalid_reasons=event.invalid_reasons,
        ),
    )


def voided(opportunity: Opportunity, event: ActionVoided) -> Opened:
    was = known(opportunity)
    action = replace(was.actions[event.action_id], voided=True)
    return with_action(was, event.action_id, action)


def attached(opportunity: Opportunity, event: EvidenceAttached) -> Opened:
    was = known(opportunity)
    action = was.actions[event.action_id]
    proved = replace(
        action,
        evidence=(*action.evidence, *event.evidence),
        invalid_reasons=event.invalid_reasons,
    )
    return with_action(was, event.action_id, proved)


def with_action(was: Opened, action_id: str, action: LoggedAction) -> Opened:
    return replace(was, actions={**was.actions, action_id: action})


def living_action(was: Opened, action_id: str) -> LoggedAction:
    action = action_of(was, action_id)
    if action.voided:
        raise ActionIsVoided(f"action {action_id!r} is voided")
    return action


def evidence_required(
    definition: ActionTypeDefinition, situation: Situation, happened_at: datetime
) -> tuple[str, ...]:
    """What the type asks for, and the golden rules of the stage that the action belongs to (P3)."""
    required = definition.evidence
    for golden in golden_rules(situation, definition.type, happened_at):
        required = (*required, *(kind for kind in golden.evidence if kind not in required))
    return required


def _joined(there: tuple[Evidence, ...], more: tuple[Evidence, ...]) -> tuple[Evidence, ...]:
    joined = there
    for piece in more:
        if piece not in joined:
            joined = (*joined, piece)
    return joined


def _reasons_left(action: LoggedAction, evidence: tuple[Evidence, ...]) -> tuple[str, ...]:
    lacked = [
        reason.removeprefix(EVIDENCE_MISSING)
        for reason in action.invalid_reasons
        if reason.startswith(EVIDENCE_MISSING)
    ]
    others = (each for each in action.invalid_reasons if not each.startswith(EVIDENCE_MISSING))
    return (*others, *missing_evidence(lacked, evidence))
