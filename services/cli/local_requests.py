"""The serving process's side of the command line: work for commands that find the folder held."""

import asyncio
import hmac
import io
from collections.abc import AsyncIterator
from typing import TextIO, cast

import msgspec
import structlog
from fastapi import APIRouter, Response
from fastapi import Request as HttpRequest
from rich.console import Console
from starlette.responses import StreamingResponse

from services.cli.desk import Desk, Request
from services.cli.exit_codes import AWAY, REFUSED
from services.cli.hand_over import PATH, Frame, HandedOver
from services.cli.output import Output
from services.cli.requests import REQUESTS
from shared.errors import DomainError, StoreAway, Unauthenticated
from shared.hosting import Hosting

LOG = structlog.get_logger(__name__)

_LOOPBACK = frozenset({"127.0.0.1", "::1"})


def router(hosting: Hosting, token: str) -> APIRouter:
    """Answers only to this machine and to who can read the token in the folder."""
    routes = APIRouter()

    @routes.post(PATH, include_in_schema=False)
    async def local_request(request: HttpRequest) -> Response:
        presented = request.headers.get("Authorization", "").removeprefix("Bearer ")
        is_near = request.client is not None and request.client.host in _LOOPBACK
        if not (is_near and hmac.compare_digest(presented.encode(), token.encode())):
            raise Unauthenticated("only for commands on this machine")
        handed = msgspec.json.decode(await request.body(), type=HandedOver)
        return StreamingResponse(_done(hosting, handed), media_type="application/x-ndjson")

    return routes


async def _done(hosting: Hosting, handed: HandedOver) -> AsyncIterator[bytes]:
    frames: asyncio.Queue[Frame] = asyncio.Queue()
    work = asyncio.create_task(_work(hosting, handed, frames))
    try:
        while True:
            frame = await frames.get()
            yield msgspec.json.encode(frame) + b"\n"
            if frame.exit_code is not None:
                return
    finally:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def _work(hosting: Hosting, handed: HandedOver, frames: asyncio.Queue[Frame]) -> None:
    out = _console(frames, "out", handed.out_is_terminal, handed.width)
    err = _console(frames, "err", handed.err_is_terminal, handed.width)
    output = Output(out, err, as_json=handed.as_json)
    desk = Desk(hosting=hosting, output=output, tenant_id=handed.tenant_id, live=True)
    try:
        code = await _request(handed).run(desk)
    except StoreAway as failure:
        output.notice(str(failure))
        code = AWAY
    except DomainError as refusal:
        output.refusal(refusal)
        code = REFUSED
    except Exception as failure:
        LOG.error("local_request_failed", request=handed.request, exc_info=failure)
        output.notice(f"{type(failure).__name__}: {failure}")
        code = AWAY
    frames.put_nowait(Frame(exit_code=code))


def _request(handed: HandedOver) -> Request:
    request_class = REQUESTS[handed.request]
    return msgspec.json.decode(msgspec.json.encode(handed.fields), type=request_class)


def _console(frames: asyncio.Queue[Frame], stream: str, is_terminal: bool, width: int) -> Console:
    file = cast(TextIO, _Relay(frames, stream))
    return Console(file=file, force_terminal=is_terminal, width=width, legacy_windows=False)


class _Relay(io.TextIOBase):
    """Text that is written here comes out in the other process."""

    def __init__(self, frames: asyncio.Queue[Frame], stream: str) -> None:
        self._frames = frames
        self._stream = stream

    def write(self, text: str) -> int:
        frame = Frame(out=text) if self._stream == "out" else Frame(err=text)
        self._frames.put_nowait(frame)
        return len(text)
