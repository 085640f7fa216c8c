"""What one opportunity adds to the figures of units and reps: P3, P5 and their parts."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.projections.domain.opportunity_course import (
    Calendar,
    actions_to_prove,
    counted_actions,
    due_at,
    left_order,
    open_times,
    owner_at,
    rules_at,
    silences_over_limit,
    stage_rules,
    stay_at,
    within,
)
from services.projections.domain.opportunity_row import (
    CLOSING,
    STAGE_CHANGES,
    GoldenRule,
    LoggedAction,
    OpportunityProcess,
    RulesInForce,
    Stay,
)
from shared.projection import UNIT_AS_A_WHOLE, Point

LEFT_ONWARD = ("forward", "skip", "won")

Scopes = tuple[tuple[str, str], ...]
Points = dict[Point, int]


class Owned(NamedTuple):
    """Whose the opportunity is in [since, until); `version` settles which of equal times."""

    since: datetime | None
    version: int
    until: datetime | None
    scopes: Scopes


def contributions(row: OpportunityProcess, calendar: Calendar | None = None) -> Mapping[Point, int]:
    """`open`, `overrun`, `dwell_open`, `dwell_overrun` as intervals; `moved`, `skipped`, `evidence_
    required`, `evidence_complete`, `golden_due`, `golden_done`, `won`, `closed` as single points.

    A figure at t sums the points with `at` < t ("How things are counted", P3, P5).
    """
    points: Points = {}
    owned = owned_spans(row)
    actions = counted_actions(row)
    for time in open_times(row):
        closed_at = time.closed[0] if time.closed else None
        _add_state(points, owned, ("open", ""), time.opened[0], closed_at)
    for silence in silences_over_limit(row, actions, calendar):
        key = ("overrun", silence.stage)
        _add_state(points, owned, key, silence.due_at, silence.ended_at)
    for stay in row.stays:
        _add_stay(points, row, owned, stay, calendar)
        if stay.left_at is not None:
            _add_leaving(points, row, owned, stay, actions)
    _add_changes(points, row, owned)
    _add_evidence(points, row)
    return {point: amount for point, amount in points.items() if amount}


def scopes_of(unit_path: Sequence[str], rep_id: str | None) -> Scopes:
    """Each unit on the path as a whole and, where there is a rep, for that rep."""
    whole = tuple((unit_id, UNIT_AS_A_WHOLE) for unit_id in unit_path)
    return whole + tuple((unit_id, rep_id) for unit_id in unit_path) if rep_id else whole


def owned_spans(row: OpportunityProcess) -> list[Owned]:
    since: datetime | None = None
    owned = []
    for index, owner in enumerate(row.owners):
        until = row.owners[index + 1].since if index + 1 < len(row.owners) else None
        scopes = scopes_of(owner.unit_path, owner.owner_id)
        owned.append(Owned(since, owner.version, until, scopes))
        since = until
    return owned


def scopes_at(owned: Sequence[Owned], at: datetime, version: int) -> Scopes:
    for one in reversed(owned):
        if one.since is None or (one.since, one.version) <= (at, version):
            return one.scopes
    return owned[0].scopes


def _add_state(
    points: Points,
    owned: Sequence[Owned],
    key: tuple[str, str],
    begin: datetime,
    end: datetime | None,
) -> None:
    """+1 where the state begins and −1 where it ends, for whoever owned it in between."""
    figure, stage = key
    for since, _, until, scopes in owned:
        begins = begin if since is None or since < begin else since
        ends = end if until is None or (end is not None and end < until) else until
        if ends is not None and ends <= begins:
            continue
        _add(points, scopes, (figure, stage, "", begins))
        if ends is not None:
            _add(points, scopes, (figure, stage, "", ends), -1)


def _add(
    points: Points, scopes: Scopes, key: tuple[str, str, str, datetime], amount: int = 1
) -> None:
    figure, stage, action, at = key
    for unit_id, rep_id in scopes:
        # `Point(…)` costs twice as much, and this runs a dozen times per event of an import
        point = _new(Point, (figure, unit_id, rep_id, stage, action, at))
        points[point] = points.get(point, 0) + amount


_new = tuple.__new__


def _add_stay(
    points: Points,
    row: OpportunityProcess,
    owned: Sequence[Owned],
    stay: Stay,
    calendar: Calendar | None,
) -> None:
    """Only of stages with a dwell limit: of others there is no overrun to relate them to."""
    if not has_dwell_limit(row, stay.stage):
        return
    _add_state(points, owned, ("dwell_open", stay.stage), stay.entered_at, stay.left_at)
    due = due_at(
        row,
        stay.entered_at,
        stay.left_at,
        lambda rules: dwell_limit(row, rules, stay.stage),
        calendar,
    )
    if due is not None and (stay.left_at is None or due < stay.left_at):
        key = ("dwell_overrun", stay.stage)
        _add_state(points, owned, key, due, stay.left_at)


def has_dwell_limit(row: OpportunityProcess, stage: str) -> bool:
    """By any of the pipeline versions that it went through."""
    return any(dwell_limit(row, rules, stage)[0] is not None for rules in row.rules)


def dwell_limit(
    row: OpportunityProcess, rules: RulesInForce, stage: str
) -> tuple[int | None, bool]:
    found = stage_rules(row, rules, stage)
    return (found.dwell_seconds if found else None), rules.dwell_in_business_time


def golden_rules_due(row: OpportunityProcess, stay: Stay) -> tuple[GoldenRule, ...]:
    """The golden actions of a stay left forward or by winning, as the rules stood then (P5)."""
    left = left_order(stay)
    if left is None or stay.left_how not in LEFT_ONWARD:
        return ()
    rules = stage_rules(row, rules_at(row, left), stay.stage)
    return rules.golden if rules else ()


def is_done(rule: GoldenRule, action: LoggedAction) -> bool:
    """Whether an action is that golden action with its evidence, whenever attached."""
    return action.type == rule.action and set(rule.evidence) <= set(action.evidence)


def _add_leaving(
    points: Points,
    row: OpportunityProcess,
    owned: Sequence[Owned],
    stay: Stay,
    actions: Sequence[LoggedAction],
) -> None:
    """What counts for whoever owned the opportunity when the stage was left."""
    at = stay.left_at
    rules = golden_rules_due(row, stay)
    if at is None or not (rules or stay.left_how in CLOSING):
        return
    scopes = scopes_at(owned, at, stay.left_version)
    if stay.left_how in CLOSING:
        _add(points, scopes, ("closed", "", "", at))
    if stay.left_how == "won":
        _add(points, scopes, ("won", "", "", at))
    for rule in rules:
        _add(points, scopes, ("golden_due", stay.stage, rule.action, at))
        if any(is_done(rule, action) for action in within(actions, stay)):
            _add(points, scopes, ("golden_done", stay.stage, rule.action, at))


def _add_changes(points: Points, row: OpportunityProcess, owned: Sequence[Owned]) -> None:
    """`moved` and `skipped` once per ISO week and scope, at the first such change there."""
    zone = ZoneInfo(row.zone)
    seen: dict[tuple[str, int, int], set[tuple[str, str]]] = {}
    for stay in row.stays:
        if stay.entered_how not in STAGE_CHANGES:
            continue
        at = stay.entered_at
        year, week, _ = at.astimezone(zone).isocalendar()
        scopes = scopes_at(owned, at, stay.version)
        for figure in ("moved", "skipped") if stay.entered_how == "skip" else ("moved",):
            counted = seen.setdefault((figure, year, week), set())
            fresh = tuple(scope for scope in scopes if scope not in counted) if counted else scopes
            counted.update(fresh)
            _add(points, fresh, (figure, "", "", at))


def evidence_demands(
    row: OpportunityProcess,
) -> Iterator[tuple[LoggedAction, frozenset[str]]]:
    """Actions whose type or golden rule requires evidence, with what is required (P3)."""
    proven = {
        rule.action
        for rules in row.rules
        for stage in rules.stages
        for rule in stage.golden
        if rule.evidence
    }
    if not proven and not any(action.evidence_required for action in row.actions):
        return
    for action in actions_to_prove(row):
        if not action.evidence_required and action.type not in proven:
            continue
        required = frozenset(action.evidence_required)
        if action.type in proven and (stay := stay_at(row, action.order)) is not None:
            rules = stage_rules(row, rules_at(row, action.order), stay.stage)
            for rule in rules.golden if rules else ():
                if rule.action == action.type:
                    required |= frozenset(rule.evidence)
        if required:
            yield action, required


def _add_evidence(points: Points, row: OpportunityProcess) -> None:
    """To the actor and the actor's unit; where nobody of the directory acted, to the opportunity's
    unit and no rep."""
    for action, required in evidence_demands(row):
        if action.path >= 0:
            scopes = scopes_of(row.paths[action.path], action.actor_id)
        else:
            scopes = scopes_of(owner_at(row, action.order).unit_path, None)
        is_complete = required <= set(action.evidence)
        _add(points, scopes, ("evidence_required", "", "", action.at))
        if is_complete:
            _add(points, scopes, ("evidence_complete", "", "", action.at))
