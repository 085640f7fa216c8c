"""How long an open opportunity has been silent, at any moment, and how long it still may (P2)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.projections.domain.limit_spans import LATEST
from services.projections.domain.opportunity_course import (
    Calendar,
    counted_actions,
    open_times,
    owner_at,
    rules_at,
    silence_due_at,
    stage_rules,
    stay_at,
)
from services.projections.domain.opportunity_row import OpportunityProcess, Order


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceNow:
    """`due_at` None: the stage has no limit; `stage_entered_at` is for how long it is stuck."""

    opportunity_id: str
    customer_id: str
    customer_industry: str | None
    customer_is_key: bool
    stage: str
    stage_entered_at: datetime
    unit_path: tuple[str, ...]
    owner_id: str | None
    amount: str | None
    currency: str | None
    last_activity_at: datetime
    limit_hours: float | None
    due_at: datetime | None


def silence_at(
    row: OpportunityProcess, moment: datetime, calendar: Calendar | None = None
) -> SilenceNow | None:
    """As it stood at a moment, what happened at it included; None where it was not open."""
    at = (moment, LATEST)
    time = next((each for each in reversed(open_times(row)) if each.opened <= at), None)
    stay = stay_at(row, at)
    if time is None or stay is None or (time.closed is not None and time.closed <= at):
        return None
    since, _version, _event_id = _last_activity(row, time.opened, at)
    owner = owner_at(row, at)
    rules = stage_rules(row, rules_at(row, at), stay.stage)
    return SilenceNow(
        opportunity_id=row.opportunity_id,
        customer_id=row.customer_id,
        customer_industry=row.customer_industry,
        customer_is_key=row.customer_is_key,
        stage=stay.stage,
        stage_entered_at=stay.entered_at,
        unit_path=owner.unit_path,
        owner_id=owner.owner_id,
        amount=None if row.amount is None else str(row.amount),
        currency=row.currency,
        last_activity_at=since,
        limit_hours=rules.silence_seconds / 3600 if rules else None,
        due_at=silence_due_at(row, since, moment, stay.stage, calendar),
    )


def last_activity(row: OpportunityProcess, moment: datetime) -> tuple[datetime, str]:
    """When, and by which event, the silence began that lasts at a moment at which it is open."""
    at = (moment, LATEST)
    opened = max(time.opened for time in open_times(row) if time.opened <= at)
    since, _version, event_id = _last_activity(row, opened, at)
    return since, event_id


def _last_activity(row: OpportunityProcess, opened: Order, at: Order) -> tuple[datetime, int, str]:
    heard = [
        (*action.order, action.event_id)
        for action in counted_actions(row)
        if action.ends_silence and opened <= action.order <= at
    ]
    entered = [
        (each.entered_at, each.version, each.event_id)
        for each in row.stays
        if each.entered_how != "migrated" and each.entered_at <= at[0]
    ]
    return max(heard + entered)


def hours_left(due_at: datetime | None, clock: datetime) -> float | None:
    """Wall hours until the limit, negative when over, unrounded."""
    return None if due_at is None else (due_at - clock).total_seconds() / 3600


def silence_row(silence: SilenceNow, clock: datetime) -> dict[str, Any]:
    return {
        "opportunity_id": silence.opportunity_id,
        "customer_id": silence.customer_id,
        "stage": silence.stage,
        "unit_id": silence.unit_path[-1],
        "owner_id": silence.owner_id,
        "amount": silence.amount,
        "currency": silence.currency,
        "last_activity_at": silence.last_activity_at,
        "limit_hours": silence.limit_hours,
        "hours_left": hours_left(silence.due_at, clock),
        "customer_industry": silence.customer_industry,
        "customer_is_key": silence.customer_is_key,
        "stage_entered_at": silence.stage_entered_at,
    }


def current_silence(row: OpportunityProcess, calendar: Calendar | None = None) -> SilenceNow | None:
    """After the last event, as `silence_at` any later moment; None where it is not open.

    What happened while it was closed cannot be later than the reopening, so needs no look.
    """
    if not row.is_open:
        return None
    since = max(stay.entered_at for stay in row.stays if stay.entered_how != "migrated")
    for action in row.actions:
        if action.at > since and action.ends_silence and not (action.flaw or action.is_voided):
            since = action.at
    stay = row.stays[-1]
    rules = stage_rules(row, row.rules[-1], stay.stage)
    return SilenceNow(
        opportunity_id=row.opportunity_id,
        customer_id=row.customer_id,
        customer_industry=row.customer_industry,
        customer_is_key=row.customer_is_key,
        stage=stay.stage,
        stage_entered_at=stay.entered_at,
        unit_path=row.unit_path,
        owner_id=row.owner_id,
        amount=None if row.amount is None else str(row.amount),
        currency=row.currency,
        last_activity_at=since,
        limit_hours=rules.silence_seconds / 3600 if rules else None,
        due_at=silence_due_at(row, since, None, stay.stage, calendar),
    )
