"""Allocation in the open: who got how many leads in a month, how fair that was (L7), and how
leads fare by unit: first responses (L10), proven interest (O16), won."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response

from services.projections.pages.board_addresses import months_before
from services.projections.pages.catalogue import message
from services.projections.pages.choices import own_unit, units_in_sight
from services.projections.pages.layout import Crumb, page
from services.projections.pages.lead_words import said
from services.projections.pages.own_api import ApiRefused
from services.projections.pages.page_route import page_router, status_and_code
from services.projections.pages.tables import csv_file
from services.projections.pages.visits import Visit, visit_of
from shared.access import Caller, Resource, Verb
from shared.errors import NotFound
from shared.http import Access, Id
from shared.ports import Ports

_TENURES: Mapping[str, str] = {
    "under_3_months": message("under 3 months"),
    "under_1_year": message("under 1 year"),
    "over_1_year": message("over 1 year"),
    "unknown": message("unknown"),
}
Row = dict[str, Any]


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.LEADS, Verb.READ)

    @routes.get("/allocation")
    async def allocation(
        request: Request,
        unit: Id | None = None,
        month: str | None = None,
        as_file: Annotated[str | None, Query(alias="format", pattern="^csv$")] = None,
        caller: Caller = Depends(reading),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        unit = unit or own_unit(visit, Resource.LEADS)
        query = [(name, value) for name, value in (("unit", unit), ("month", month)) if value]
        board = await visit.api.get("/boards/allocation", query)
        if as_file:
            return _file(visit, board["rows"])
        return page(
            visit,
            "allocation.html",
            title=visit.words.say("Allocation in the open"),
            crumbs=[Crumb("/leads", visit.words.say("Leads"))],
            board=board,
            tenures=[
                {**row, "tenure_named": said(visit, _TENURES, row["tenure"])}
                for row in board["by_tenure"]
            ],
            unit=unit,
            units=units_in_sight(visit, Resource.LEADS),
            month=month,
            months=months_before(visit),
            by_unit=await _by_unit(visit, unit),
        )

    return routes


async def _by_unit(visit: Visit, unit: str | None) -> list[Row]:
    """The unit, then its children, with what their leads come to; a rep sees none of it."""
    query = [("unit", unit)] if unit else []
    found: dict[str, Row] = {}
    for board in ("first-responses", "intent", "lead-to-won"):
        try:
            rows = (await visit.api.get(f"/boards/{board}", query))["rows"]
        except ApiRefused as refusal:
            if status_and_code(refusal)[0] != NotFound.status:
                raise
            return []
        for row in rows:
            found.setdefault(row["unit_id"], {}).update(_named(board, row))
    return list(found.values())


def _named(board: str, row: Row) -> Row:
    """Both boards of customers and of leads call their part of the whole a share."""
    share = {"intent": "intent_share", "lead-to-won": "won_share"}.get(board, "share")
    return {(share if name == "share" else name): value for name, value in row.items()}


def _file(visit: Visit, rows: Sequence[Row]) -> Response:
    say = visit.words.say
    columns = (
        *(say("Rep"), say("Tenure"), say("Leads"), say("Of high value")),
        *(say("Days eligible"), say("Became opportunities"), say("Conversion")),
    )
    table = [
        (
            visit.person(row["rep_id"]),
            said(visit, _TENURES, row["tenure"]),
            row["assigned"],
            row["high_value"],
            row["days_eligible"],
            row["converted"],
            row["conversion"],
        )
        for row in rows
    ]
    return csv_file("allocation", columns, table)
