"""Breakpoints (P12): the stages that lost the most hours over their limit, and where."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from services.projections.domain.counted_things import counted_things
from services.projections.domain.opportunity_course import Calendar
from services.projections.domain.opportunity_row import OpportunityProcess
from services.projections.domain.process_health import Scope
from services.projections.domain.windows import Moment, Window

STAGES_SHOWN = 5
OPPORTUNITIES_SHOWN = 10
_READY_AFTER_DAYS = 4


class StageOver(NamedTuple):
    """`hours_over`: of all its opportunities together, in the window."""

    stage: str
    hours_over: float


class Delay(NamedTuple):
    """How long one opportunity was over a stage's limit in the window, by which events; `owner_id`
    and `unit_id` are those of the last moment of it."""

    opportunity_id: str
    customer_id: str
    stage: str
    delay_hours: float
    owner_id: str | None
    unit_id: str
    event_ids: tuple[str, ...]


def figure_over(index_uses: str) -> str:
    """What is over which limit: `silence` or `dwell`, as the health index reckons (P3)."""
    return "dwell_overrun" if index_uses == "dwell" else "overrun"


def worst_stages(hours: Iterable[StageOver]) -> list[StageOver]:
    """The five with the most hours, of equals by name."""
    over = [each for each in hours if each.hours_over > 0]
    return sorted(over, key=lambda each: (-each.hours_over, each.stage))[:STAGES_SHOWN]


def longest(delays: Iterable[Delay]) -> list[Delay]:
    """The ten with the longest delay, of equals by id."""
    return sorted(delays, key=lambda each: (-each.delay_hours, each.opportunity_id))[
        :OPPORTUNITIES_SHOWN
    ]


def delay_in(
    row: OpportunityProcess,
    over: str,
    stage: str,
    scope: Scope,
    span: tuple[datetime, Moment],
    calendar: Calendar | None = None,
) -> Delay | None:
    """None where it was within the limit all the time, or not of the scope while over it."""
    begins, end = span
    hours, last = timedelta(), begins
    event_ids: list[str] = []
    for thing in counted_things(row, calendar):
        if (thing.figure, thing.stage) != (over, stage) or tuple(scope) not in thing.scopes:
            continue
        until = end.at if thing.until is None else min(thing.until, end.at)
        since = max(thing.at, begins)
        if since < until:
            hours += until - since
            last = max(last, since)
            event_ids += thing.event_ids
    if not hours:
        return None
    owner = next((each for each in reversed(row.owners) if each.since <= last), row.owners[0])
    return Delay(
        row.opportunity_id,
        row.customer_id,
        stage,
        hours / timedelta(hours=1),
        owner.owner_id,
        owner.unit_path[-1],
        tuple(dict.fromkeys(event_ids)),
    )


def ready_at(month: Window, zone: str) -> datetime:
    """The 5th of the month after: by then what was entered late has come in."""
    local = month.ends.astimezone(ZoneInfo(zone))
    return (local + timedelta(days=_READY_AFTER_DAYS)).astimezone(month.ends.tzinfo)
