"""Importing histories and leads over HTTP: file, columns, ten rows, rehearsal, import."""

import asyncio
from datetime import datetime
from typing import Annotated, Any, assert_never

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field, JsonValue, StringConstraints

from services.cli.history_preview import columns_of, preview, values_of
from services.cli.import_history import History
from services.cli.import_leads import Leads
from services.cli.imports import Import, Imports
from services.cli.lead_mapping import is_of_leads, parse_lead_mapping
from services.cli.lead_preview import preview_leads
from services.cli.uploaded_files import UploadedFile
from services.opportunities.domain.history_mapping_reading import parse_mapping, read_file_form
from services.opportunities.domain.history_table import TableReader
from services.opportunities.domain.pipeline import parse_pipeline
from shared.access import Caller, Resource, Verb
from shared.errors import FieldProblem, Malformed
from shared.http import BASE, Access, Body, Id, json_response
from shared.ports import Ports
from shared.problems import problem_of

FileName = Annotated[str, StringConstraints(min_length=1, max_length=200)]


class AskedImport(Body):
    """`mapping` and `pipeline`: the documents that `pulsetrail import` reads from files; leads (the
    mapping's kind) have no pipeline."""

    file_id: Id
    mapping: dict[str, JsonValue]
    pipeline: dict[str, JsonValue] | None = None
    dry_run: bool = Field(default=True)


def router(ports: Ports, imports: Imports) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["imports"])
    access = Access(ports)
    reading = access.may(Resource.IMPORTS, Verb.READ)
    writing = access.may(Resource.IMPORTS, Verb.WRITE)

    @routes.put("/imports/files", status_code=201)
    async def upload_file(
        request: Request, name: FileName, caller: Caller = Depends(writing)
    ) -> Response:
        """The body is the file; its kind is told by the name."""
        kept = await imports.keep(caller.tenant_id, name, request.stream())
        return json_response(_file(kept), 201)

    @routes.get("/imports/files/{file_id}")
    async def show_file(
        file_id: Id,
        delimiter: Annotated[str, Query(max_length=1)] = ",",
        encoding: Annotated[str, Query(max_length=40)] = "utf-8",
        values_in: str | None = None,
        caller: Caller = Depends(writing),
    ) -> Response:
        """Its columns, and the values of one of them."""
        file = imports.file(caller.tenant_id, file_id)
        problems: list[FieldProblem] = []
        written = {"delimiter": delimiter, "encoding": encoding}
        form = read_file_form(TableReader(written, "file", problems))
        if problems:
            raise Malformed("file", errors=problems)
        columns = await asyncio.to_thread(columns_of, file.path, form)
        values: list[str] = []
        if values_in is not None:
            values = await asyncio.to_thread(values_of, file.path, form, values_in)
        return json_response({**_file(file), "columns": columns, "values": values})

    @routes.post("/imports/preview")
    async def preview_import(body: AskedImport, caller: Caller = Depends(writing)) -> Response:
        """What the first ten rows say; writes nothing."""
        file = imports.file(caller.tenant_id, body.file_id)
        rows = await asyncio.to_thread(_preview, _understood(body, file), ports.clock())
        return json_response({"rows": rows})

    @routes.post("/imports", status_code=202)
    async def begin_import(body: AskedImport, caller: Caller = Depends(writing)) -> Response:
        """Rehearsed unless `dry_run` is false; goes on after the answer."""
        file = imports.file(caller.tenant_id, body.file_id)
        what = _understood(body, file)
        asked = {"mapping": body.mapping, "pipeline": body.pipeline}
        begun = imports.begin(caller, file, what, asked, dry_run=body.dry_run)
        return json_response(_import(imports, begun), 202)

    @routes.get("/imports")
    async def list_imports(caller: Caller = Depends(reading)) -> Response:
        """Of the last day, without what was asked and each error."""
        return json_response({"rows": [_summary(each) for each in imports.of(caller.tenant_id)]})

    @routes.get("/imports/{import_id}")
    async def show_import(import_id: Id, caller: Caller = Depends(reading)) -> Response:
        return json_response(_import(imports, imports.one(caller.tenant_id, import_id)))

    @routes.post("/imports/{import_id}/undo", status_code=202)
    async def undo_import(import_id: Id, caller: Caller = Depends(writing)) -> Response:
        """Leads only: what nobody has worked on since is withdrawn by further events."""
        return json_response(_import(imports, imports.take_back(caller, import_id)), 202)

    return routes


def _understood(body: AskedImport, file: UploadedFile) -> History | Leads:
    """Raises Malformed with every key at fault."""
    if is_of_leads(body.mapping):
        return Leads(parse_lead_mapping(body.mapping), (file.path,))
    if body.pipeline is None:
        raise Malformed("pipeline", errors=[FieldProblem("pipeline", "required", "is needed")])
    return History(parse_mapping(body.mapping), parse_pipeline(body.pipeline), (file.path,))


def _preview(what: History | Leads, now: datetime) -> list[dict[str, Any]]:
    [path] = what.paths
    match what:
        case History():
            return preview(path, what.mapping, what.pipeline, now)
        case Leads():
            return preview_leads(path, what.mapping, now)
        case _:
            assert_never(what)


def _file(file: UploadedFile) -> dict[str, Any]:
    return {
        "file_id": file.file_id,
        "name": file.name,
        "bytes": file.size_bytes,
        "uploaded_at": file.uploaded_at,
    }


def _summary(one: Import) -> dict[str, Any]:
    outcome = one.outcome or {}
    return {
        "import_id": one.import_id,
        "kind": one.kind,
        "file": _file(one.file),
        "dry_run": one.dry_run,
        "state": one.state,
        "begun_at": one.begun_at,
        "done": one.output.done,
        "total": one.output.total,
        "rejected": outcome.get("rejected"),
    }


def _import(imports: Imports, one: Import) -> dict[str, Any]:
    undo = imports.taking_back(one)
    return {
        **_summary(one),
        **one.asked,
        "taken_back_by": None if undo is None else undo.import_id,
        "outcome": one.outcome,
        "problem": None if one.refusal is None else problem_of(one.refusal),
    }
