"""Running services: their subscriptions, their runners, their routes behind one address."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from fastapi import FastAPI

from shared import batch_api, docs_page, event_log_api, health_api, live_api, metrics_api
from shared.data_folder import DataFolder
from shared.followed_elsewhere import FollowedElsewhere
from shared.http import BASE, NO_TELEMETRY_OF_ITS_OWN, Access, add_routes, install_errors
from shared.http_limits import HttpLimits
from shared.http_tracing import HttpTraces
from shared.ports import Ports
from shared.projecting import ReadModel
from shared.running import Running
from shared.service import BatchCommand, Runner, Service
from shared.subscription import Feed, Following, Reaction, Subscription, SubscriptionStopped

_SETTLE_SECONDS = 0.05


class Hosting:
    """The services of one process, the only one on its stores. `start` follows live, `catch_up`
    works off what is there."""

    def __init__(
        self, ports: Ports, services: Sequence[Service], folder: DataFolder | None = None
    ) -> None:
        self.ports = ports
        self.folder = folder
        self.services = tuple(services)
        feed = Feed(ports.event_store, ports.codec, alone=True)
        targets: list[ReadModel | Reaction] = []
        for service in services:
            targets += [*service.read_models, *service.reactions]
        self.subscriptions = tuple(
            Subscription(target, feed, ports.read_store) for target in targets
        )
        self.runners = tuple(runner for service in services for runner in service.runners)
        self.shown: tuple[FollowedElsewhere, ...] = ()
        """It follows itself for whatever it shows."""
        ports.progress.follow(self.subscriptions)
        self._running = Running(
            ports.event_store, self.subscriptions, self.runners, self._known_until
        )
        self.stopped = self._running.stopped
        self.leaving = asyncio.Event()

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

    async def _known_until(self, _runner: Runner) -> datetime | None:
        """The clock is read first: what is applied by then was recorded before."""
        now = self.ports.clock()
        return now if await self.at_head() else None

    def start(self) -> None:
        self._running.start()

    async def settle(self) -> None:
        """While following live: until all stand at the head and every runner found nothing to do
        since the last append. Raises SubscriptionStopped where one stopped."""
        while True:
            if self.stopped:
                raise SubscriptionStopped("; ".join(self.stopped.values()))
            if self._running.is_idle() and await self.at_head():
                return
            await asyncio.sleep(_SETTLE_SECONDS)

    async def stop(self) -> None:
        await self._running.stop()


class Hosted(Protocol):
    """A process's part of the system, as its address shows it."""

    @property
    def ports(self) -> Ports: ...

    @property
    def services(self) -> Sequence[Service]: ...

    @property
    def subscriptions(self) -> Sequence[Following]:
        """Those that this process follows itself."""
        ...

    @property
    def shown(self) -> Sequence[FollowedElsewhere]:
        """The read models that it shows and others follow."""
        ...

    @property
    def stopped(self) -> Mapping[str, str]: ...

    @property
    def leaving(self) -> asyncio.Event:
        """Set when the process was told to end: no longer ready, streams end, the rest of what is
        in hand is answered."""
        ...


def application(hosting: Hosted, *, shows_metrics: bool = True) -> FastAPI:
    """One path space for all services of the process."""
    ports = hosting.ports
    app = FastAPI(
        title="Pulsetrail",
        version="1",
        openapi_url=f"{BASE}/openapi.json",
        docs_url=None,
        redoc_url=None,
        telemetry=NO_TELEMETRY_OF_ITS_OWN,
    )
    install_errors(app)
    access = Access(ports)
    commands: dict[str, BatchCommand] = {}
    for service in hosting.services:
        commands.update(service.commands)
        add_routes(app, *service.routers)
    add_routes(
        app,
        batch_api.router(ports, access, commands),
        event_log_api.router(ports, access),
        live_api.router(ports, access, hosting.leaving),
        docs_page.router(app),
        health_api.router(hosting),
    )
    if shows_metrics:
        add_routes(app, metrics_api.router(ports, hosting.subscriptions, hosting.services))
    app.add_middleware(HttpLimits, settings=ports.settings)
    app.add_middleware(HttpTraces, new_id=ports.new_id, traced=BASE)
    return app
