"""What other services know and decide: asked of the system's own API as the reader, so that a
page sees, may and says no more than any other client."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import httpx
from fastapi import Request

from shared.errors import DomainError, FieldProblem, NotFound
from shared.http import BASE

_AS_THE_READER = ("authorization", "cookie")


class ApiRefused(DomainError):
    """With the API's own status, code and fields at fault."""

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        errors = [
            FieldProblem(str(each["field"]), str(each["code"]), str(each["message"]))
            for each in problem.get("errors") or ()
        ]
        super().__init__(str(problem.get("detail", "")), errors=errors)
        self.refusal_status = status
        self.refusal_code = str(problem.get("code", "refused"))


class OwnApi:
    """Of the process itself: no connection is opened."""

    def __init__(self, request: Request) -> None:
        self._headers = {
            name: value for name, value in request.headers.items() if name in _AS_THE_READER
        }
        self._transport = httpx.ASGITransport(request.app, raise_app_exceptions=False)

    async def get(self, path: str, query: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
        """Raises ApiRefused."""
        answer = await self._send("GET", path, params=list(query))
        shown: dict[str, Any] = answer.json()
        return shown

    async def post(
        self, path: str, body: Mapping[str, Any], idempotency_key: str | None = None
    ) -> httpx.Response:
        """Raises ApiRefused."""
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key}
        return await self._send("POST", path, json=body, headers=headers)

    async def put_bytes(self, path: str, content: bytes, media_type: str) -> dict[str, Any]:
        """Raises ApiRefused."""
        headers = {"Content-Type": media_type}
        answer = await self._send("PUT", path, content=content, headers=headers)
        shown: dict[str, Any] = answer.json()
        return shown

    async def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {**self._headers, **options.pop("headers", {})}
        async with httpx.AsyncClient(
            transport=self._transport, base_url="http://own", cookies=None
        ) as client:
            try:
                answer = await client.request(method, BASE + path, headers=headers, **options)
            except httpx.InvalidURL as flaw:
                raise ApiRefused(NotFound.status, {"code": NotFound.code}) from flaw
        if answer.is_error:
            raise ApiRefused(answer.status_code, answer.json())
        return answer


def moment_said(text: str) -> datetime:
    """A time as the API writes it."""
    return datetime.fromisoformat(text)
