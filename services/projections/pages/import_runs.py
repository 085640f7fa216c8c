"""An import under way and its result: counts, why rows are refused, where to look (G2)."""

from collections.abc import Mapping
from operator import itemgetter
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from starlette.datastructures import FormData

from services.projections.pages.catalogue import message
from services.projections.pages.forms import own_form
from services.projections.pages.import_words import duplicate_in_words, problem_in_words
from services.projections.pages.layout import Crumb, page
from services.projections.pages.own_api import ApiRefused
from services.projections.pages.page_route import page_router, status_and_code
from services.projections.pages.refusals import refusal_in_words
from services.projections.pages.sent_forms import Order, sent
from services.projections.pages.tables import csv_file
from services.projections.pages.visits import Visit, visit_of
from shared.access import Caller, Resource, Verb
from shared.errors import DomainError
from shared.http import Access, Id
from shared.ports import Ports

_ERRORS_SHOWN = 20
_DUPLICATES_SHOWN = 20
Row = dict[str, Any]


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    writing = access.may(Resource.IMPORTS, Verb.WRITE)

    @routes.get("/import/runs/{import_id}")
    async def show_run(
        request: Request,
        import_id: Id,
        as_file: Annotated[str | None, Query(alias="format", pattern="^csv$")] = None,
        of: Annotated[str, Query(pattern="^(errors|duplicates)$")] = "errors",
        caller: Caller = Depends(writing),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        run = await visit.api.get(f"/imports/{import_id}")
        if not as_file:
            return _run_page(visit, run)
        return _errors_file(visit, run) if of == "errors" else _duplicates_file(visit, run)

    @routes.post("/import/runs/{import_id}")
    async def import_for_good(
        request: Request,
        import_id: Id,
        caller: Caller = Depends(writing),
        form: FormData = Depends(own_form),
    ) -> Response:
        """What was rehearsed, now written."""
        visit = await visit_of(ports, request, caller)
        run = await visit.api.get(f"/imports/{import_id}")

        async def again(refusal: DomainError) -> Response:
            return _run_page(visit, run, refusal)

        return await sent(visit, _order(run), again)

    @routes.post("/import/runs/{import_id}/undo")
    async def take_back(
        request: Request,
        import_id: Id,
        caller: Caller = Depends(writing),
        form: FormData = Depends(own_form),
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        run = await visit.api.get(f"/imports/{import_id}")

        async def order() -> Order:
            path = f"/imports/{run['import_id']}/undo"
            return Order(path=path, place="/import/runs/{import_id}")

        async def again(refusal: DomainError) -> Response:
            return _run_page(visit, run, refusal)

        return await sent(visit, order(), again)

    return routes


async def _order(run: Row) -> Order:
    asked = {"file_id": run["file"]["file_id"], "dry_run": False}
    asked |= {name: run[name] for name in ("mapping", "pipeline")}
    return Order(path="/imports", body=asked, place="/import/runs/{import_id}")


def _run_page(visit: Visit, run: Row, refusal: DomainError | None = None) -> Response:
    outcome: Mapping[str, Any] = run["outcome"] or {}
    problem = run["problem"]
    status = status_and_code(refusal)[0] if refusal else 200
    if refusal is None and problem is not None:
        refusal = ApiRefused(problem["status"], problem)
    code = status_and_code(refusal)[1] if refusal else None
    found = _duplicates(run)
    return page(
        visit,
        "import_run.html",
        status=status,
        place=f"/import/runs/{run['import_id']}",
        title=visit.words.say(_title(run), name=run["file"]["name"]),
        crumbs=[
            Crumb("/import", visit.words.say("Import")),
            Crumb(f"/import/{run['file']['file_id']}", run["file"]["name"]),
        ],
        run=run,
        outcome=outcome,
        errors=[
            {**each, "why": problem_in_words(visit, each)}
            for each in outcome.get("errors", ())[:_ERRORS_SHOWN]
        ],
        problems=[(each.field, each.message) for each in refusal.errors] if refusal else [],
        said=refusal_in_words(code, visit.words.language) if code else None,
        duplicates=[
            {**each, "why": duplicate_in_words(visit, each)} for each in found[:_DUPLICATES_SHOWN]
        ],
        duplicates_left=len(found) - _DUPLICATES_SHOWN,
        kept=[
            {**each, "why": refusal_in_words(each["why"], visit.words.language)}
            for each in outcome.get("kept", ())[:_ERRORS_SHOWN]
        ],
        kept_in_all=len(outcome.get("kept", ())),
        may_read_boards=visit.may(Resource.BOARDS),
        may_read_leads=visit.may(Resource.LEADS),
        may_read_customers=visit.may(Resource.CUSTOMERS),
        pipeline=run["mapping"].get("pipeline"),
    )


def _title(run: Row) -> str:
    if run["kind"] == "undo":
        return message("Taking back %(name)s")
    return message("Rehearsal of %(name)s") if run["dry_run"] else message("Import of %(name)s")


def _duplicates(run: Row) -> list[Row]:
    """Rows of leads, or of customers, who are there already."""
    decided = (run["outcome"] or {}).get("decisions", ())
    found = [each for each in decided if each["decision"] in ("duplicate", "linked")]
    return sorted(found, key=itemgetter("row"))


def _duplicates_file(visit: Visit, run: Row) -> Response:
    say = visit.words.say
    return csv_file(
        "import-duplicates",
        (say("File"), say("Row"), say("Lead"), say("Customer"), say("Why")),
        [
            (
                *(each["file"], each["row"], each["lead_id"], each["customer_id"]),
                duplicate_in_words(visit, each),
            )
            for each in _duplicates(run)
        ],
    )


def _errors_file(visit: Visit, run: Row) -> Response:
    say = visit.words.say
    columns = (say("File"), say("Row"), say("Column"), say("Code"), say("Why"))
    return csv_file(
        "import-errors",
        columns,
        [
            (
                *(each["file"], each["row"], each["field"], each["code"]),
                f"{problem_in_words(visit, each)} {each['message']}",
            )
            for each in (run["outcome"] or {}).get("errors", ())
        ],
    )
