"""Sums and single moments of the figures that people's actions add up to (P4, P8, P9)."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.projections.domain.action_health import CompleteVisit, MonthOfActions
from services.projections.domain.process_health import Scope
from services.projections.domain.traffic_lights import DUE, MET, LightCount
from services.projections.domain.windows import Moment
from services.projections.queries.figures import POINTS, SERIES, ScopesAsked, before, sums
from shared.clock import milliseconds, moment


class Span(NamedTuple):
    """[begins, until); `begins` None: since ever."""

    begins: datetime | None
    until: Moment


class UnitsAsked(NamedTuple):
    """Units with everybody in them, or with some reps only."""

    tenant_id: str
    unit_ids: Sequence[str]
    reps: Collection[str] | None = None

    def condition(self) -> ColumnElement[bool]:
        asked = [
            SERIES.c.tenant_id == self.tenant_id,
            SERIES.c.unit_id.in_(list(self.unit_ids)),
        ]
        if self.reps is not None:
            asked.append(SERIES.c.rep_id.in_(sorted(self.reps)))
        return and_(*asked)


class Counted(NamedTuple):
    scope: Scope
    figure: str
    stage: str
    action: str
    at: datetime
    amount: int


async def light_counts(
    connection: AsyncConnection, asked: ScopesAsked, span: Span
) -> dict[tuple[Scope, str], LightCount]:
    """Per scope and light what was due and what of it was met."""
    found: dict[tuple[Scope, str], dict[str, int]] = defaultdict(dict)
    for each in await sums(connection, asked.condition(), (DUE, MET), *span):
        found[each.scope, each.action][each.figure] = each.amount
    return {key: LightCount(each.get(MET, 0), each.get(DUE, 0)) for key, each in found.items()}


async def moments(
    connection: AsyncConnection, asked: UnitsAsked, figures: Collection[str], span: Span
) -> list[Counted]:
    """Each point by itself: whose, of what and when."""
    query = (
        select(
            SERIES.c.unit_id,
            SERIES.c.rep_id,
            SERIES.c.figure,
            SERIES.c.stage,
            SERIES.c.action,
            POINTS.c.at,
            func.sum(POINTS.c.amount),
        )
        .join_from(POINTS, SERIES, POINTS.c.series_id == SERIES.c.series_id)
        .where(asked.condition(), SERIES.c.figure.in_(list(figures)), before(span.until))
        .group_by(POINTS.c.series_id, POINTS.c.at, *_OF_SERIES)
        .having(func.sum(POINTS.c.amount) != 0)
    )
    if span.begins is not None:
        query = query.where(POINTS.c.at >= milliseconds(span.begins))
    return [
        Counted(Scope(unit_id, rep_id), figure, stage, action, moment(at), int(amount))
        for unit_id, rep_id, figure, stage, action, at, amount in await connection.execute(query)
    ]


_OF_SERIES = (
    SERIES.c.unit_id,
    SERIES.c.rep_id,
    SERIES.c.figure,
    SERIES.c.stage,
    SERIES.c.action,
)


async def lateness(
    connection: AsyncConnection, asked: UnitsAsked, span: Span
) -> dict[Scope, dict[int, int]]:
    """Per unit and rep how many actions were entered so many whole hours late."""
    columns = (SERIES.c.unit_id, SERIES.c.rep_id, SERIES.c.stage)
    query = (
        select(*columns, func.sum(POINTS.c.amount))
        .join_from(POINTS, SERIES, POINTS.c.series_id == SERIES.c.series_id)
        .where(
            asked.condition(),
            SERIES.c.figure == "acted",
            SERIES.c.stage != "",
            before(span.until),
        )
        .group_by(*columns)
    )
    if span.begins is not None:
        query = query.where(POINTS.c.at >= milliseconds(span.begins))
    found: dict[Scope, dict[int, int]] = defaultdict(dict)
    for unit_id, rep_id, hours, amount in await connection.execute(query):
        if amount:
            found[Scope(unit_id, rep_id)][int(hours)] = int(amount)
    return found


async def months_of_actions(
    connection: AsyncConnection, asked: UnitsAsked, span: Span, timely_hours: int
) -> dict[Scope, MonthOfActions]:
    """Of every rep, and of each unit as a whole: what its reps did together (P4)."""
    found: dict[Scope, MonthOfActions] = defaultdict(MonthOfActions)
    for scope, by_hours in (await lateness(connection, asked, span)).items():
        for whose in (scope, Scope(scope.unit_id, "")):
            found[whose].recorded += sum(by_hours.values())
            found[whose].timely += sum(
                count for hours, count in by_hours.items() if hours <= timely_hours
            )
    for counted in await moments(connection, asked, ("visit",), span):
        visit = CompleteVisit(counted.at, counted.stage, counted.action)
        for whose in (counted.scope, Scope(counted.scope.unit_id, "")):
            found[whose].visits += [visit] * counted.amount
    return found
