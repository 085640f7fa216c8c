"""`pulsetrail serve` as a process of its own that can be killed at any moment."""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import httpx

from tests.system import warm_start
from tests.system.command import Pulsetrail

_PATIENCE_SECONDS = 40


@dataclass
class Serving:
    """`settings` are environment variables; what the process says goes to `said`."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | warm_start.Launched | None = None
    address: str = ""

    @property
    def said(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.said")

    @property
    def command(self) -> Pulsetrail:
        return Pulsetrail(self.folder)

    def start(self, file_limit_bytes: int | None = None) -> None:
        """Does not wait. With a limit no file grows beyond it, as on a disk that is full."""
        (self.folder / "serving.json").unlink(missing_ok=True)
        with self.said.open("ab") as said:
            self.process = warm_start.launch(
                self.command.arguments("serve", "--port", "0"),
                said,
                said,
                environment=os.environ | self.settings,
                file_limit_bytes=file_limit_bytes,
            )

    def start_cold(self) -> None:
        """As a person starts it, who has loaded nothing before. Does not wait."""
        arguments = self.command.arguments("serve", "--port", "0")
        with self.said.open("ab") as said:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services.cli", *arguments], stdout=said, stderr=said
            )

    async def ready(self) -> float:
        """Until it answers and every read model has caught up; in how many seconds that was."""
        begin = monotonic()
        async with httpx.AsyncClient(timeout=5) as http:
            while not await self._is_ready(http):
                assert self.process is not None
                assert self.process.poll() is None, self.said.read_text(encoding="utf-8")[-2000:]
                assert monotonic() - begin < _PATIENCE_SECONDS, "it never became ready"
                await asyncio.sleep(0.02)
        return monotonic() - begin

    async def _is_ready(self, http: httpx.AsyncClient) -> bool:
        try:
            known = json.loads((self.folder / "serving.json").read_text())
            answer = await http.get(f"{known['address']}/readyz")
        except (FileNotFoundError, ValueError, httpx.TransportError):
            return False
        self.address = known["address"]
        return answer.status_code == 200

    def kill(self) -> None:
        """SIGKILL: it has no chance to say or write anything."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """As Ctrl-C or a service manager does; its exit code."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(_PATIENCE_SECONDS)

    def seconds_without_a_processor(self) -> float:
        """How long it wanted to run while others held every processor; 0 where none tells."""
        assert self.process is not None
        schedule = Path(f"/proc/{self.process.pid}/schedstat")
        return int(schedule.read_text().split()[1]) / 1e9 if schedule.exists() else 0.0

    def resident_bytes(self) -> int:
        """As much memory as it holds at this moment."""
        assert self.process is not None
        if sys.platform == "linux":
            status = Path(f"/proc/{self.process.pid}/status").read_text()
            line = next(each for each in status.splitlines() if each.startswith("VmRSS:"))
            return int(line.split()[1]) * 1024
        shown = subprocess.run(
            ["ps", "-o", "rss=", "-p", str(self.process.pid)],
            capture_output=True,
            check=True,
            encoding="utf-8",
        )
        return int(shown.stdout) * 1024
