"""Customers looked for by what is known of them; leads and opportunities by their ids (L1)."""

from typing import Any, NamedTuple
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import FormData

from services.projections.pages.duplicates import REASONS
from services.projections.pages.forms import filled, own_form
from services.projections.pages.layout import page
from services.projections.pages.lead_words import said
from services.projections.pages.own_api import ApiRefused
from services.projections.pages.page_route import page_router, status_and_code
from services.projections.pages.sent_forms import FormFields, ShownForm
from services.projections.pages.visits import Visit, visit_of
from shared.access import Caller, Resource, Verb
from shared.errors import FieldProblem, Malformed, NotFound
from shared.http import Access
from shared.ports import Ports

_MARKS = ("name", "phone", "email", "credit_code")
_LONGEST_ID = 64
_FORM = FormFields(
    names=(*_MARKS, "id"),
    of_api=dict.fromkeys(("customer_id", "lead_id", "opportunity_id"), "id"),
)
_KINDS = (
    (Resource.CUSTOMERS, "/customers"),
    (Resource.LEADS, "/leads"),
    (Resource.OPPORTUNITIES, "/opportunities"),
)


class _Found(NamedTuple):
    """`why`: by what it was recognised."""

    path: str
    name: str
    found_id: str
    why: str


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.CUSTOMERS, Verb.READ)

    @routes.get("/customers")
    async def customers(request: Request, caller: Caller = Depends(reading)) -> Response:
        return _page(await visit_of(ports, request, caller), _FORM.blank())

    @routes.post("/customers")
    async def find_customers(
        request: Request, caller: Caller = Depends(reading), form: FormData = Depends(own_form)
    ) -> Response:
        """A form that is sent: what one looks for is no part of an address."""
        visit = await visit_of(ports, request, caller)
        typed = filled(form, _FORM.names)
        try:
            found = await _found(visit, typed)
        except (ApiRefused, Malformed) as refusal:
            return _page(visit, _FORM.refused(visit, form, refusal))
        return _page(visit, ShownForm(typed=typed), found)

    return routes


async def _found(visit: Visit, typed: dict[str, str]) -> list[_Found]:
    """Raises ApiRefused, and Malformed where nothing is looked for."""
    sought = {name: typed[name] for name in _MARKS if typed[name]}
    if not sought and not typed["id"]:
        raise Malformed("name", errors=[FieldProblem("name", "missing", "something is needed")])
    found = await _with_id(visit, typed["id"]) if typed["id"] else []
    if sought:
        rows = (await visit.api.post("/customers/search", sought)).json()["rows"]
        found += [
            _Found(
                f"/customers/{row['customer_id']}",
                row["name"] or row["customer_id"],
                row["customer_id"],
                " · ".join(said(visit, REASONS, each) for each in row["reasons"]),
            )
            for row in rows
        ]
    return found


async def _with_id(visit: Visit, found_id: str) -> list[_Found]:
    """Raises ApiRefused or Malformed for what no id can be."""
    if len(found_id) > _LONGEST_ID:
        raise Malformed("id", errors=[FieldProblem("id", "malformed-id", "is too long")])
    found = []
    for resource, path in _KINDS:
        if (
            visit.may(resource)
            and (one := await _one(visit, f"{path}/{quote(found_id, safe='')}")) is not None
        ):
            await visit.know_customers([one["customer_id"]])
            place = path if resource != Resource.OPPORTUNITIES else "/timelines/opportunity"
            name = visit.customer(one["customer_id"])
            found.append(_Found(f"{place}/{found_id}", name, found_id, visit.words.say("this id")))
    return found


async def _one(visit: Visit, path: str) -> dict[str, Any] | None:
    try:
        return await visit.api.get(path)
    except ApiRefused as refusal:
        if status_and_code(refusal)[0] != NotFound.status:
            raise
        return None


def _page(visit: Visit, form: ShownForm, found: list[_Found] | None = None) -> Response:
    """`found`: None before anything was looked for."""
    return page(
        visit,
        "customers.html",
        status=form.status,
        title=visit.words.say("Customers"),
        place="/customers",
        form=form,
        found=found,
    )
