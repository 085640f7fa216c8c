"""Breakpoints: the five stages that lost the most hours in a month, each with its worst (P12)."""

from typing import Any

from fastapi import APIRouter, Depends, Response

from services.projections.pages.board_files import breakpoints_file
from services.projections.pages.month_boards import MonthBoard, month_board
from services.projections.pages.page_route import page_router
from services.projections.pages.visits import Visit
from services.projections.queries.breakpoint_board import breakpoint_board
from services.projections.queries.customer_names import customers_of
from shared.http import Access
from shared.ports import Ports


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = month_board(ports, access)

    @routes.get("/breakpoints")
    async def breakpoints(
        asked: MonthBoard = Depends(reading),
    ) -> Response:
        visit = asked.visit
        board = await breakpoint_board(ports.read_store, visit.asker, asked.question)
        rows = [await _named(visit, row) for row in board["rows"]]
        if asked.is_file:
            return breakpoints_file(visit, rows)
        return asked.page(
            "breakpoints.html",
            title=visit.words.say("Breakpoints"),
            board=board,
            rows=rows,
            most_hours=max((row["hours_over"] for row in board["rows"]), default=0),
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
