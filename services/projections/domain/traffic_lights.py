"""Traffic lights: entered, proposed and answered in time, by unit and rep (P8)."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from services.projections.domain.counted_things import CountedThing
from services.projections.domain.golden_actions import DEFAULT_LIGHTS, LightSettings, light
from services.projections.domain.opportunity_course import open_times, rules_at
from services.projections.domain.opportunity_row import (
    LoggedAction,
    OpportunityProcess,
    Order,
    Stay,
)
from services.projections.domain.process_figures import owned_spans, scopes_at
from services.projections.domain.process_health import Scope, ratio, scopes_listed

ENTERED, PROPOSAL, REACTION = "entered", "proposal", "reaction"
LIGHTS = (ENTERED, PROPOSAL, REACTION)
DUE, MET = "light_due", "light_met"
PROPOSAL_SENT = "proposal_sent"
PROPOSALS = frozenset({PROPOSAL_SENT, "proposal_revised"})
_LATEST = 1 << 62


class Judged(NamedTuple):
    """A limit that ended, or was met, at a moment."""

    light: str
    at: datetime
    is_met: bool
    event_ids: tuple[str, ...]


def light_things(
    row: OpportunityProcess, actions: Sequence[LoggedAction]
) -> Iterator[CountedThing]:
    """`light_due` where a limit ended or was met, `light_met` where it was met; to whom the
    opportunity belonged then."""
    owned = owned_spans(row)
    for judged in _judged(row, actions):
        scopes = scopes_at(owned, judged.at, _LATEST)
        for figure in (DUE, MET) if judged.is_met else (DUE,):
            at = judged.at
            yield CountedThing(figure, "", judged.light, scopes, at, at, at, judged.event_ids)


def _judged(row: OpportunityProcess, actions: Sequence[LoggedAction]) -> Iterator[Judged]:
    yield from _entered(row)
    proposals = [each for each in actions if each.type in PROPOSALS]
    yield from _proposed(row, proposals)
    if proposals:
        yield from _answered(row, proposals, actions)


def _entered(row: OpportunityProcess) -> Iterator[Judged]:
    late = row.entered_seconds_late
    if late is None:
        return
    opened = row.stays[0]
    limit = row.rules[0].lights.entered
    is_met = late <= limit
    at = opened.entered_at + timedelta(seconds=late if is_met else limit)
    yield Judged(ENTERED, at, is_met, (opened.event_id,))


def _proposed(row: OpportunityProcess, proposals: Sequence[LoggedAction]) -> Iterator[Judged]:
    """Once an opportunity: from first entering the stage that the pipeline names."""
    stay = next((each for each in row.stays if each.stage == _proposal_stage(row, each)), None)
    if stay is None:
        return
    limit = rules_at(row, (stay.entered_at, stay.version)).lights.proposal
    due = stay.entered_at + timedelta(seconds=limit)
    sent = next((each for each in proposals if each.type == PROPOSAL_SENT), None)
    if sent is not None and sent.at <= due:
        at = max(sent.at, stay.entered_at)
        yield Judged(PROPOSAL, at, True, (stay.event_id, sent.event_id))
    elif not _is_closed_by(row, (stay.entered_at, stay.version), due):
        yield Judged(PROPOSAL, due, False, (stay.event_id,))


def _proposal_stage(row: OpportunityProcess, stay: Stay) -> str | None:
    return rules_at(row, (stay.entered_at, stay.version)).lights.proposal_stage


def _answered(
    row: OpportunityProcess, proposals: Sequence[LoggedAction], actions: Sequence[LoggedAction]
) -> Iterator[Judged]:
    """The latest proposal waits; one that is followed by another in time waits no more."""
    for number, proposal in enumerate(proposals):
        limit = rules_at(row, proposal.order).lights.reaction
        due = proposal.at + timedelta(seconds=limit)
        following = proposals[number + 1].order if number + 1 < len(proposals) else None
        reaction = next(
            (each for each in actions if each.contact == "in" and each.order > proposal.order),
            None,
        )
        if reaction is not None and following is not None and reaction.order > following:
            reaction = None
        if reaction is not None and reaction.at <= due:
            yield Judged(REACTION, reaction.at, True, (proposal.event_id, reaction.event_id))
        elif following is not None and following[0] <= due:
            continue
        elif not _is_closed_by(row, proposal.order, due):
            yield Judged(REACTION, due, False, (proposal.event_id,))


def _is_closed_by(row: OpportunityProcess, begun: Order, due: datetime) -> bool:
    """Whether it was closed after that began, up to the moment due."""
    return any(
        time.closed is not None and time.closed >= begun and time.closed[0] <= due
        for time in open_times(row)
    )


class LightCount(NamedTuple):
    met: int
    due: int


def light_rows(
    unit_id: str,
    children: Sequence[str],
    counts: Mapping[tuple[Scope, str], LightCount],
    units_of_reps: Mapping[str, str],
    settings: LightSettings = DEFAULT_LIGHTS,
) -> list[dict[str, Any]]:
    """U with every light; its children and reps with those that had something due."""
    counted = {scope for (scope, _), count in counts.items() if count.due}
    rows = []
    for scope in scopes_listed(unit_id, children, counted):
        for name in LIGHTS:
            count = counts.get((scope, name), LightCount(0, 0))
            if not count.due and scope != Scope(unit_id, ""):
                continue
            rate = ratio(count.met, count.due)
            unit = units_of_reps.get(scope.rep_id, unit_id) if scope.rep_id else scope.unit_id
            rows.append(
                {
                    "unit_id": unit,
                    "rep_id": scope.rep_id or None,
                    "measure": name,
                    "met": count.met,
                    "due": count.due,
                    "rate": rate,
                    "light": light(rate, settings),
                }
            )
    return rows
