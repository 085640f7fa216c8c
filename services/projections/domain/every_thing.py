"""Everything that counts of an opportunity, and the figures that it adds up to."""

from collections.abc import Iterator, Mapping

from services.projections.domain.action_figures import VISIT, action_things
from services.projections.domain.counted_things import CountedThing, counted_things
from services.projections.domain.opportunity_course import counted_actions
from services.projections.domain.opportunity_row import OpportunityProcess
from services.projections.domain.process_figures import contributions
from services.projections.domain.traffic_lights import PROPOSALS, light_things
from shared.projection import Point

_TOLD_OF = PROPOSALS | {VISIT}


def every_thing(row: OpportunityProcess) -> Iterator[CountedThing]:
    yield from counted_things(row)
    yield from _behaviour(row)


def every_contribution(row: OpportunityProcess) -> Mapping[Point, int]:
    """Those of the process, worked out apart since nearly every event moves them, and those of
    what people did."""
    points = dict(contributions(row))
    for figure, stage, action, scopes, at, *_ in _behaviour(row):
        for unit_id, rep_id in scopes:
            point = Point(figure, unit_id, rep_id, stage, action, at)
            points[point] = points.get(point, 0) + 1
    return points


def _behaviour(row: OpportunityProcess) -> Iterator[CountedThing]:
    """Of an imported history there is mostly nothing to say: that is found out at once."""
    if row.entered_seconds_late is None and not row.visits and not _tells(row):
        return
    actions = counted_actions(row)
    yield from action_things(row, actions)
    yield from light_things(row, actions)


def _tells(row: OpportunityProcess) -> bool:
    stages = {rules.lights.proposal_stage for rules in row.rules} - {None}
    return (
        any(
            action.type in _TOLD_OF or action.hours_late is not None or action.summary_characters
            for action in row.actions
        )
        or any(stay.left_how == "won" for stay in row.stays)
        or any(stay.stage in stages for stay in row.stays)
    )
