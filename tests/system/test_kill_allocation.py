"""Killed with -9 while leads are allocated and a rep moves: none is lost or has two reps (L5)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from services.embedded import open_embedded
from shared.events.leads import LeadUnitChanged
from tests.oracle.leads import Told, flaws
from tests.system.lead_load import office_that_never_closes
from tests.system.serving import Serving

KILLS = 3
LEADS_A_ROUND = 25
REPS = ("rep-1", "rep-2", "rep-3")
MOVES_IN_TURN = 1
"""rep-3, to the branch, with the leads of the turn before."""

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[Serving, dict[str, str]]]:
    """Three reps of long standing who are on duty at every hour of every day."""
    serving = Serving(tmp_path / "data")
    keys = {
        role: serving.command.json("keys", "create", "--role", role)["key"]
        for role in ("director", "administrator")
    }
    serving.start()
    try:
        await serving.ready()
        await _furnish(serving, keys)
        yield serving, keys
    finally:
        serving.kill()


async def _furnish(serving: Serving, keys: dict[str, str]) -> None:
    async with _client(serving, keys["administrator"]) as http:
        for path, body in office_that_never_closes():
            await _told(http, path, body)
        await _told(http, "/units", {"unit_id": "team", "name": "team", "parent_id": "company"})
        branch = {"unit_id": "branch", "name": "branch", "parent_id": "company"}
        await _told(http, "/units", branch)
        for rep in REPS:
            await _told(http, "/people", {"person_id": rep, "unit_id": "team"})
            grant = {"person_id": rep, "role": "rep", "unit_id": "team"}
            key = (await _told(http, "/keys", {**grant, "name": rep}))["key"]
            async with _client(serving, key) as of_rep:
                await _told(of_rep, "/presence", {"on_duty": True})


def _client(serving: Serving, key: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=f"{serving.address}/api/v1",
        headers={"Authorization": f"Bearer {key}"},
        timeout=20,
    )


async def _told(http: httpx.AsyncClient, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await http.post(path, json=body)
    assert answer.status_code in (200, 201), answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_no_lead_is_lost_or_given_twice_however_often_it_is_killed(
    served: tuple[Serving, dict[str, str]],
) -> None:
    serving, keys = served
    random = Random(5)
    captured: list[str] = []
    for turn in range(KILLS):
        async with _client(serving, keys["director"]) as http:
            for number in range(LEADS_A_ROUND):
                lead_id = f"L{turn}-{number}"
                body = {"lead_id": lead_id, "customer_id": f"C{lead_id}", "unit_id": "team"}
                await _told(http, "/leads", {**body, "source": "referral"})
                captured.append(lead_id)
                if random.random() < 1 / LEADS_A_ROUND:
                    break
        await asyncio.sleep(random.random() / 2)
        if turn == MOVES_IN_TURN:
            await _move_rep_3(serving, keys)
        serving.kill()
        serving.start()
        await serving.ready()
    async with _client(serving, keys["director"]) as http:
        await _until_nobody_waits(http)
    serving.stop()
    told = await _log(serving.folder)
    assert flaws(told) == []
    moved = [each.event.unit_id for each in told if isinstance(each.event, LeadUnitChanged)]
    assert set(moved) == {"branch"}
    assert {each.event.lead_id for each in told if hasattr(each.event, "owner_id")} == set(captured)
    serving.start()
    await serving.ready()


async def _move_rep_3(serving: Serving, keys: dict[str, str]) -> None:
    async with _client(serving, keys["director"]) as http:
        for _each in range(400):
            if (await http.get("/leads?owner_id=rep-3")).json()["rows"]:
                break
            await asyncio.sleep(0.25)
    async with _client(serving, keys["administrator"]) as http:
        await _told(http, "/people/rep-3/move", {"unit_id": "branch"})


async def _until_nobody_waits(http: httpx.AsyncClient) -> None:
    for _each in range(400):
        if not (await http.get("/boards/waiting-leads")).json()["rows"]:
            return
        await asyncio.sleep(0.25)
    pytest.fail("leads still wait")


async def _log(folder: Path) -> list[Told]:
    """Everything that the leads' log holds, once all has followed that follows."""
    async with open_embedded(folder) as hosting:
        await hosting.catch_up()
        store, codec = hosting.ports.event_store, hosting.ports.codec
        found: list[Told] = []
        offset = 0
        while stored := await store.read_log("leads", 0, offset, 5_000):
            offset = stored[-1].offset + 1
            found += [Told(each.stream, codec.decode(each).event) for each in stored]
        return found
