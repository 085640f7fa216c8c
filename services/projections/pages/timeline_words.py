"""What an entry of a timeline says: icon, headline and what stands out, by the kind of event."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.projections.pages.business_words import rule_in_words
from services.projections.pages.catalogue import message
from services.projections.pages.own_api import moment_said
from services.projections.pages.visits import Visit
from shared.events.opportunities import Evidence

_LATE_FROM_SECONDS = 3_600.0
_ICONS_OF_ACTIONS = ("call", "visit", "message", "email", "meeting")
_HEADLINES: Mapping[str, tuple[str, str]] = {
    "opportunity_opened": ("event", message("Opportunity opened")),
    "opportunity_assigned": ("event", message("Assigned to %(owner)s")),
    "opportunity_unit_changed": ("event", message("Moved to unit %(unit)s")),
    "opportunity_customer_changed": ("event", message("Customer record merged")),
    "opportunity_fields_changed": ("event", message("Fields changed")),
    "opportunity_migrated": ("stage", message("Moved to another version of the pipeline")),
    "stage_changed": ("stage", message("Stage: %(from_stage)s → %(to_stage)s")),
    "opportunity_won": ("closed", message("Won")),
    "opportunity_lost": ("closed", message("Lost")),
    "opportunity_reopened": ("stage", message("Reopened")),
    "opportunity_withdrawn": ("closed", message("Its import was taken back")),
    "late_change_recorded": ("event", message("Late change, recorded without effect")),
    "action_logged": ("action", "%(action)s"),
    "action_corrected": ("action", message("Action corrected")),
    "action_voided": ("action", message("Action voided")),
    "evidence_attached": ("evidence", message("Evidence attached")),
    "approval_requested": ("approval", message("Approval requested: %(kind)s")),
    "approval_decided": ("approval", message("Approval: %(decision)s")),
    "approval_resubmitted": ("approval", message("Approval submitted again")),
    "signal_raised": ("signal", message("Signal: %(rule)s")),
    "signal_resolved": ("signal", message("The signal's cause ended")),
    "signal_retracted": ("signal", message("The signal was taken back")),
    "customer_registered": ("event", message("Customer registered")),
    "customer_described": ("event", message("Customer described")),
    "lead_captured": ("event", message("Lead captured")),
    "lead_scored": ("event", message("Lead scored")),
    "lead_assigned": ("event", message("Lead assigned to %(owner)s")),
    "lead_unit_changed": ("event", message("Moved to unit %(unit)s")),
    "lead_contacted": ("call", message("Lead contacted")),
    "lead_qualified": ("closed", message("Lead qualified")),
    "lead_returned": ("event", message("Lead returned to marketing")),
    "lead_disqualified": ("closed", message("Lead disqualified")),
    "lead_converted": ("closed", message("Lead became an opportunity")),
    "lead_withdrawn": ("closed", message("Its import was taken back")),
    "lead_ending_taken_back": ("event", message("What an import said became of it was taken back")),
    "escalation_opened": ("signal", message("Escalated")),
    "escalation_step_reached": ("signal", message("The next people were told")),
    "escalation_acknowledged": ("closed", message("Escalation acknowledged")),
    "escalation_snoozed": ("event", message("Escalation put off")),
    "escalation_handed_over": ("event", message("Escalation handed over")),
    "escalation_resolved": ("closed", message("Escalation resolved")),
    "person_added": ("event", message("Joined the organisation")),
    "person_moved": ("event", message("Moved to another unit")),
    "person_left": ("event", message("Left the organisation")),
}
_STANDS_OUT = frozenset(
    {"stage_changed", "opportunity_won", "opportunity_lost", "opportunity_reopened"}
)
_DIRECTIONS: Mapping[str, str] = {
    "skip": message("a stage was skipped"),
    "backward": message("a step back"),
}
_DECISIONS: Mapping[str, str] = {
    "approved": message("approved"),
    "rejected": message("rejected"),
    "sent_back": message("sent back"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrected:
    """What an entry changed: the action as it was recorded before."""

    event_id: str
    headline: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`texts`: what people wrote; `evidence`: (kind, SHA-256); `late` how late it was recorded."""

    event_id: str
    kind: str
    icon: str
    headline: str
    texts: list[str]
    remarks: list[str]
    evidence: list[tuple[str, str]]
    actor: str
    at: datetime
    late: str | None
    opportunity_id: str | None
    signal_id: str | None
    corrects: Corrected | None
    stands_out: bool
    hash: str
    is_imported: bool


def entry_in_words(visit: Visit, row: Mapping[str, Any], titles: Mapping[str, str]) -> Entry:
    kind = row["type"].split(".")[1]
    data, told = row["data"], row["said"]
    icon, headline = _headline(kind)
    action = told.get("action")
    late = row["late_seconds"]
    return Entry(
        event_id=row["event_id"],
        kind=kind,
        icon=action if action in _ICONS_OF_ACTIONS else icon,
        headline=visit.words.say(headline, **_values(visit, data, told, titles)),
        texts=texts_of(data),
        remarks=_remarks(visit, told),
        evidence=_evidence(data),
        actor=visit.person(row["actor_id"]) if row["actor_id"] else visit.words.say("the system"),
        at=moment_said(row["occurred_at"]),
        late=visit.words.span(late / 3600) if late and late >= _LATE_FROM_SECONDS else None,
        opportunity_id=data.get("opportunity_id"),
        signal_id=data.get("signal_id"),
        corrects=_corrected(row["corrects"], titles),
        stands_out=kind in _STANDS_OUT,
        hash=row["hash"],
        is_imported=row["origin"] == "import",
    )


def _corrected(before: Mapping[str, Any] | None, titles: Mapping[str, str]) -> Corrected | None:
    if before is None:
        return None
    action = before["action"]
    return Corrected(
        event_id=before["event_id"],
        headline=titles.get(action, action),
        at=before["happened_at"],
    )


def headline_of(visit: Visit, event: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """Of an event as the log shows it."""
    kind, data = event["type"].split(".")[1], event["data"]
    _icon, headline = _headline(kind)
    return visit.words.say(headline, **_values(visit, data, data, titles))


def _headline(kind: str) -> tuple[str, str]:
    """What has no words of its own shows its name."""
    return _HEADLINES.get(kind, ("event", kind.replace("_", " ")))


def texts_of(data: Mapping[str, Any]) -> list[str]:
    """What people wrote of an event, as it was opened."""
    return [data[each] for each in ("summary", "reason", "note") if _is_text(data.get(each))]


def _is_text(value: Any) -> bool:
    """What is erased or withheld is none."""
    return isinstance(value, str) and value != ""


def _values(
    visit: Visit, data: Mapping[str, Any], told: Mapping[str, Any], titles: Mapping[str, str]
) -> dict[str, str]:
    action = str(told.get("action", data.get("type", "")))
    decision = str(data.get("decision", ""))
    return {
        "owner": visit.person(data.get("owner_id")),
        "unit": visit.unit(str(data.get("unit_id", ""))),
        "from_stage": visit.stage(str(told.get("from_stage", ""))),
        "to_stage": visit.stage(str(told.get("to_stage", ""))),
        "action": titles.get(action, action),
        "kind": str(data.get("kind", "")),
        "decision": visit.words.say(_DECISIONS.get(decision, "%(decision)s"), decision=decision),
        "rule": rule_in_words(visit, str(told.get("rule", ""))),
    }


def _remarks(visit: Visit, told: Mapping[str, Any]) -> list[str]:
    """What an auditor or manager would ask about."""
    say = visit.words.say
    found = []
    direction = _DIRECTIONS.get(str(told.get("direction", "")))
    if direction:
        found.append(say(direction))
    if told.get("violations"):
        found.append(say("against the pipeline: %(what)s", what=", ".join(told["violations"])))
    if told.get("invalid_reasons"):
        reasons = ", ".join(told["invalid_reasons"])
        found.append(say("counts nowhere: %(what)s", what=reasons))
    return found


def _evidence(data: Mapping[str, Any]) -> list[tuple[str, str]]:
    pieces = data.get("evidence", ())
    return [(each.kind, each.sha256) for each in pieces if isinstance(each, Evidence)]
