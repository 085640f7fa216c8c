"""Breakpoints: the five stages that lost the most hours in a month, each with its worst (P12)."""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from services.projections.domain.windows import month_of
from services.projections.pages.layout import Crumb, page
from services.projections.pages.page_route import page_router
from services.projections.pages.visits import Visit, visit_of
from services.projections.queries.asking import Question
from services.projections.queries.breakpoint_board import breakpoint_board
from services.projections.queries.customer_names import customers_of
from shared.access import Caller, Resource, Verb
from shared.http import Access, Id
from shared.ports import Ports

_MONTHS = 6


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
        months = months_before(visit, _MONTHS)
        question = Question(unit_id=unit, month=month or months[0], language=visit.words.language)
        board = await breakpoint_board(ports.read_store, visit.asker, question)
        return page(
            visit,
            "breakpoints.html",
            title=visit.words.say("Breakpoints"),
            crumbs=[Crumb("/", visit.words.say("Today"))],
            question=question,
            board=board,
            rows=[await _named(visit, row) for row in board["rows"]],
            most_hours=max((row["hours_over"] for row in board["rows"]), default=0),
            months=months,
        )

    return routes


def months_before(visit: Visit, count: int) -> list[str]:
    """The running month and those before it, the latest first."""
    zone, at = visit.organisation.zone(), visit.asker.clock
    found = []
    for _ in range(count):
        month = month_of(at, zone)
        found.append(month.name)
        at = month.begins - timedelta(days=1)
    return found


async def _named(visit: Visit, row: dict[str, Any]) -> dict[str, Any]:
    ids = [each["opportunity_id"] for each in row["opportunities"]]
    customers = await customers_of(visit.ports.read_store, visit.asker.tenant_id, ids)
    await visit.know_customers(list(customers.values()))
    worst = [
        {**each, "customer_id": customers.get(each["opportunity_id"])}
        for each in row["opportunities"]
    ]
    return {**row, "opportunities": worst}
