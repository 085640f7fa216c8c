"""Sums of the figures that rows contribute, by scope and by week."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.projections.domain.golden_actions import GoldenCount, GoldenKey
from services.projections.domain.process_health import Scope, WeekFigures, WinRate
from services.projections.domain.windows import Moment, Window, stretches
from services.projections.queries.read_models import PROCESSES
from shared.clock import milliseconds, moment

POINTS, SERIES = PROCESSES.points, PROCESSES.series

HEALTH_FIGURES = (
    "moved",
    "skipped",
    "evidence_required",
    "evidence_complete",
    "open",
    "overrun",
    "dwell_open",
    "dwell_overrun",
)
WITHOUT_DWELLING = HEALTH_FIGURES[:-2]
STATES = ("open", "overrun", "dwell_open", "dwell_overrun")
_AN_HOUR = 3600 * 1000
_A_WEEK = 7 * 24 * _AN_HOUR
_BEFORE = -1


class ScopesAsked(NamedTuple):
    """A unit as a whole and, unless only that is asked for, by rep; other units as a whole."""

    tenant_id: str
    unit_id: str
    others: Sequence[str]
    by_rep: bool = True

    def condition(self) -> ColumnElement[bool]:
        units = self.others if self.by_rep else (self.unit_id, *self.others)
        whole = and_(SERIES.c.unit_id.in_(list(units)), SERIES.c.rep_id == "")
        if not self.by_rep:
            return and_(SERIES.c.tenant_id == self.tenant_id, whole)
        return and_(
            SERIES.c.tenant_id == self.tenant_id, or_(SERIES.c.unit_id == self.unit_id, whole)
        )


def before(until: Moment) -> ColumnElement[bool]:
    at = milliseconds(until.at)
    return POINTS.c.at <= at if until.inclusive else POINTS.c.at < at


async def first_moment(connection: AsyncConnection, asked: ScopesAsked) -> Moment | None:
    """When the unit had something to count for the first time."""
    query = (
        select(func.min(POINTS.c.at))
        .join_from(POINTS, SERIES, POINTS.c.series_id == SERIES.c.series_id)
        .where(
            SERIES.c.tenant_id == asked.tenant_id,
            SERIES.c.unit_id == asked.unit_id,
            SERIES.c.figure.in_(("open", "evidence_required")),
            SERIES.c.rep_id == "",
        )
    )
    found = (await connection.execute(query)).scalar_one()
    return None if found is None else Moment(moment(found), inclusive=True)


def week_index(weeks: Sequence[Window]) -> ColumnElement[int]:
    whens = [
        (
            POINTS.c.at >= milliseconds(stretch.begins),
            (POINTS.c.at - milliseconds(stretch.begins)) // _A_WEEK + stretch.first_index,
        )
        for stretch in reversed(stretches(weeks))
    ]
    return case(*whens, else_=_BEFORE)


async def weekly_figures(
    connection: AsyncConnection,
    asked: ScopesAsked,
    weeks: Sequence[Window],
    until: Moment,
    wanted: Sequence[str] = HEALTH_FIGURES,
) -> dict[Scope, list[WeekFigures]]:
    """Per scope the figures of each of some weeks in a row, the last of which ends at `until`."""
    index = week_index(weeks).label("week")
    columns = (
        SERIES.c.series_id,
        SERIES.c.unit_id,
        SERIES.c.rep_id,
        SERIES.c.figure,
        SERIES.c.stage,
    )
    conditions = (asked.condition(), SERIES.c.figure.in_(wanted))
    named = {
        series_id: (Scope(unit_id, rep_id), (figure, stage))
        for series_id, unit_id, rep_id, figure, stage in await connection.execute(
            select(*columns).where(*conditions)
        )
    }
    # By the series' number alone: points lie in its order, and texts need not be compared.
    query = (
        select(POINTS.c.series_id, index, func.sum(POINTS.c.amount))
        .where(POINTS.c.series_id.in_(select(SERIES.c.series_id).where(*conditions)), before(until))
        .group_by(POINTS.c.series_id, index)
    )
    sums: dict[Scope, dict[tuple[str, str], dict[int, int]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for series_id, week, amount in await connection.execute(query):
        if series_id in named:  # else it began in between
            scope, figure = named[series_id]
            sums[scope][figure][int(week)] = int(amount)
    return {scope: _weeks_of(by_figure, len(weeks)) for scope, by_figure in sums.items()}


def _weeks_of(
    by_figure: Mapping[tuple[str, str], Mapping[int, int]], count: int
) -> list[WeekFigures]:
    plain: dict[str, list[int]] = {}
    by_stage: dict[str, dict[str, list[int]]] = {"dwell_open": {}, "dwell_overrun": {}}
    nothing = [0] * count
    for (figure, stage), amounts in by_figure.items():
        values = [amounts.get(week, 0) for week in range(count)]
        if figure in STATES:
            level = amounts.get(_BEFORE, 0)
            values = [level := level + value for value in values]
        if figure in by_stage:
            by_stage[figure][stage] = values
        else:
            plain[figure] = [a + b for a, b in zip(plain.get(figure, nothing), values, strict=True)]
    return [
        WeekFigures(
            moved=plain.get("moved", nothing)[week],
            skipped=plain.get("skipped", nothing)[week],
            evidence_required=plain.get("evidence_required", nothing)[week],
            evidence_complete=plain.get("evidence_complete", nothing)[week],
            open=plain.get("open", nothing)[week],
            overrun=plain.get("overrun", nothing)[week],
            dwell_open={stage: each[week] for stage, each in by_stage["dwell_open"].items()},
            dwell_overrun={stage: each[week] for stage, each in by_stage["dwell_overrun"].items()},
        )
        for week in range(count)
    ]


async def weekly_closings(
    connection: AsyncConnection, asked: ScopesAsked, weeks: Sequence[Window], until: Moment
) -> dict[str, list[WinRate]]:
    """Per unit what was won and closed in each week."""
    index = week_index(weeks).label("week")
    query = (
        select(SERIES.c.unit_id, SERIES.c.figure, index, func.sum(POINTS.c.amount))
        .join_from(POINTS, SERIES, POINTS.c.series_id == SERIES.c.series_id)
        .where(
            asked.condition(),
            SERIES.c.rep_id == "",
            SERIES.c.figure.in_(("won", "closed")),
            before(until),
        )
        .group_by(SERIES.c.unit_id, SERIES.c.figure, index)
    )
    sums: dict[str, dict[tuple[str, int], int]] = defaultdict(dict)
    for unit_id, figure, week, amount in await connection.execute(query):
        sums[unit_id][figure, int(week)] = int(amount)
    return {
        unit_id: [
            WinRate(found.get(("won", week), 0), found.get(("closed", week), 0))
            for week in range(len(weeks))
        ]
        for unit_id, found in sums.items()
    }


async def golden_counts(
    connection: AsyncConnection, asked: ScopesAsked, window: Window | None, until: Moment
) -> dict[tuple[Scope, GoldenKey], GoldenCount]:
    """Due and done in the window; what was due before it only is there with 0."""
    begins = 0 if window is None else milliseconds(window.begins)
    inside = func.sum(case((POINTS.c.at >= begins, POINTS.c.amount), else_=0))
    columns = (SERIES.c.unit_id, SERIES.c.rep_id, SERIES.c.stage, SERIES.c.action)
    query = (
        select(*columns, SERIES.c.figure, inside)
        .join_from(POINTS, SERIES, POINTS.c.series_id == SERIES.c.series_id)
        .where(asked.condition(), SERIES.c.figure.in_(("golden_due", "golden_done")), before(until))
        .group_by(*columns, SERIES.c.figure)
    )
    due: dict[tuple[Scope, GoldenKey], int] = {}
    done: dict[tuple[Scope, GoldenKey], int] = {}
    for unit_id, rep_id, stage, action, figure, amount in await connection.execute(query):
        found = due if figure == "golden_due" else done
        found[Scope(unit_id, rep_id), GoldenKey(stage, action)] = int(amount)
    return {key: GoldenCount(done.get(key, 0), count) for key, count in due.items()}


async def hours_by_stage(
    connection: AsyncConnection,
    asked: ScopesAsked,
    rep_id: str,
    figure: str,
    span: tuple[datetime, Moment],
) -> dict[str, float]:
    """Per stage how long a state lasted in [begins, end), of all opportunities together.

    What began before the span counts from its beginning on: each point weighs what is left of it.
    """
    begins, end = milliseconds(span[0]), milliseconds(span[1].at)
    left = case((POINTS.c.at <= begins, end - begins), else_=end - POINTS.c.at)
    query = (
        select(SERIES.c.stage, func.sum(POINTS.c.amount * left))
        .join_from(POINTS, SERIES, POINTS.c.series_id == SERIES.c.series_id)
        .where(
            SERIES.c.tenant_id == asked.tenant_id,
            SERIES.c.unit_id == asked.unit_id,
            SERIES.c.rep_id == rep_id,
            SERIES.c.figure == figure,
            POINTS.c.at < end,
        )
        .group_by(SERIES.c.stage)
    )
    found = await connection.execute(query)
    return {stage: int(lasted) / _AN_HOUR for stage, lasted in found}
