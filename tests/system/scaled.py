"""The scaled system as real processes on real servers; each may be killed and started again."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import httpx

from tests.system import warm_start

PARTS = ("api", "relay", "worker", "watch")

_PATIENCE_SECONDS = 180.0


@dataclass
class Part:
    """One process; what it says goes to `said`."""

    name: str
    arguments: tuple[str, ...]
    environment: dict[str, str]
    said: Path
    port: int = 0
    launched_by: str = "services.cli"
    process: warm_start.Launched | None = None

    def start(self) -> None:
        port = str(self.port)
        with self.said.open("ab") as said:
            self.process = warm_start.launch(
                [*self.arguments, "--port", port],
                said,
                said,
                environment=os.environ | self.environment,
                module=self.launched_by,
            )

    def kill(self) -> None:
        """As kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    async def stop(self) -> int:
        """As SIGTERM; answers the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, 30)

    @property
    def words(self) -> str:
        return self.said.read_text(encoding="utf-8")

    @property
    def address(self) -> str:
        """Where it listens, as it last said."""
        said = [line for line in self.words.splitlines() if f"pulsetrail {self.name}: " in line]
        return said[-1].rsplit(" ", 1)[1] if said else ""


@dataclass
class ScaledSystem:
    folder: Path
    environment: dict[str, str]
    parts: dict[str, Part] = field(default_factory=dict)
    http: httpx.AsyncClient = field(default_factory=lambda: httpx.AsyncClient(timeout=20))

    def command(self, *arguments: str, exit_code: int = 0) -> str:
        """What it prints, or what it says where it is to be refused."""
        done = warm_start.run(*arguments, environment=os.environ | self.environment)
        assert done.returncode == exit_code, f"{arguments}: {done.returncode}\n{done.stderr}"
        return done.stderr if exit_code else done.stdout

    def add(self, name: str, *arguments: str, called: str = "", **environment: str) -> Part:
        """`environment`: of this process only."""
        own = self.environment | environment if environment else self.environment
        part = Part(name, (name, *arguments), own, self.folder / f"{called or name}.said")
        self.parts[called or name] = part
        part.start()
        return part

    async def ready(self, *called: str) -> None:
        for each in called or tuple(self.parts):
            await self._until_ready(self.parts[each])

    async def _until_ready(self, part: Part) -> None:
        ends = monotonic() + _PATIENCE_SECONDS
        missing = "it has not said where it listens"
        while monotonic() < ends:
            assert part.process is not None
            assert part.process.poll() is None, f"{part.name} ended: {part.words[-3000:]}"
            if part.address:
                try:
                    answer = await self.http.get(f"{part.address}/readyz")
                    if answer.status_code == 200:
                        return
                    missing = answer.text
                except httpx.HTTPError as failure:
                    missing = repr(failure)
            await asyncio.sleep(0.1)
        raise AssertionError(f"{part.name} never became ready: {missing}\n{part.words[-3000:]}")

    async def said(self, called: str, words: str) -> None:
        ends = monotonic() + _PATIENCE_SECONDS
        while words not in self.parts[called].words:
            assert monotonic() < ends, self.parts[called].words[-3000:]
            await asyncio.sleep(0.1)

    async def first_key(self) -> str:
        ends = monotonic() + _PATIENCE_SECONDS
        while monotonic() < ends:
            for line in self.parts["api"].words.splitlines():
                if "shown once" in line:
                    return line.split()[-1]
            await asyncio.sleep(0.1)
        raise AssertionError(f"no first key: {self.parts['api'].words[-3000:]}")

    async def told(self, path: str, body: Any, key: str, **headers: str) -> dict[str, Any]:
        response = await self.http.post(
            f"{self.parts['api'].address}/api/v1{path}", json=body, headers=_bearer(key) | headers
        )
        assert response.status_code in (200, 201), response.text
        answer: dict[str, Any] = response.json()
        return answer | {"position": response.headers.get("Pulsetrail-Position", "")}

    async def shown(self, path: str, key: str, wait_for: str = "") -> Any:
        """Asked again while whoever has to apply what is waited for is only beginning."""
        headers = _bearer(key) | ({"Pulsetrail-Wait-For": wait_for} if wait_for else {})
        ends = monotonic() + _PATIENCE_SECONDS
        while True:
            address = f"{self.parts['api'].address}/api/v1{path}"
            response = await self.http.get(address, headers=headers)
            if response.status_code != 504 or monotonic() > ends:
                assert response.status_code == 200, response.text
                return response.json()

    async def eventually(self, path: str, key: str, wanted: Any) -> Any:
        """Until `wanted(answer)` is true, at the latest when patience ends; the answer."""
        ends = monotonic() + _PATIENCE_SECONDS
        while True:
            answer = await self.shown(path, key)
            if wanted(answer):
                return answer
            assert monotonic() < ends, answer
            await asyncio.sleep(0.2)


def _bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


@asynccontextmanager
async def scaled_system(
    folder: Path, database: str, kafka: str, topic_prefix: str, partitions: int = 4
) -> AsyncIterator[ScaledSystem]:
    """Schemas and topics made, nothing started yet; in the end everything is killed."""
    environment = {
        "DATABASE_URL": database,
        "KAFKA_BOOTSTRAP_SERVERS": kafka,
        "KAFKA_TOPIC_PREFIX": topic_prefix,
        "LOG_PARTITIONS": str(partitions),
        "OBJECT_STORE_URL": (folder / "objects").as_uri(),
        "PULSETRAIL_LOG_LEVEL": "info",
        "PYTHONUTF8": "1",
    }
    system = ScaledSystem(folder, environment)
    try:
        await asyncio.to_thread(system.command, "migrate")
        await asyncio.to_thread(system.command, "topics")
        yield system
    finally:
        for part in system.parts.values():
            if part.process is not None:
                part.process.kill()
                part.process.wait()
        await system.http.aclose()
