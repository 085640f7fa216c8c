"""What stands before every route: bounds on bodies and on rates, safe headers."""

import time
from collections import OrderedDict
from email.message import Message as Headers

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.http import BASE, key_hash
from shared.problems import problem_response
from shared.settings import InstallationSettings

_CALLERS_KEPT = 10_000
_UNBOUNDED_HERE = (f"{BASE}/evidence", f"{BASE}/imports/files")
"""Files with a bound of their own."""

_BOUNDED_BY_ITS_PAGE = "/import"
"""Where one is sent that is too large, it is said at the field."""

_ONE_DOCUMENT = "application/json"
_MEDIA_TYPES = (_ONE_DOCUMENT, "application/x-ndjson")
_CHARSETS = ("utf-8", "utf8", "us-ascii")

_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
)


class HttpLimits:
    """ASGI middleware; counts requests per caller in the running minute."""

    def __init__(self, app: ASGIApp, settings: InstallationSettings) -> None:
        self._app = app
        self._settings = settings
        self._minute = 0
        self._counts: OrderedDict[str, int] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        send = _with_headers(send)
        if self._too_many(request):
            detail = f"more than {self._settings.requests_a_minute} requests in a minute"
            await problem_response(429, "too-many-requests", detail)(scope, receive, send)
            return
        path: str = scope["path"]
        if path.startswith(_UNBOUNDED_HERE) or path == _BOUNDED_BY_ITS_PAGE:
            await self._app(scope, receive, send)
            return
        try:
            body = await self._bounded_body(request, receive)
        except ClientDisconnect:
            return  # a body cut short is no command, and nobody is left to be told
        if body is None:
            detail = f"the body is larger than {self._settings.max_body_bytes} bytes"
            await problem_response(413, "too-large", detail)(scope, receive, send)
            return
        refusal = _unreadable(request, body) if body and scope["path"].startswith(BASE) else None
        await (refusal or self._app)(scope, _replayed(body, receive), send)

    async def _bounded_body(self, request: Request, receive: Receive) -> bytes | None:
        limit = self._settings.max_body_bytes
        declared = request.headers.get("content-length", "0")
        if declared.isdigit() and int(declared) > limit:
            return None
        chunks: list[bytes] = []
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientDisconnect
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > limit:
                return None
            chunks.append(chunk)
            if not message.get("more_body", False):
                return b"".join(chunks)

    def _too_many(self, request: Request) -> bool:
        minute = int(time.monotonic() // 60)
        if minute != self._minute:
            self._minute = minute
            self._counts.clear()
        presented = request.headers.get("authorization")
        client = request.client.host if request.client else ""
        caller = key_hash(presented) if presented else client
        self._counts[caller] = self._counts.get(caller, 0) + 1
        if len(self._counts) > _CALLERS_KEPT:
            self._counts.popitem(last=False)
        return self._counts[caller] > self._settings.requests_a_minute


def _unreadable(request: Request, body: bytes) -> Response | None:
    """The refusal of what is not JSON in UTF-8: a parser would guess at other encodings. Lines of
    a batch are judged one by one."""
    said = Headers()
    said["Content-Type"] = request.headers.get("content-type", "")
    if (
        said.get_content_type() not in _MEDIA_TYPES
        or said.get_content_charset(_CHARSETS[0]) not in _CHARSETS
    ):
        return problem_response(415, "unsupported", f"send {' or '.join(_MEDIA_TYPES)} in UTF-8")
    if said.get_content_type() == _ONE_DOCUMENT and not _is_utf8_text(body):
        return problem_response(422, "malformed", "JSON must be UTF-8 (RFC 8259)")
    return None


def _is_utf8_text(body: bytes) -> bool:
    """Text in UTF-16 or UTF-32 may pass as UTF-8, but for the zero bytes that JSON never has."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return b"\0" not in body


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body once more for the app; afterwards only the news of a disconnect."""
    sent = False

    async def replay() -> Message:
        nonlocal sent
        if not sent:
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}
        return await receive()

    return replay


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), *_HEADERS]
        await send(message)

    return sending
