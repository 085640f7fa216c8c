"""The board of the process health index (P3): units, reps and weeks with what was counted."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy.ext.asyncio import AsyncConnection

from services.projections.domain.process_health import (
    HealthSettings,
    Scope,
    WeekFigures,
    WinRate,
    correlated_points,
    correlation,
    health,
    health_row,
    scopes_listed,
)
from services.projections.domain.windows import Moment, Window, end_of, week_of, weeks_between
from services.projections.queries.asking import (
    Asker,
    Question,
    refuse_filters,
    refuse_windows,
)
from services.projections.queries.figures import (
    HEALTH_FIGURES,
    WITHOUT_DWELLING,
    ScopesAsked,
    first_moment,
    weekly_closings,
    weekly_figures,
)
from shared.organisation import Organisation
from shared.read_store import ReadStore

_WEEKS_AFTER = 4


async def process_health_board(
    reads: ReadStore, asker: Asker, question: Question
) -> dict[str, Any]:
    """Without a week every week with data. Raises Malformed for another window or a stage."""
    refuse_windows(question, ("month", "quarter"), "process-health")
    refuse_filters(question, "process-health")
    unit_id = asker.unit(question)
    children = asker.organisation.children(unit_id)
    asked = ScopesAsked(asker.tenant_id, unit_id, children)
    async with reads.reading() as connection:
        weeks = await weeks_asked(connection, asker, question, asked)
        if not weeks:
            return {"as_of": asker.moment(question), "rows": [], "correlation": None}
        until = end_of(weeks[-1], asker.moment(question))
        figures = await weekly_figures(connection, asked, weeks, until)
        related = None
        if question.week is None and asker.only_rep(question) is None:
            found = await weeks_and_after(connection, asker, question, weeks)
            related = correlated(asker, question, found)
    rows: list[dict[str, Any]] = []
    for number, week in enumerate(weeks):
        of_week = {scope: each[number] for scope, each in figures.items()}
        rows += _rows_of_week(asker, question, week, of_week)
    return {"as_of": asker.moment(question), "rows": rows, "correlation": related}


async def health_of_last_weeks(
    reads: ReadStore, asker: Asker, question: Question, count: int, *, below: bool = True
) -> list[dict[str, Any]]:
    """Rows as the board has them, of so many weeks up to the one asked for or the running one.

    Reps are listed as on a page; `below` False: only the unit, or the one rep.
    """
    refuse_filters(question, "process-health")
    unit_id, last = asker.unit(question), running_week(asker, question)
    first = last.begins - timedelta(weeks=count - 1)
    weeks = weeks_between(first, last.begins, asker.zone(question))
    organisation = asker.organisation
    children = organisation.children(unit_id) if below else ()
    only_rep = asker.only_rep(question)
    reps: Collection[str] | None = asker.reps_on_page(question) if below or only_rep else ()
    asked = ScopesAsked(asker.tenant_id, unit_id, children, reps)
    async with reads.reading() as connection:
        until = end_of(last, asker.moment(question))
        dwells = health_settings(organisation, until.at).index_uses == "dwell"
        counted = HEALTH_FIGURES if dwells else WITHOUT_DWELLING
        figures = await weekly_figures(connection, asked, weeks, until, counted)
    rows: list[dict[str, Any]] = []
    for number, week in enumerate(weeks):
        of_week = {scope: each[number] for scope, each in figures.items()}
        rows += _rows_of_week(asker, question, week, of_week)
    return rows


async def weeks_asked(
    connection: AsyncConnection, asker: Asker, question: Question, asked: ScopesAsked
) -> Sequence[Window]:
    """The week named, else every week with data up to the moment."""
    window = asker.window(question)
    if window is not None:
        return [window]
    first = await first_moment(connection, asked)
    at = asker.moment(question)
    if first is None or first.at > at:
        return []
    return weeks_between(first.at, at, asker.zone(question))


def _rows_of_week(
    asker: Asker, question: Question, week: Window, figures: dict[Scope, WeekFigures]
) -> list[dict[str, Any]]:
    unit_id = asker.unit(question)
    until = end_of(week, asker.moment(question))
    settings = health_settings(asker.organisation, until.at)
    counted = [scope for scope, each in figures.items() if each.has_something]
    if not counted and question.week is None:
        return []
    only_rep = asker.only_rep(question)
    listed = scopes_listed(unit_id, asker.organisation.children(unit_id), counted)
    return [
        health_row(
            scope,
            week.name,
            figures.get(scope, WeekFigures()),
            settings,
            unit_of_rep(asker.organisation, scope.rep_id, until),
        )
        for scope in listed
        if only_rep is None or scope.rep_id == only_rep
    ]


def unit_of_rep(organisation: Organisation, rep_id: str, until: Moment) -> str | None:
    """The rep's unit at the end of the window."""
    if not rep_id:
        return None
    end = until.at + timedelta(milliseconds=1) if until.inclusive else until.at
    return organisation.unit_of(rep_id, end)


async def figures_of(
    connection: AsyncConnection, asker: Asker, question: Question, week: Window
) -> WeekFigures:
    """Of the unit or rep asked for in one week."""
    unit_id = asker.unit(question)
    only_rep = asker.only_rep(question)
    asked = ScopesAsked(asker.tenant_id, unit_id, (), {only_rep} if only_rep else ())
    until = end_of(week, asker.moment(question))
    found = await weekly_figures(connection, asked, [week], until)
    weeks = found.get(Scope(unit_id, only_rep or ""))
    return weeks[0] if weeks else WeekFigures()


class WeekAndAfter(NamedTuple):
    """A unit's week with its index, and what was closed in the four weeks after."""

    unit_id: str
    week: str
    weekly_index: float | None
    after: WinRate


async def weeks_and_after(
    connection: AsyncConnection, asker: Asker, question: Question, weeks: Sequence[Window]
) -> list[WeekAndAfter]:
    """Of the units below and the weeks whose four weeks after are over (P3)."""
    organisation, at = asker.organisation, asker.moment(question)
    units = sorted(organisation.subtree(asker.unit(question)))
    asked = ScopesAsked(asker.tenant_id, units[0], units[1:], ())
    until = end_of(weeks[-1], at)
    indexes = await weekly_figures(connection, asked, weeks, until)
    closings = await weekly_closings(connection, asked, weeks, until)
    over = sum(week.ends <= at for week in weeks)
    found: list[WeekAndAfter] = []
    for unit_id in units:
        figures = indexes.get(Scope(unit_id, ""), [])
        closed = closings.get(unit_id, [])
        for number in range(min(over - _WEEKS_AFTER, len(figures), len(closed))):
            after = closed[number + 1 : number + 1 + _WEEKS_AFTER]
            rate = WinRate(sum(each.won for each in after), sum(each.closed for each in after))
            settings = health_settings(organisation, weeks[number].ends)
            index = health(figures[number], settings).index
            found.append(WeekAndAfter(unit_id, weeks[number].name, index, rate))
    return found


def correlated(
    asker: Asker, question: Question, found: Sequence[WeekAndAfter]
) -> dict[str, Any] | None:
    """As the board shows it; None below the fewest weeks that say anything."""
    number, at = asker.organisation.number_setting, asker.moment(question)
    weekly = [(each.weekly_index, each.after) for each in found]
    points = correlated_points(weekly, int(number("correlation_minimum_closed", at)))
    related = correlation(points, int(number("correlation_minimum_points", at)))
    return None if related is None else {"coefficient": related.coefficient, "n": related.n}


def health_settings(organisation: Organisation, at: datetime) -> HealthSettings:
    """As in force at the end of the window."""
    number = organisation.number_setting
    return HealthSettings(
        weight_stage_compliance=number("index_weight_stage_compliance", at),
        weight_evidence_rate=number("index_weight_evidence_rate", at),
        weight_silence_overrun=number("index_weight_silence_overrun", at),
        healthy_stage_compliance=number("healthy_stage_compliance", at),
        healthy_evidence_rate=number("healthy_evidence_rate", at),
        healthy_silence_overrun=number("healthy_silence_overrun", at),
        index_uses=str(organisation.setting("index_uses", at)),
    )


def running_week(asker: Asker, question: Question) -> Window:
    """The week asked for, else the one the clock is in. Raises Malformed for another window."""
    refuse_windows(question, ("month", "quarter"), "process-health")
    return asker.window(question) or week_of(asker.moment(question), asker.zone(question))
