"""HTTP in one place: who asks, what they say, how refusals look."""

import base64
import hashlib
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    StringConstraints,
)
from starlette.exceptions import HTTPException

from shared.access import Caller, Resource, Verb, may
from shared.callers import caller_presenting
from shared.clock import EPOCH, iso, to_milliseconds
from shared.command_handling import Handled
from shared.errors import DomainError, FieldProblem, Forbidden, Malformed, Unauthenticated
from shared.event_type import Withheld
from shared.ports import Ports
from shared.problems import problem_response

LOG = structlog.get_logger(__name__)

BASE = "/api/v1"

NO_TELEMETRY_OF_ITS_OWN: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "auto_configure": False,
}
"""FastAPI's would send queries and the words of failures, which may be personal."""

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
"""An id as clients may choose it."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=64)]
"""A stage or action type: any text of 1-64 characters."""


def _in_a_calendar(moment: datetime) -> datetime:
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside of all calendars") from None
    return moment


def _written_as_a_time(value: Any) -> Any:
    """A bare number could be seconds, milliseconds or a typing error."""
    if not isinstance(value, datetime) and not re.match(r"\d{4}-\d\d-\d\d", str(value)):
        raise ValueError("is no time like 2026-03-02T09:30:00Z")
    return value


When = Annotated[AwareDatetime, BeforeValidator(_written_as_a_time), AfterValidator(_in_a_calendar)]
"""A moment with its offset; kept in UTC and milliseconds."""


class Body(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)


class BodyTooLarge(DomainError):
    code = "too-large"
    status = 413


def encode_json(content: Any) -> bytes:
    """Times with milliseconds and Z, money as strings, what is withheld as such."""
    return msgspec.json.encode(_plain(content))


_AS_IT_IS = frozenset({str, int, float, bool, type(None)})


def _plain(value: Any) -> Any:
    if type(value) in _AS_IT_IS:
        return value
    match value:
        case datetime():
            return iso(value)
        case dict():
            return {
                key if type(key) is str else str(key): (
                    each if type(each) in _AS_IT_IS else _plain(each)
                )
                for key, each in value.items()
            }
        case list() | tuple() if not hasattr(value, "_fields"):
            return [_plain(each) for each in value]
        case Withheld():
            return {"erased": True} if value.erased else {"withheld": True}
        case None | str() | int() | float() | bool():
            return value
        case _:
            return _plain(msgspec.to_builtins(value, builtin_types=(datetime,), str_keys=True))


def json_response(
    content: Any, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    return Response(encode_json(content), status, headers, media_type="application/json")


def add_routes(app: FastAPI, *routers: APIRouter) -> None:
    """As `include_router` of routers without a prefix of their own there, at half its price.

    FastAPI would make every route a second time at the first request, and look for each request
    in router after router.
    """
    for router in routers:
        app.router.routes.extend(router.routes)


def install_errors(app: FastAPI) -> None:
    """The one table from refusals to answers."""

    @app.exception_handler(DomainError)
    async def refused(_request: Request, failure: DomainError) -> Response:
        return problem_response(
            failure.status, failure.code, failure.detail, failure.errors, members=failure.members
        )

    @app.exception_handler(RequestValidationError)
    async def malformed(_request: Request, failure: RequestValidationError) -> Response:
        return problem_response(
            422, "malformed", "the request does not fit", field_problems(failure.errors())
        )

    @app.exception_handler(HTTPException)
    async def other(_request: Request, failure: HTTPException) -> Response:
        if failure.status_code == 400:  # FastAPI's word for a body that no parser understands
            return problem_response(422, "malformed", failure.detail)
        code = {404: "not-found", 405: "method-not-allowed", 413: "too-large", 415: "unsupported"}
        named = code.get(failure.status_code, "refused")
        return problem_response(
            failure.status_code, named, str(failure.detail), headers=dict(failure.headers or {})
        )

    @app.exception_handler(Exception)
    async def bug(_request: Request, failure: Exception) -> Response:
        LOG.error("unexpected_failure", kind=type(failure).__name__, exc_info=failure)
        return problem_response(500, "internal-error", "something is wrong on our side")


def field_problems(errors: Any) -> tuple[FieldProblem, ...]:
    """pydantic's findings as field problems, without the input itself (it may be personal)."""
    return tuple(
        FieldProblem(
            _field_of(each),
            str(each["type"]).replace("_", "-"),
            _text(each["msg"]),
        )
        for each in errors
    )


def _field_of(error: Any) -> str:
    """Its dotted path; text that is no JSON has none, only a place where reading ended."""
    if error["type"] == "json_invalid":
        return ""
    return ".".join(_text(part) for part in error["loc"] if part not in ("body", "query", "path"))


def _text(value: Any) -> str:
    """What the client named, even where it is no Unicode that could be sent back."""
    return str(value).encode(errors="replace").decode()


class Access:
    """Who asks, by bearer key or access token; what the role table says they may do."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    async def caller(self, request: Request) -> Caller:
        """Raises Unauthenticated."""
        presented = _presented_key(request)
        if presented is None:
            raise Unauthenticated("send `Authorization: Bearer <key>`")
        return await self.bearer_of(presented)

    async def bearer_of(self, presented: str) -> Caller:
        """Whom a key or an access token stands for. Raises Unauthenticated."""
        return await caller_presenting(self._ports, presented, key_hash(presented))

    def may(self, resource: Resource, verb: Verb) -> Callable[[Request], Awaitable[Caller]]:
        """A dependency: the caller, who may do this. Every route declares one (role matrix)."""

        async def allowed(request: Request) -> Caller:
            caller = await self.caller(request)
            if not may(caller, resource, verb):
                raise Forbidden(f"your role may not {verb} {resource}")
            return caller

        allowed.__name__ = f"{verb}_{resource}"
        allowed.resource, allowed.verb = resource, verb  # type: ignore[attr-defined]
        return allowed

    async def waited(self, request: Request) -> None:
        """A dependency of reads: `Pulsetrail-Wait-For` is honoured."""
        wanted = request.headers.get("Pulsetrail-Wait-For")
        if wanted:
            await self._ports.progress.wait_for(wanted)


def key_hash(key: str) -> str:
    """Hex SHA-256; enough for keys of 256 random bits."""
    return hashlib.sha256(key.encode()).hexdigest()


def new_key(random_bytes: Callable[[int], bytes]) -> str:
    return "pt_" + base64.urlsafe_b64encode(random_bytes(32)).decode().rstrip("=")


SESSION_COOKIE = "pulsetrail_session"


def _presented_key(request: Request) -> str | None:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key:
        return key.strip()
    return request.cookies.get(SESSION_COOKIE)


def happened_at(said: datetime | None, now: datetime, field: str = "occurred_at") -> datetime:
    """In milliseconds, by default now. Raises Malformed for what is yet to come or absurd."""
    if said is None:
        return now
    moment = to_milliseconds(said)
    if moment > now:
        raise Malformed(field, errors=[FieldProblem(field, "in-the-future", "must have happened")])
    if moment < EPOCH:
        problem = FieldProblem(field, "too-long-ago", f"is before {EPOCH.year}")
        raise Malformed(field, errors=[problem])
    return moment


async def command_response(ports: Ports, handled: Handled[Any], created: bool = False) -> Response:
    """201 or 200 with the first answer, `ETag` and `Pulsetrail-Position`."""
    headers = {"ETag": f'"{handled.version}"'}
    if handled.position is not None:
        headers["Pulsetrail-Position"] = await ports.progress.token_of(handled.position)
    return Response(handled.answer, 201 if created else 200, headers, media_type="application/json")


def answering(render: Callable[[Any], Any]) -> Callable[[Any, int, tuple[UUID, ...]], bytes]:
    """An answer of a command: its new state as `render` shows it, version and events' ids."""

    def answer(state: Any, version: int, event_ids: tuple[UUID, ...]) -> bytes:
        return encode_json(
            {**render(state), "version": version, "events": [str(each) for each in event_ids]}
        )

    return answer
