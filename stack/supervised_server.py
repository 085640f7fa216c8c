"""Kafka or PostgreSQL for the supervisor: started in a thread, started again when it ends."""

import asyncio
from pathlib import Path
from typing import Protocol

from stack.supervised_process import FIRST_BACK_OFF_SECONDS, LONGEST_BACK_OFF_SECONDS, Say

_LOOK_SECONDS = 1.0


class Server(Protocol):
    @property
    def is_running(self) -> bool: ...

    def start(self) -> None: ...

    def stop(self) -> None: ...


class ServerCannotStart(Exception):
    """In one line: which, why, and where it says more."""


class SupervisedServer:
    def __init__(self, name: str, server: Server, log: Path, say: Say) -> None:
        self.name = name
        self._server = server
        self._log = log
        self._say = say

    async def start(self) -> None:
        """Raises ServerCannotStart."""
        try:
            await asyncio.to_thread(self._server.start)
        except Exception as failure:  # of several libraries: whatever it is, that is why
            lines = [line.strip() for line in str(failure).splitlines() if line.strip()]
            why = " … ".join(dict.fromkeys(lines[:1] + lines[-1:])) or type(failure).__name__
            more = f" (its log: {self._log})" if self._log.exists() else ""
            raise ServerCannotStart(f"{self.name}: {why}{more}") from failure

    async def keep_up(self) -> None:
        """Until cancelled: looks after it."""
        back_off = FIRST_BACK_OFF_SECONDS
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._server.is_running:
                continue
            self._say(f"{self.name} ended and is started again; its log: {self._log}")
            try:
                await self.start()
                back_off = FIRST_BACK_OFF_SECONDS
            except ServerCannotStart as failure:
                self._say(str(failure))
                await asyncio.sleep(back_off)
                back_off = min(2 * back_off, LONGEST_BACK_OFF_SECONDS)

    async def stop(self) -> None:
        await asyncio.to_thread(self._server.stop)
