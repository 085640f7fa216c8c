"""The outermost of what stands before a route: the ids that a request is known by, and its span."""

from collections.abc import Callable
from uuid import UUID

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.tracing import Span, is_begun_here, trace_context, tracing

TRACEPARENT = "pulsetrail.traceparent"
"""Where a request's scope holds what events that come of it carry."""

_FAILED = 500


class HttpTraces:
    """ASGI middleware. A trace that the client began goes on; else a share of them begins here, and
    the others are known by an id alone. Only `traced` paths have spans."""

    def __init__(self, app: ASGIApp, new_id: Callable[[], UUID], traced: str) -> None:
        self._app = app
        self._new_id = new_id
        self._traced = traced

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = self._new_id()
        said = _header(scope, b"traceparent")
        parent = trace_context(said)
        span = self._begun(scope, said, request_id)
        if span is not None:
            context = span.context
            trace_id, scope[TRACEPARENT] = context.trace_id, context.traceparent
        elif parent is not None:
            trace_id, scope[TRACEPARENT] = parent.trace_id, parent.traceparent
        else:
            trace_id, scope[TRACEPARENT] = request_id.hex, None
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(correlation_id=str(request_id), trace_id=trace_id)
        if span is None:
            await self._app(scope, receive, send)
        else:
            await self._in_span(span, scope, receive, send)

    def _begun(self, scope: Scope, said: str | None, request_id: UUID) -> Span | None:
        told = tracing()
        if told is None or not scope["path"].startswith(self._traced):
            return None
        parent = trace_context(said)
        is_kept = is_begun_here(told, request_id) if parent is None else parent.is_sampled
        return told.begin(scope["method"], parent, is_served=True) if is_kept else None

    async def _in_span(self, span: Span, scope: Scope, receive: Receive, send: Send) -> None:
        status = _FAILED

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            span.add("http.request.method", scope["method"])
            route = getattr(scope.get("route"), "path", None)
            if isinstance(route, str):  # with names in place of what the client said
                span.add("http.route", route)
            span.add("http.response.status_code", status)
            span.end(failed=status >= _FAILED)


def _header(scope: Scope, name: bytes) -> str | None:
    """None also where it was sent twice: then nobody knows which is meant."""
    found = [value for key, value in scope["headers"] if key == name]
    return found[0].decode("latin-1") if len(found) == 1 else None
