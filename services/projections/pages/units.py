"""The tree of units: who belongs where, a unit added, renamed or moved."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.datastructures import FormData

from services.projections.pages.catalogue import message
from services.projections.pages.forms import filled, own_form, text_of
from services.projections.pages.layout import Crumb, page
from services.projections.pages.page_route import page_router
from services.projections.pages.sent_forms import FormFields, Order, ShownForm, sent
from services.projections.pages.tables import csv_file
from services.projections.pages.visits import Visit, visit_of
from shared.access import Caller, Resource, Verb
from shared.errors import NotFound
from shared.http import Access, Id
from shared.ports import Ports

KINDS: Mapping[str, str] = {
    "headquarters": message("headquarters"),
    "region": message("region"),
    "team": message("team"),
    "store": message("store"),
}
_FORM = FormFields(
    names=("unit_id", "name", "parent_id", "kind"),
    of_codes={
        "unit-already-exists": "unit_id",
        "not-yet-known": "parent_id",
        "root-stays-on-top": "parent_id",
        "unit-would-contain-itself": "parent_id",
    },
)
_CHANGES = {"rename": "name", "move": "parent_id"}
Row = dict[str, Any]


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.UNITS, Verb.READ)
    writing = access.may(Resource.UNITS, Verb.WRITE)

    @routes.get("/units")
    async def units(
        request: Request,
        unit: Id | None = None,
        as_file: Annotated[str | None, Query(alias="format", pattern="^csv$")] = None,
        caller: Caller = Depends(reading),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        return await (_file(visit) if as_file else _page(visit, unit, _FORM.blank()))

    @routes.post("/units")
    async def change_units(
        request: Request,
        unit: Id | None = None,
        caller: Caller = Depends(writing),
        form: FormData = Depends(own_form),
    ) -> Response:
        """`unit`: the one that is renamed or moved; without it one is added."""
        visit = await visit_of(ports, request, caller)
        deed = text_of(form, "deed")
        return await sent(
            visit,
            _order(unit, deed, filled(form, _FORM.names)),
            lambda refusal: _page(visit, unit, _FORM.refused(visit, form, refusal, deed)),
        )

    return routes


async def _order(unit_id: str | None, deed: str, typed: Mapping[str, str]) -> Order:
    """Raises NotFound."""
    there = "/units?unit={unit_id}"
    if deed == "add":
        given = {name: value for name, value in typed.items() if value}
        return Order(path="/units", body=given, place=there)
    if unit_id is not None and deed in _CHANGES:
        name = _CHANGES[deed]
        return Order(path=f"/units/{unit_id}/{deed}", body={name: typed[name]}, place=there)
    raise NotFound(f"nothing is called {deed!r} here")


async def _page(visit: Visit, chosen: str | None, form: ShownForm) -> Response:
    rows = await _tree(visit)
    of_id = {row["unit_id"]: row for row in rows}
    if chosen is not None and chosen not in of_id:
        raise NotFound(f"unit {chosen}")
    one = of_id[chosen] if chosen else None
    return page(
        visit,
        "units.html",
        status=form.status,
        title=visit.words.say("Units"),
        crumbs=[Crumb("/people", visit.words.say("People"))],
        rows=rows,
        one=one,
        kinds=[(each, visit.words.say(title)) for each, title in KINDS.items()],
        may_change=visit.may(Resource.UNITS, Verb.WRITE),
        form=form,
    )


async def _tree(visit: Visit) -> list[Row]:
    """From the top, each under what it belongs to."""
    rows = {row["unit_id"]: row for row in (await visit.api.get("/units"))["rows"]}
    found: list[Row] = []

    def add(unit_id: str, depth: int) -> None:
        row, kind = rows[unit_id], rows[unit_id]["kind"]
        known = KINDS.get(kind)
        kind_named = visit.words.say(known) if known else kind
        found.append({**row, "indent": "\u2003" * depth, "kind_named": kind_named})
        for child in visit.organisation.children(unit_id):
            add(child, depth + 1)

    if visit.organisation.root_id is not None:
        add(visit.organisation.root_id, 0)
    return found


async def _file(visit: Visit) -> Response:
    say = visit.words.say
    columns = (say("Unit"), say("Name"), say("Kind"), say("Belongs to"), say("People"))
    rows = [
        (row["unit_id"], row["name"], row["kind_named"], row["parent_id"] or "", row["people"])
        for row in await _tree(visit)
    ]
    return csv_file("units", columns, rows)
