"""Running services: their subscriptions, their runners, their routes behind one address."""

import asyncio
from collections.abc import Sequence

import structlog
from fastapi import FastAPI, Request, Response

from shared import batch_api, docs_page, event_log_api, live_api, metrics_api
from shared.data_folder import DataFolder
from shared.http import BASE, Access, install_errors, json_response
from shared.http_limits import HttpLimits
from shared.ports import Ports
from shared.projecting import ReadModel
from shared.service import BatchCommand, Runner, Service
from shared.subscription import Feed, Reaction, Subscription, SubscriptionStopped, run

LOG = structlog.get_logger(__name__)

_RETRY_SECONDS = 2.0
_BEHIND_SECONDS = 0.02
_PAUSE_SECONDS = 0.25
"""What time brings can wait that long: under load nobody looks after every single append."""
_SETTLE_SECONDS = 0.05


class Hosting:
    """The services of one process. `start` follows live, `catch_up` works off what is there."""

    def __init__(
        self, ports: Ports, services: Sequence[Service], folder: DataFolder | None = None
    ) -> None:
        self.ports = ports
        self.folder = folder
        self.services = tuple(services)
        feed = Feed(ports.event_store, ports.codec)
        targets: list[ReadModel | Reaction] = []
        for service in services:
            targets += [*service.read_models, *service.reactions]
        self.subscriptions = tuple(
            Subscription(target, feed, ports.read_store) for target in targets
        )
        self.runners = tuple(runner for service in services for runner in service.runners)
        ports.progress.follow(self.subscriptions)
        self.stopped: dict[str, str] = {}
        self._idle: dict[str, int] = {}
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def create_tables(self) -> None:
        """Asking a read model for its tables declares them."""
        for subscription in self.subscriptions:
            if not isinstance(subscription.target, Reaction):
                subscription.target.tables  # noqa: B018
        await self.ports.read_store.create_tables()

    async def catch_up(self, runners: bool = True) -> None:
        """Until every subscription stands at the head and nothing that is due is left to do.

        Raises SubscriptionStopped.
        """
        while True:
            took = [await subscription.step() for subscription in self.subscriptions]
            if any(took):
                await asyncio.sleep(0)
                continue
            now = self.ports.clock()
            if runners and any([await runner.step(now) for runner in self.runners]):
                continue
            if await self.at_head():
                return

    async def at_head(self) -> bool:
        for subscription in self.subscriptions:
            if not await subscription.at_head():
                return False
        return True

    def start(self) -> None:
        for subscription in self.subscriptions:
            self._tasks.append(asyncio.create_task(self._follow(subscription)))
        for runner in self.runners:
            self._tasks.append(asyncio.create_task(self._repeat(runner)))

    async def settle(self) -> None:
        """While following live: until all stand at the head and every runner found nothing to do
        since. Raises SubscriptionStopped where one stopped."""
        for runner in self.runners:
            self._idle.pop(runner.name, None)
        while True:
            if self.stopped:
                raise SubscriptionStopped("; ".join(self.stopped.values()))
            generation = self.ports.event_store.generation
            idle = all(self._idle.get(each.name) == generation for each in self.runners)
            if idle and await self.at_head():
                return
            await asyncio.sleep(_SETTLE_SECONDS)

    async def stop(self) -> None:
        self._stopping.set()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _follow(self, subscription: Subscription) -> None:
        try:
            await run(subscription, self.ports.event_store, self._stopping)
        except SubscriptionStopped as stop:
            self.stopped[subscription.name] = str(stop)
            LOG.error("subscription_stopped", subscription=subscription.name, why=str(stop))

    async def _repeat(self, runner: Runner) -> None:
        """The clock is read while every subscription stands at the head, so lag delays what time
        brings and never invents it."""
        store = self.ports.event_store
        while not self._stopping.is_set():
            generation = store.generation
            now = self.ports.clock()
            try:
                stands = await self.at_head()
                did = stands and await runner.step(now)
            except Exception as failure:
                LOG.error("runner_failed", runner=runner.name, exc_info=failure)
                await asyncio.sleep(_RETRY_SECONDS)
                continue
            if not stands:
                await asyncio.sleep(_RETRY_SECONDS if self.stopped else _BEHIND_SECONDS)
            elif not did:
                self._idle[runner.name] = generation
                await store.wait_beyond(generation, runner.poll_seconds)
                await asyncio.sleep(_PAUSE_SECONDS)


def application(hosting: Hosting) -> FastAPI:
    """One path space for all services of the process."""
    ports = hosting.ports
    app = FastAPI(
        title="Pulsetrail",
        version="1",
        openapi_url=f"{BASE}/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    install_errors(app)
    access = Access(ports)
    commands: dict[str, BatchCommand] = {}
    for service in hosting.services:
        commands.update(service.commands)
        for router in service.routers:
            app.include_router(router)
    app.include_router(batch_api.router(ports, access, commands))
    app.include_router(event_log_api.router(ports, access))
    app.include_router(live_api.router(ports, access))
    app.include_router(metrics_api.router(ports, hosting.subscriptions, hosting.services))
    app.include_router(docs_page.router(app))
    app.add_middleware(HttpLimits, settings=ports.settings, new_id=ports.new_id)

    @app.get("/healthz", include_in_schema=False)
    async def healthz(_request: Request) -> Response:
        return json_response({"alive": True})

    @app.get("/readyz", include_in_schema=False)
    async def readyz(_request: Request) -> Response:
        missing = dict(hosting.stopped)
        for subscription in hosting.subscriptions:
            if subscription.name not in missing and not await subscription.at_head():
                missing[subscription.name] = "catching up"
        return json_response({"ready": not missing, "missing": missing}, 503 if missing else 200)

    return app
