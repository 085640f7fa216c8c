"""Serving HTTP until told to stop: what is in hand is answered first."""

import asyncio
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

GRACE_SECONDS = 25
"""What is in hand after that is cut: the longest batch takes less."""
_LAST_ONE = (b"connection", b"close")


def listening_on(host: str, port: int) -> socket.socket:
    """Raises OSError: the port is taken."""
    listening = socket.create_server((host, port), reuse_port=False)
    # Connections inherit it; asyncio sets it only where the protocol was named.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


class WebServer(uvicorn.Server):
    """Leaves signals to us: after the last answer there is still something to be done."""

    def __init__(
        self, app: FastAPI, *, leaving: asyncio.Event | None = None, drain_seconds: float = 0.0
    ) -> None:
        """`leaving` is set when it is told to stop; for `drain_seconds` it goes on taking requests
        then, from whoever has not noticed yet, and lets go of each connection with its answer."""
        super().__init__(
            uvicorn.Config(
                app,
                log_level="critical",
                access_log=False,
                timeout_graceful_shutdown=GRACE_SECONDS,
            )
        )
        self._leaving = leaving or asyncio.Event()
        self._drain_seconds = drain_seconds

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        """Told again it stops at once."""
        if self._leaving.is_set() or not self._drain_seconds:
            self.should_exit = True
        self._leaving.set()
        self.config.encoded_headers.append(_LAST_ONE)
        asyncio.get_running_loop().call_later(self._drain_seconds, self._end)

    def _end(self) -> None:
        self.should_exit = True


@contextmanager
def told_by_signals(stop: Callable[[], None]) -> Iterator[None]:
    """While this lasts, SIGINT and SIGTERM call `stop`."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
