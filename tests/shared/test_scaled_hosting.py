"""What a process of several says of what it follows: at its addresses, and to whoever ends it."""

import asyncio
from pathlib import Path

import httpx
from fastapi import FastAPI

from shared import health_api, metrics_api
from shared.http import add_routes
from shared.running import Unleased
from shared.scaled_hosting import ScaledHosting
from shared.service import Service
from tests.shared.installation import opened
from tests.shared.log_sources import ScriptedSource
from tests.shared.reading import happen, rows_of
from tests.shared.staff import Join, headcount_model

WHY = "events 2 to 3 are missing in the midst of the topic"


async def test_a_partition_that_was_stopped_is_named_where_readiness_and_figures_are_asked_for(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as ports:
        source = ScriptedSource(ports.event_store)
        source.stopped[3] = WHY

        async def open_source(_log: str, _subscription: str) -> ScriptedSource:
            return source

        model = headcount_model()
        staff = Service(name="staff", read_models=(model,))
        hosting = ScaledHosting(
            ports, [staff], follows=["staff"], open_source=open_source, lease=Unleased()
        )
        await hosting.start()
        await happen(ports, Join(person_id="P1"))
        async with asyncio.timeout(10):
            while not await rows_of(ports, model.rows):  # noqa: ASYNC110  # no event is set
                await asyncio.sleep(0.02)
        app = FastAPI()
        figures = metrics_api.router(ports, hosting.subscriptions, hosting.services)
        add_routes(app, health_api.router(hosting), figures)
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            ready = await client.get("/readyz")
            told = (await client.get("/metrics")).text
        assert not hosting.cannot_go_on.is_set()
        await hosting.stop()
    assert (ready.status_code, ready.json()["missing"]) == (503, {"staff.headcount.v1/3": WHY})
    name = "pulsetrail_subscription_stopped_partitions"
    assert f'{name}{{subscription="staff.headcount.v1"}} 1' in told
