"""Evidence over HTTP: streamed in, handed out as a download to who may see what it proves (O5)."""

import asyncio

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect

from services.opportunities.api.desk import Desk
from services.opportunities.domain.evidence_object import EVIDENCE, Referred, Stored
from services.opportunities.domain.media_types import MEDIA_TYPES, WrongMediaType
from services.opportunities.evidence.sealing import evidence_stream, opened_evidence
from services.opportunities.evidence.thumbnails import MOST_BYTES, thumbnail
from services.opportunities.evidence.uploading import EvidenceUploading, Upload
from shared.access import Caller, Resource, Verb
from shared.errors import FieldProblem, Malformed, NotFound
from shared.http import BASE, Access, BodyTooLarge, Id, command_response
from shared.http_commands import Times, command_context

_THUMBNAILS_AT_ONCE = 2


def router(desk: Desk, access: Access) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["evidence"])
    ports = desk.ports
    uploading = EvidenceUploading(ports, desk.commands)
    reading = access.may(Resource.EVIDENCE, Verb.READ)
    writing = access.may(Resource.EVIDENCE, Verb.WRITE)
    few_at_once = asyncio.Semaphore(_THUMBNAILS_AT_ONCE)

    @routes.put(
        "/evidence",
        openapi_extra={"requestBody": {"content": {each: {} for each in sorted(MEDIA_TYPES)}}},
    )
    async def put_evidence(request: Request, caller: Caller = Depends(writing)) -> Response:
        upload = _declared(request, caller, ports.settings.max_evidence_bytes)
        context = command_context(request, caller, b"", Times(ports.clock()))
        try:
            handled = await uploading.take_in(upload, request.stream(), context)
        except ClientDisconnect:
            problem = FieldProblem("body", "cut-short", "the connection ended before the content")
            raise Malformed("the body was cut short", errors=[problem]) from None
        return await command_response(ports, handled, created=bool(handled.event_ids))

    @routes.get(
        "/opportunities/{opportunity_id}/evidence/{sha256}", response_class=StreamingResponse
    )
    async def download_evidence(
        opportunity_id: Id, sha256: Id, caller: Caller = Depends(reading)
    ) -> Response:
        evidence = await seen(caller, opportunity_id, sha256)
        content = await opened_evidence(ports, caller.tenant_id, evidence)
        headers = _as_download(sha256) | {"Content-Length": str(evidence.size_bytes)}
        return StreamingResponse(content, headers=headers, media_type=evidence.media_type)

    @routes.get("/opportunities/{opportunity_id}/evidence/{sha256}/thumbnail")
    async def download_thumbnail(
        opportunity_id: Id, sha256: Id, caller: Caller = Depends(reading)
    ) -> Response:
        """A small JPEG of a photo; 404 for whatever else it is."""
        evidence = await seen(caller, opportunity_id, sha256)
        if not evidence.media_type.startswith("image/") or evidence.size_bytes > MOST_BYTES:
            raise NotFound(f"there is no thumbnail of {sha256}")
        async with few_at_once:
            content = await opened_evidence(ports, caller.tenant_id, evidence)
            whole = b"".join([chunk async for chunk in content])
            small = await asyncio.to_thread(thumbnail, whole)
        if small is None:
            raise NotFound(f"there is no thumbnail of {sha256}")
        return Response(small, headers=_as_download(f"{sha256}.jpg"), media_type="image/jpeg")

    async def seen(caller: Caller, opportunity_id: str, sha256: str) -> Stored | Referred:
        """Raises NotFound for what is not there or not to be seen (A9)."""
        _version, known = await desk.seen(caller, opportunity_id, Resource.EVIDENCE, Verb.READ)
        pieces = [piece for action in known.actions.values() for piece in action.evidence]
        stream = evidence_stream(caller.tenant_id, sha256)
        _version, evidence = await desk.commands.load(EVIDENCE, stream)
        is_of_it = any(piece.sha256 == sha256 for piece in pieces)
        if not is_of_it or not isinstance(evidence, Stored | Referred):
            raise NotFound(f"there is no evidence {sha256}")
        return evidence

    return routes


def _declared(request: Request, caller: Caller, most_bytes: int) -> Upload:
    """What the sender says it is. Raises WrongMediaType, BodyTooLarge, before a byte is read."""
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type not in MEDIA_TYPES:
        raise WrongMediaType(f"send one of {', '.join(sorted(MEDIA_TYPES))}")
    declared = request.headers.get("content-length", "")
    size = int(declared) if declared.isdigit() else None
    if size is not None and size > most_bytes:
        raise BodyTooLarge(f"evidence has at most {most_bytes} bytes")
    return Upload(
        tenant_id=caller.tenant_id,
        person_id=caller.person_id,
        media_type=media_type,
        declared_bytes=size,
    )


def _as_download(sha256: str) -> dict[str, str]:
    """Never shown inline under our own origin."""
    return {
        "Content-Disposition": f'attachment; filename="{sha256}"',
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-store",
    }
