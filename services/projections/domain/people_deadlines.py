"""Deadlines that people booked or wait for: next actions (O1), approvals (O6), answers (O14)."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import zip_longest

from services.projections.domain.limit_spans import (
    DeadlineSettings,
    Span,
    deadline_of,
    in_force,
    is_met,
    iso,
)
from services.projections.domain.opportunity_course import (
    end_of_limit,
    open_times,
)
from services.projections.domain.opportunity_row import (
    ApprovalStepTaken,
    LoggedAction,
    OpportunityProcess,
    Order,
)
from shared.projection import Deadline


def next_actions_due(
    row: OpportunityProcess, actions: Sequence[LoggedAction], settings: DeadlineSettings
) -> Iterator[Deadline]:
    for index, action in enumerate(actions):
        if action.next_due_at is None:
            continue
        due = max(action.next_due_at, action.at)
        met = next(
            (
                (later.order, later.event_id)
                for later in actions[index + 1 :]
                if action.next_type in (None, later.type)
            ),
            None,
        )
        ended = _or_closed(row, action.order, met)
        facts = {"booked_at": iso(action.at), "booked_type": action.next_type}
        if not is_met(due, ended[0]):
            yield deadline_of(row, "next_action_due", Span(action.event_id, due, *ended), facts)
        remind = _reminder(action.at, due, ended[0], settings)
        if remind is not None and not is_met(remind, ended[0]):
            over = ended if ended[0] is not None and ended[0] <= due else (due, None)
            facts = {**facts, "next_due_at": iso(due)}
            span = Span(action.event_id, remind, *over)
            yield deadline_of(row, "next_action_reminder", span, facts)


def _reminder(
    booked_at: datetime, due: datetime, ended_at: datetime | None, settings: DeadlineSettings
) -> datetime | None:
    """None for what is booked at shorter notice."""

    def remind_at(set_to: DeadlineSettings) -> datetime | None:
        at = due - timedelta(hours=set_to.next_action_reminder_hours)
        if at > booked_at:
            return at
        return booked_at if set_to.is_bound else None

    return in_force(settings, booked_at, ended_at, remind_at)[1]


def _or_closed(
    row: OpportunityProcess, begun: Order, end: tuple[Order, str] | None
) -> tuple[datetime | None, str | None]:
    """The end of what was begun, or the closing that came before it."""
    for time in open_times(row):
        if time.closed is not None and time.closed > begun:
            if end is None or time.closed < end[0]:
                return time.closed[0], time.closed_by
            break
    return (end[0][0], end[1]) if end else (None, None)


def approvals_overdue(row: OpportunityProcess, settings: DeadlineSettings) -> Iterator[Deadline]:
    """A contract that was won may still need approval; what was lost waits no more."""
    for course in row.approvals:
        for taken in course.taken:
            seconds, role = course.limits_seconds[taken.step], course.roles[taken.step]
            for wait in waits(row, taken):
                due, limit_hours = step_due(row.zone, wait, seconds, settings)
                if is_met(due, wait.ended_at):
                    continue
                facts = {
                    "approval_id": course.approval_id,
                    "kind": course.kind,
                    "step": taken.step,
                    "role": role,
                    "since": iso(wait.started_at),
                    "limit_hours": limit_hours,
                }
                span = Span(wait.event_id, due, wait.ended_at, wait.ended_by)
                yield deadline_of(row, "approval_overdue", span, facts, waits_for=role)


def waits(row: OpportunityProcess, taken: ApprovalStepTaken) -> Iterator[ApprovalStepTaken]:
    """A loss ends what waits, the reopening after it begins it anew."""
    wait = taken
    for stay, after in zip_longest(row.stays, row.stays[1:]):
        if stay.left_how != "lost" or (after and after.entered_at <= wait.started_at):
            continue
        lost_at = max(stay.left_at or wait.started_at, wait.started_at)
        if wait.ended_at is not None and wait.ended_at <= lost_at:
            break
        yield wait._replace(ended_at=lost_at, ended_by=stay.left_event_id)
        if after is None:
            return
        wait = wait._replace(started_at=after.entered_at, event_id=after.event_id)
    yield wait


def step_due(
    zone: str, wait: ApprovalStepTaken, seconds: int | None, settings: DeadlineSettings
) -> tuple[datetime, float]:
    """When it is due, with the hours that its limit then has."""

    def limit_of(set_to: DeadlineSettings) -> int:
        return set_to.approval_limit_hours * 3600 if seconds is None else seconds

    def due_at(set_to: DeadlineSettings) -> datetime:
        in_business_time = set_to.approval_in_business_time
        limit = limit_of(set_to)
        return end_of_limit(wait.started_at, limit, in_business_time, zone, set_to.calendar)

    set_to, due = in_force(settings, wait.started_at, wait.ended_at, due_at)
    assert due is not None
    return due, limit_of(set_to) / 3600


def no_responses(
    row: OpportunityProcess, actions: Sequence[LoggedAction], settings: DeadlineSettings
) -> Iterator[Deadline]:
    """Due at the last of so many outbound contacts in a row; ended by an inbound one or closing."""
    for time in open_times(row):
        run: list[LoggedAction] = []
        for action in actions:
            if action.order < time.opened or (time.closed and action.order >= time.closed):
                continue
            if action.contact == "in":
                yield from _no_response(row, run, (action.at, action.event_id), settings)
                run = []
            elif action.contact == "out":
                run.append(action)
        closing = (time.closed[0], time.closed_by) if time.closed else (None, None)
        yield from _no_response(row, run, closing, settings)


def _no_response(
    row: OpportunityProcess,
    run: Sequence[LoggedAction],
    ended: tuple[datetime | None, str | None],
    settings: DeadlineSettings,
) -> Iterator[Deadline]:
    if not run:
        return

    def last_at(set_to: DeadlineSettings) -> datetime | None:
        enough = set_to.no_response_after
        return run[enough - 1].at if len(run) >= enough else None

    set_to, due = in_force(settings, run[0].at, ended[0], last_at)
    if due is not None and not is_met(due, ended[0]):
        contacts = set_to.no_response_after
        facts = {"contacts": contacts, "since": iso(run[0].at)}
        span = Span(run[contacts - 1].event_id, due, *ended)
        yield deadline_of(row, "no_response", span, facts)
