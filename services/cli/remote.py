"""Asking a running server instead of the data folder: `--url` and `--token`."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import msgspec

from services.cli.server_away import ServerAway
from shared.errors import DomainError, FieldProblem, Forbidden, Malformed, NotFound, Unauthenticated
from shared.http import BASE

_PAGE = 500
_REFUSALS: dict[int, type[DomainError]] = {
    401: Unauthenticated,
    403: Forbidden,
    404: NotFound,
    422: Malformed,
}
_FROM_HERE_AWAY = 500

Query = dict[str, Any]


class RemoteServer:
    def __init__(self, url: str, token: str | None) -> None:
        self._base = url.rstrip("/") + ("" if url.rstrip("/").endswith(BASE) else BASE)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def document(
        self, path: str, query: Query, *, language: str | None = None
    ) -> dict[str, Any]:
        """Raises DomainError as the server refused, ServerAway where it cannot be asked."""
        async with self._client() as client:
            if language is not None:
                client.headers["Accept-Language"] = language
            return await self._get(client, path, query)

    async def pages(
        self, path: str, query: Query, limit: int | None, *, language: str | None = None
    ) -> dict[str, Any]:
        """The first page's document with the rows of all pages, `limit` of them at most."""
        wanted = {**query, "limit": min(limit or _PAGE, _PAGE)}
        async with self._client() as client:
            if language is not None:
                client.headers["Accept-Language"] = language
            whole = await self._get(client, path, wanted)
            cursor = whole.get("next_cursor")
            while cursor and (limit is None or len(whole["rows"]) < limit):
                page = await self._get(client, path, {**wanted, "cursor": cursor})
                whole["rows"] += page["rows"]
                cursor = page.get("next_cursor")
        if limit is not None:
            whole["rows"] = whole["rows"][:limit]
        return whole

    async def lines(self, path: str, query: Query) -> AsyncIterator[dict[str, Any]]:
        """NDJSON, a line at a time."""
        headers = {"Accept": "application/x-ndjson"}
        try:
            async with (
                self._client() as client,
                client.stream("GET", self._base + path, params=query, headers=headers) as answer,
            ):
                if not answer.is_success:
                    await answer.aread()
                    _refuse(answer)
                async for line in answer.aiter_lines():
                    yield msgspec.json.decode(line)
        except httpx.HTTPError as failure:
            raise ServerAway(f"{self._base}: {failure or type(failure).__name__}") from failure

    async def pieces(self, path: str, query: Query, *, language: str) -> AsyncIterator[bytes]:
        """A file as it comes."""
        named = {name: value for name, value in query.items() if value is not None}
        headers = {"Accept-Language": language}
        try:
            async with (
                self._client() as client,
                client.stream("GET", self._base + path, params=named, headers=headers) as answer,
            ):
                if not answer.is_success:
                    await answer.aread()
                    _refuse(answer)
                async for piece in answer.aiter_text():
                    yield piece.encode()
        except httpx.HTTPError as failure:
            raise ServerAway(f"{self._base}: {failure or type(failure).__name__}") from failure

    def _client(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(headers=self._headers, timeout=60.0)

    async def _get(self, client: httpx.AsyncClient, path: str, query: Query) -> dict[str, Any]:
        named = {name: value for name, value in query.items() if value is not None}
        try:
            answer = await client.get(self._base + path, params=named)
        except (httpx.HTTPError, httpx.InvalidURL) as failure:
            raise ServerAway(f"{self._base}: {failure or type(failure).__name__}") from failure
        if not answer.is_success:
            _refuse(answer)
        document: dict[str, Any] = msgspec.json.decode(answer.content)
        return document


def _refuse(answer: httpx.Response) -> None:
    if answer.status_code >= _FROM_HERE_AWAY:
        raise ServerAway(f"{answer.url} answered {answer.status_code}")
    try:
        problem = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        raise ServerAway(f"{answer.url} answered {answer.status_code}") from None
    errors = [
        FieldProblem(each["field"], each["code"], each["message"])
        for each in problem.get("errors", ())
    ]
    refusal = _REFUSALS.get(answer.status_code, DomainError)
    raise refusal(str(problem.get("detail", answer.reason_phrase)), errors=errors)
