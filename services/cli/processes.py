"""`pulsetrail api`, `worker`, `watch`: parts of the system, each a process of its own."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog
from fastapi import FastAPI

from services.cli.demonstration.planned import DEMO_TENANT
from services.cli.desk import DEFAULT_TENANT, furnish
from services.cli.exit_codes import DONE, FOUND_SOMETHING
from services.cli.keys import AskedKey, new_api_key
from services.cli.output import Output
from services.cli.perform import collect_garbage_seldom
from services.cli.sign_in import SignIn
from services.cli.web_server import WebServer, listening_on, told_by_signals
from services.scaled import (
    WATCH,
    Parts,
    api_of,
    follow_on_faust,
    open_scaled,
    send_order,
    worker_of,
)
from services.tracing import traces_sent
from shared import health_api, metrics_api
from shared.access import Role
from shared.command_handling import CommandContext
from shared.errors import DomainError
from shared.hosting import application
from shared.http import NO_TELEMETRY_OF_ITS_OWN, add_routes, install_errors
from shared.logs import configure_logs
from shared.orders import Order, What
from shared.ports import Ports
from shared.scaled_hosting import ScaledHosting
from shared.settings import InstallationSettings, ScaledSettings
from shared.watchdog import Hangs, Watchdog

LOG = structlog.get_logger(__name__)

_RETRY_SECONDS = 2.0
_FURNISHING = "furnishing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiProcess:
    """`services` behind `address`, health also there; `metrics` is an address of its own, for
    loopback or with their token only. `invites`: prints links that sign in once, at whichever api.
    """

    services: Sequence[str]
    address: Address
    metrics: Address
    invites: bool = False

    async def run(self, output: Output) -> int:
        """Raises OSError (the port is taken), PartitionsAreFixed."""
        async with _opened("api", api_of(self.services)) as hosting:
            app, sign_in = application(hosting, shows_metrics=False), SignIn(hosting.ports)
            add_routes(app, *sign_in.routers())
            drain_seconds = ScaledSettings().api_drain_seconds
            server = WebServer(app, leaving=hosting.leaving, drain_seconds=drain_seconds)
            async with _metrics_shown(hosting, self.metrics, output):
                ending = asyncio.create_task(self._run(hosting, sign_in, output))
                return await _serve_until(hosting, ending, server, self.address, output, "api")

    async def _run(self, hosting: ScaledHosting, sign_in: SignIn, output: Output) -> str:
        await self._begin(hosting, sign_in, output)
        await asyncio.Event().wait()
        return "unreachable"

    async def _begin(self, hosting: ScaledHosting, sign_in: SignIn, output: Output) -> None:
        await hosting.start()
        while "directory" in self.services:
            try:
                if await hosting.lease.is_ours(_FURNISHING):
                    await furnish(hosting.ports)
                    await _first_key(hosting.ports, output)
                    await hosting.lease.give_back(_FURNISHING)
                if self.invites:
                    await self._invite(hosting.ports, sign_in, output)
                return
            except DomainError as failure:
                LOG.warning("not_furnished_yet", why=failure.detail)
            except Exception as failure:
                LOG.error("not_furnished_yet", exc_info=failure)
            await asyncio.sleep(_RETRY_SECONDS)

    async def _invite(self, ports: Ports, sign_in: SignIn, output: Output) -> None:
        address = ports.settings.public_url or f"http://{self.address.host}:{self.address.port}"
        has_demo = DEMO_TENANT in await ports.organisations.tenants()
        await sign_in.invite(address, output, demo=has_demo)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerProcess:
    """What `services` follow, as a worker of Faust; health and metrics at `address`."""

    services: Sequence[str]
    address: Address

    async def run(self, output: Output) -> int:
        async with _opened("worker", worker_of(self.services)) as hosting:
            ending = asyncio.create_task(self._follow(hosting))
            server = WebServer(_health(hosting))
            return await _serve_until(hosting, ending, server, self.address, output, "worker")

    async def _follow(self, hosting: ScaledHosting) -> str:
        """Why it ended."""
        await hosting.prepare()
        watchdog = asyncio.create_task(Watchdog(hosting.subscriptions).watch())
        async with follow_on_faust(ScaledSettings(), hosting) as worker:
            ended = asyncio.create_task(worker.ended())
            try:
                await asyncio.wait({watchdog, ended}, return_when=asyncio.FIRST_COMPLETED)
                return watchdog_says(watchdog) or f"the worker ended: {await ended}"
            finally:
                for task in (watchdog, ended):
                    task.cancel()


def watchdog_says(watchdog: "asyncio.Task[None]") -> str:
    if not watchdog.done():
        return ""
    failure = watchdog.exception()
    return str(failure) if isinstance(failure, Hangs) else repr(failure)


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchProcess:
    """What time brings: one at a time does it, others stand by."""

    address: Address

    async def run(self, output: Output) -> int:
        async with _opened("watch", WATCH) as hosting:
            ending = asyncio.create_task(self._run(hosting))
            server = WebServer(_health(hosting))
            return await _serve_until(hosting, ending, server, self.address, output, "watch")

    async def _run(self, hosting: ScaledHosting) -> str:
        await hosting.start()
        await asyncio.Event().wait()
        return "unreachable"


async def order_workers(what: str, subscription: str) -> int:
    """The exit code. Raises StoreAway."""
    order = Order(what=What(what), subscription=subscription)
    await send_order(ScaledSettings(), order)
    return DONE


@asynccontextmanager
async def _opened(part: str, parts: Parts) -> AsyncIterator[ScaledHosting]:
    installation = InstallationSettings()
    configure_logs(installation.log_level)
    collect_garbage_seldom()
    async with (
        traces_sent(part),
        open_scaled(ScaledSettings(), parts, installation=installation) as hosting,
    ):
        yield hosting


async def _serve(server: WebServer, address: Address, output: Output, what: str) -> None:
    with listening_on(address.host, address.port) as listening, told_by_signals(server.stop):
        host, port = listening.getsockname()[:2]
        output.notice(f"pulsetrail {what}: http://{host}:{port}")
        await server.serve(sockets=[listening])


async def _serve_until(
    hosting: ScaledHosting,
    ending: "asyncio.Task[str]",
    server: WebServer,
    address: Address,
    output: Output,
    what: str,
) -> int:
    """Until told to stop, or until it cannot go on: then it says why and ends at once."""
    async with AsyncExitStack() as stack:
        serving = asyncio.create_task(_serve(server, address, output, what))
        stuck = asyncio.create_task(hosting.cannot_go_on.wait())
        stack.push_async_callback(_cancelled, serving, stuck, ending)
        await asyncio.wait({serving, ending, stuck}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            await serving
            hosting.tell_to_stop()
            return DONE
        for reason in dict.fromkeys(hosting.stopped.values()) or [await ending]:
            output.notice(reason)
        return FOUND_SOMETHING


@asynccontextmanager
async def _metrics_shown(
    hosting: ScaledHosting, address: Address, output: Output
) -> AsyncIterator[None]:
    server = WebServer(_metrics(hosting))
    with listening_on(address.host, address.port) as listening:
        host, port = listening.getsockname()[:2]
        output.notice(f"metrics of the api: http://{host}:{port}/metrics")
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield
        finally:
            server.stop()
            await serving


async def _cancelled(*tasks: "asyncio.Task[object]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _health(hosting: ScaledHosting) -> FastAPI:
    app = _metrics(hosting)
    add_routes(app, health_api.router(hosting))
    return app


def _metrics(hosting: ScaledHosting) -> FastAPI:
    app = FastAPI(
        openapi_url=None, docs_url=None, redoc_url=None, telemetry=NO_TELEMETRY_OF_ITS_OWN
    )
    install_errors(app)
    add_routes(app, metrics_api.router(hosting.ports, hosting.subscriptions, hosting.services))
    return app


async def _first_key(ports: Ports, output: Output) -> None:
    """A tenant `default` without any key gets an administrator's, shown this once."""
    organisation = await ports.organisations.of(DEFAULT_TENANT)
    if organisation.api_keys:
        return
    context = CommandContext(
        tenant_id=DEFAULT_TENANT,
        actor_id=None,
        occurred_at=ports.clock(),
        correlation_id=str(ports.new_id()),
        caller="command line",
    )
    _id, key = await new_api_key(ports, context, AskedKey(Role.ADMINISTRATOR, name="first key"))
    output.notice(f"Administrator's key of tenant {DEFAULT_TENANT}, shown once: {key}")
