"""Sums of the figures that rows contribute, by scope and by week."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import (
    CTE,
    BigInteger,
    ColumnElement,
    Integer,
    and_,
    case,
    column,
    func,
    or_,
    select,
    true,
    values,
)
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
_GOLDEN = ("golden_due", "golden_done")
_AN_HOUR = 3600 * 1000
_A_WEEK = 7 * 24 * _AN_HOUR
_BEFORE = -1


class ScopesAsked(NamedTuple):
    """A unit as a whole and by rep, other units as a whole; `reps` None: everybody in the unit."""

    tenant_id: str
    unit_id: str
    others: Sequence[str]
    reps: Collection[str] | None = None

    def condition(self) -> ColumnElement[bool]:
        asked = [
            SERIES.c.tenant_id == self.tenant_id,
            SERIES.c.unit_id.in_([self.unit_id, *self.others]),
            or_(SERIES.c.rep_id == "", SERIES.c.unit_id == self.unit_id),
        ]
        if self.reps is not None:
            asked.append(SERIES.c.rep_id.in_(["", *sorted(self.reps)]))
        return and_(*asked)


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
    spans = _spans(weeks, until)
    chosen = select(SERIES.c.series_id, SERIES.c.figure).where(*conditions).subquery("chosen")
    amount = (
        select(func.sum(POINTS.c.amount))
        .where(
            POINTS.c.series_id == chosen.c.series_id,
            POINTS.c.at >= spans.c.begins,
            POINTS.c.at < spans.c.ends,
        )
        .scalar_subquery()
    )
    # A sum a series and week: points lie in this order, so nothing has to be sorted or grouped.
    query = (
        select(chosen.c.series_id, spans.c.week, amount)
        .join_from(chosen, spans, true())
        .where(or_(spans.c.week > _BEFORE, chosen.c.figure.in_(STATES)))
    )
    sums: dict[Scope, dict[tuple[str, str], dict[int, int]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for series_id, week, amount in await connection.execute(query):
        if series_id in named and amount is not None:  # named: else it began in between
            scope, figure = named[series_id]
            sums[scope][figure][int(week)] = int(amount)
    return {scope: _weeks_of(by_figure, len(weeks)) for scope, by_figure in sums.items()}


def _spans(weeks: Sequence[Window], until: Moment) -> CTE:
    """Each week by its number, the last up to the moment; before them all that was before."""
    begins = [milliseconds(week.begins) for week in weeks]
    ends = [*begins[1:], milliseconds(until.at) + until.inclusive]
    spans = [(_BEFORE, 0, begins[0]), *zip(range(len(weeks)), begins, ends, strict=True)]
    columns = (column("week", Integer), column("begins", BigInteger), column("ends", BigInteger))
    return values(*columns, name="spans").data(spans).cte("spans")


def _weeks_of(
    by_figure: Mapping[tuple[str, str], Mapping[int, int]], count: int
) -> list[WeekFigures]:
    plain: dict[str, list[int]] = {}
    by_stage: dict[str, dict[str, list[int]]] = {"dwell_open": {}, "dwell_overrun": {}}
    nothing = [0] * count
    for (figure, stage), amounts in by_figure.items():
        weekly = [amounts.get(week, 0) for week in range(count)]
        if figure in STATES:
            level = amounts.get(_BEFORE, 0)
            weekly = [level := level + value for value in weekly]
        if figure in by_stage:
            by_stage[figure][stage] = weekly
        else:
            plain[figure] = [a + b for a, b in zip(plain.get(figure, nothing), weekly, strict=True)]
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


class SeriesSum(NamedTuple):
    scope: Scope
    figure: str
    stage: str
    action: str
    amount: int


async def sums(
    connection: AsyncConnection,
    asked: ColumnElement[bool],
    figures: Sequence[str],
    begins: datetime | None,
    until: Moment,
) -> list[SeriesSum]:
    """Of each series that had a point by then, what was added in [begins, until)."""
    amount: ColumnElement[int] = POINTS.c.amount
    if begins is not None:
        amount = case((POINTS.c.at >= milliseconds(begins), amount), else_=0)
    of_series = select(func.sum(amount)).where(
        POINTS.c.series_id == SERIES.c.series_id, before(until)
    )
    columns = (SERIES.c.figure, SERIES.c.stage, SERIES.c.action, of_series.scalar_subquery())
    query = select(SERIES.c.unit_id, SERIES.c.rep_id, *columns).where(
        asked, SERIES.c.figure.in_(figures)
    )
    return [
        SeriesSum(Scope(unit_id, rep_id), figure, stage, action, int(amount))
        for unit_id, rep_id, figure, stage, action, amount in await connection.execute(query)
        if amount is not None
    ]


async def golden_counts(
    connection: AsyncConnection, asked: ScopesAsked, window: Window | None, until: Moment
) -> dict[tuple[Scope, GoldenKey], GoldenCount]:
    """Due and done in the window; what was due before it only is there with 0."""
    due: dict[tuple[Scope, GoldenKey], int] = {}
    done: dict[tuple[Scope, GoldenKey], int] = {}
    begins = None if window is None else window.begins
    for each in await sums(connection, asked.condition(), _GOLDEN, begins, until):
        found = due if each.figure == "golden_due" else done
        found[each.scope, GoldenKey(each.stage, each.action)] = each.amount
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
