"""Evidence over HTTP: streamed in, sealed under a key of its own, handed out as a download (O5)."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from os import urandom
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import Response as Download

from services.opportunities.api.desk import Desk
from services.opportunities.domain.evidence import EVIDENCE, EvidenceObject, Stored, StoreEvidence
from services.opportunities.domain.opportunity_state import Opened
from shared.access import Caller, Resource, Verb
from shared.command_handling import CommandContext, Handled
from shared.envelope import stream_name
from shared.errors import DomainError, FieldProblem, Malformed, NotFound
from shared.http import (
    BASE,
    Access,
    BodyTooLarge,
    Id,
    Times,
    answering,
    command_context,
    command_digest,
    command_response,
)

MEDIA_TYPES = frozenset(
    {
        "image/jpeg",
        "image/png",
        "image/webp",
        "image/heic",
        "image/gif",
        "audio/mpeg",
        "audio/mp4",
        "audio/aac",
        "audio/amr",
        "audio/ogg",
        "audio/wav",
        "audio/webm",
        "video/mp4",
        "application/pdf",
        "text/plain",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    }
)
_NONCE_BYTES = 12
_UPLOADS_AT_ONCE = 2


class WrongMediaType(DomainError):
    code = "unsupported"
    status = 415


class EvidenceIsErased(DomainError):
    """Its person was erased: the same bytes are not taken in again (U5)."""

    code = "evidence-is-erased"


class EvidenceWork:
    """Few uploads at once: each is held in memory until its hash is known."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._turns = asyncio.Semaphore(_UPLOADS_AT_ONCE)

    async def upload(
        self, caller: Caller, media_type: str, chunks: AsyncIterator[bytes], context: CommandContext
    ) -> Handled[EvidenceObject]:
        """The key first, then the bytes, then the event: what is named can always be opened."""
        async with self._turns:
            content, sha256 = await self._taken_in(chunks)
            await self._seal(caller.tenant_id, sha256, content)
        command = StoreEvidence(
            sha256=sha256,
            size_bytes=len(content),
            media_type=media_type,
            stored_by=caller.person_id,
            now=context.occurred_at,
        )
        known = replace(context, digest=command_digest(media_type, sha256.encode()))
        return await self._desk.commands.handle(EVIDENCE, sha256, command, known, answering(_shown))

    async def content(self, opportunity: Opened, tenant_id: str, sha256: str) -> bytes:
        """Raises NotFound for what the opportunity does not refer to, or what was erased."""
        referred = {
            piece.sha256 for action in opportunity.actions.values() for piece in action.evidence
        }
        ports = self._desk.ports
        sealed = await ports.object_store.get(tenant_id, sha256) if sha256 in referred else None
        keys = await ports.key_store.existing_keys(tenant_id, [_key_name(sha256)])
        key = keys.get(_key_name(sha256))
        if sealed is None or key is None:
            raise NotFound(f"there is no evidence {sha256}")
        nonce, body = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        return await asyncio.to_thread(AESGCM(key).decrypt, nonce, body, sha256.encode())

    async def _taken_in(self, chunks: AsyncIterator[bytes]) -> tuple[bytes, str]:
        limit = self._desk.ports.settings.max_evidence_bytes
        content = bytearray()
        digest = hashlib.sha256()
        async for chunk in chunks:
            if len(content) + len(chunk) > limit:
                raise BodyTooLarge(f"evidence has at most {limit} bytes")
            content += chunk
            digest.update(chunk)
        if not content:
            problem = FieldProblem("body", "empty", "evidence is at least one byte")
            raise Malformed("the body is empty", errors=[problem])
        return bytes(content), digest.hexdigest()

    async def _seal(self, tenant_id: str, sha256: str, content: bytes) -> None:
        ports = self._desk.ports
        name = _key_name(sha256)
        key = (await ports.key_store.keys(tenant_id, [name]))[name]
        if key is None:
            raise EvidenceIsErased(f"evidence {sha256} was erased")
        nonce = urandom(_NONCE_BYTES)
        sealed = await asyncio.to_thread(AESGCM(key).encrypt, nonce, content, sha256.encode())
        await ports.object_store.put(tenant_id, sha256, nonce + sealed)


def router(desk: Desk, access: Access) -> APIRouter:
    routes = APIRouter(prefix=BASE, tags=["evidence"])
    work = EvidenceWork(desk)
    reading = access.may(Resource.EVIDENCE, Verb.READ)
    writing = access.may(Resource.EVIDENCE, Verb.WRITE)

    @routes.put(
        "/evidence",
        openapi_extra={"requestBody": {"content": {each: {} for each in sorted(MEDIA_TYPES)}}},
    )
    async def put_evidence(request: Request, caller: Caller = Depends(writing)) -> Response:
        media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
        if media_type not in MEDIA_TYPES:
            raise WrongMediaType(f"send one of {', '.join(sorted(MEDIA_TYPES))}")
        declared = request.headers.get("content-length", "")
        if declared.isdigit() and int(declared) > desk.ports.settings.max_evidence_bytes:
            raise BodyTooLarge(
                f"evidence has at most {desk.ports.settings.max_evidence_bytes} bytes"
            )
        context = command_context(request, caller, b"", Times(desk.ports.clock()))
        handled = await work.upload(caller, media_type, request.stream(), context)
        return await command_response(desk.ports, handled, created=bool(handled.event_ids))

    @routes.get("/opportunities/{opportunity_id}/evidence/{sha256}", response_class=Download)
    async def download_evidence(
        opportunity_id: Id, sha256: Id, caller: Caller = Depends(reading)
    ) -> Response:
        _version, known = await desk.seen(caller, opportunity_id, Resource.EVIDENCE, Verb.READ)
        content = await work.content(known, caller.tenant_id, sha256)
        stream = stream_name(caller.tenant_id, EVIDENCE.name, sha256)
        _version, stored = await desk.commands.load(EVIDENCE, stream)
        media_type = stored.media_type if isinstance(stored, Stored) else None
        return Response(content, headers=_as_download(sha256), media_type=media_type)

    return routes


def _as_download(sha256: str) -> dict[str, str]:
    """Never shown inline under our own origin."""
    return {
        "Content-Disposition": f'attachment; filename="{sha256}"',
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cache-Control": "private, no-store",
    }


def _key_name(sha256: str) -> str:
    return f"object/{sha256}"


def _shown(evidence: EvidenceObject) -> Mapping[str, Any]:
    assert isinstance(evidence, Stored)
    return {
        "sha256": evidence.sha256,
        "size_bytes": evidence.size_bytes,
        "media_type": evidence.media_type,
    }
