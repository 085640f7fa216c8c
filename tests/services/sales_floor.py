"""A running tenant T1: company > {north > team-1, south > team-2}, rep-1 and rep-2, a key each."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from services.directory.domain.api_key import API_KEY, CreateApiKey
from services.directory.domain.person import PERSON, AddPerson
from services.directory.domain.tenant import TENANT, CreateTenant
from services.directory.domain.unit_tree import UNIT_TREE, AddUnit
from services.embedded import open_embedded
from shared.clock import VirtualClock
from shared.command_handling import CommandContext
from shared.decider import Decider
from shared.hosting import Hosting, application
from shared.http import BASE, key_hash
from shared.settings import InstallationSettings

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
UNITS = (("north", "company"), ("south", "company"), ("team-1", "north"), ("team-2", "south"))
PEOPLE = (("rep-1", "team-1"), ("rep-2", "team-2"), ("boss-1", "north"), ("lawyer-1", "company"))
KEYS: tuple[tuple[str, str, str, str | None, str], ...] = (
    ("administrator", "administrator", "company", None, "T1"),
    ("auditor", "auditor", "company", None, "T1"),
    ("director", "director", "company", None, "T1"),
    ("legal", "legal", "company", "lawyer-1", "T1"),
    ("clerk", "store_clerk", "team-1", None, "T1"),
    ("boss-1", "manager", "north", "boss-1", "T1"),
    ("rep-1", "rep", "team-1", "rep-1", "T1"),
    ("rep-2", "rep", "team-2", "rep-2", "T1"),
    ("elsewhere", "director", "company", None, "T2"),
)


@dataclass
class SalesFloor:
    hosting: Hosting
    http: httpx.AsyncClient
    clock: VirtualClock

    async def post(
        self, path: str, body: Any, key: str = "director", **headers: str
    ) -> httpx.Response:
        return await self.http.post(BASE + path, json=body, headers=_headers(key, headers))

    async def get(self, path: str, key: str = "director", **headers: str) -> httpx.Response:
        return await self.http.get(BASE + path, headers=_headers(key, headers))

    async def told(self, path: str, body: Any, key: str = "director") -> dict[str, Any]:
        response = await self.post(path, body, key)
        assert response.status_code in (200, 201), response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def shown(self, path: str, key: str = "director") -> dict[str, Any]:
        response = await self.get(path, key)
        assert response.status_code == 200, response.text
        answer: dict[str, Any] = response.json()
        return answer

    async def open(self, opportunity_id: str = "O1", key: str = "rep-1", **more: Any) -> Any:
        body = {"opportunity_id": opportunity_id, "customer_id": "C1", **more}
        return await self.told("/opportunities", body, key)

    async def handle(
        self,
        log: str,
        decider: Decider[Any, Any, Any],
        aggregate_id: str,
        command: Any,
        tenant: str = "T1",
    ) -> None:
        context = CommandContext(
            tenant_id=tenant, actor_id=None, occurred_at=self.clock(), correlation_id="test"
        )
        await self.hosting.ports.commands(log).handle(decider, aggregate_id, command, context)

    async def events(self, stream: str) -> list[str]:
        """The types of a stream's events, without service and version."""
        stored = await self.hosting.ports.event_store.read_stream(f"T1/{stream}")
        return [each.type.split(".")[1] for each in stored]


@asynccontextmanager
async def sales_floor(
    path: Path, settings: InstallationSettings | None = None
) -> AsyncIterator[SalesFloor]:
    clock = VirtualClock(NOW)
    async with open_embedded(path, clock=clock, settings=settings) as hosting:
        transport = httpx.ASGITransport(application(hosting), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
            floor = SalesFloor(hosting, http, clock)
            await _furnish(floor)
            yield floor


async def _furnish(floor: SalesFloor) -> None:
    for tenant in ("T1", "T2"):
        create = CreateTenant(tenant_id=tenant, zone="Asia/Shanghai", now=NOW)
        await floor.handle("directory", TENANT, tenant, create, tenant)
    await floor.hosting.catch_up()
    for unit_id, parent_id in UNITS:
        add = AddUnit(unit_id=unit_id, name=unit_id, parent_id=parent_id, kind="team", now=NOW)
        await floor.handle("directory", UNIT_TREE, "T1", add)
    for person_id, unit_id in PEOPLE:
        person = AddPerson(person_id=person_id, unit_id=unit_id, name=None, language="en", now=NOW)
        await floor.handle("directory", PERSON, person_id, person)
    for name, role, unit_id, holder_id, tenant in KEYS:
        key = CreateApiKey(
            key_id=f"K-{name}",
            key_hash=key_hash(f"key-{name}"),
            role=role,
            unit_id=unit_id,
            person_id=holder_id,
            name=name,
            now=NOW,
        )
        await floor.handle("directory", API_KEY, key.key_id, key, tenant)
    await floor.hosting.catch_up()


def _headers(key: str, more: dict[str, str]) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in more.items()}
    return {"Authorization": f"Bearer key-{key}", **named}


def code_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]
