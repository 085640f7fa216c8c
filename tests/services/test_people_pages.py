"""Pages of people, units, keys and sessions: what administrators do there, and what is refused."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.cli.sign_in import SignIn
from services.directory.domain.api_key import API_KEY, CreateApiKey
from shared.hosting import application
from shared.http import SESSION_COOKIE, add_routes, key_hash
from tests.services.alarm_floor import AlarmFloor, alarm_floor
from tests.services.sales_floor import NOW, SalesFloor
from tests.services.test_page_forms import following
from tests.services.test_pages import (
    SCRIPT,
    holds_nothing_inline_or_from_outside,
    page,
    sent,
    shown,
)

ADMINISTRATOR = "administrator"
SETUP_PAGES = (
    *("/policies", "/sent", "/people", "/people/rep-1", "/people/rep-1/absences"),
    *("/units", "/units?unit=north", "/keys", "/keys?all=true"),
)


@pytest.fixture
async def alarm(tmp_path: Path) -> AsyncIterator[AlarmFloor]:
    async with alarm_floor(tmp_path / "data") as found:
        yield found


@pytest.fixture
async def floor(alarm: AlarmFloor) -> SalesFloor:
    return alarm.floor


async def told(
    floor: SalesFloor, path: str, fields: dict[str, Any], key: str = ADMINISTRATOR
) -> Any:
    return await following(floor, sent(floor, path, fields, key))


async def test_every_page_of_setting_up_opens_in_both_languages_and_keeps_to_itself(
    floor: SalesFloor,
) -> None:
    await told(floor, "/people/rep-1", {"deed": "rename", "name": SCRIPT})
    for path in SETUP_PAGES:
        for language in ("zh", "en"):
            answer = await page(floor, path, ADMINISTRATOR, language)
            assert answer.status_code == 200, path
            assert f'<html lang="{language}"' in answer.text
            assert SCRIPT not in answer.text
            holds_nothing_inline_or_from_outside(answer)
    assert "&lt;script&gt;" in await shown(floor, "/people", ADMINISTRATOR)


async def test_a_person_is_added_moved_given_a_role_and_leaves(floor: SalesFloor) -> None:
    new = {"name": "何芳", "unit_id": "team-1", "person_id": "he-fang", "language": "zh"}

    answer = await told(floor, "/people", new)

    assert (answer.status_code, answer.headers["location"]) == (303, "/people/he-fang")
    path = "/people/he-fang"
    await told(floor, path, {"deed": "move", "unit_id": "team-2"})
    await told(floor, path, {"deed": "give-grant", "role": "rep", "unit_id": "team-2"})
    await told(floor, path, {"deed": "set-address", "channel": "sms", "address": "+8613800000002"})
    text = await shown(floor, path, ADMINISTRATOR)
    assert "rep of team-2" in text
    assert "+8613800000002" in text
    assert "+8613800000002" not in await shown(floor, path, "boss-1")
    await told(floor, path, {"deed": "withdraw-grant", "role": "rep", "unit_id": "team-2"})
    await told(floor, path, {"deed": "leave"})
    now = await floor.shown(path, ADMINISTRATOR)
    assert (now["unit_id"], now["grants"], now["left_at"] is None) == ("team-2", [], False)


async def test_a_refused_person_is_said_at_the_field_and_what_was_typed_stays(
    floor: SalesFloor,
) -> None:
    taken = await told(floor, "/people", {"name": "Ann", "unit_id": "team-2", "person_id": "rep-1"})
    wrong = await told(floor, "/people", {"name": "Ann", "unit_id": "team-2", "person_id": "a b"})

    assert taken.status_code == 409
    assert "Somebody has this id already." in taken.text
    assert wrong.status_code == 422
    assert "1-64 of letters, digits, dot, dash and underscore." in wrong.text
    for answer in (taken, wrong):
        assert 'aria-describedby="fault-person_id"' in answer.text
        assert 'name="name" required maxlength="200" value="Ann"' in answer.text
        assert '<option value="team-2" selected>' in answer.text


async def test_a_manager_enters_an_absence_and_who_stands_in(floor: SalesFloor) -> None:
    path = "/people/rep-1/absences"
    away = {"begins_at": "2026-03-02T08:00", "ends_at": "2026-03-04T18:00", "stand_in_id": "rep-2"}

    backwards = await told(floor, path, {**away, "ends_at": "2026-03-01T18:00"}, "boss-1")
    assert "It ends before it begins." in backwards.text
    assert 'value="2026-03-01T18:00" aria-invalid="true"' in backwards.text
    answer = await told(floor, path, away, "boss-1")

    assert answer.status_code == 303
    [row] = (await floor.shown("/absences", "boss-1"))["rows"]
    assert (row["begins_at"], row["stand_in_id"]) == ("2026-03-02T00:00:00.000Z", "rep-2")
    assert "away" in await shown(floor, "/people", "boss-1")
    assert "rep-2 stands in" in await shown(floor, "/people/rep-1", "boss-1")
    await told(floor, path, {"absence_id": row["absence_id"]}, "boss-1")
    assert (await floor.shown("/absences", "boss-1"))["rows"] == []


async def test_a_unit_is_added_renamed_and_moved_but_not_below_itself(floor: SalesFloor) -> None:
    new = {"deed": "add", "name": "West", "parent_id": "company", "kind": "region"}
    await told(floor, "/units", {**new, "unit_id": "west"})
    await told(floor, "/units?unit=west", {"deed": "rename", "name": "Far West"})
    await told(floor, "/units?unit=team-1", {"deed": "move", "parent_id": "west"})

    below = await told(floor, "/units?unit=west", {"deed": "move", "parent_id": "team-1"})

    assert below.status_code == 409
    assert "A unit cannot belong to one below itself." in below.text
    assert "Far West" in await shown(floor, "/units", ADMINISTRATOR)
    path = (await floor.shown("/units/team-1", ADMINISTRATOR))["path"]
    assert path == ["company", "west", "team-1"]
    unknown = await told(floor, "/units", {**new, "unit_id": "north"})
    assert "A unit has this id already." in unknown.text
    assert 'value="West"' in unknown.text


async def test_a_key_is_shown_once_and_revoked(floor: SalesFloor) -> None:
    asked = {"name": "nightly report", "role": "auditor", "unit_id": "company", "once": "made-1"}

    made = await told(floor, "/keys", asked)
    again = await told(floor, "/keys", asked)

    [key] = re.findall(r'<code class="secret">(\S+)</code>', made.text)
    assert key not in again.text
    assert "It was shown already" in again.text
    answer = await floor.http.get("/api/v1/keys", headers={"Authorization": f"Bearer {key}"})
    [key_id] = [row["key_id"] for row in answer.json()["rows"] if row["name"] == "nightly report"]
    await told(floor, f"/keys/{key_id}/revoke", {})
    answer = await floor.http.get("/api/v1/keys", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 401
    assert "nightly report" not in await shown(floor, "/keys", ADMINISTRATOR)
    everything = await shown(floor, "/keys?all=true", ADMINISTRATOR)
    assert "nightly report" in everything
    assert key not in everything


async def test_a_key_that_reaches_too_far_is_refused_at_its_field(floor: SalesFloor) -> None:
    asked = {"name": "root of all", "role": "operator", "unit_id": "company"}

    answer = await told(floor, "/keys", asked)

    assert answer.status_code == 403
    assert "This reaches further than your own role." in answer.text
    assert 'value="root of all"' in answer.text
    assert '<option value="operator" selected>' in answer.text


async def test_whoever_may_not_set_up_sees_colleagues_and_no_keys(floor: SalesFloor) -> None:
    for key in ("rep-1", "boss-1"):
        assert (await page(floor, "/keys", key)).status_code == 403
        assert 'name="deed"' not in await shown(floor, "/people/rep-2", key)
        assert (await sent(floor, "/people", {"name": "x"}, key)).status_code == 403
    auditor = await shown(floor, "/keys", "auditor")
    assert "/revoke" not in auditor
    assert "Make a key" not in auditor


async def test_a_form_of_another_site_changes_nothing(floor: SalesFloor) -> None:
    cookie = {"Cookie": f"{SESSION_COOKIE}=key-administrator"}
    forged = {"name": "x", "role": "auditor", "unit_id": "company", "csrf": "A" * 43}

    answer = await floor.http.post("/keys", data=forged, headers=cookie)

    assert answer.status_code == 403
    assert "x" not in [row["name"] for row in (await floor.shown("/keys", ADMINISTRATOR))["rows"]]


async def test_a_sign_in_link_works_once_and_acts_by_what_the_person_is_granted(
    floor: SalesFloor,
) -> None:
    app = application(floor.hosting)
    add_routes(app, *SignIn(floor.hosting.ports).routers())
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        signing_in = SalesFloor(floor.hosting, http, floor.clock)
        made = await told(signing_in, "/people/boss-1/sign-in-link", {})
        [link] = re.findall(r'<code class="secret">(\S+)</code>', made.text)
        path = link.removeprefix("https://pulsetrail.example")

        address, _, code = path.partition("?code=")
        first, second = [await http.post(address, data={"code": code}) for _ in range(2)]
        session = first.headers["set-cookie"].split(";")[0].partition("=")[2]
        http.cookies.clear()
        headers = {"Authorization": f"Bearer {session}"}
        shown_to_it = await http.get("/api/v1/escalation-preview?unit=north", headers=headers)
        beyond = await http.get("/api/v1/escalation-preview?unit=south", headers=headers)

    assert (first.status_code, first.headers["location"]) == (303, "/")
    assert second.status_code == 401
    assert (shown_to_it.status_code, beyond.status_code) == (200, 404)
    assert "boss-1" in await shown(floor, "/keys", ADMINISTRATOR)


async def test_nobody_makes_a_link_for_whom_they_could_not_make_a_key(floor: SalesFloor) -> None:
    app = application(floor.hosting)
    add_routes(app, *SignIn(floor.hosting.ports).routers())
    local = CreateApiKey(
        key_id="K-local",
        key_hash=key_hash("key-local"),
        role="administrator",
        unit_id="north",
        person_id=None,
        name="local",
        now=NOW,
    )
    await floor.handle("directory", API_KEY, "K-local", local)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as http:
        signing_in = SalesFloor(floor.hosting, http, floor.clock)
        statuses = {
            (person, key): (
                await signing_in.post("/sign-in-links", {"person_id": person}, key)
            ).status_code
            for person in ("rep-1", "rep-2", "lawyer-1")
            for key in ("local", "boss-1")
        }

    assert statuses == {
        ("rep-1", "local"): 201,
        ("rep-2", "local"): 403,
        ("lawyer-1", "local"): 403,
        **{(person, "boss-1"): 403 for person in ("rep-1", "rep-2", "lawyer-1")},
    }


async def test_whoever_sets_up_begins_with_the_people(floor: SalesFloor) -> None:
    answer = await page(floor, "/", ADMINISTRATOR)

    assert (answer.status_code, answer.headers["location"]) == (303, "/people")
