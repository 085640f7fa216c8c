"""Deadlines of a stage (O1): silence, dwelling, golden actions."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from services.projections.domain.limit_spans import (
    LATEST,
    DeadlineSettings,
    Span,
    deadline_of,
    is_met,
    iso,
)
from services.projections.domain.opportunity_course import (
    due_at,
    left_order,
    rules_at,
    silences_over_limit,
    stage_rules,
)
from services.projections.domain.opportunity_row import (
    GoldenRule,
    LoggedAction,
    OpportunityProcess,
    Order,
    RulesInForce,
    Stay,
)
from services.projections.domain.process_figures import is_done
from shared.projection import Deadline


def stalled(
    row: OpportunityProcess, actions: Sequence[LoggedAction], settings: DeadlineSettings
) -> Iterator[Deadline]:
    for silence in silences_over_limit(row, actions, settings.calendar):
        limit_hours = _hours(row, silence.stage, silence.due_at)
        facts = {"since": iso(silence.since), "limit_hours": limit_hours}
        span = Span(silence.event_id, silence.due_at, silence.ended_at, silence.ended_by)
        yield deadline_of(row, "stalled", span, facts, silence.stage)


def _hours(row: OpportunityProcess, stage: str, due: datetime) -> float | None:
    found = stage_rules(row, rules_at(row, (due, LATEST)), stage)
    return found.silence_seconds / 3600 if found else None


def stages_overdue(row: OpportunityProcess, settings: DeadlineSettings) -> Iterator[Deadline]:
    for stay in row.stays:

        def limit(rules: RulesInForce, stage: str = stay.stage) -> tuple[int | None, bool]:
            found = stage_rules(row, rules, stage)
            return (found.dwell_seconds if found else None), rules.dwell_in_business_time

        due = due_at(row, stay.entered_at, stay.left_at, limit, settings.calendar)
        if due is not None and not is_met(due, stay.left_at):
            seconds, _ = limit(rules_at(row, (due, LATEST)))
            facts = {
                "since": iso(stay.entered_at),
                "limit_hours": None if seconds is None else seconds / 3600,
            }
            span = Span(stay.event_id, due, stay.left_at, stay.left_event_id)
            yield deadline_of(row, "stage_overdue", span, facts, stay.stage)


def golden_actions_overdue(
    row: OpportunityProcess, actions: Sequence[LoggedAction], settings: DeadlineSettings
) -> Iterator[Deadline]:
    for stay in row.stays:
        left = left_order(stay)
        rules = stage_rules(row, rules_at(row, left or (stay.entered_at, LATEST)), stay.stage)
        if left is None:
            rules = stage_rules(row, row.rules[-1], stay.stage)
        for rule in rules.golden if rules else ():
            if rule.limit_seconds is not None:
                yield from _one_golden(row, stay, rule, actions, settings)


def _one_golden(
    row: OpportunityProcess,
    stay: Stay,
    rule: GoldenRule,
    actions: Sequence[LoggedAction],
    settings: DeadlineSettings,
) -> Iterator[Deadline]:
    """The limit runs from entering, or anew from each action of the type `after`: of those before
    entering the latest counts, due when the stage is entered at the earliest."""

    def limit(rules: RulesInForce) -> tuple[int | None, bool]:
        found = stage_rules(row, rules, stay.stage)
        same = [one for one in (found.golden if found else ()) if one.action == rule.action]
        return (same[0].limit_seconds if same else None), False

    anchors = _golden_anchors(stay, rule, actions)
    done = [action for action in actions if is_done(rule, action)]
    for index, (anchor, event_id) in enumerate(anchors):
        from_order = max(anchor, (stay.entered_at, stay.version))
        ends = [(action.order, action.event_id) for action in done if action.order > from_order]
        if index + 1 < len(anchors):
            ends.append(anchors[index + 1])
        if stay.left_at is not None:
            ends.append(((stay.left_at, stay.left_version), stay.left_event_id or ""))
        end = min(ends, default=None)
        ended_at = end[0][0] if end else None
        due = due_at(row, anchor[0], ended_at, limit, settings.calendar)
        due = None if due is None else max(due, stay.entered_at)
        if due is not None and not is_met(due, ended_at):
            evidence = list(rule.evidence)
            facts = {"action": rule.action, "since": iso(anchor[0]), "evidence": evidence}
            span = Span(event_id, due, ended_at, end[1] if end else None)
            yield deadline_of(row, "golden_action_overdue", span, facts, stay.stage)


def _golden_anchors(
    stay: Stay, rule: GoldenRule, actions: Sequence[LoggedAction]
) -> list[tuple[Order, str]]:
    entered = (stay.entered_at, stay.version)
    if rule.after is None:
        return [(entered, stay.event_id)]
    left = left_order(stay)
    earlier: list[tuple[Order, str]] = []
    inside: list[tuple[Order, str]] = []
    for action in actions:
        if action.type == rule.after and (left is None or action.order < left):
            found = earlier if action.order < entered else inside
            found.append((action.order, action.event_id))
    return earlier[-1:] + inside
