"""Commands as they come over HTTP: who sends them, under which key, decided on which version."""

import hashlib
import re
from datetime import datetime
from typing import NamedTuple

import structlog
from fastapi import Request

from shared.access import Caller
from shared.command_context import CommandContext
from shared.errors import FieldProblem, Malformed
from shared.http_tracing import TRACEPARENT


class Times(NamedTuple):
    """When it happened as corrected (G5), and what the client said."""

    occurred_at: datetime
    raw_occurred_at: datetime | None = None
    sent_at: datetime | None = None


def command_context(
    request: Request, caller: Caller, digest: bytes, times: Times
) -> CommandContext:
    """Context of one command from its headers. Raises Malformed for a bad `If-Match` or key."""
    key = request.headers.get("Idempotency-Key")
    if key is not None and not 1 <= len(key) <= 200:
        raise Malformed(
            "Idempotency-Key has 1-200 characters",
            errors=[FieldProblem("Idempotency-Key", "length", "1-200 characters")],
        )
    expected_version = _expected_version(request.headers.get("If-Match"))
    return named_context(request, caller, digest, times, Named(key, expected_version))


class Named(NamedTuple):
    """Under which key a command came, the version that its writer saw, and whether what it comes
    to is shown."""

    idempotency_key: str | None
    expected_version: int | None
    is_shown_state: bool = True


def named_context(
    request: Request, caller: Caller, digest: bytes, times: Times, named: Named
) -> CommandContext:
    """Context of one command of a request that may hold many."""
    return CommandContext(
        tenant_id=caller.tenant_id,
        actor_id=caller.actor_id,
        caller=caller.person_id or caller.key_id or "",
        occurred_at=times.occurred_at,
        raw_occurred_at=times.raw_occurred_at,
        sent_at=times.sent_at,
        correlation_id=correlation_id(),
        idempotency_key=named.idempotency_key,
        digest=digest,
        expected_version=named.expected_version,
        trace_context=request.scope.get(TRACEPARENT),
        is_shown_state=named.is_shown_state,
    )


def correlation_id() -> str:
    return str(structlog.contextvars.get_contextvars().get("correlation_id", ""))


def command_digest(path: str, body: bytes) -> bytes:
    """What makes two commands under one key the same: where it was sent and every byte of it."""
    return hashlib.sha256(path.encode() + b"\x00" + body).digest()


def _expected_version(header: str | None) -> int | None:
    if header is None or header == "*":
        return None
    text = header.strip().removeprefix("W/").strip('"')
    if not re.fullmatch("[0-9]{1,18}", text):
        problem = FieldProblem("If-Match", "version", 'expected "<version>"')
        raise Malformed("If-Match names a version", errors=[problem])
    return int(text)
