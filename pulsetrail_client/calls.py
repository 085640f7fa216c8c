"""Every operation of the API that the client speaks, each a function that makes a Call."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pulsetrail_client.answers import (
    Board,
    Explanation,
    KeptEvidence,
    Page,
    Subscribed,
    Told,
)
from pulsetrail_client.call import Call, Json, command, read

_OPPORTUNITY = "/opportunities/{opportunity_id}"
_LEAD = "/leads/{lead_id}"
_ESCALATION = "/escalations/{escalation_id}"
_WEBHOOK = "/webhooks/{webhook_id}"


def open_opportunity(
    customer_id: str,
    *,
    opportunity_id: str | None = None,
    pipeline: str | None = None,
    unit_id: str | None = None,
    owner_id: str | None = None,
    amount: str | None = None,
    currency: str | None = None,
    occurred_at: datetime | None = None,
) -> Call[Told]:
    """`amount` is a decimal number as text."""
    return command(
        "/opportunities",
        customer_id=customer_id,
        opportunity_id=opportunity_id,
        pipeline=pipeline,
        unit_id=unit_id,
        owner_id=owner_id,
        amount=amount,
        currency=currency,
        occurred_at=occurred_at,
    )


def log_action(
    opportunity_id: str,
    type: str,
    *,
    action_id: str | None = None,
    summary: str | None = None,
    fields: Mapping[str, str | bool | float | None] | None = None,
    direction: str | None = None,
    evidence: Sequence[Json] | None = None,
    pain_point: bool | None = None,
    next_action: Json | None = None,
    contact_id: str | None = None,
    actor_id: str | None = None,
    occurred_at: datetime | None = None,
) -> Call[Told]:
    """`evidence`: {"sha256", "kind", "consent"?} each; `next_action`: {"due_at", "type"?}."""
    return command(
        f"{_OPPORTUNITY}/log-action",
        {"opportunity_id": opportunity_id},
        type=type,
        action_id=action_id,
        summary=summary,
        fields=fields,
        direction=direction,
        evidence=evidence,
        pain_point=pain_point,
        next_action=next_action,
        contact_id=contact_id,
        actor_id=actor_id,
        occurred_at=occurred_at,
    )


def change_stage(
    opportunity_id: str,
    stage: str,
    *,
    reason: str | None = None,
    occurred_at: datetime | None = None,
) -> Call[Told]:
    return command(
        f"{_OPPORTUNITY}/change-stage",
        {"opportunity_id": opportunity_id},
        stage=stage,
        reason=reason,
        occurred_at=occurred_at,
    )


def win(opportunity_id: str, *, occurred_at: datetime | None = None) -> Call[Told]:
    return command(
        f"{_OPPORTUNITY}/win", {"opportunity_id": opportunity_id}, occurred_at=occurred_at
    )


def lose(
    opportunity_id: str,
    reason: str,
    *,
    note: str | None = None,
    occurred_at: datetime | None = None,
) -> Call[Told]:
    return command(
        f"{_OPPORTUNITY}/lose",
        {"opportunity_id": opportunity_id},
        reason=reason,
        note=note,
        occurred_at=occurred_at,
    )


def reopen(
    opportunity_id: str, *, reason: str | None = None, occurred_at: datetime | None = None
) -> Call[Told]:
    return command(
        f"{_OPPORTUNITY}/reopen",
        {"opportunity_id": opportunity_id},
        reason=reason,
        occurred_at=occurred_at,
    )


def assign(opportunity_id: str, owner_id: str, *, unit_id: str | None = None) -> Call[Told]:
    return command(
        f"{_OPPORTUNITY}/assign",
        {"opportunity_id": opportunity_id},
        owner_id=owner_id,
        unit_id=unit_id,
    )


def request_approval(
    opportunity_id: str,
    kind: str,
    *,
    approval_id: str | None = None,
    steps: Sequence[str | Json] | None = None,
    note: str | None = None,
) -> Call[Told]:
    """`steps`: roles in order, or {"role", "limit_hours"} each."""
    return command(
        f"{_OPPORTUNITY}/request-approval",
        {"opportunity_id": opportunity_id},
        kind=kind,
        approval_id=approval_id,
        steps=steps,
        note=note,
    )


def decide_approval(
    opportunity_id: str,
    approval_id: str,
    decision: str,
    *,
    note: str | None = None,
    step: int | None = None,
) -> Call[Told]:
    """`decision`: approve, reject or send_back."""
    return command(
        f"{_OPPORTUNITY}/decide-approval",
        {"opportunity_id": opportunity_id},
        approval_id=approval_id,
        decision=decision,
        note=note,
        step=step,
    )


def opportunity(opportunity_id: str) -> Call[dict[str, Any]]:
    return read(_OPPORTUNITY, {"opportunity_id": opportunity_id})


def keep_evidence(content: bytes, media_type: str) -> Call[KeptEvidence]:
    return Call("PUT", "/evidence", content=content, content_type=media_type)


def capture_lead(
    customer_id: str,
    *,
    lead_id: str | None = None,
    source: str | None = None,
    budget_status: str | None = None,
    unit_id: str | None = None,
    owner_id: str | None = None,
    occurred_at: datetime | None = None,
) -> Call[Told]:
    return command(
        "/leads",
        customer_id=customer_id,
        lead_id=lead_id,
        source=source,
        budget_status=budget_status,
        unit_id=unit_id,
        owner_id=owner_id,
        occurred_at=occurred_at,
    )


def contact_lead(
    lead_id: str,
    type: str,
    *,
    summary: str | None = None,
    budget_status: str | None = None,
    occurred_at: datetime | None = None,
) -> Call[Told]:
    return command(
        f"{_LEAD}/contact",
        {"lead_id": lead_id},
        type=type,
        summary=summary,
        budget_status=budget_status,
        occurred_at=occurred_at,
    )


def lead(lead_id: str) -> Call[dict[str, Any]]:
    return read(_LEAD, {"lead_id": lead_id})


def board(
    name: str,
    *,
    unit: str | None = None,
    rep: str | None = None,
    stage: str | None = None,
    week: str | None = None,
    month: str | None = None,
    as_of: datetime | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[Board]:
    return read(
        "/boards/{name}",
        {"name": name},
        unit=unit,
        rep=rep,
        stage=stage,
        week=week,
        month=month,
        as_of=as_of,
        limit=limit,
        cursor=cursor,
    )


def why(subject_id: str) -> Call[Explanation]:
    """Of a signal, an escalation or an event."""
    return read("/why/{subject_id}", {"subject_id": subject_id})


def timeline(
    kind: str, subject_id: str, *, limit: int | None = None, cursor: str | None = None
) -> Call[Page]:
    path_fields = {"kind": kind, "subject_id": subject_id}
    return read("/timelines/{kind}/{subject_id}", path_fields, limit=limit, cursor=cursor)


def signals(
    *,
    rule: str | None = None,
    state: str | None = None,
    subject: str | None = None,
    unit: str | None = None,
    rep: str | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[Page]:
    return read(
        "/signals",
        rule=rule,
        state=state,
        subject=subject,
        unit=unit,
        rep=rep,
        limit=limit,
        cursor=cursor,
    )


def escalations(
    *,
    state: str | None = None,
    rule: str | None = None,
    mine: bool | None = None,
    limit: int | None = None,
    cursor: str | None = None,
) -> Call[Page]:
    return read("/escalations", state=state, rule=rule, mine=mine, limit=limit, cursor=cursor)


def acknowledge(escalation_id: str) -> Call[Told]:
    return command(f"{_ESCALATION}/acknowledge", {"escalation_id": escalation_id})


def snooze(escalation_id: str, until: datetime) -> Call[Told]:
    return command(f"{_ESCALATION}/snooze", {"escalation_id": escalation_id}, until=until)


def hand_over(escalation_id: str, to_person_id: str) -> Call[Told]:
    return command(
        f"{_ESCALATION}/hand-over",
        {"escalation_id": escalation_id},
        to_person_id=to_person_id,
    )


def resolve(escalation_id: str) -> Call[Told]:
    return command(f"{_ESCALATION}/resolve", {"escalation_id": escalation_id})


def events(
    *,
    stream: str | None = None,
    type: str | None = None,
    after: str | None = None,
    limit: int | None = None,
) -> Call[Page]:
    """For auditors; `after` is the `next_cursor` of the page before."""
    return read("/events", stream=stream, type=type, after=after, limit=limit)


def subscribe_webhook(
    url: str,
    event_types: Sequence[str],
    *,
    webhook_id: str | None = None,
    personal_fields: bool | None = None,
) -> Call[Subscribed]:
    return command(
        "/webhooks",
        url=url,
        event_types=event_types,
        webhook_id=webhook_id,
        personal_fields=personal_fields,
    )


def replay_webhook(
    webhook_id: str,
    *,
    event_id: str | None = None,
    state: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Call[dict[str, int]]:
    return command(
        f"{_WEBHOOK}/replay",
        {"webhook_id": webhook_id},
        event_id=event_id,
        state=state,
        since=since,
        until=until,
    )


def post_lines(lines: bytes) -> Call[list[dict[str, Any]]]:
    """A command a line, up to 10,000 of them or 8 MiB; each answered with its own outcome."""
    return Call("POST", "/commands", content=lines, content_type="application/x-ndjson")
