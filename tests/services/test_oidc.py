"""Signing in by an identity provider, its tokens on the API, and sessions that end (A9)."""

import html
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from services.cli.sign_in import SignIn
from services.directory.domain.person import PERSON, GiveGrant
from shared.hosting import application
from shared.http import SESSION_COOKIE, add_routes
from shared.identity import Attempt
from tests.servers.oidc_provider import AUDIENCE, CLIENT_ID, CLIENT_SECRET, oidc_provider
from tests.services.alarm_floor import AlarmFloor
from tests.services.sales_floor import SalesFloor, code_of, sales_floor

HERE = "http://test"
OF_PROVIDER: Any = {"kid": "K1", "use": "sig", "alg": "RS256"}
KEY = RSAKey.generate_key(2048, parameters=OF_PROVIDER)
WRONG_KEY = RSAKey.generate_key(2048, parameters=OF_PROVIDER)


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with oidc_provider(port, KEY) as found:
        yield found


@asynccontextmanager
async def floor_with(
    folder: Path, issuer: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SalesFloor]:
    monkeypatch.setenv("PULSETRAIL_OIDC_ISSUER", issuer)
    monkeypatch.setenv("PULSETRAIL_OIDC_CLIENT_ID", CLIENT_ID)
    monkeypatch.setenv("PULSETRAIL_OIDC_CLIENT_SECRET", CLIENT_SECRET)
    monkeypatch.setenv("PULSETRAIL_OIDC_AUDIENCE", AUDIENCE)
    async with sales_floor(folder) as running:
        running.clock.move_to(datetime.now(UTC))
        for person, role in (("rep-1", "rep"), ("boss-1", "manager")):
            grant = GiveGrant(person_id=person, role=role, unit_id="north", now=running.clock())
            await running.handle("directory", PERSON, person, grant)
        app = application(running.hosting)
        add_routes(app, *SignIn(running.hosting.ports).routers())
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=HERE) as running.http:
            yield running


@pytest.fixture
async def floor(
    tmp_path: Path, issuer: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SalesFloor]:
    async with floor_with(tmp_path, issuer, monkeypatch) as running:
        yield running


async def sent_out(floor: SalesFloor, onward: str = "/") -> str:
    answer = await floor.http.get("/sign-in/oidc", params={"onward": onward})
    assert answer.status_code == 303
    return str(answer.headers["location"])


async def sent_back(address: str, person: str) -> str:
    """What the provider leads the browser to once the person has signed in there."""
    async with httpx.AsyncClient(trust_env=False) as browser:
        answer = await browser.get(f"{address}&login_hint={person}")
    assert answer.status_code == 302, answer.text
    return str(answer.headers["location"]).removeprefix(HERE)


async def signed_in(floor: SalesFloor, person: str, onward: str = "/") -> httpx.Response:
    return await floor.http.get(await sent_back(await sent_out(floor, onward), person))


async def asked(floor: SalesFloor, path: str, **headers: str) -> httpx.Response:
    return await floor.http.get(f"/api/v1{path}", headers=headers)


async def test_somebody_signs_in_with_what_they_are_granted(floor: SalesFloor) -> None:
    answer = await signed_in(floor, "boss-1", "/silence?stage=first_contact")

    assert answer.status_code == 303
    assert answer.headers["location"] == "/silence?stage=first_contact"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert (await asked(floor, "/boards/silence")).status_code == 200
    assert code_of(await asked(floor, "/keys")) == (403, "forbidden")


async def test_whoever_is_not_signed_in_is_led_to_the_provider_and_back_to_the_page(
    floor: SalesFloor,
) -> None:
    page = await floor.http.get("/silence?stage=first_contact&language=en")

    assert page.status_code == 401
    [link] = re.findall(r'href="(/sign-in/oidc[^"]*)"', page.text)
    [onward] = parse_qs(urlsplit(html.unescape(link)).query)["onward"]
    assert onward == "/silence?stage=first_contact"
    answer = await signed_in(floor, "boss-1", onward)
    assert answer.headers["location"] == onward


async def test_a_link_from_a_group_leads_by_the_provider_to_what_can_be_done(
    floor: SalesFloor,
) -> None:
    alarm = AlarmFloor(floor)
    await alarm.signal("S1")
    await alarm.settle()
    await alarm.settle(after=timedelta(minutes=1))
    [message] = await alarm.inbox("rep-1")
    path = f"/told/{message['message_id']}"

    asked_first = await floor.http.get(path)

    assert (asked_first.status_code, "Sign in first" in asked_first.text) == (401, True)
    [link] = re.findall(r'href="([^"]*)"', asked_first.text)
    address = urlsplit(html.unescape(link))
    assert (address.netloc, address.path) == ("", "/sign-in/oidc")
    [onward] = parse_qs(address.query)["onward"]
    back = await signed_in(floor, "boss-1", onward)
    assert back.headers["location"] == path
    assert ">Got it</button>" in (await floor.http.get(path)).text
    assert (await floor.http.post(path, data={"action": "acknowledge"})).status_code == 200
    await alarm.settle()
    assert (await alarm.escalations())["S1"]["acknowledged_by"] == "boss-1"


async def test_a_page_is_left_by_signing_out(floor: SalesFloor) -> None:
    await signed_in(floor, "boss-1")
    page = await floor.http.get("/silence", headers={"Accept-Language": "en"})
    assert 'action="/sign-out"' in page.text
    [token] = re.findall(r'name="csrf" value="([^"]+)"', page.text)[:1]

    forged = await floor.http.post("/sign-out", data={"csrf": f"{token[:-4]}AAA="})
    answer = await floor.http.post("/sign-out", data={"csrf": token})

    assert forged.status_code == 403
    assert answer.headers["location"] == "/"
    assert (await floor.http.get("/silence")).status_code == 401


async def test_a_sign_in_that_fails_says_so_in_the_readers_language(floor: SalesFloor) -> None:
    floor.http.headers["Accept-Language"] = "zh-CN"
    stranger = await signed_in(floor, "stranger")
    spent = await floor.http.get("/sign-in?code=none")

    assert "登录未成功" in stranger.text
    assert (spent.status_code, "此登录链接已使用或已过期" in spent.text) == (401, True)
    for each in (stranger, spent):
        assert re.findall(r'href="(/sign-in/oidc[^"]*)"', each.text) == ["/sign-in/oidc?onward=%2F"]


async def test_the_code_is_asked_for_with_a_challenge(floor: SalesFloor) -> None:
    fields = parse_qs(urlsplit(await sent_out(floor)).query)

    assert fields["code_challenge_method"] == ["S256"]
    assert len(fields["code_challenge"][0]) == 43
    assert fields["response_type"] == ["code"]
    assert len(fields["state"][0]) >= 43
    assert len(fields["nonce"][0]) >= 43


async def test_whoever_the_directory_lacks_is_not_signed_in(floor: SalesFloor) -> None:
    answer = await signed_in(floor, "stranger")

    assert answer.status_code == 401
    assert SESSION_COOKIE not in floor.http.cookies


async def test_a_code_that_another_browser_fetched_signs_nobody_in(floor: SalesFloor) -> None:
    back = await sent_back(await sent_out(floor), "boss-1")
    floor.http.cookies.clear()
    assert (await floor.http.get(back)).status_code == 401

    await sent_out(floor)
    assert (await floor.http.get(back)).status_code == 401
    assert SESSION_COOKIE not in floor.http.cookies


async def test_a_code_works_once(floor: SalesFloor) -> None:
    back = await sent_back(await sent_out(floor), "boss-1")
    cookies = dict(floor.http.cookies)
    assert (await floor.http.get(back)).status_code == 303

    floor.http.cookies.clear()
    floor.http.cookies.update(cookies)
    assert (await floor.http.get(back)).status_code == 401


async def test_signing_in_leads_nowhere_else(floor: SalesFloor) -> None:
    for onward in ("https://evil.example", "//evil.example", "/\\evil.example"):
        assert (await signed_in(floor, "boss-1", onward)).headers["location"] == "/"


async def test_a_session_ends_by_itself(floor: SalesFloor) -> None:
    await signed_in(floor, "boss-1")

    floor.clock.move_to(floor.clock() + timedelta(hours=12))

    assert code_of(await asked(floor, "/boards/silence")) == (401, "unauthenticated")


async def test_sessions_are_listed_and_revoked(floor: SalesFloor) -> None:
    await signed_in(floor, "boss-1")
    session = floor.http.cookies[SESSION_COOKIE]
    floor.http.cookies.clear()
    [listed] = [
        each for each in (await floor.shown("/keys", "administrator"))["rows"] if each["is_session"]
    ]
    assert (listed["person_id"], listed["revoked_at"]) == ("boss-1", None)
    assert listed["expires_at"] is not None

    await floor.told(f"/keys/{listed['key_id']}/revoke", {}, "administrator")

    floor.http.cookies.set(SESSION_COOKIE, session)
    assert code_of(await asked(floor, "/boards/silence")) == (401, "unauthenticated")


async def test_signing_out_ends_the_session_itself(floor: SalesFloor) -> None:
    await signed_in(floor, "boss-1")
    session = floor.http.cookies[SESSION_COOKIE]

    forged = await floor.http.post("/sign-out", headers={"sec-fetch-site": "cross-site"})
    assert forged.status_code == 403
    authorised = {"Authorization": f"Bearer {session}"}
    await floor.http.post("/sign-out", headers=authorised)

    floor.http.cookies.set(SESSION_COOKIE, session)
    assert code_of(await asked(floor, "/boards/silence")) == (401, "unauthenticated")


async def test_who_has_left_is_signed_out(floor: SalesFloor) -> None:
    await signed_in(floor, "boss-1")
    session = floor.http.cookies[SESSION_COOKIE]
    floor.http.cookies.clear()
    await floor.told("/people/boss-1/leave", {}, "administrator")

    floor.http.cookies.set(SESSION_COOKIE, session)
    assert code_of(await asked(floor, "/boards/silence")) == (401, "unauthenticated")


async def access_token(floor: SalesFloor, person: str) -> str:
    """As a program on the person's behalf gets it."""
    verifier = "v" * 64
    provider: Any = floor.hosting.ports.identity_provider
    back = f"{HERE}/sign-in/oidc/back"
    attempt = Attempt("state", "nonce", verifier)
    address = await provider.address(attempt, back)
    code = parse_qs(urlsplit(await sent_back(address, person)).query)["code"][0]
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": back,
        "code_verifier": verifier,
    }
    async with httpx.AsyncClient(trust_env=False) as program:
        issuer = address.split("/authorize")[0]
        answer = await program.post(f"{issuer}/token", data=form, auth=(CLIENT_ID, CLIENT_SECRET))
    return str(answer.json()["access_token"])


async def test_an_access_token_is_taken_for_its_person(floor: SalesFloor) -> None:
    token = await access_token(floor, "rep-1")

    answer = await asked(floor, "/boards/silence", Authorization=f"Bearer {token}")

    assert answer.status_code == 200, answer.text
    refused = await asked(floor, "/keys", Authorization=f"Bearer {token}")
    assert code_of(refused) == (403, "forbidden")


async def test_an_access_token_ends(floor: SalesFloor) -> None:
    token = await access_token(floor, "rep-1")
    floor.clock.move_to(floor.clock() + timedelta(hours=2000))

    answer = await asked(floor, "/boards/silence", Authorization=f"Bearer {token}")

    assert code_of(answer) == (401, "unauthenticated")


async def test_a_token_that_the_provider_did_not_sign_for_us_counts_for_nothing(
    floor: SalesFloor,
) -> None:
    for wrong in ("aud", "iss", "exp", "key", "none", "hmac", "person", "tenant"):
        forged = forged_token(floor, wrong)

        answer = await asked(floor, "/boards/silence", Authorization=f"Bearer {forged}")

        assert code_of(answer) == (401, "unauthenticated"), wrong


def forged_token(floor: SalesFloor, wrong: str) -> str:
    """One thing about it is wrong."""
    now = int(floor.clock().timestamp())
    provider: Any = floor.hosting.ports.identity_provider
    claims = {
        "iss": "http://elsewhere" if wrong == "iss" else provider._issuer,
        "aud": "another" if wrong == "aud" else AUDIENCE,
        "sub": "nobody" if wrong == "person" else "rep-1",
        "pulsetrail_tenant": "T9" if wrong == "tenant" else "T1",
        "exp": now - 600 if wrong == "exp" else now + 600,
    }
    if wrong == "none":
        return jwt.encode({"alg": "none"}, claims, OctKey.generate_key(), ["none"])
    if wrong == "hmac":
        return jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(CLIENT_SECRET))
    key = WRONG_KEY if wrong == "key" else KEY
    return jwt.encode({"alg": "RS256", "kid": "K1"}, claims, key)


async def test_the_same_token_with_nothing_wrong_counts(floor: SalesFloor) -> None:
    right = forged_token(floor, "nothing")

    answer = await asked(floor, "/boards/silence", Authorization=f"Bearer {right}")

    assert answer.status_code == 200


async def test_a_provider_that_is_away_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with floor_with(tmp_path, "http://127.0.0.1:9", monkeypatch) as floor:
        assert (await floor.http.get("/sign-in/oidc")).status_code == 503
        answer = await asked(floor, "/boards/silence", Authorization="Bearer a.b.c")

    assert code_of(answer) == (503, "store-away")
