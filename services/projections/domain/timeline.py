"""TIMELINE: whose timelines an event belongs to, and what its entry says (P1)."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from shared.envelope import Origin, RecordedEvent
from shared.events.directory import PersonAdded, PersonLeft, PersonMoved
from shared.events.leads import CustomerDescribed, CustomerRegistered
from shared.events.opportunities import (
    ActionCorrected,
    ActionLogged,
    ActionVoided,
    EvidenceAttached,
    OpportunityAssigned,
    OpportunityOpened,
    StageChanged,
)
from shared.events.signals import SignalRaised

KINDS = ("opportunity", "customer", "rep", "lead")


class SubjectOfTimeline(NamedTuple):
    kind: str
    subject_id: str


def subjects(recorded: RecordedEvent) -> list[SubjectOfTimeline]:
    """Those the event names or who acted in it; a customer also sees what happened to the
    opportunities that are theirs, which whoever reads the timeline adds."""
    event = recorded.event
    found: dict[SubjectOfTimeline, None] = {}

    def add(kind: str, subject_id: str | None) -> None:
        if subject_id:
            found[SubjectOfTimeline(kind, subject_id)] = None

    add("opportunity", getattr(event, "opportunity_id", None))
    add("lead", getattr(event, "lead_id", None))
    add("rep", recorded.stored.actor_id)
    match event:
        case OpportunityOpened():
            add("customer", event.customer_id)
            add("rep", event.owner_id)
        case OpportunityAssigned():
            add("rep", event.owner_id)
        case ActionLogged():
            add("customer", event.customer_id)
            add("rep", event.actor_id)
        case CustomerRegistered() | CustomerDescribed():
            add("customer", event.customer_id)
        case PersonAdded() | PersonMoved() | PersonLeft():
            add("rep", event.person_id)
        case SignalRaised():
            add(event.subject_kind, event.subject_id)
            add("customer", event.customer_id)
            add("rep", event.owner_id)
        case _:
            pass
    return list(found)


def late_seconds(recorded: RecordedEvent) -> float | None:
    """How much later than it happened it was entered; a source's own entry time goes first.

    None for what was imported from a source without one: nobody was late.
    """
    stored = recorded.stored
    if stored.origin == Origin.IMPORT and stored.entered_at is None:
        return None
    entered_at = stored.entered_at or stored.recorded_at
    return max(0.0, (entered_at - stored.occurred_at).total_seconds())


def corrected(found: Iterable[RecordedEvent]) -> Mapping[str, RecordedEvent]:
    """By correction, voiding or evidence added later: the action as it was recorded before."""
    latest: dict[tuple[str, str], RecordedEvent] = {}
    before: dict[str, RecordedEvent] = {}
    for recorded in sorted(found, key=lambda each: each.stored.version):
        event = recorded.event
        match event:
            case ActionLogged():
                latest[event.opportunity_id, event.action_id] = recorded
            case ActionCorrected() | ActionVoided() | EvidenceAttached():
                of_action = (event.opportunity_id, event.action_id)
                if of_action in latest:
                    before[str(recorded.event_id)] = latest[of_action]
                if isinstance(event, ActionCorrected):
                    latest[of_action] = recorded
            case _:
                pass
    return before


def what_was_there(recorded: RecordedEvent | None) -> dict[str, Any] | None:
    """What an entry shows of the action that it corrects; nothing personal."""
    if recorded is None or not isinstance(recorded.event, ActionLogged | ActionCorrected):
        return None
    return {
        "event_id": str(recorded.event_id),
        "action": recorded.event.type,
        "happened_at": recorded.event.happened_at,
    }


def said(event: Any) -> dict[str, Any]:
    """What an entry shows beside type, time and actor: ids, stages and types, nothing personal."""
    match event:
        case StageChanged():
            return {
                "from_stage": event.from_stage,
                "to_stage": event.to_stage,
                "direction": event.direction,
                "violations": [f"{each.code}: {each.name}" for each in event.violations],
            }
        case ActionLogged():
            return {
                "action_id": event.action_id,
                "action": event.type,
                "evidence": [each.kind for each in event.evidence],
                "invalid_reasons": list(event.invalid_reasons),
            }
        case SignalRaised():
            return {"signal_id": event.signal_id, "rule": event.rule, "due_at": event.due_at}
        case _:
            shown = ("stage", "owner_id", "unit_id", "action_id", "approval_id", "outcome")
            values = ((name, getattr(event, name, None)) for name in shown)
            return {name: value for name, value in values if value is not None}
