"""Breakpoints: the five stages that lost the most hours in a month, each with its worst (P12)."""

from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from services.projections.pages.board_addresses import file_path, months_before
from services.projections.pages.choices import units_in_sight
from services.projections.pages.layout import from_today, page
from services.projections.pages.page_route import page_router
from services.projections.pages.visits import Visit, visit_of
from services.projections.queries.asking import Question
from services.projections.queries.breakpoint_board import breakpoint_board
from services.projections.queries.customer_names import customers_of
from shared.access import Caller, Resource, Verb
from shared.http import Access, Id
from shared.ports import Ports


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.BOARDS, Verb.READ)

    @routes.get("/breakpoints")
    async def breakpoints(
        request: Request,
        unit: Id | None = None,
        month: str | None = None,
        caller: Caller = Depends(reading),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        months = months_before(visit)
        question = Question(unit_id=unit, month=month or months[0], language=visit.words.language)
        board = await breakpoint_board(ports.read_store, visit.asker, question)
        return page(
            visit,
            "breakpoints.html",
            title=visit.words.say("Breakpoints"),
            crumbs=from_today(visit),
            question=question,
            board=board,
            rows=[await _named(visit, row) for row in board["rows"]],
            most_hours=max((row["hours_over"] for row in board["rows"]), default=0),
            months=months,
            units=units_in_sight(visit, Resource.BOARDS),
            file=file_path("breakpoints", question),
        )

    return routes


async def _named(visit: Visit, row: dict[str, Any]) -> dict[str, Any]:
    ids = [each["opportunity_id"] for each in row["opportunities"]]
    customers = await customers_of(visit.ports.read_store, visit.asker.tenant_id, ids)
    await visit.know_customers(list(customers.values()))
    worst = [
        {**each, "customer_id": customers.get(each["opportunity_id"])}
        for each in row["opportunities"]
    ]
    return {**row, "opportunities": worst}
