"""A TCP proxy that cuts connections, loses the reply to a COMMIT, and holds back a BEGIN."""

import asyncio
import re
from collections.abc import Collection
from random import Random

_CHUNK = 64 * 1024
_BEGIN = re.compile(rb"Q.{4}BEGIN[^\0]*\0", re.DOTALL)
_COMMIT = re.compile(rb"Q.{4}COMMIT;?\0", re.DOTALL)


class _Connection:
    """One client's, with its way to the server."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self._writers = client, server
        self.client_port: int = client.get_extra_info("peername")[1]
        self.loses_the_next_reply = False

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


class TcpProxy:
    """Listens at `port` for what is to go to `server_port` of this machine."""

    def __init__(self, server_port: int) -> None:
        self.server_port = server_port
        self.port = 0
        self.commits_to_lose = 0
        self.lost_commits = 0
        self._held_ports: frozenset[int] = frozenset()
        self._released = asyncio.Event()
        self._connections: set[_Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self, random: Random, share: float = 1.0) -> int:
        """Of the connections that there are now; how many."""
        chosen = [each for each in self._connections if random.random() < share]
        for connection in chosen:
            connection.cut()
        return len(chosen)

    def hold_transactions(self, client_ports: Collection[int]) -> None:
        """Whatever these begin from now on waits here until it is released."""
        self._held_ports = frozenset(client_ports)
        self._released.clear()

    def release_transactions(self) -> None:
        self._held_ports = frozenset()
        self._released.set()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            there, onward = await asyncio.open_connection("127.0.0.1", self.server_port)
        except OSError:
            writer.transport.abort()
            self._tasks.discard(task)
            return
        connection = _Connection(writer, onward)
        self._connections.add(connection)
        try:
            await asyncio.gather(
                self._there(connection, reader, onward), self._back(connection, there, writer)
            )
        finally:
            self._connections.discard(connection)
            self._tasks.discard(task)
            connection.cut()

    async def _there(
        self, connection: _Connection, reader: asyncio.StreamReader, onward: asyncio.StreamWriter
    ) -> None:
        while chunk := await _read(reader):
            if self.commits_to_lose and _COMMIT.search(chunk):
                self.commits_to_lose -= 1
                self.lost_commits += 1
                connection.loses_the_next_reply = True
            if connection.client_port in self._held_ports and _BEGIN.search(chunk):
                await self._released.wait()
            onward.write(chunk)
            await _drain(onward)
        connection.cut()

    async def _back(
        self, connection: _Connection, there: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while chunk := await _read(there):
            if connection.loses_the_next_reply:
                break
            writer.write(chunk)
            await _drain(writer)
        connection.cut()


async def _read(reader: asyncio.StreamReader) -> bytes:
    """Nothing when the connection has ended, however that came."""
    try:
        return await reader.read(_CHUNK)
    except OSError:
        return b""


async def _drain(writer: asyncio.StreamWriter) -> None:
    try:
        await writer.drain()
    except OSError:
        writer.transport.abort()
