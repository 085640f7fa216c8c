"""Data quality of a month's leads: duplicates, shared fields, scores, by department (P14)."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends, Response

from services.projections.domain.data_quality import SHARED_FIELDS
from services.projections.pages.board_addresses import why_path
from services.projections.pages.board_files import data_quality_file
from services.projections.pages.catalogue import message
from services.projections.pages.layout import with_query
from services.projections.pages.month_boards import MonthBoard, month_board
from services.projections.pages.page_route import page_router
from services.projections.pages.visits import Visit
from services.projections.queries.asking import Question
from services.projections.queries.data_quality_board import data_quality_board
from shared.access import Resource, Verb
from shared.http import Access
from shared.ports import Ports

_FIELDS: Mapping[str, str] = {
    "decision_chain": message("Decision chain"),
    "budget_status": message("Budget status"),
    "core_needs": message("Core needs"),
}
_FIGURES = ("leads", "duplicates", "completeness", "score_median", "score_distribution")
Row = dict[str, Any]


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = month_board(ports, access)

    @routes.get("/data-quality")
    async def data_quality(
        asked: MonthBoard = Depends(reading),
    ) -> Response:
        visit, question = asked.visit, asked.question
        board = await data_quality_board(ports.read_store, visit.asker, question)
        fields = [(name, visit.words.say(_FIELDS[name])) for name in SHARED_FIELDS]
        if asked.is_file:
            return data_quality_file(visit, board["rows"], fields)
        lines = [_line(visit, row, question) for row in board["rows"]]
        return asked.page(
            "data_quality.html",
            title=visit.words.say("Data quality"),
            fields=fields,
            whole=lines[0] if lines else None,
            below=lines[1:],
            may_merge=visit.may(Resource.CUSTOMERS, Verb.WRITE),
        )

    return routes


def _line(visit: Visit, row: Row, question: Question) -> Row:
    unit_id = row["unit_id"]
    whys = {each: why_path("data-quality", question, each, unit=unit_id) for each in _FIGURES}
    return {**row, "why": whys, "narrowed": with_query(visit.request, unit=unit_id)}
