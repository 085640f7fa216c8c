"""Links that sign somebody in, at two processes of the api on one database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from services.cli.desk import DEFAULT_TENANT, furnish
from services.cli.keys import AskedKey, new_api_key
from services.cli.sessions import session_context
from services.cli.sign_in import SignIn
from services.directory.domain.person import PERSON, AddPerson
from services.scaled import SERVICES, api_of, open_scaled
from services.schemas import migrate
from shared.access import Role
from shared.hosting import application
from shared.http import SESSION_COOKIE, add_routes
from shared.ports import Ports
from shared.settings import DatabasePasswords, ScaledSettings

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(120)]


@pytest.fixture
async def settings(database: str, tmp_path: Path) -> ScaledSettings:
    found = ScaledSettings.model_validate(
        {
            "database_url": database,
            "log_partitions": 4,
            "object_store_url": (tmp_path / "objects").as_uri(),
        }
    )
    await migrate(found, DatabasePasswords())
    return found


@asynccontextmanager
async def api(settings: ScaledSettings) -> AsyncIterator[tuple[Ports, httpx.AsyncClient]]:
    """As `pulsetrail api` has it, in this process."""
    async with open_scaled(settings, api_of(SERVICES)) as hosting:
        await hosting.start()
        app = application(hosting)
        add_routes(app, *SignIn(hosting.ports).routers())
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
                yield hosting.ports, http
        finally:
            await hosting.stop()


async def administrator_of(ports: Ports) -> str:
    """The key of a fresh system's administrator; rep-1 is there too."""
    await furnish(ports)
    context = session_context(ports, DEFAULT_TENANT)
    person = AddPerson(
        person_id="rep-1", unit_id="company", name=None, language="en", now=ports.clock()
    )
    await ports.commands("directory").handle(PERSON, "rep-1", person, context)
    return (await new_api_key(ports, context, AskedKey(Role.ADMINISTRATOR)))[1]


async def used(http: httpx.AsyncClient, link: str) -> httpx.Response:
    return await http.post("/sign-in", data={"code": link.partition("code=")[2]})


async def test_a_link_made_at_one_api_signs_in_once_at_whichever(settings: ScaledSettings) -> None:
    async with api(settings) as (ports, one), api(settings) as (_ports, other):
        headers = {"Authorization": f"Bearer {await administrator_of(ports)}"}
        links = []
        for _ in range(2):
            made = await one.post(
                "/api/v1/sign-in-links", json={"person_id": "rep-1"}, headers=headers
            )
            assert made.status_code == 201, made.text
            links.append(made.json()["link"])

        looked = await other.get(links[0])
        first = await used(other, links[0])
        again = [(await used(each, links[0])).status_code for each in (one, other)]
        at_once = await asyncio.gather(*(used(each, links[1]) for each in (one, other) * 3))

    assert (looked.status_code, SESSION_COOKIE in looked.cookies) == (200, False)
    assert (first.status_code, SESSION_COOKIE in first.cookies) == (303, True)
    assert again == [401, 401]
    assert sorted(each.status_code for each in at_once) == [303] + 5 * [401]


async def test_a_link_outlives_the_api_that_made_it(settings: ScaledSettings) -> None:
    async with api(settings) as (ports, before):
        headers = {"Authorization": f"Bearer {await administrator_of(ports)}"}
        body = {"person_id": "rep-1"}
        made = await before.post("/api/v1/sign-in-links", json=body, headers=headers)
    async with api(settings) as (_ports, afterwards):
        assert (await used(afterwards, made.json()["link"])).status_code == 303
