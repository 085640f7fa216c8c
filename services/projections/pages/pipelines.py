"""Pipelines: each a form over its latest version, with what a check says and what changes (O1)."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse

from services.projections.pages.business_words import action_titles
from services.projections.pages.forms import at_fault, own_form, text_of
from services.projections.pages.layout import Crumb, page
from services.projections.pages.own_api import ApiRefused
from services.projections.pages.page_route import page_router
from services.projections.pages.pipeline_changes import changes_in_words, running_in_words
from services.projections.pages.pipeline_form import (
    Draft,
    document_of,
    draft_of,
    fields_of,
    rearranged,
    typed_draft,
)
from services.projections.pages.refusals import field_in_words, refusal_in_words
from services.projections.pages.setup_words import EVIDENCE, evidence_in_words
from services.projections.pages.visits import Visit, visit_of, wait_until_shown
from shared.access import Caller, Resource, Verb
from shared.errors import FieldProblem
from shared.http import Access, Id
from shared.ports import Ports

Said = Mapping[str, Any]


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    reading = access.may(Resource.PIPELINES, Verb.READ)
    writing = access.may(Resource.PIPELINES, Verb.WRITE)

    @routes.get("/pipelines")
    async def pipelines(request: Request, caller: Caller = Depends(reading)) -> Response:
        visit = await visit_of(ports, request, caller)
        return page(
            visit,
            "pipelines.html",
            title=visit.words.say("Pipelines"),
            rows=(await visit.api.get("/pipelines"))["rows"],
        )

    @routes.get("/pipelines/{name}")
    async def show_pipeline(
        request: Request, name: Id, saved: bool = False, caller: Caller = Depends(reading)
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        stored = await visit.api.get(f"/pipelines/{name}")
        said = None
        if visit.may(Resource.PIPELINES, Verb.WRITE):
            said = await _checked(visit, draft_of(stored))
        return await _page(visit, stored, draft_of(stored), said, is_saved=saved)

    @routes.post("/pipelines/{name}")
    async def edit_pipeline(
        request: Request,
        name: Id,
        caller: Caller = Depends(writing),
        form: FormData = Depends(own_form),
    ) -> Response:
        """What its buttons ask for; only one of them stores anything."""
        visit = await visit_of(ports, request, caller)
        draft, order = typed_draft(form), text_of(form, "do")
        stored = await visit.api.get(f"/pipelines/{name}")
        if rearranged(draft, order):
            return await _page(visit, stored, draft, None)
        said = await _checked(visit, draft)
        if order != "save" or said["errors"]:
            status = 422 if order == "save" else 200
            return await _page(visit, stored, draft, said, is_checked=True, status=status)
        base = text_of(form, "version") if draft["name"] == name else None
        if base is not None and base != str(stored["version"]):
            refused = refusal_in_words("version-conflict", visit.words.language)
            return await _page(visit, stored, draft, said, refused=refused, status=412)
        answer = await visit.api.post("/pipelines", document_of(draft))
        await wait_until_shown(ports, answer.headers["Pulsetrail-Position"])
        return RedirectResponse(f"/pipelines/{draft['name']}?saved=true", status_code=303)

    return routes


async def _checked(visit: Visit, draft: Draft) -> Said:
    """The answer of the check; of a document that cannot even be read, what is wrong with it."""
    try:
        answer = await visit.api.post("/pipelines/check", document_of(draft))
    except ApiRefused as refusal:
        errors = [
            {"field": each.field, "code": each.code, "message": each.message}
            for each in refusal.errors
        ]
        if not errors:
            raise
        return {"errors": errors, "running": [], "definition": None}
    found: Said = answer.json()
    return found


async def _page(
    visit: Visit,
    stored: Said,
    draft: Draft,
    said: Said | None,
    *,
    is_saved: bool = False,
    is_checked: bool = False,
    refused: str | None = None,
    status: int = 200,
) -> Response:
    titles = await action_titles(visit)
    language = visit.words.language
    errors = [FieldProblem(**each) for each in said["errors"]] if said else []
    problems = at_fault(errors, fields_of(draft))
    definition = said["definition"] if said else None
    return page(
        visit,
        "pipeline.html",
        status=status,
        title=visit.words.say("Pipeline %(name)s", name=stored["name"]),
        crumbs=[Crumb("/pipelines", visit.words.say("Pipelines"))],
        stored=stored,
        draft=draft,
        problems=problems,
        count=len(errors),
        others=[
            (each.field, field_in_words(each.code, language))
            for each in errors
            if each not in problems.values()
        ],
        changes=changes_in_words(visit, stored, definition, titles) if definition else [],
        running=running_in_words(visit, said["running"]) if said else [],
        is_saved=is_saved,
        is_checked=is_checked,
        refused=refused,
        may_edit=visit.may(Resource.PIPELINES, Verb.WRITE),
        types=sorted(titles.items(), key=lambda each: each[1]),
        evidence=[(each, evidence_in_words(visit, each)) for each in EVIDENCE],
    )
