"""The board of data quality (P14): duplicates, shared fields and scores by unit and month."""

from typing import Any

from services.projections.domain.data_quality import JudgedLead, data_quality_row
from services.projections.domain.windows import end_of
from services.projections.queries.action_health_board import month_asked
from services.projections.queries.asking import Asker, Question, refuse_filters
from services.projections.queries.behaviour_figures import Span
from services.projections.queries.lead_courses import judged_leads
from shared.read_store import ReadStore


async def data_quality_board(reads: ReadStore, asker: Asker, question: Question) -> dict[str, Any]:
    """Without a month the running one. A rep has no figure of their own: the rows are departments.

    Raises Malformed for a week or a stage.
    """
    refuse_filters(question, "data-quality")
    month = month_asked(asker, question)
    until = end_of(month, asker.moment(question))
    unit_id = asker.unit(question)
    units = [unit_id, *asker.organisation.children(unit_id)]
    points = int(asker.organisation.number_setting("score_bucket_points", until.at))
    async with reads.reading() as connection:
        span = Span(month.begins, until)
        leads = await judged_leads(connection, asker.tenant_id, month, span)
    rows = []
    for unit in units if asker.only_rep(question) is None else []:
        of_unit = leads_of(leads, unit)
        if of_unit or unit == unit_id:
            rows.append(data_quality_row(unit, month.name, of_unit, points))
    return {"as_of": asker.moment(question), "rows": rows}


def leads_of(leads: list[JudgedLead], unit_id: str) -> list[JudgedLead]:
    return [lead for lead in leads if unit_id in lead.unit_path]
