"""The funnel's board (P6): units, reps and segments with the steps between its nodes."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import or_, select

from services.projections.domain.funnel import (
    SEGMENTS,
    Node,
    Passage,
    Step,
    bottleneck,
    node_named,
    passage,
    scopes_of_passage,
    segment_of,
    steps,
    whole,
)
from services.projections.domain.process_health import Scope, scopes_listed
from services.projections.domain.windows import Moment
from services.projections.queries.asking import Asker, Question, refuse_filters
from services.projections.queries.process_health_board import unit_of_rep
from services.projections.queries.read_models import PROCESSES, STAGE_NAMES
from shared.access import Resource
from shared.clock import milliseconds
from shared.errors import FieldProblem, Malformed
from shared.read_store import ReadStore

_READ_AT_ONCE = 2_000


class Asked(NamedTuple):
    """`pipeline` None: opportunities of every pipeline."""

    nodes: tuple[Node, ...]
    pipeline: str | None
    segment: str | None
    scopes: frozenset[Scope]
    """The units whose figures are wanted, as a whole, and the reps of the first."""
    in_sight_only: bool = False


class Cell(NamedTuple):
    """`segment` None: all of them together."""

    scope: Scope
    segment: str | None


async def funnel_board(reads: ReadStore, asker: Asker, question: Question) -> dict[str, Any]:
    """Without a window all time; without nodes from opening to winning through the stages of the
    pipeline named, else of the one published last.

    Raises Malformed for an event or segment that is none.
    """
    refuse_filters(question, "funnel")
    unit_id, at = asker.unit(question), asker.moment(question)
    children = asker.organisation.children(unit_id)
    asked = await what_is_asked(reads, asker, question)
    found = await passages(reads, asker, question, asked)
    only_rep = asker.only_rep(question)
    scopes = scopes_listed(unit_id, children, {cell.scope for cell in found})
    until = asker.until(question, asker.window(question))
    rows = []
    for scope in scopes:
        if only_rep is not None and scope.rep_id != only_rep:
            continue
        unit = unit_of_rep(asker.organisation, scope.rep_id, until) or scope.unit_id
        is_segmented = scope.unit_id == unit_id and scope.rep_id == (only_rep or "")
        segments = {cell.segment for cell in found if cell.scope == scope} if is_segmented else ()
        for segment in (None, *sorted(each for each in segments if each is not None)):
            passed = found.get(Cell(scope, segment), ())
            named = {"unit_id": unit, "rep_id": scope.rep_id or None, "segment": segment}
            rows.append(named | _row(passed, asked.nodes, at))
    return {
        "as_of": at,
        "nodes": [node.name for node in asked.nodes],
        "pipeline": asked.pipeline,
        "segmented_by": asked.segment,
        "rows": rows,
    }


async def what_is_asked(reads: ReadStore, asker: Asker, question: Question) -> Asked:
    """`question.nodes`: from, to, and those between in order, or none of them."""
    if question.segment not in (None, *SEGMENTS):
        problem = FieldProblem("segment", "unknown", f"one of {', '.join(SEGMENTS)}")
        raise Malformed(f"no segment {question.segment!r}", errors=[problem])
    pipeline = question.pipeline
    if question.nodes:
        first, last, *between = question.nodes
        named = [(first, "from"), *((each, "via") for each in between), (last, "to")]
        nodes = tuple(node_named(*each) for each in named)
    else:
        pipeline, stages = await _stages(reads, asker, pipeline)
        entered = (Node("stage_changed", stage) for stage in stages[1:])
        nodes = (Node("opportunity_opened"), *entered, Node("opportunity_won"))
    unit_id = asker.unit(question)
    units = (unit_id, *asker.organisation.children(unit_id))
    return Asked(nodes, pipeline, question.segment, frozenset(Scope(each, "") for each in units))


async def _stages(
    reads: ReadStore, asker: Asker, pipeline: str | None
) -> tuple[str | None, Sequence[str]]:
    rows = STAGE_NAMES.rows
    query = select(rows.c.key, rows.c.body).where(rows.c.tenant_id == asker.tenant_id)
    if pipeline is not None:
        query = query.where(rows.c.key == pipeline)
    async with reads.reading() as connection:
        found = [(STAGE_NAMES.decode(body), name) for name, body in await connection.execute(query)]
    if not found:
        return pipeline, ()
    latest, name = max(found, key=lambda each: (each[0].published_at, each[1]))
    return name, latest.stages


async def passages(
    reads: ReadStore, asker: Asker, question: Question, asked: Asked
) -> Mapping[Cell, Sequence[Passage]]:
    """Of every opportunity that entered the funnel in the window, for each that it counts for."""
    window = asker.window(question)
    until = asker.until(question, window)
    rows = PROCESSES.rows
    query = (
        select(rows.c.key, rows.c.unit_id, rows.c.owner_id, rows.c.body)
        .where(rows.c.tenant_id == asker.tenant_id, rows.c.opened_at <= milliseconds(until.at))
        .order_by(rows.c.key)
        .limit(_READ_AT_ONCE)
    )
    if window is not None and asked.nodes[0].event == "opportunity_opened":
        query = query.where(rows.c.opened_at >= milliseconds(window.begins))
    elif window is not None:
        begins = milliseconds(window.begins)
        query = query.where(or_(rows.c.closed_at.is_(None), rows.c.closed_at >= begins))
    seen = asker.visibility(Resource.TIMELINES)
    found: dict[Cell, list[Passage]] = defaultdict(list)
    after = ""
    async with reads.reading() as connection:
        while part := (await connection.execute(query.where(rows.c.key > after))).all():
            after = part[-1].key
            bodies = [
                each.body
                for each in part
                if not asked.in_sight_only
                or seen.includes(unit_id=each.unit_id, owner_id=each.owner_id)
            ]
            await asyncio.to_thread(_pass, bodies, asker, question, asked, found)
    return found


def _pass(
    bodies: Sequence[bytes],
    asker: Asker,
    question: Question,
    asked: Asked,
    found: dict[Cell, list[Passage]],
) -> None:
    window = asker.window(question)
    begins, until = window.begins if window else None, asker.until(question, window)
    at = Moment(asker.moment(question), inclusive=True)
    unit_id = asker.unit(question)
    for body in bodies:
        row = PROCESSES.decode(body)
        if asked.pipeline is not None and row.rules[-1].pipeline != asked.pipeline:
            continue
        passed = passage(row, asked.nodes, begins, until, at)
        if passed is None:
            continue
        segment = None if asked.segment is None else segment_of(row, asked.segment)
        for each in scopes_of_passage(row, passed):
            scope = Scope(*each)
            if scope in asked.scopes or (scope.unit_id == unit_id and scope.rep_id):
                found[Cell(scope, None)].append(passed)
                if segment is not None:
                    found[Cell(scope, segment)].append(passed)


def _row(passed: Sequence[Passage], nodes: Sequence[Node], at: Any) -> dict[str, Any]:
    found = steps(passed, nodes, at)
    narrowest = bottleneck(found)
    return {
        **step_figures(whole(passed, at)),
        "steps": [
            {
                "from": nodes[number].name,
                "to": nodes[number + 1].name,
                **step_figures(step),
                "is_bottleneck": number == narrowest,
            }
            for number, step in enumerate(found)
        ],
    }


def step_figures(step: Step) -> dict[str, Any]:
    return {
        "entered": step.entered,
        "reached": len(step.reached),
        "pending": len(step.pending),
        "dropped": len(step.dropped),
        "conversion": step.conversion,
        "drop_out": step.drop_out,
        "median_hours": step.median_hours,
        "p90_hours": step.p90_hours,
    }
