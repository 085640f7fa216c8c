"""The scaled system on this machine: real servers, the five processes, one address."""

import asyncio
import os
import sys
from collections.abc import Coroutine, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx

from stack.kafka_server import KafkaServer
from stack.postgres_server import PostgresServer
from stack.supervised_process import Say, SupervisedProcess
from stack.supervised_server import SupervisedServer

T = TypeVar("T")

_PULSETRAIL = (sys.executable, "-m", "services.cli")
_FOLLOWED_TOGETHER = ("directory", "leads", "opportunities", "scoring", "projections")
_PARTITIONS = "4"
"""Enough for the processors of one machine."""
_READY_SECONDS = 90.0


class ToldToStop(Exception):
    """While something else was going on."""


class StepFailed(Exception):
    """One of the commands that prepare the servers; it has said why."""


@dataclass(kw_only=True)
class Supervisor:
    """`data`: the servers' data, evidence and logs; started again on it, all is there as it was."""

    data: Path
    port: int
    demo: bool
    say: Say
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        """Until told to stop; then our processes end first, the servers after them.

        Raises ServerCannotStart, StepFailed.
        """
        self._logs.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            async with AsyncExitStack() as running:
                environment = await self._serve(running)
                await self._prepare(environment)
                processes = await self._start(running, environment)
                await self._until_ready(processes)
                self.say(f"Pulsetrail: http://127.0.0.1:{self.port}")
                self.say(f"Logs: {self._logs}. Stop with Ctrl-C.")
                await self.stopping.wait()
                self.say("stopping")
        except ToldToStop:
            self.say("stopped")

    async def _serve(self, running: AsyncExitStack) -> Mapping[str, str]:
        """What our processes are told about the servers, once these run."""
        kafka = KafkaServer(self.data / "kafka")
        postgres = PostgresServer(self.data / "postgres", durable=True)
        servers = (
            SupervisedServer("Kafka", kafka, self.data / "kafka" / "kafka.log", self.say),
            SupervisedServer(
                "PostgreSQL", postgres, self.data / "postgres" / "server.log", self.say
            ),
        )
        self.say("Kafka and PostgreSQL are starting")
        for server in servers:
            running.push_async_callback(server.stop)
        started = await asyncio.gather(
            *(server.start() for server in servers), return_exceptions=True
        )
        for failure in started:
            if failure is not None:
                raise failure
        self._refuse_when_told_to_stop()
        for server in servers:
            _kept_up(running, server.keep_up())
        return {
            "DATABASE_URL": postgres.url(),
            "EVENT_STORE_URL": postgres.url(),
            "KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap,
            "LOG_PARTITIONS": os.environ.get("LOG_PARTITIONS", _PARTITIONS),
            "OBJECT_STORE_URL": (self.data / "evidence").absolute().as_uri(),
            "PULSETRAIL_PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "PYTHONUTF8": "1",
        }

    async def _prepare(self, environment: Mapping[str, str]) -> None:
        """Raises StepFailed, ToldToStop."""
        await self._command(environment, "migrate")
        await self._command(environment, "topics")
        if self.demo:
            self.say("filling the demonstration tenant, unless it is there")
            await self._command(environment, "demo")

    async def _command(self, environment: Mapping[str, str], name: str) -> None:
        path = self._logs / f"{name}.log"
        with path.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *_PULSETRAIL,
                name,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=None if name == "demo" and sys.stderr.isatty() else log,
                env=os.environ | environment,
                start_new_session=True,
            )
            try:
                code = await self._unless_told_to_stop(process.wait())
            except ToldToStop:
                process.terminate()
                await process.wait()
                raise
        if code:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            raise StepFailed(f"pulsetrail {name}: {lines[-1] if lines else code} (its log: {path})")

    async def _start(
        self, running: AsyncExitStack, environment: Mapping[str, str]
    ) -> list[SupervisedProcess]:
        commands = {
            "api": ("api", "--port", str(self.port), "--metrics-port", "0", "--invite"),
            "relay": ("relay", "--port", "0"),
            "worker": ("worker", *_FOLLOWED_TOGETHER, "--port", "0"),
            "worker-of-notifications": ("worker", "notifications", "--port", "0"),
            "watch": ("watch", "--port", "0"),
        }
        processes = [
            SupervisedProcess(
                name,
                (*_PULSETRAIL, *arguments),
                environment,
                self._logs / f"{name}.log",
                self.say,
            )
            for name, arguments in commands.items()
        ]
        tasks = [asyncio.create_task(each.run()) for each in processes]

        async def stop() -> None:
            await asyncio.gather(*(each.stop() for each in processes))
            await asyncio.gather(*tasks)

        running.push_async_callback(stop)
        return processes

    async def _until_ready(self, processes: list[SupervisedProcess]) -> None:
        """All of them, or whatever is ready after a time that should be enough."""
        ends = asyncio.get_running_loop().time() + _READY_SECONDS
        missing = {each.name: "it has not said where it listens" for each in processes}
        async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
            while missing and asyncio.get_running_loop().time() < ends:
                for each in processes:
                    if each.name in missing and each.address:
                        lacking = await _lacking(client, each.address)
                        missing[each.name] = lacking
                        if not lacking:
                            del missing[each.name]
                            self.say(f"{each.name} is ready: {each.address}")
                await self._unless_told_to_stop(asyncio.sleep(0.2))
        for name, lacking in missing.items():
            self.say(f"{name} is not ready yet: {lacking}; its log: {self._logs / name}.log")

    async def _unless_told_to_stop(self, work: Coroutine[Any, Any, T]) -> T:
        """Raises ToldToStop; then the work is cancelled."""
        doing = asyncio.create_task(work)
        told = asyncio.create_task(self.stopping.wait())
        await asyncio.wait({doing, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if not doing.done():
            doing.cancel()
            raise ToldToStop
        return doing.result()

    def _refuse_when_told_to_stop(self) -> None:
        if self.stopping.is_set():
            raise ToldToStop

    @property
    def _logs(self) -> Path:
        return self.data / "logs"


def _kept_up(running: AsyncExitStack, work: Coroutine[Any, Any, None]) -> None:
    """Ended before whatever was pushed on the stack earlier."""
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    running.push_async_callback(end)


async def _lacking(client: httpx.AsyncClient, address: str) -> str:
    """What the process says is missing; empty when it is ready."""
    try:
        answer = await client.get(f"{address}/readyz")
    except httpx.HTTPError as failure:
        return str(failure) or type(failure).__name__
    return "" if answer.status_code == httpx.codes.OK else answer.text
