"""What an opportunity's row says of its course: open times, counted actions, stays and silences."""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, Protocol

from services.projections.domain.opportunity_row import (
    CLOSING,
    UNPROVEN,
    LoggedAction,
    OpportunityProcess,
    Order,
    Ownership,
    RulesInForce,
    StageRules,
    Stay,
)
from shared.business_time import BusinessCalendar


class Calendar(Protocol):
    """Reckons business time."""

    def due_at(self, anchor: datetime, seconds: float) -> datetime: ...


Limit = tuple[int | None, bool]
"""Seconds, None where there is no limit; and whether they are business time."""


class OpenTime(NamedTuple):
    opened: Order
    closed: Order | None
    closed_by: str | None


class Silence(NamedTuple):
    """From one activity to the next; it is over the limit from `due_at` on."""

    since: datetime
    event_id: str
    stage: str
    due_at: datetime
    ended_at: datetime | None
    ended_by: str | None


def open_times(row: OpportunityProcess) -> list[OpenTime]:
    """[opened, closed) for the opening and every reopening; the last may go on."""
    times = []
    opened = (row.stays[0].entered_at, row.stays[0].version)
    for index, stay in enumerate(row.stays):
        if stay.entered_how == "reopened":
            opened = (stay.entered_at, stay.version)
        if stay.left_how in CLOSING and stay.left_at is not None:
            times.append(OpenTime(opened, (stay.left_at, stay.left_version), stay.left_event_id))
        elif index == len(row.stays) - 1:
            times.append(OpenTime(opened, None, None))
    return times


def counted_actions(row: OpportunityProcess) -> list[LoggedAction]:
    """In the order they happened: neither voided, invalid (O15) nor on a closed opportunity."""
    return _while_open(row, [each for each in row.actions if not (each.flaw or each.is_voided)])


def actions_to_prove(row: OpportunityProcess) -> list[LoggedAction]:
    """Those whose evidence is judged (P3): the counted ones, and those that only missing evidence
    makes invalid; else no rate could ever show what is missing."""
    actions = [each for each in row.actions if each.flaw in ("", UNPROVEN) and not each.is_voided]
    return _while_open(row, actions)


def _while_open(row: OpportunityProcess, actions: list[LoggedAction]) -> list[LoggedAction]:
    counted = sorted(actions)
    times = open_times(row)
    if times[0].closed is None:
        return counted
    open_spans = [_between(counted, None, times[0].closed)]
    open_spans += [_between(counted, time.opened, time.closed) for time in times[1:]]
    return [action for span in open_spans for action in span]


def _between(
    actions: Sequence[LoggedAction], begin: Order | None, end: Order | None
) -> Sequence[LoggedAction]:
    """[begin, end) of actions in order: an action begins with its order, so the two compare."""
    first = 0 if begin is None else bisect_left(actions, begin)
    return actions[first : len(actions) if end is None else bisect_left(actions, end)]


def owner_at(row: OpportunityProcess, order: Order) -> Ownership:
    """Whose it was: the last assignment up to then, the first one before any."""
    owners = row.owners
    if len(owners) == 1:
        return owners[0]
    found = owners[0]
    for owner in owners[1:]:
        if (owner.since, owner.version) > order:
            break
        found = owner
    return found


def stay_at(row: OpportunityProcess, order: Order) -> Stay | None:
    """The stay last entered at or before then, None before the opening."""
    found = None
    for stay in row.stays:
        if (stay.entered_at, stay.version) > order:
            break
        found = stay
    return found


def rules_at(row: OpportunityProcess, order: Order) -> RulesInForce:
    found = row.rules[0]
    for rules in row.rules[1:]:
        if (rules.since, rules.version) > order:
            break
        found = rules
    return found


def left_order(stay: Stay) -> Order | None:
    return None if stay.left_at is None else (stay.left_at, stay.left_version)


def within(actions: Sequence[LoggedAction], stay: Stay) -> Sequence[LoggedAction]:
    """The counted actions that belong to a stay."""
    return _between(actions, (stay.entered_at, stay.version), left_order(stay))


def stage_rules(row: OpportunityProcess, rules: RulesInForce, stage: str) -> StageRules | None:
    """What a pipeline version says of a stage; where a migration renamed it, of its new name."""
    found = rules.of(stage)
    if found is None:
        renamed = next((stay.stage for stay in row.stays if stay.version == rules.version), "")
        found = rules.of(renamed)
    return found


def end_of_limit(
    anchor: datetime,
    seconds: int,
    in_business_time: bool,
    zone: str,
    calendar: Calendar | None,
) -> datetime:
    """`due_at = anchor + limit`; without a calendar, weekends and fixed holidays are left out."""
    if in_business_time:
        return (calendar or BusinessCalendar(zone)).due_at(anchor, seconds)
    return anchor + timedelta(seconds=seconds)


def due_at(
    row: OpportunityProcess,
    anchor: datetime,
    ended_at: datetime | None,
    limit_of: Callable[[RulesInForce], Limit],
    calendar: Calendar | None,
) -> datetime | None:
    """When a limit ends under the versions in force while it ran ("How things are counted").

    A migration moves what is not yet due, never before the migration itself.
    """
    due: datetime | None = None
    for index, rules in enumerate(row.rules):
        is_later = index > 0 and rules.since > anchor
        if is_later and ended_at is not None and rules.since >= ended_at:
            break
        if is_later and due is not None and due < rules.since:
            break
        seconds, in_business_time = limit_of(rules)
        if seconds is None:
            due = None
            continue
        due = end_of_limit(anchor, seconds, in_business_time, row.zone, calendar)
        if is_later:
            due = max(due, rules.since)
    return due


def silence_due_at(
    row: OpportunityProcess,
    since: datetime,
    ended_at: datetime | None,
    stage: str,
    calendar: Calendar | None,
) -> datetime | None:
    """None in a stage that the pipeline version lacks: nothing falls due there."""

    def limit(rules: RulesInForce) -> Limit:
        found = stage_rules(row, rules, stage)
        return (found.silence_seconds if found else None), rules.silence_in_business_time

    return due_at(row, since, ended_at, limit, calendar)


def silences_over_limit(
    row: OpportunityProcess,
    actions: Sequence[LoggedAction],
    calendar: Calendar | None = None,
) -> list[Silence]:
    """Every silence of the open opportunity that outlasted its limit, or still runs.

    `actions` are the counted ones. The limit is that of the stage in force.
    """
    found: list[Silence] = []
    since, event_id, stage = row.stays[0].entered_at, "", ""
    limit: timedelta | None = None
    due: datetime | None = None
    for at, _, mark_id, entered in _marks(row, actions):
        if stage and at > since:
            if limit is None:
                due = silence_due_at(row, since, at, stage, calendar)
            if due is not None and at > due:
                found.append(Silence(since, event_id, stage, due, at, mark_id))
        since, event_id = at, mark_id
        if entered is not None:
            stage = entered
            limit = _wall_limit(row, stage)
        due = None if limit is None else at + limit
    if stage:
        due = due or silence_due_at(row, since, None, stage, calendar)
        if due is not None:
            found.append(Silence(since, event_id, stage, due, None, None))
    return found


Mark = tuple[datetime, int, str, str | None]
"""When, event, and the stage entered: None for an action, "" for a closing."""


def _marks(row: OpportunityProcess, actions: Sequence[LoggedAction]) -> list[Mark]:
    marks: list[Mark] = [
        (action.at, action.version, action.event_id, None)
        for action in actions
        if action.ends_silence
    ]
    for stay in row.stays:
        if stay.entered_how != "migrated":
            marks.append((stay.entered_at, stay.version, stay.event_id, stay.stage))
        if stay.left_how in CLOSING and stay.left_at is not None:
            marks.append((stay.left_at, stay.left_version, stay.left_event_id or "", ""))
    marks.sort()
    return marks


def _wall_limit(row: OpportunityProcess, stage: str) -> timedelta | None:
    """The limit where the opportunity never changed its pipeline and counts in wall time."""
    if len(row.rules) > 1 or row.rules[0].silence_in_business_time:
        return None
    rules = row.rules[0].of(stage)
    return timedelta(seconds=rules.silence_seconds) if rules else None
