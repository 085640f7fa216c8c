"""Customers that look like one, with the reason of each: merged, or confirmed to be two (L1)."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.datastructures import FormData

from services.projections.pages.catalogue import message
from services.projections.pages.forms import own_form, text_of
from services.projections.pages.layout import Crumb, page
from services.projections.pages.lead_words import said
from services.projections.pages.page_route import page_router
from services.projections.pages.sent_forms import FormFields, Order, ShownForm, sent
from services.projections.pages.tables import csv_file
from services.projections.pages.visits import Visit, visit_of
from shared.access import Caller, Resource, Verb
from shared.errors import FieldProblem, Malformed, NotFound
from shared.http import Access
from shared.ports import Ports

_SHOWN = 50
_IN_A_FILE = 500
REASONS: Mapping[str, str] = {
    "phone": message("same phone"),
    "email-domain-and-name": message("same e-mail domain and name"),
    "company-name": message("same company name"),
    "credit-code": message("same credit code"),
}
_FORM = FormFields(
    names=("customer_id", "other_customer_id", "group"),
    of_api={"into_customer_id": "other_customer_id"},
    of_codes={
        "customer-cannot-merge-into-itself": "other_customer_id",
        "customer-is-already-merged": "other_customer_id",
        "merge-would-be-a-circle": "other_customer_id",
    },
)
Group = dict[str, Any]


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.CUSTOMERS, Verb.READ)
    writing = access.may(Resource.CUSTOMERS, Verb.WRITE)

    @routes.get("/duplicates")
    async def duplicates(
        request: Request,
        cursor: str | None = None,
        as_file: Annotated[str | None, Query(alias="format", pattern="^csv$")] = None,
        caller: Caller = Depends(reading),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        if as_file:
            groups, _next = await _groups(visit, None, _IN_A_FILE)
            return _file(visit, groups)
        return await _list(visit, cursor, _FORM.blank())

    @routes.post("/duplicates/{deed}")
    async def decide_on_duplicates(
        request: Request,
        deed: str,
        caller: Caller = Depends(writing),
        form: FormData = Depends(own_form),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        return await sent(
            visit,
            _order(deed, form),
            lambda refusal: _list(visit, None, _FORM.refused(visit, form, refusal, deed)),
        )

    return routes


async def _order(deed: str, form: FormData) -> Order:
    """Raises Malformed, NotFound."""
    one, other = text_of(form, "customer_id"), text_of(form, "other_customer_id")
    for name, value in (("customer_id", one), ("other_customer_id", other)):
        if not value:
            raise Malformed(name, errors=[FieldProblem(name, "missing", "is needed")])
    path = f"/customers/{one}/{deed}"
    if deed == "merge":
        body, place = {"into_customer_id": other}, "/customers/{resolves_to}"
    elif deed == "keep-apart":
        body, place = {"other_customer_id": other}, "/duplicates"
    else:
        raise NotFound(f"nothing is called {deed!r} here")
    return Order(path=path, body=body, place=place)


async def _groups(visit: Visit, cursor: str | None, limit: int) -> tuple[list[Group], str | None]:
    """The same customers once, with every reason."""
    query = [("limit", str(limit)), *((("cursor", cursor),) if cursor else ())]
    found = await visit.api.get("/boards/duplicates", query)
    reasons: dict[tuple[str, ...], list[str]] = {}
    for row in found["rows"]:
        reasons.setdefault(tuple(row["customer_ids"]), []).append(row["reason"])
    await visit.know_customers([each for ids in reasons for each in ids])
    groups = [
        {
            "group": " ".join(ids),
            "reasons": [said(visit, REASONS, each) for each in dict.fromkeys(why)],
            "customers": [(each, visit.customer(each)) for each in ids],
        }
        for ids, why in reasons.items()
    ]
    return groups, found["next_cursor"]


async def _list(visit: Visit, cursor: str | None, form: ShownForm) -> Response:
    """Where a form was refused: with what was chosen; above the list where its group is gone."""
    groups, next_cursor = await _groups(visit, cursor, _SHOWN)
    is_shown = form.typed["group"] in {each["group"] for each in groups}
    return page(
        visit,
        "duplicates.html",
        status=form.status,
        place="/duplicates",
        title=visit.words.say("Duplicates"),
        crumbs=[Crumb("/leads", visit.words.say("Leads"))],
        groups=groups,
        next_cursor=next_cursor,
        form=form,
        above=[] if is_shown else list(form.problems.values()),
        may_write=visit.may(Resource.CUSTOMERS, Verb.WRITE),
    )


def _file(visit: Visit, groups: Iterable[Group]) -> Response:
    say = visit.words.say
    rows = [
        (number, " · ".join(each["reasons"]), customer_id, name)
        for number, each in enumerate(groups, start=1)
        for customer_id, name in each["customers"]
    ]
    columns = (say("Group"), say("Reason"), say("Id"), say("Customer"))
    return csv_file("duplicates", columns, rows)
