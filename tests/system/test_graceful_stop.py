"""An api that is told to stop: nobody who asks it or another gets an error."""

import asyncio
import contextlib
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from time import monotonic

import httpx
import pytest

from tests.system.scaled import Part, scaled_system
from tests.system.serving import Serving
from tests.system.test_scaled import hired

DRAIN_SECONDS = 1.5
LOOKED_EVERY_SECONDS = 0.1
SLOW_SECONDS = 8.0
"""A batch may take so long, and longer, after the signal."""


def line(number: int) -> bytes:
    command = {"command": "open-opportunity", "opportunity_id": f"B{number}", "customer_id": "C1"}
    return json.dumps(command).encode() + b"\n"


async def trickled(begun: asyncio.Event, after: asyncio.Event) -> AsyncIterator[bytes]:
    """The first half at once, the rest slowly, once the process has been told to stop."""
    for number in range(20):
        yield line(number)
    begun.set()
    await after.wait()
    for number in range(20, 40):
        await asyncio.sleep(SLOW_SECONDS / 20)
        yield line(number)


class Clients:
    """Post without a pause to whichever api was ready when it was last looked at."""

    def __init__(self, apis: list[Part], key: str) -> None:
        self._apis = apis
        self._headers = {"Authorization": f"Bearer {key}"}
        self._ready = [api.address for api in apis]
        self._sent = 0
        self.statuses: Counter[tuple[str, int]] = Counter()
        self.failures: list[str] = []

    async def look(self) -> None:
        async with httpx.AsyncClient(timeout=5) as http:
            while True:
                found = []
                for address in (api.address for api in self._apis):
                    with contextlib.suppress(httpx.TransportError):
                        if (await http.get(f"{address}/readyz")).status_code == 200:
                            found.append(address)
                self._ready = found
                await asyncio.sleep(LOOKED_EVERY_SECONDS)

    async def post(self) -> None:
        async with httpx.AsyncClient(timeout=20) as http:
            while True:
                self._sent += 1
                number = self._sent
                address = self._ready[number % len(self._ready)]
                body = {"opportunity_id": f"O{number}", "customer_id": "C1"}
                try:
                    answer = await http.post(
                        f"{address}/api/v1/opportunities", json=body, headers=self._headers
                    )
                    self.statuses[address, answer.status_code] += 1
                except httpx.HTTPError as failure:
                    self.failures.append(repr(failure))
                await asyncio.sleep(0.01)

    async def batch(self, to: Part, begun: asyncio.Event, after: asyncio.Event) -> httpx.Response:
        headers = {**self._headers, "Content-Type": "application/x-ndjson"}
        async with httpx.AsyncClient(timeout=30) as http:
            return await http.post(
                f"{to.address}/api/v1/commands", content=trickled(begun, after), headers=headers
            )


@pytest.mark.postgres
@pytest.mark.kafka
@pytest.mark.timeout(200)
async def test_an_api_that_is_told_to_stop_answers_what_is_in_hand_and_lets_others_take_over(
    tmp_path: Path, database: str, kafka: str, topic_prefix: str
) -> None:
    async with scaled_system(tmp_path, database, kafka, topic_prefix) as system:
        system.environment["PULSETRAIL_REQUESTS_A_MINUTE"] = "100000"
        leaving = system.add("api", API_DRAIN_SECONDS=str(DRAIN_SECONDS))
        await system.ready()
        key = (await hired(system)).boss
        staying = system.add("api", called="staying")
        await system.ready()
        clients, begun, told = Clients([leaving, staying], key), asyncio.Event(), asyncio.Event()
        posting = [clients.post() for _ in range(4)]
        load = [asyncio.create_task(each) for each in (clients.look(), *posting)]
        batch = asyncio.create_task(clients.batch(leaving, begun, told))
        await begun.wait()
        await asyncio.sleep(0.5)
        ended = asyncio.create_task(_told_to_stop(leaving, told))
        answer, code = await asyncio.gather(batch, ended, return_exceptions=True)
        assert code == 0, leaving.words[-3000:]
        assert isinstance(answer, httpx.Response), answer
        rows = [json.loads(each) for each in answer.text.splitlines()]
        assert [row["outcome"] for row in rows] == ["done"] * 40
        await asyncio.sleep(0.5)
        for each in load:
            each.cancel()
        await asyncio.gather(*load, return_exceptions=True)
    assert clients.failures == []
    assert {status for _address, status in clients.statuses} == {201}
    assert clients.statuses.keys() == {(leaving.address, 201), (staying.address, 201)}


async def _told_to_stop(part: Part, told: asyncio.Event) -> int:
    """The exit code."""
    assert part.process is not None
    part.process.send_signal(signal.SIGTERM)
    told.set()
    return await asyncio.to_thread(part.process.wait, 40)


async def test_whoever_only_follows_what_changes_holds_up_nobody_who_stops(tmp_path: Path) -> None:
    serving = Serving(tmp_path / "data")
    key = serving.command.json("keys", "create", "--role", "director")["key"]
    serving.start()
    try:
        await serving.ready()
        headers = {"Authorization": f"Bearer {key}"}
        async with (
            httpx.AsyncClient(base_url=serving.address, timeout=20) as http,
            http.stream("GET", "/api/v1/live", headers=headers) as stream,
        ):
            chunks = stream.aiter_text()
            assert await anext(chunks) == "retry: 2000\n\n"
            assert "action_type_defined" in await anext(chunks)
            begin = monotonic()
            stopped = asyncio.create_task(asyncio.to_thread(serving.stop))
            assert [chunk async for chunk in chunks] == []
            assert await stopped == 0
            assert monotonic() - begin < 5
    finally:
        serving.kill()
