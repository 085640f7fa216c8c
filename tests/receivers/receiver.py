"""A local HTTP server that answers, refuses, limits, stays silent or hangs up, as told."""

import asyncio
import json
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit


class Behaviour(Enum):
    TAKE = "take"
    REFUSE = "refuse"
    LIMIT = "limit"
    FAIL = "fail"
    REDIRECT = "redirect"
    GABBLE = "gabble"
    FLOOD = "flood"
    STAY_SILENT = "stay-silent"
    TAKE_AND_STAY_SILENT = "take-and-stay-silent"
    TAKE_AND_HANG_UP = "take-and-hang-up"


@dataclass(frozen=True)
class Received:
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    method: str = "POST"

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


class Rules(Protocol):
    """How one vendor's server answers."""

    def problem(self, received: Received) -> Reply | None:
        """The refusal of a request that is not signed or shaped as the vendor asks."""

    def taken(self) -> Reply: ...

    def refused(self) -> Reply: ...

    def limited(self) -> Reply: ...


class Receiver:
    """`arrived` is what was taken, `refusals` what the vendor's own rule found wrong."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.behaviours: deque[Behaviour] = deque()
        self.arrived: list[Received] = []
        self.refusals: list[Reply] = []
        self.requests: list[Received] = []
        self.port = 0

    def then(self, *behaviours: Behaviour) -> None:
        """The next requests are treated so, one each; afterwards everything right is taken."""
        self.behaviours.extend(behaviours)

    async def serve_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            received = await _read(reader)
            self.requests.append(received)
            await self._answer(received, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    async def _answer(self, received: Received, writer: asyncio.StreamWriter) -> None:
        behaviour = self.behaviours.popleft() if self.behaviours else Behaviour.TAKE
        match behaviour:
            case Behaviour.TAKE:
                await _write(writer, self._take(received))
            case Behaviour.REFUSE:
                await _write(writer, self.rules.refused())
            case Behaviour.LIMIT:
                await _write(writer, self.rules.limited())
            case Behaviour.FAIL:
                await _write(writer, Reply(503, b"away"))
            case Behaviour.REDIRECT:
                await _write(writer, Reply(302, b"", {"location": "http://127.0.0.1:1/"}))
            case Behaviour.GABBLE:
                await _write(writer, Reply(200, b"<html>nothing that was asked for"))
            case Behaviour.FLOOD:
                await _write(writer, Reply(200, b"x" * 1_000_000))
            case Behaviour.STAY_SILENT:
                await asyncio.sleep(30)
            case Behaviour.TAKE_AND_STAY_SILENT:
                self._take(received)
                await asyncio.sleep(30)
            case Behaviour.TAKE_AND_HANG_UP:
                self._take(received)

    def _take(self, received: Received) -> Reply:
        problem = self.rules.problem(received)
        if problem is not None:
            self.refusals.append(problem)
            return problem
        self.arrived.append(received)
        return self.rules.taken()


@asynccontextmanager
async def receiving(rules: Rules, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    receiver = Receiver(rules)
    async with serving(receiver.serve_one, tls) as receiver.port:
        yield receiver


@asynccontextmanager
async def serving(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]],
    tls: ssl.SSLContext | None,
) -> AsyncIterator[int]:
    """The port at which connections are served; what is still open at the end is cut off."""
    connections: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(serve(reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, address, _version = head[0].split(" ")
    target = urlsplit(address)
    pairs = (line.split(":", 1) for line in head[1:] if line)
    headers = {name.strip().lower(): value.strip() for name, value in pairs}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(target.path, dict(parse_qsl(target.query)), headers, body, method)


async def _write(writer: asyncio.StreamWriter, reply: Reply) -> None:
    headers = {
        "content-type": "application/json",
        "content-length": str(len(reply.body)),
        "connection": "close",
        **reply.headers,
    }
    head = f"HTTP/1.1 {reply.status} -\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    writer.write(head.encode() + b"\r\n" + reply.body)
    await writer.drain()
