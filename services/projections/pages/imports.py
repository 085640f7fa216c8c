"""Import of a history: the upload, and what leads on from it (G2)."""

from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from starlette.datastructures import FormData, UploadFile
from starlette.responses import RedirectResponse

from services.projections.pages.forms import own_form
from services.projections.pages.import_columns import FileColumns
from services.projections.pages.layout import page
from services.projections.pages.own_api import ApiRefused, moment_said
from services.projections.pages.page_route import page_router, status_and_code
from services.projections.pages.sent_forms import FormFields, ShownForm
from services.projections.pages.visits import Visit, visit_of
from shared.access import Caller, Resource, Verb
from shared.errors import FieldProblem, Malformed, NotFound
from shared.http import Access, Id
from shared.ports import Ports

_MULTIPART_BYTES = 65_536
_FORM = FormFields(names=("file",), of_codes={"too-large": "file"})


def router(ports: Ports, access: Access) -> APIRouter:
    routes = page_router()
    writing = access.may(Resource.IMPORTS, Verb.WRITE)

    async def bounded_form(request: Request) -> FormData:
        """Raises Malformed for one that is larger than we take, before it is read."""
        declared = request.headers.get("content-length", "")
        largest = ports.settings.max_body_bytes + _MULTIPART_BYTES
        if not declared.isdigit() or int(declared) > largest:
            raise _too_large()
        return await own_form(request)

    @routes.get("/import")
    async def imports(request: Request, caller: Caller = Depends(writing)) -> Response:
        return await _upload_page(await visit_of(ports, request, caller), _FORM.blank())

    @routes.post("/import")
    async def upload(request: Request, caller: Caller = Depends(writing)) -> Response:
        visit = await visit_of(ports, request, caller)
        try:
            file = (await bounded_form(request)).get("file")
            if not isinstance(file, UploadFile) or not file.size:
                raise Malformed("file", errors=[FieldProblem("file", "missing", "is needed")])
            path = f"/imports/files?name={quote((file.filename or '')[-200:] or 'file')}"
            kept = await visit.api.put_bytes(path, await file.read(), "application/octet-stream")
        except (ApiRefused, Malformed) as refusal:
            return await _upload_page(visit, _FORM.refused(visit, FormData(), refusal))
        return RedirectResponse(f"/import/{kept['file_id']}", status_code=303)

    @routes.get("/import/{file_id}")
    async def map_columns(
        request: Request, file_id: Id, caller: Caller = Depends(writing)
    ) -> Response:
        visit = await visit_of(ports, request, caller)
        return await FileColumns(visit, file_id).page()

    @routes.post("/import/{file_id}")
    async def rehearse(
        request: Request,
        file_id: Id,
        caller: Caller = Depends(writing),
        form: FormData = Depends(own_form),
    ) -> Response:
        """By the mapping that the address spells."""
        columns = FileColumns(await visit_of(ports, request, caller), file_id)
        try:
            begun = await columns.begin()
        except ApiRefused as refusal:
            return await columns.page(refusal)
        return RedirectResponse(f"/import/runs/{begun['import_id']}", status_code=303)

    return routes


def _too_large() -> Malformed:
    return Malformed("file", errors=[FieldProblem("file", "too-large", "is too large")])


async def _upload_page(visit: Visit, form: ShownForm) -> Response:
    """Where this installation imports by the command line only, it says so."""
    try:
        rows = (await visit.api.get("/imports"))["rows"]
        is_offered = True
    except ApiRefused as unknown:
        if status_and_code(unknown)[0] != NotFound.status:
            raise
        rows, is_offered = [], False
    return page(
        visit,
        "import.html",
        status=form.status,
        title=visit.words.say("Import"),
        rows=[{**row, "begun_at": moment_said(row["begun_at"])} for row in rows],
        is_offered=is_offered,
        most_megabytes=visit.ports.settings.max_body_bytes // 1_000_000,
        form=form,
    )
