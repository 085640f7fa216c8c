"""`pulsetrail topics` and `pulsetrail relay`: from the event store to Kafka."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import FastAPI, Response

from services.cli.exit_codes import DONE, FOUND_SOMETHING, REFUSED
from services.cli.output import Output
from services.cli.perform import collect_garbage_seldom
from services.cli.processes import Address
from services.cli.web_server import WebServer, listening_on, told_by_signals
from services.relaying import Relaying, make_topics, open_relay
from services.tracing import traces_sent
from shared.errors import CannotGoOn
from shared.http import NO_TELEMETRY_OF_ITS_OWN, add_routes, install_errors, json_response
from shared.logs import configure_logs
from shared.metrics_api import metrics_router
from shared.service import Gauge
from shared.settings import InstallationSettings, ScaledSettings


async def show_topics(output: Output) -> int:
    """The exit code. Raises StoreAway."""
    settings = ScaledSettings()
    try:
        topics = await make_topics(settings)
    except CannotGoOn as refusal:
        output.notice(str(refusal))
        return REFUSED
    rows = [topic._asdict() for topic in topics]
    if output.as_json:
        output.document({"rows": rows})
    else:
        output.table(None, rows, ("topic", "partitions", "made"))
    return DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayProcess:
    """The logs of `services` to their topics; health and metrics at `address`."""

    services: Sequence[str]
    address: Address

    async def run(self, output: Output) -> int:
        """Raises OSError (the port is taken)."""
        installation = InstallationSettings()
        configure_logs(installation.log_level)
        collect_garbage_seldom()
        try:
            async with (
                traces_sent("relay"),
                open_relay(ScaledSettings(), self.services) as relaying,
            ):
                await self._relay(relaying, installation, output)
        except CannotGoOn as reason:
            output.notice(str(reason))
            return FOUND_SOMETHING
        return DONE

    async def _relay(
        self, relaying: Relaying, installation: InstallationSettings, output: Output
    ) -> None:
        """Until told to stop, or until it cannot go on: then what is in hand is finished."""
        server = WebServer(_health(relaying, installation))
        stopping = asyncio.Event()
        with listening_on(self.address.host, self.address.port) as listening:
            host, port = listening.getsockname()[:2]
            output.notice(f"pulsetrail relay: http://{host}:{port}")
            running = asyncio.create_task(relaying.run(stopping))
            running.add_done_callback(lambda _ended: server.stop())
            try:
                with told_by_signals(server.stop):
                    await server.serve(sockets=[listening])
            finally:
                stopping.set()
                await running


def _health(relaying: Relaying, installation: InstallationSettings) -> FastAPI:
    app = FastAPI(
        openapi_url=None, docs_url=None, redoc_url=None, telemetry=NO_TELEMETRY_OF_ITS_OWN
    )
    install_errors(app)

    @app.get("/healthz")
    async def healthz() -> Response:
        return json_response({"alive": True})

    @app.get("/readyz")
    async def readyz() -> Response:
        missing = relaying.problems
        return json_response({"ready": not missing, "missing": missing}, 503 if missing else 200)

    async def figures() -> Sequence[Gauge]:
        return relaying.gauges()

    add_routes(app, metrics_router(installation, figures))
    return app
