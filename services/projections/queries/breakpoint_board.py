"""The board of breakpoints (P12): hours over the limit by stage, the ten worst from their rows."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, case, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from services.projections.domain.breakpoints import (
    OPPORTUNITIES_SHOWN,
    Delay,
    StageOver,
    delay_in,
    figure_over,
    longest,
    ready_at,
    worst_stages,
)
from services.projections.domain.process_health import Scope
from services.projections.domain.windows import Moment, Window, end_of, month_of
from services.projections.queries.asking import Asker, Question, refuse_filters
from services.projections.queries.figures import ScopesAsked, hours_by_stage
from services.projections.queries.read_models import PROCESSES, SIGNALS
from shared.access import Resource
from shared.clock import milliseconds
from shared.read_store import ReadStore

_READ_AT_ONCE = 50
_RULES = {"overrun": "stalled", "dwell_overrun": "stage_overdue"}
"""The signal that says of an opportunity that it is over."""


async def breakpoint_board(reads: ReadStore, asker: Asker, question: Question) -> dict[str, Any]:
    """Without a window the month of the moment. Raises Malformed for a key industry."""
    refuse_filters(question, "breakpoints")
    window = month_or_week(asker, question)
    async with reads.reading() as connection:
        stages = await stages_over(connection, asker, question)
        delays = [await longest_delays(connection, asker, question, each) for each in stages]
    return {
        "as_of": asker.moment(question),
        "unit_id": asker.unit(question),
        "rep_id": asker.only_rep(question),
        "window": window.name,
        "ready_at": ready_at(window, asker.zone(question)),
        "is_ready": ready_at(window, asker.zone(question)) <= asker.moment(question),
        "index_uses": index_uses(asker, question),
        "rows": [
            {
                "stage": stage,
                "hours_over": hours,
                "opportunities": [_shown(delay) for delay in found],
            }
            for (stage, hours), found in zip(stages, delays, strict=True)
        ],
    }


def month_or_week(asker: Asker, question: Question) -> Window:
    return asker.window(question) or month_of(asker.moment(question), asker.zone(question))


def index_uses(asker: Asker, question: Question) -> str:
    """`silence` or `dwell`, as in force at the end of the window."""
    until = end_of(month_or_week(asker, question), asker.moment(question))
    return str(asker.organisation.setting("index_uses", until.at))


async def stages_over(
    connection: AsyncConnection, asker: Asker, question: Question
) -> list[StageOver]:
    window = month_or_week(asker, question)
    span = (window.begins, end_of(window, asker.moment(question)))
    if span[1].at <= window.begins:
        return []
    asked = ScopesAsked(asker.tenant_id, asker.unit(question), ())
    rep_id = asker.only_rep(question) or ""
    over = figure_over(index_uses(asker, question))
    hours = await hours_by_stage(connection, asked, rep_id, over, span)
    return worst_stages(StageOver(*each) for each in hours.items())


async def longest_delays(
    connection: AsyncConnection, asker: Asker, question: Question, worst: StageOver
) -> list[Delay]:
    """The ten that are in the asker's sight now.

    Signals say how long one can have been over at most; the rows are opened in that order until
    none of those left can be among the ten.
    """
    window = month_or_week(asker, question)
    span = (window.begins, end_of(window, asker.moment(question)))
    scope = Scope(asker.unit(question), asker.only_rep(question) or "")
    over = figure_over(index_uses(asker, question))
    candidates = await _candidates(connection, asker, (_RULES[over], worst.stage), span)
    found: list[Delay] = []
    for start in range(0, len(candidates), _READ_AT_ONCE):
        part = candidates[start : start + _READ_AT_ONCE]
        shortest_shown = longest(found)[-1].delay_hours if len(found) >= OPPORTUNITIES_SHOWN else 0
        if part[0][1] < shortest_shown:
            break
        rows = PROCESSES.rows
        query = select(rows.c.body).where(
            rows.c.tenant_id == asker.tenant_id, rows.c.key.in_([key for key, _ in part])
        )
        for body in (await connection.execute(query)).scalars():
            delay = delay_in(PROCESSES.decode(body), over, worst.stage, scope, span)
            found += [delay] if delay else []
    return longest(found)


async def _candidates(
    connection: AsyncConnection,
    asker: Asker,
    rule_and_stage: tuple[str, str],
    span: tuple[datetime, Moment],
) -> Sequence[tuple[str, float]]:
    """Opportunities in sight with the most hours that each can have been over, most first."""
    signals, rows = SIGNALS.rows, PROCESSES.rows
    begins, end = milliseconds(span[0]), milliseconds(span[1].at)
    since = case((signals.c.due_at > begins, signals.c.due_at), else_=begins)
    until = case((signals.c.ended_at < end, signals.c.ended_at), else_=end)
    lasted = func.sum(until - since).label("lasted")
    rule, stage = rule_and_stage
    query = (
        select(rows.c.key, lasted)
        .join_from(
            signals,
            rows,
            (rows.c.tenant_id == signals.c.tenant_id) & (rows.c.key == signals.c.subject_id),
        )
        .where(
            signals.c.tenant_id == asker.tenant_id,
            signals.c.rule == rule,
            signals.c.stage == stage,
            signals.c.state != "retracted",
            signals.c.due_at < end,
            or_(signals.c.ended_at.is_(None), signals.c.ended_at > begins),
            *_in_sight(asker),
        )
        .group_by(rows.c.key)
        .order_by(lasted.desc(), rows.c.key)
    )
    an_hour = timedelta(hours=1) // timedelta(milliseconds=1)
    return [(key, int(lasted) / an_hour) for key, lasted in await connection.execute(query)]


def _in_sight(asker: Asker) -> list[ColumnElement[bool]]:
    seen = asker.visibility(Resource.TIMELINES)
    if seen.everything:
        return []
    rows = PROCESSES.rows
    mine = rows.c.unit_id.in_(sorted(seen.unit_ids))
    return [or_(mine, rows.c.owner_id == seen.own_person_id)]


def _shown(delay: Delay) -> dict[str, Any]:
    return {name: value for name, value in delay._asdict().items() if name != "event_ids"}
