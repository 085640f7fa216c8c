"""The funnel's board (P6): units, reps and segments with the steps between its nodes."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import select

from services.projections.domain.funnel import SEGMENTS, Node, node_named
from services.projections.domain.funnel_figures import Step, bottleneck
from services.projections.domain.process_health import scopes_listed
from services.projections.queries.asking import Asker, Question, refuse_filters
from services.projections.queries.funnel_courses import Asked, Cell, count_funnel
from services.projections.queries.process_health_board import unit_of_rep
from services.projections.queries.read_models import STAGE_NAMES
from shared.errors import FieldProblem, Malformed
from shared.read_store import ReadStore


async def funnel_board(
    reads: ReadStore, asker: Asker, question: Question, reps: Collection[str] | None = None
) -> dict[str, Any]:
    """Without a window all time; without nodes from opening to winning through the stages of the
    pipeline named, else of the one published last. `reps` None: of everybody.

    Raises Malformed for an event or segment that is none.
    """
    refuse_filters(question, "funnel")
    unit_id, only_rep = asker.unit(question), asker.only_rep(question)
    asked = await what_is_asked(reads, asker, question)
    counted = await count_funnel(reads, asker, question, asked, reps)
    found = counted.figures()
    children = asker.organisation.children(unit_id)
    entered = {cell.scope for cell, (overall, _) in found.items() if overall.entered}
    until = asker.until(question, asker.window(question))
    rows = []
    for scope in scopes_listed(unit_id, children, entered):
        if only_rep is not None and scope.rep_id != only_rep:
            continue
        unit = unit_of_rep(asker.organisation, scope.rep_id, until) or scope.unit_id
        is_segmented = scope.unit_id == unit_id and scope.rep_id == (only_rep or "")
        of_scope = [cell.segment for cell in found if cell.scope == scope] if is_segmented else ()
        for segment in (None, *sorted(each for each in of_scope if each is not None)):
            named = {"unit_id": unit, "rep_id": scope.rep_id or None, "segment": segment}
            rows.append(named | _row(*found[Cell(scope, segment)], asked.nodes))
    return {
        "as_of": asker.moment(question),
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
    return Asked(nodes, pipeline, question.segment)


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


def _row(overall: Step, steps: Sequence[Step], nodes: Sequence[Node]) -> dict[str, Any]:
    narrowest = bottleneck(steps)
    return {
        **step_figures(overall),
        "steps": [
            {
                "from": nodes[number].name,
                "to": nodes[number + 1].name,
                **step_figures(step),
                "is_bottleneck": number == narrowest,
            }
            for number, step in enumerate(steps)
        ],
    }


def step_figures(step: Step) -> dict[str, Any]:
    return {
        "entered": step.entered,
        "reached": step.reached,
        "pending": step.pending,
        "dropped": step.dropped,
        "conversion": step.conversion,
        "drop_out": step.drop_out,
        "median_hours": step.median_hours,
        "p90_hours": step.p90_hours,
    }
