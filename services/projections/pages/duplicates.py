"""Customers that look like one, with the reason of each: merged, or confirmed to be two (L1)."""

from collections.abc import AsyncIterator, Iterable, Mapping
from itertools import count, islice
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.datastructures import FormData

from services.projections.pages.catalogue import message
from services.projections.pages.forms import own_form, text_of
from services.projections.pages.layout import Crumb, page
from services.projections.pages.lead_words import said
from services.projections.pages.page_route import page_router
from services.projections.pages.sent_forms import FormFields, Order, ShownForm, sent
from services.projections.pages.tables import Lines, Rows, every_page, whole_file
from services.projections.pages.visits import Visit, visit_of
from shared.access import Caller, Resource, Verb
from shared.errors import FieldProblem, Malformed, NotFound
from shared.http import Access
from shared.ports import Ports

_SHOWN = 50
_NAMED_AT_ONCE = 500
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
Ids = tuple[str, ...]
Reasons = dict[Ids, dict[str, None]]
"""By the customers that look like one: why, in the order in which that was found."""


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
            return await _file(visit)
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


async def _found(visit: Visit, cursor: str | None, limit: int) -> dict[str, Any]:
    query = [("limit", str(limit)), *((("cursor", cursor),) if cursor else ())]
    return await visit.api.get("/boards/duplicates", query)


def _note_reasons(reasons: Reasons, rows: Rows) -> None:
    """The same customers once, with every reason."""
    for row in rows:
        reasons.setdefault(tuple(row["customer_ids"]), {})[row["reason"]] = None


async def _named(visit: Visit, reasons: Iterable[tuple[Ids, Iterable[str]]]) -> list[Group]:
    found = list(reasons)
    await visit.know_customers([each for ids, _why in found for each in ids])
    return [
        {
            "group": " ".join(ids),
            "reasons": [said(visit, REASONS, each) for each in why],
            "customers": [(each, visit.customer(each)) for each in ids],
        }
        for ids, why in found
    ]


async def _list(visit: Visit, cursor: str | None, form: ShownForm) -> Response:
    """Where a form was refused: with what was chosen; above the list where its group is gone."""
    found = await _found(visit, cursor, _SHOWN)
    reasons: Reasons = {}
    _note_reasons(reasons, found["rows"])
    groups = await _named(visit, reasons.items())
    is_shown = form.typed["group"] in {each["group"] for each in groups}
    return page(
        visit,
        "duplicates.html",
        status=form.status,
        place="/duplicates",
        title=visit.words.say("Duplicates"),
        crumbs=[Crumb("/leads", visit.words.say("Leads"))],
        groups=groups,
        next_cursor=found["next_cursor"],
        form=form,
        above=[] if is_shown else list(form.problems.values()),
        may_write=visit.may(Resource.CUSTOMERS, Verb.WRITE),
    )


async def _every_group(visit: Visit) -> AsyncIterator[Rows]:
    """A group's reasons are found far apart: all are gathered, by ids, before the first is said."""

    async def ask(cursor: str | None, limit: int) -> dict[str, Any]:
        return await _found(visit, cursor, limit)

    reasons: Reasons = {}
    async for rows in every_page(ask):
        _note_reasons(reasons, rows)
    groups = iter(reasons.items())
    while some := list(islice(groups, _NAMED_AT_ONCE)):
        yield [{"customer_ids": ids, "reasons": why} for ids, why in some]


async def _file(visit: Visit) -> Response:
    say, numbers = visit.words.say, count(1)
    columns = (say("Group"), say("Reason"), say("Id"), say("Customer"))

    async def lines(rows: Rows) -> Lines:
        groups = await _named(visit, [(row["customer_ids"], row["reasons"]) for row in rows])
        return [
            (number, " · ".join(each["reasons"]), customer_id, name)
            for each, number in zip(groups, numbers, strict=False)
            for customer_id, name in each["customers"]
        ]

    return await whole_file(visit, "duplicates", columns, _every_group(visit), lines)
