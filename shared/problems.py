"""Refusals as application/problem+json (RFC 9457), with the fields of interfaces.md."""

from collections.abc import Mapping
from typing import Any

import msgspec
import structlog
from fastapi import Response

from shared.errors import DomainError, FieldProblem

_RETRY_AFTER = {"busy": "1", "not-yet-known": "1", "store-away": "5", "too-many-requests": "10"}


def problem_response(
    status: int,
    code: str,
    detail: str,
    errors: tuple[FieldProblem, ...] = (),
    headers: dict[str, str] | None = None,
    members: Mapping[str, Any] | None = None,
) -> Response:
    """`Retry-After` where trying again may help."""
    sent = dict(headers or {})
    if code in _RETRY_AFTER:
        sent.setdefault("Retry-After", _RETRY_AFTER[code])
    if status == 401:
        sent.setdefault("WWW-Authenticate", "Bearer")
    body = msgspec.json.encode({**(members or {}), **_problem(status, code, detail, errors)})
    return Response(body, status, sent, media_type="application/problem+json")


def _problem(
    status: int, code: str, detail: str, errors: tuple[FieldProblem, ...]
) -> dict[str, Any]:
    return {
        "type": f"urn:pulsetrail:problem:{code}",
        "title": code.replace("-", " "),
        "status": status,
        "detail": detail,
        "code": code,
        "errors": [
            {"field": each.field, "code": each.code, "message": each.message} for each in errors
        ],
        "trace_id": structlog.contextvars.get_contextvars().get("trace_id"),
    }


def problem_of(failure: DomainError) -> dict[str, Any]:
    """The same document as a value: for a line of a batch."""
    problem = _problem(failure.status, failure.code, failure.detail, failure.errors)
    return {**failure.members, **problem}
