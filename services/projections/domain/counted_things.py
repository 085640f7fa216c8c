"""The things behind an opportunity's figures: each with whose it is, when, and the event it is."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.projections.domain.opportunity_course import (
    Calendar,
    counted_actions,
    due_at,
    open_times,
    owner_at,
    silences_over_limit,
    within,
)
from services.projections.domain.opportunity_row import (
    CLOSING,
    STAGE_CHANGES,
    LoggedAction,
    OpportunityProcess,
    Stay,
)
from services.projections.domain.process_figures import (
    Owned,
    Scopes,
    dwell_limit,
    evidence_demands,
    golden_rules_due,
    has_dwell_limit,
    is_done,
    owned_spans,
    scopes_at,
    scopes_of,
)
from services.projections.domain.windows import Moment, is_before


class CountedThing(NamedTuple):
    """What counts once in `figure` for each of `scopes` (unit, rep; "" for the unit as a whole).

    A state counts in [at, until), None while it lasts; anything else at `at` alone, `until` the
    same. `since`: from when on the state holds whoever owned it. `event_ids` prove it.
    """

    figure: str
    stage: str
    action: str
    scopes: Scopes
    at: datetime
    until: datetime | None
    since: datetime
    event_ids: tuple[str, ...]

    @property
    def is_state(self) -> bool:
        return self.until != self.at

    def counts(self, begins: datetime | None, end: Moment) -> bool:
        """In the window [`begins`, `end`), since ever where None; a state at the window's end."""
        if not is_before(self.at, end):
            return False
        if self.is_state:
            return self.until is None or not is_before(self.until, end)
        return begins is None or self.at >= begins


def counted_things(
    row: OpportunityProcess, calendar: Calendar | None = None
) -> Iterator[CountedThing]:
    """Summed up they are its `contributions` (a law of the tests), which name no events: those are
    worked out with every event that comes in, these when somebody asks why."""
    owned = owned_spans(row)
    actions = counted_actions(row)
    yield from _states(row, owned, actions, calendar)
    for stay in row.stays:
        yield from _leaving(row, owned, stay, actions)
    yield from _changes(row, owned)
    yield from _evidence(row)


def _states(
    row: OpportunityProcess,
    owned: Sequence[Owned],
    actions: Sequence[LoggedAction],
    calendar: Calendar | None,
) -> Iterator[CountedThing]:
    openings = {(stay.entered_at, stay.version): stay.event_id for stay in row.stays}
    for time in open_times(row):
        closed_at = time.closed[0] if time.closed else None
        span = (time.opened[0], closed_at)
        yield from _state(owned, ("open", ""), span, openings[time.opened])
    for silence in silences_over_limit(row, actions, calendar):
        span = (silence.due_at, silence.ended_at)
        yield from _state(owned, ("overrun", silence.stage), span, silence.event_id)
    for stay in row.stays:
        if has_dwell_limit(row, stay.stage):
            yield from _dwelling(row, owned, stay, calendar)


def _dwelling(
    row: OpportunityProcess, owned: Sequence[Owned], stay: Stay, calendar: Calendar | None
) -> Iterator[CountedThing]:
    span = (stay.entered_at, stay.left_at)
    yield from _state(owned, ("dwell_open", stay.stage), span, stay.event_id)
    due = due_at(row, *span, lambda rules: dwell_limit(row, rules, stay.stage), calendar)
    if due is not None and (stay.left_at is None or due < stay.left_at):
        over = (due, stay.left_at)
        yield from _state(owned, ("dwell_overrun", stay.stage), over, stay.event_id)


def _state(
    owned: Sequence[Owned],
    key: tuple[str, str],
    span: tuple[datetime, datetime | None],
    event_id: str,
) -> Iterator[CountedThing]:
    """A part for everybody who owned it in between."""
    begin, end = span
    figure, stage = key
    for since, _, until, scopes in owned:
        begins = begin if since is None or since < begin else since
        ends = end if until is None or (end is not None and end < until) else until
        if ends is None or begins < ends:
            yield CountedThing(figure, stage, "", scopes, begins, ends, begin, (event_id,))


def _leaving(
    row: OpportunityProcess, owned: Sequence[Owned], stay: Stay, actions: Sequence[LoggedAction]
) -> Iterator[CountedThing]:
    at, event_id = stay.left_at, stay.left_event_id
    if at is None or event_id is None:
        return
    scopes = scopes_at(owned, at, stay.left_version)
    if stay.left_how in CLOSING:
        yield _once("closed", ("", ""), scopes, at, event_id)
    if stay.left_how == "won":
        yield _once("won", ("", ""), scopes, at, event_id)
    for rule in golden_rules_due(row, stay):
        key = (stay.stage, rule.action)
        yield _once("golden_due", key, scopes, at, event_id)
        done = [action.event_id for action in within(actions, stay) if is_done(rule, action)]
        if done:
            yield _once("golden_done", key, scopes, at, event_id, *done)


def _changes(row: OpportunityProcess, owned: Sequence[Owned]) -> Iterator[CountedThing]:
    """Counted once per ISO week and scope, proven by every such change of the week."""
    zone = ZoneInfo(row.zone)
    found: dict[tuple[str, int, int], list[Stay]] = {}
    for stay in row.stays:
        if stay.entered_how in STAGE_CHANGES:
            year, week, _ = stay.entered_at.astimezone(zone).isocalendar()
            for figure in ("moved", "skipped") if stay.entered_how == "skip" else ("moved",):
                found.setdefault((figure, year, week), []).append(stay)
    for (figure, _year, _week), stays in found.items():
        counted: set[tuple[str, str]] = set()
        for stay in stays:
            scopes = scopes_at(owned, stay.entered_at, stay.version)
            fresh = tuple(scope for scope in scopes if scope not in counted)
            counted.update(fresh)
            if fresh:
                proof = [
                    each.event_id
                    for each in stays
                    if set(fresh) <= set(scopes_at(owned, each.entered_at, each.version))
                ]
                yield _once(figure, ("", ""), fresh, stay.entered_at, *proof)


def _evidence(row: OpportunityProcess) -> Iterator[CountedThing]:
    for action, required in evidence_demands(row):
        if action.path >= 0:
            scopes = scopes_of(row.paths[action.path], action.actor_id)
        else:
            scopes = scopes_of(owner_at(row, action.order).unit_path, None)
        yield _once("evidence_required", ("", ""), scopes, action.at, action.event_id)
        if required <= set(action.evidence):
            yield _once("evidence_complete", ("", ""), scopes, action.at, action.event_id)


def _once(
    figure: str, key: tuple[str, str], scopes: Scopes, at: datetime, *event_ids: str
) -> CountedThing:
    stage, action = key
    return CountedThing(figure, stage, action, scopes, at, at, at, event_ids)
