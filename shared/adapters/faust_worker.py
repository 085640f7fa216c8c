"""A worker process on Faust: what it follows as services of one app, orders by an agent."""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import faust
import mode
import structlog

from shared.adapters.kafka_topics import control_topic
from shared.running import Work

LOG = structlog.get_logger(__name__)

_SESSION_SECONDS = 10.0
_GRACE_SECONDS = 10.0

Obey = Callable[[bytes], Awaitable[None]]
"""What is done with an order that came; it must not raise."""


class _Following(mode.Service):
    """One subscription or runner. What it raises crashes the app, and so ends the process."""

    def __init__(self, work: Work, **named: Any) -> None:
        super().__init__(**named)
        self._work = work
        self.ended = asyncio.Event()

    @property
    def shortlabel(self) -> str:
        return self._work.name

    async def on_start(self) -> None:
        self.add_future(self._run())

    async def _run(self) -> None:
        try:
            await self._work.run()
        finally:
            self.ended.set()


class FaustWorker:
    """Events never pass through Faust: each subscription drains a consumer of its own. Orders do,
    and every worker hears every one, as each is a group of its own; so none waits for the session
    of one that was killed either."""

    def __init__(
        self, bootstrap: str, prefix: str, instance: str, work: Sequence[Work], obey: Obey
    ) -> None:
        self._work = work
        self._services: list[_Following] = []
        self._folder = tempfile.TemporaryDirectory(prefix="pulsetrail-worker-")
        brokers = ";".join(f"kafka://{each.strip()}" for each in bootstrap.split(","))
        self._app = faust.App(
            f"{prefix}.worker.{instance}",
            broker=brokers,
            datadir=self._folder.name,
            store="memory://",
            agent_supervisor=mode.CrashingSupervisor,
            key_serializer="raw",
            value_serializer="raw",
            topic_allow_declare=False,
            table_standby_replicas=0,
            topic_disable_leader=True,
            stream_wait_empty=False,
            web_enabled=False,
            autodiscover=False,
            consumer_auto_offset_reset="latest",
            broker_session_timeout=_SESSION_SECONDS,
            broker_heartbeat_interval=_SESSION_SECONDS / 4,
        )
        topic = self._app.topic(control_topic(prefix), key_serializer="raw", value_serializer="raw")

        async def orders(stream: Any) -> None:
            async for order in stream:
                await obey(order)

        self._app.agent(topic, name="orders")(orders)

    async def start(self) -> None:
        """Raises what Kafka says when it is away."""
        await self._app.start()
        for work in self._work:
            service = _Following(work, loop=asyncio.get_running_loop(), beacon=self._app.beacon)
            self._services.append(service)
            await self._app.add_runtime_dependency(service)

    async def ended(self) -> str:
        """Waits until the app ends by itself, and answers why."""
        await self._app.wait_until_stopped()
        return repr(self._app.crash_reason) if self._app.crash_reason else "stopped"

    async def crash(self, reason: Exception) -> None:
        await self._app.crash(reason)

    async def stop(self) -> None:
        """After the work was told to stop: what is in hand is finished."""
        if self._services:
            waiting = [asyncio.ensure_future(each.ended.wait()) for each in self._services]
            await asyncio.wait(waiting, timeout=_GRACE_SECONDS)
        await self._app.stop()
        self._folder.cleanup()
