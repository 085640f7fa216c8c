"""The two clients: one waits, one awaits; both send again what may be sent again."""

import asyncio
import json
import secrets
import time
from types import TracebackType
from typing import Any, Self, TypeVar, cast

import httpx

from pulsetrail_client.call import Call
from pulsetrail_client.failures import Away, Refused

Answer = TypeVar("Answer")

BASE = "/api/v1"
_TRIES = 3
_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 30.0
_LATER = frozenset({429, 503, 504})


class _Sending:
    """What both have in common: how a call becomes a request, and an answer what it is."""

    def __init__(self, url: str, token: str, language: str) -> None:
        self.base_url = url.rstrip("/").removesuffix(BASE) + BASE
        self.headers = {"Authorization": f"Bearer {token}", "Accept-Language": language}

    def arguments(self, call: Call[Any]) -> dict[str, Any]:
        """The idempotency key is one for all tries."""
        headers = {"Idempotency-Key": secrets.token_hex(16)} if call.repeatable else {}
        content = call.content
        if call.body is not None:
            content = json.dumps(call.body, ensure_ascii=False).encode()
        if content is not None:
            headers["Content-Type"] = call.content_type
        return {
            "method": call.method,
            "url": call.path,
            "params": dict(call.query),
            "content": content,
            "headers": headers,
        }

    @staticmethod
    def pause(answer: httpx.Response | None, tries: int) -> float | None:
        """How long to wait before the next try; None where there is none."""
        if tries >= _TRIES or (answer is not None and not _may_pass(answer)):
            return None
        told = answer.headers.get("Retry-After", "") if answer is not None else ""
        seconds = float(told) if told.isdigit() else _PAUSE_SECONDS * 2.0 ** (tries - 1)
        return min(seconds, _LONGEST_PAUSE_SECONDS)

    @staticmethod
    def answer(call: Call[Answer], response: httpx.Response) -> Answer:
        """Raises Refused or Away."""
        if response.is_success:
            if response.headers.get("Content-Type", "").startswith("application/x-ndjson"):
                lines = response.content.splitlines()
                return cast("Answer", [json.loads(line) for line in lines])
            return cast("Answer", response.json())
        if _may_pass(response) or response.status_code >= 500:
            raise Away(f"{call.method} {call.template}: {response.status_code}")
        raise Refused(response.status_code, _problem(response))


def _may_pass(response: httpx.Response) -> bool:
    if response.status_code in _LATER:
        return True
    return response.status_code == 409 and _problem(response).get("code") == "busy"


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        problem = response.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


class Client(_Sending):
    """`with Client(url, token) as client: client.send(calls.board("silence"))`."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        language: str = "en",
        timeout_seconds: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        super().__init__(url, token, language)
        self._http = httpx.Client(
            base_url=self.base_url,
            headers=self.headers,
            timeout=timeout_seconds,
            transport=transport,
        )

    def send(self, call: Call[Answer]) -> Answer:
        """Raises Refused, and Away after three tries."""
        arguments = self.arguments(call)
        tries = 0
        while True:
            tries += 1
            response, failure = None, None
            try:
                response = self._http.request(**arguments)
            except httpx.TransportError as lost:
                failure = lost
            pause = self.pause(response, tries)
            if pause is None:
                if response is None:
                    raise Away(f"{call.method} {call.template}") from failure
                return self.answer(call, response)
            time.sleep(pause)

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncClient(_Sending):
    """`async with AsyncClient(url, token) as client: await client.send(calls.signals())`."""

    def __init__(
        self,
        url: str,
        token: str,
        *,
        language: str = "en",
        timeout_seconds: float = 30.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        super().__init__(url, token, language)
        self._http = httpx.AsyncClient(
            base_url=self.base_url,
            headers=self.headers,
            timeout=timeout_seconds,
            transport=transport,
        )

    async def send(self, call: Call[Answer]) -> Answer:
        """Raises Refused, and Away after three tries."""
        arguments = self.arguments(call)
        tries = 0
        while True:
            tries += 1
            response, failure = None, None
            try:
                response = await self._http.request(**arguments)
            except httpx.TransportError as lost:
                failure = lost
            pause = self.pause(response, tries)
            if pause is None:
                if response is None:
                    raise Away(f"{call.method} {call.template}") from failure
                return self.answer(call, response)
            await asyncio.sleep(pause)

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()
