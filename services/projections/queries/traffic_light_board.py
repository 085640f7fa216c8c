"""The board of traffic lights (P8): entered, proposed and answered in time."""

from collections.abc import Collection
from typing import Any

from services.projections.domain.traffic_lights import light_rows
from services.projections.queries.asking import Asker, Question, refuse_filters
from services.projections.queries.behaviour_figures import Span, light_counts
from services.projections.queries.figures import ScopesAsked
from services.projections.queries.golden_action_board import lights
from services.projections.queries.process_health_board import unit_of_rep
from shared.read_store import ReadStore


async def traffic_light_board(
    reads: ReadStore, asker: Asker, question: Question, reps: Collection[str] | None = None
) -> dict[str, Any]:
    """Without a window all time; `reps` None: of everybody."""
    refuse_filters(question, "traffic-lights")
    unit_id = asker.unit(question)
    children = asker.organisation.children(unit_id)
    window = asker.window(question)
    until = asker.until(question, window)
    asked = ScopesAsked(asker.tenant_id, unit_id, children, reps)
    async with reads.reading() as connection:
        span = Span(window.begins if window else None, until)
        counts = await light_counts(connection, asked, span)
    counted = {scope.rep_id for scope, _ in counts if scope.rep_id}
    units = {rep: unit_of_rep(asker.organisation, rep, until) or unit_id for rep in counted}
    rows = light_rows(unit_id, children, counts, units, lights(asker, question))
    only_rep = asker.only_rep(question)
    if only_rep is not None:
        rows = [row for row in rows if row["rep_id"] == only_rep]
    return {"as_of": asker.moment(question), "rows": rows}
