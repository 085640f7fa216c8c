"""Links that sign somebody in: kept by the event store, whichever process made or meets them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from services.cli.sign_in import SignIn
from services.embedded import open_embedded
from shared.hosting import Hosting, application
from shared.http import SESSION_COOKIE, add_routes
from tests.services.page_forms import read
from tests.services.sales_floor import SalesFloor, sales_floor

HOUR = timedelta(hours=1)


@pytest.fixture
async def floor(tmp_path: Path) -> AsyncIterator[SalesFloor]:
    async with sales_floor(tmp_path) as running:
        yield running


@asynccontextmanager
async def api_on(hosting: Hosting) -> AsyncIterator[httpx.AsyncClient]:
    """With a sign-in of its own, which knows what the store knows."""
    app = application(hosting)
    add_routes(app, *SignIn(hosting.ports).routers())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        yield http


async def link_for(http: httpx.AsyncClient, person_id: str = "rep-1") -> str:
    headers = {"Authorization": "Bearer key-administrator"}
    body = {"person_id": person_id}
    made = await http.post("/api/v1/sign-in-links", json=body, headers=headers)
    assert made.status_code == 201, made.text
    link: str = made.json()["link"]
    return link


async def used(http: httpx.AsyncClient, link: str) -> httpx.Response:
    """The form of the link's page, as a browser without script sends it."""
    return await http.post("/sign-in", data={"code": link.partition("code=")[2]})


@pytest.mark.parametrize(
    ("language", "button"), [("zh-CN", ">登录</button>"), ("en", ">Sign in</button>")]
)
async def test_whoever_only_looks_at_a_link_uses_it_not_up(
    floor: SalesFloor, language: str, button: str
) -> None:
    async with api_on(floor.hosting) as http:
        http.headers["Accept-Language"] = language
        link = await link_for(http)
        looks = [await http.request(how, link) for how in ("HEAD", "GET", "GET")]
        [form] = read(looks[-1].text)[0]
        first = await http.post(form.action, data=form.filled())

    assert [each.headers.get("set-cookie") for each in looks] == [None] * 3
    assert [each.status_code for each in looks[1:]] == [200, 200]
    assert button in looks[-1].text
    assert (form.method, form.action) == ("post", "/sign-in")
    assert (first.status_code, SESSION_COOKIE in first.cookies) == (303, True)


async def test_the_page_of_a_link_needs_no_script_and_is_kept_by_nobody(floor: SalesFloor) -> None:
    async with api_on(floor.hosting) as http:
        shown = await http.get(await link_for(http))
    assert "<script" not in shown.text
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    assert "form-action 'self'" in shown.headers["content-security-policy"]
    assert shown.headers["cache-control"] == "no-store"


async def test_the_page_of_a_spent_link_says_so_and_offers_no_button(floor: SalesFloor) -> None:
    async with api_on(floor.hosting) as http:
        http.headers["Accept-Language"] = "zh"
        link = await link_for(http)
        await used(http, link)
        answers = [await http.get(link), await used(http, link), await http.get("/sign-in")]
    assert [each.status_code for each in answers] == [401] * 3
    for each in answers:
        assert "此登录链接已使用或已过期" in each.text
        assert "<form" not in each.text


async def test_a_form_of_somebody_elses_page_signs_nobody_in(floor: SalesFloor) -> None:
    async with api_on(floor.hosting) as http:
        link = await link_for(http)
        http.headers["Sec-Fetch-Site"] = "cross-site"
        forged = await used(http, link)
        http.headers["Sec-Fetch-Site"] = "same-origin"
        own = await used(http, link)
    assert (forged.status_code, SESSION_COOKIE in forged.cookies) == (403, False)
    assert own.status_code == 303


async def test_the_code_of_a_link_is_logged_by_nobody(
    floor: SalesFloor, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with capture_logs() as entries:
        async with api_on(floor.hosting) as http:
            link = await link_for(http, "rep-2")
            await floor.told("/people/rep-2/leave", {}, "administrator")
            refused = await used(http, link)
    assert refused.status_code == 401
    said = f"{entries}{[each.getMessage() for each in caplog.records if each.name != 'httpx']}"
    assert "sign_in_refused" in said
    assert link.rpartition(".")[2] not in said


async def test_a_link_made_by_one_process_is_used_up_for_all(floor: SalesFloor) -> None:
    async with api_on(floor.hosting) as one, api_on(floor.hosting) as other:
        link = await link_for(one)
        first = await used(other, link)
        again = [(await used(each, link)).status_code for each in (one, other)]
    assert (first.status_code, SESSION_COOKIE in first.cookies) == (303, True)
    assert again == [401, 401]


async def test_a_link_outlives_the_process_that_made_it(tmp_path: Path) -> None:
    async with sales_floor(tmp_path) as floor, api_on(floor.hosting) as before:
        link = await link_for(before)
    async with (
        open_embedded(tmp_path, clock=floor.clock) as hosting,
        api_on(hosting) as afterwards,
    ):
        assert (await used(afterwards, link)).status_code == 303
        assert (await used(afterwards, link)).status_code == 401


async def test_of_many_who_use_a_link_at_the_same_time_one_is_signed_in(floor: SalesFloor) -> None:
    async with api_on(floor.hosting) as one, api_on(floor.hosting) as other:
        link = await link_for(one)
        answers = await asyncio.gather(*(used(each, link) for each in (one, other) * 4))
    assert sorted(each.status_code for each in answers) == [303] + 7 * [401]
    keys = (await floor.shown("/keys", "administrator"))["rows"]
    assert [each["person_id"] for each in keys if each["is_session"]] == ["rep-1"]


async def test_a_link_expires_after_half_a_day(floor: SalesFloor) -> None:
    async with api_on(floor.hosting) as http:
        early, late = await link_for(http), await link_for(http)
        floor.clock.move_to(floor.clock() + 12 * HOUR - timedelta(milliseconds=1))
        assert (await used(http, early)).status_code == 303
        floor.clock.move_to(floor.clock() + timedelta(milliseconds=1))
        assert (await used(http, late)).status_code == 401


async def test_nothing_that_is_stored_signs_anybody_in(floor: SalesFloor) -> None:
    async with api_on(floor.hosting) as http:
        code = (await link_for(http)).partition("code=")[2]
        stored = await floor.hosting.ports.event_store.read_log("directory", 0, 0, 1_000)
        [made] = [each for each in stored if each.type == "directory.sign_in_link_made.v1"]
        assert code.rpartition(".")[2].encode() not in made.payload
        assert made.actor_id == "K-administrator"
        link_id = made.stream.rpartition("/")[2]
        for guess in (link_id, f"T1.{link_id}", f"T2.{code.rpartition('.')[2]}", "T9.x", "x", "."):
            assert (await http.get("/sign-in", params={"code": guess})).status_code == 401
            assert (await http.post("/sign-in", data={"code": guess})).status_code == 401
        assert (await http.post("/sign-in", data={"code": code})).status_code == 303


async def test_a_link_of_somebody_who_has_left_since_signs_nobody_in(floor: SalesFloor) -> None:
    async with api_on(floor.hosting) as http:
        link = await link_for(http, "rep-2")
        await floor.told("/people/rep-2/leave", {}, "administrator")
        answer = await used(http, link)
    assert (answer.status_code, SESSION_COOKIE in answer.cookies) == (401, False)
