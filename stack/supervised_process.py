"""One process of ours, started again when it ends, with what it says kept in a file."""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

Say = Callable[[str], None]

FIRST_BACK_OFF_SECONDS = 0.5
LONGEST_BACK_OFF_SECONDS = 30.0
_STEADY_SECONDS = 30.0
"""Who has lived so long is started again at once."""
_STOP_SECONDS = 30.0
_LONGEST_LINE_BYTES = 1024 * 1024
_FOR_PEOPLE = ("Sign in,", "Administrator's key")


class SupervisedProcess:
    """`say`: what people at the terminal are told. Keys and links go there alone, not to the log.

    `address` is where the process listens, as it said itself; empty until then.
    """

    def __init__(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], log: Path, say: Say
    ) -> None:
        self.name = name
        self.address = ""
        self._command = command
        self._environment = environment
        self._log = log
        self._say = say
        self._last_line = "it said nothing"
        self._stopping = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None

    async def run(self) -> None:
        """Until told to stop."""
        back_off = FIRST_BACK_OFF_SECONDS
        while not self._stopping.is_set():
            began_at = asyncio.get_running_loop().time()
            code = await self._run_once()
            if self._stopping.is_set():
                return
            if asyncio.get_running_loop().time() - began_at > _STEADY_SECONDS:
                back_off = FIRST_BACK_OFF_SECONDS
            self._say(
                f"{self.name} ended ({_told(code)}): {self._last_line} It is started again in"
                f" {back_off:g} s; its log: {self._log}"
            )
            await _waited(self._stopping, back_off)
            back_off = min(2 * back_off, LONGEST_BACK_OFF_SECONDS)

    async def stop(self) -> None:
        """Told to end, and ended by force where that takes too long."""
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _STOP_SECONDS)
        except TimeoutError:
            self._say(f"{self.name} did not stop in time; its log: {self._log}")
            process.kill()
            await process.wait()

    async def _run_once(self) -> int:
        self.address = ""
        with self._log.open("a", encoding="utf-8") as log:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                env=os.environ | self._environment,
                start_new_session=True,  # Ctrl-C is for us: we stop them, in their order
                limit=_LONGEST_LINE_BYTES,
            )
            self._process = process
            assert process.stdout is not None
            await self._listen(process.stdout, log)
            return await process.wait()

    async def _listen(self, said: asyncio.StreamReader, log: IO[str]) -> None:
        while True:
            try:
                line = (await said.readline()).decode(errors="replace")
            except ValueError:
                line = "a line that is too long to be kept\n"
            if not line:
                return
            if line.startswith(_FOR_PEOPLE):
                self._say(line.rstrip())
                continue
            if line.startswith("pulsetrail ") and ": http" in line:
                self.address = line.split()[-1]
            self._last_line = line.strip() or self._last_line
            log.write(line)
            log.flush()


async def _waited(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        return


def _told(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
