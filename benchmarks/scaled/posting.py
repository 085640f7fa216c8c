"""A client that costs little: HTTP/1.1 on kept connections, read no further than it must."""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import urlsplit


class Answer(NamedTuple):
    status: int
    body: bytes


class Connection:
    """One request at a time. Raises ConnectionError when the other side goes away."""

    def __init__(self, address: str, key: str) -> None:
        self._url = urlsplit(address)
        self._key = key
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        if self._streams is None:
            self._streams = await asyncio.open_connection(
                self._url.hostname, self._url.port, limit=16 * 1024 * 1024
            )
        reader, writer = self._streams
        lines = [
            f"POST {path} HTTP/1.1",
            f"Host: {self._url.netloc}",
            f"Authorization: Bearer {self._key}",
            f"Content-Length: {len(body)}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        status, *fields = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")
        [length] = [
            int(value)
            for name, _, value in (each.partition(b":") for each in fields)
            if name.lower() == b"content-length"
        ]
        return Answer(int(status.split()[1]), await reader.readexactly(length))

    def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
